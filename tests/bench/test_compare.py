import numpy as np
import pytest

from blemish.bench.compare import (
    HELPS,
    HURTS,
    NOTHING,
    UNKNOWN,
    chosen_pair,
    comparable,
    effect,
    gain,
    verdict,
    words,
)
from blemish.bench.figures import best_of, of_rung
from blemish.bench.judging import JUDGING, packed, separation
from blemish.core.errors import InputError
from blemish.metrics.bootstrap import Difference

CLASSES = ["pit", "scratch"]
PARTS = {"defective": 4, "escaped": 1, "clean": 0, "overkilled": 0, "unknown": 0}


def cell(rung: str, hits: tuple[int, int], *, fold: int = 0, seed: int = 0, groups: int = 4) -> dict:
    """Groups in turn of one class and of the other, of 100 defect pixels, of which so many are hit."""
    tables = {}
    for group in range(groups):
        table = np.zeros((3, 3), np.int64)
        kind = group % 2 + 1
        table[0, 0], table[kind, kind], table[kind, 0] = 900, hits[kind - 1], 100 - hits[kind - 1]
        tables[f"f{fold}-g{group}"] = packed(table)
    iou = {name: hit / 100 for name, hit in zip(CLASSES, hits, strict=True)}
    tiles = {"right": 3, "counted": 4}
    place = {"rung": rung, "fold": fold, "seed": seed}
    scores = {"defective": {"p": 0.9, "q": 0.4}, "clean": {"r": 0.4, "s": 0.1}}
    kept = {"iou": iou, "tiles": tiles, "parts": PARTS, "part_scores": scores, "scans": 2}
    kept["regions"] = {"pit": {"real": 4, "met": 3, "false": 1}, "scratch": {"real": 1, "met": 0, "false": 4}}
    return {**place, "judging": JUDGING, "groups": tables, **kept}


def difference(low: float, high: float) -> Difference:
    return Difference((low + high) / 2, low, high, groups=9, seeds=3)


def test_an_effect_is_shown_only_by_a_whole_interval():
    found = [effect(d) for d in (difference(0.01, 0.2), difference(-0.2, -0.01), difference(-0.1, 0.1))]
    assert found == [HELPS, HURTS, NOTHING]
    assert effect(difference(float("nan"), float("nan"))) == UNKNOWN


def test_one_or_two_physical_defects_say_nothing_of_others():
    assert effect(Difference(0.1, 0.09, 0.11, groups=2, seeds=3)) == UNKNOWN
    assert effect(Difference(0.1, 0.09, 0.11, groups=3, seeds=3)) == HELPS


def test_a_pair_of_two_precisions_is_cautioned_against():
    first, second = cell("gan", (60, 60)), cell("balance", (50, 50))
    alike = [{**one, "inputs": {"precision": "bf16"}} for one in (first, second)]
    apart = [alike[0], {**second, "inputs": {"precision": "fp32"}}]
    assert "trained in" not in verdict(alike, CLASSES, "gan", "balance")["caution"]
    assert "gan was trained in bf16, balance in fp32" in verdict(apart, CLASSES, "gan", "balance")["caution"]
    assert gain(apart, CLASSES, "gan", "balance")["precision"] == {"gan": ["bf16"], "balance": ["fp32"]}


def test_verdict_words_name_every_class():
    effects = {"crack": HELPS, "fray": HELPS, "break": NOTHING, "blowhole": HURTS, "uneven": UNKNOWN}
    said = "synthetic tiles help crack and fray, show no effect on break, hurt blowhole, could not be judged on uneven"
    assert words(effects) == said


def test_a_verdict_from_cells_helps_one_class_and_hurts_the_other():
    cells = [cell("balance", (40, 60), seed=s, groups=8) for s in range(3)]
    cells += [cell("gan", (70, 30), seed=s, groups=8) for s in range(3)]
    said = verdict(cells, CLASSES, "gan", "balance")
    assert said["classes"] == {"pit": HELPS, "scratch": HURTS}
    assert "fewer than 5 physical defects judged of pit and scratch" in said["caution"]


def test_the_gain_compares_only_what_both_were_judged_by():
    cells = [cell("balance", (40, 60), fold=f) for f in (0, 1)] + [cell("gan", (50, 60), fold=0)]
    found = gain(cells, CLASSES, "gan", "balance")
    assert (found["of"], found["over"], found["groups"], found["seeds"]) == ("gan", "balance", 4, 1)
    assert found["mean"] == pytest.approx(0.05)
    with pytest.raises(InputError, match="no seed with the same folds"):
        gain([*cells[:2], cell("gan", (50, 60), fold=2)], CLASSES, "gan", "balance")


def test_folds_of_a_seed_are_pooled_and_an_unfinished_seed_is_left_out():
    cells = [cell("real", (40, 60)), cell("real", (20, 20), fold=1), cell("real", (90, 90), seed=1)]
    row = of_rung("real", cells, CLASSES)
    assert row["seeds"] == [0]
    assert row["iou"] == {"pit": [0.3], "scratch": [0.4]}
    assert row["mean_iou"] == [0.35]
    assert (row["accuracy"], row["escape"], row["overkill"]) == ([0.75], [0.25], [None])


def test_figures_by_tile_and_part_that_were_counted_otherwise_are_left_out():
    before = {name: value for name, value in cell("real", (20, 20), seed=1).items() if name != "judging"}
    row = of_rung("real", [cell("real", (40, 60)), before], CLASSES)
    assert row["mean_iou"] == [0.5, 0.2]
    assert (row["accuracy"], row["escape"]) == ([0.75, None], [0.25, None])


def test_parts_are_told_apart_within_a_cell_only():
    one = {"part_scores": {"defective": {"p": 0.9, "q": 0.4}, "clean": {"r": 0.4, "s": 0.1}}}
    other = {"part_scores": {"defective": {"t": 0.02}, "clean": {"u": 0.01, "v": 0.03}}}  # A scale of its own.
    assert separation([one]) == pytest.approx(3.5 / 4)
    assert separation([one, other]) == pytest.approx((3.5 + 1) / 6)
    assert np.isnan(separation([{"part_scores": {"defective": {"p": 0.9}, "clean": {}}}]))
    row = of_rung("real", [cell("real", (40, 60)), cell("real", (40, 60), fold=1)], CLASSES)
    assert (row["separation"], row["recall"], row["false_per_scan"]) == ([0.875], [0.6], [2.5])
    before = {name: value for name, value in cell("real", (40, 60)).items() if name != "part_scores"}
    assert of_rung("real", [{**before, "judging": 2}], CLASSES)["separation"] == [None]


def test_the_best_is_judged_on_common_ground():
    # On fold 0, which both have, augment is better; real's fold 1 is an easier one.
    cells = [cell("real", (40, 40)), cell("real", (99, 99), fold=1), cell("augment", (50, 50))]
    assert best_of(("real", "augment"), cells) == "augment"


def test_the_pair_is_the_better_of_ours_and_the_best_simple_one():
    cells = [cell(rung, (hit, hit)) for rung, hit in (("real", 40), ("copy_paste", 60), ("gan", 50))]
    assert chosen_pair([*cells, cell("gan_copy_paste", (70, 70))]) == ("gan_copy_paste", "copy_paste")
    assert chosen_pair(cells[:2]) is None


def test_the_pair_is_one_that_can_be_compared():
    """In several goes: copy_paste looks best, but stands on a fold that none of ours was run on."""
    cells = [cell("balance", (40, 40), fold=f) for f in (0, 1)] + [cell("copy_paste", (90, 90)), cell("real", (95, 95))]
    cells.append(cell("gan", (50, 50), fold=1))
    assert chosen_pair(cells) == ("gan", "balance")
    assert gain(cells, CLASSES, "gan", "balance")["mean"] == pytest.approx(0.1)
    assert chosen_pair([each for each in cells if each["rung"] != "balance"]) is None


def test_rungs_on_other_folds_with_other_seeds_cannot_be_compared():
    cells = [cell("balance", (40, 40), fold=f, seed=f) for f in (0, 1)]
    cells += [cell("gan", (50, 50), fold=f, seed=f) for f in (0, 1)]
    assert not comparable(cells, "gan", "balance")  # No seed has both folds.
    assert comparable(cells[1:], "gan", "balance")
    assert not comparable(cells, "gan", "loss")
