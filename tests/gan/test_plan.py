from collections import Counter

import pytest

from blemish.core.errors import DatasetError, InputError, TaxonomyError
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.core.taxonomy import Taxonomy
from blemish.gan.plan import plan_per_class, plan_tiles, without

THREE = Taxonomy.of_names("three", ["groove", "dot", "ghost"])


def row(name, *px, split=Split.TRAIN, origin=Origin.REAL):
    return TileRecord(name, "", "", "", Box(0, 0, 8, 8), name, split, origin, px, (64,))


def rows():
    grooves = [row(f"g{i}", 5, 0, 0) for i in range(6)]
    others = [row("d0", 0, 3, 0), row("both", 4, 4, 0), row("v", 0, 3, 3, split=Split.VAL)]
    return [*grooves, *others, row("s0", 0, 3, 0, origin=Origin.SYNTHETIC)]


def test_counts_are_of_the_training_split_and_add_up():
    plan = plan_per_class(rows(), THREE, 5)
    assert [(c.name, c.real, c.synthetic, c.planned, c.after) for c in plan.classes] == [
        ("groove", 7, 0, 0, 7),
        ("dot", 2, 1, 2, 5),
        ("ghost", 0, 0, 0, 0),
    ]
    assert [item.classes for item in plan.items] == [(2,), (2,)]
    assert "no real defect" in plan.classes[2].note


def test_any_beginning_of_the_plan_fills_the_neediest_class_first():
    plan = plan_per_class(rows(), THREE, 9)
    assert [item.classes[0] for item in plan.items] == [2] * 4 + [1, 2, 1, 2]
    assert [item.index for item in plan.items] == list(range(8))


def test_pairs_count_for_both_classes_and_nothing_is_overshot():
    plan = plan_per_class(rows(), THREE, 200, pairs=True)
    drawn = Counter(index for item in plan.items for index in item.classes)
    assert {c.index: c.planned for c in plan.classes if c.planned} == dict(drawn)
    together = sum(len(item.classes) == 2 for item in plan.items)
    assert 0 < together < len(plan.items) < sum(drawn.values())
    assert plan == plan_per_class(rows(), THREE, 200, pairs=True)
    assert plan != plan_per_class(rows(), THREE, 200, pairs=True, seed=1)


def test_tiles_of_one_class():
    plan = plan_tiles(rows(), THREE, 2, 3)
    assert [item.classes for item in plan.items] == [(2,)] * 3
    assert [(c.real, c.synthetic, c.planned, c.after) for c in plan.classes] == [(2, 1, 3, 6)]


def test_a_class_that_is_left_out_is_noted_and_the_others_stay():
    plan = plan_per_class(rows(), THREE, 9)
    left, counts = without(plan, {2: "dots are tiny"}, "label some")
    assert counts == {"dots are tiny": 6}
    assert {item.classes for item in left.items} == {(1,)}
    assert [(row.planned, row.note) for row in left.classes[:2]] == [(2, ""), (0, "dots are tiny")]
    with pytest.raises(InputError, match="nothing to generate: dots are tiny; label some"):
        without(plan_tiles(rows(), THREE, 2, 3), {2: "dots are tiny"}, "label some")


def test_table_and_json_say_the_same():
    plan = plan_per_class(rows(), THREE, 5)
    table = plan.table().splitlines()
    assert table[2].split() == ["B", "dot", "2", "1", "5", "2", "5"]
    assert table[-1] == "2 synthetic tiles"
    assert plan.to_dict()["classes"][1]["after"] == 5
    assert plan.to_dict()["tiles"] == 2


def test_what_cannot_be_planned_is_refused():
    with pytest.raises(InputError, match="--per-class must be 1 or more, got 0"):
        plan_per_class(rows(), THREE, 0)
    with pytest.raises(InputError, match="--tiles must be 1 or more"):
        plan_tiles(rows(), THREE, 1, 0)
    with pytest.raises(DatasetError, match="'ghost' has no real defect"):
        plan_tiles(rows(), THREE, 3, 1)
    with pytest.raises(DatasetError, match="training split"):
        plan_per_class([row("t", 1, split=Split.NONE)], THREE, 5)
    with pytest.raises(TaxonomyError):
        THREE.defect_index("nothing like it")
