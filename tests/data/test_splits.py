"""Splits and folds: by group, stratified by class, decided by the seed alone."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blemish.core.errors import InputError
from blemish.core.labels import LabelMap
from blemish.core.records import Split
from blemish.core.taxonomy import Taxonomy
from blemish.data.least_size import ignore_small
from blemish.data.splits import draw_splits, folds, parse_shares

LOPSIDED = {f"a{i}": {"dot"} for i in range(40)} | {f"b{i}": {"spore"} for i in range(4)} | {"c": {"dot", "spore"}}
GROUPS = st.dictionaries(st.text(min_size=1, max_size=4), st.sets(st.sampled_from("ABC")), min_size=4, max_size=40)


def test_each_class_is_shared_out_as_asked() -> None:
    sides = draw_splits({f"{c}{i}": {c} for c in "ABC" for i in range(20)}, seed=3)
    for c in "ABC":
        found = Counter(side for group, side in sides.items() if group[0] == c)
        assert found == {Split.TRAIN: 14, Split.VAL: 3, Split.TEST: 3}


def test_a_rare_class_of_three_groups_or_more_is_on_every_side() -> None:
    for seed in range(20):
        sides = draw_splits(LOPSIDED, seed=seed)
        assert {side for group, side in sides.items() if "spore" in LOPSIDED[group]} == set(Split) - {Split.NONE}


def test_two_groups_of_a_class_are_train_and_test_and_one_is_train() -> None:
    groups = {f"a{i}": {"dot"} for i in range(20)} | {"b0": {"fray"}, "b1": {"fray"}, "c": {"leak"}}
    sides = draw_splits(groups, seed=1)
    assert sorted((sides["b0"], sides["b1"])) == ["test", "train"]
    assert sides["c"] is Split.TRAIN


def test_a_class_is_on_every_side_though_its_groups_show_rarer_ones_too() -> None:
    random = np.random.default_rng(1)
    for seed in range(300):
        names = [f"g{i}" for i in range(int(random.integers(6, 25)))]
        groups = {name: {c for c in "ABC" if random.random() < 0.35} for name in names}
        sides = draw_splits(groups, seed=seed)
        for c in "ABC":
            held = [sides[name] for name in names if c in groups[name]]
            assert len(held) < 3 or len(set(held)) == 3


def test_clean_groups_are_shared_out_as_a_class_of_their_own() -> None:
    sides = draw_splits({f"g{i}": set() if i < 20 else {"dot"} for i in range(40)}, seed=2)
    assert Counter(sides[f"g{i}"] for i in range(20)) == {Split.TRAIN: 14, Split.VAL: 3, Split.TEST: 3}


def test_the_order_of_groups_does_not_matter_but_the_seed_does() -> None:
    backwards = dict(reversed(list(LOPSIDED.items())))
    assert draw_splits(LOPSIDED, seed=1) == draw_splits(backwards, seed=1)
    assert draw_splits(LOPSIDED, seed=1) != draw_splits(LOPSIDED, seed=2)


@settings(max_examples=40, deadline=None)
@given(groups=GROUPS, n=st.integers(2, 4), seed=st.integers(0, 99))
def test_folds_hold_every_group_once(groups: dict[str, set[str]], n: int, seed: int) -> None:
    parts = folds(groups, n, seed)
    assert sorted(group for part in parts for group in part) == sorted(groups)


def test_folds_are_alike_in_size_and_classes() -> None:
    groups = {f"{c}{i}": {c} for c, count in (("A", 30), ("B", 6), ("C", 3)) for i in range(count)}
    for part in folds(groups, 3, seed=7):
        assert Counter(group[0] for group in part) == {"A": 10, "B": 2, "C": 1}


def test_folds_and_shares_that_cannot_be_are_refused() -> None:
    with pytest.raises(InputError, match=r"folds must be 2 to 2 \(the number of groups\), got 3"):
        folds({"a": set(), "b": set()}, 3)
    with pytest.raises(InputError, match=r"sum to 1, got \[0\.5, 0\.2, 0\.2\]"):
        draw_splits({"a": set()}, (0.5, 0.2, 0.2))
    for text in ("70/30", "70/20/20", "a/b/c", "120/-10/-10", ""):
        with pytest.raises(InputError, match="must look like 70/15/15"):
            parse_shares(text)
    assert parse_shares("0.8/0.1/0.1") == pytest.approx((0.8, 0.1, 0.1))


def test_a_defect_whose_parts_touch_at_corners_is_one() -> None:
    taxonomy = Taxonomy.from_dict({"name": "t", "defects": [{"name": "crack", "least_size_px": 6}]})
    label_map = LabelMap.clean(16, 16)
    for i in range(6):
        label_map.defect[i, i] = 1
    label_map.defect[12, 3:8] = 1
    lessened = ignore_small(label_map, taxonomy)
    assert (lessened.small, lessened.kept) == ((1,), (1,))
    assert Counter(lessened.label_map.defect.ravel().tolist()) == {0: 256 - 11, 1: 6, 255: 5}
    assert label_map.defect[12, 3] == 1  # The label given is not changed.


def test_shares_that_are_no_number_are_refused():
    with pytest.raises(InputError, match="must look like 70/15/15"):
        parse_shares("nan/50/50")
