from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from blemish.core.errors import DatasetError, InputError
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.train.sampling import BalancedMixedSampler, ClassBalancedSampler, MixedSampler, UniformSampler

DRAWS = 4000


def tile(name, defect_px, *, ignore_px=0, group=""):
    return TileRecord(
        id=name, part=name, view="", source="", box=Box(0, 0, 8, 8), group=group or name, split=Split.TRAIN,
        origin=Origin.REAL, defect_px=defect_px, background_px=(64,), ignore_px=ignore_px,
    )  # fmt: skip


# 90 tiles of class 1, 8 of class 2 (7 of one group, 1 of another), 2 clean, 1 only ignored.
LOPSIDED = (
    [tile(f"a{i}", (5, 0)) for i in range(90)]
    + [tile(f"b{i}", (0, 5), group="one scratch") for i in range(7)]
    + [tile("b7", (0, 5), group="another")]
    + [tile(f"c{i}", (0, 0)) for i in range(2)]
    + [tile("ignored", (0, 0), ignore_px=9)]
)


def shares(sampler, n=DRAWS):
    counts = Counter()
    for draw in range(n):
        record = LOPSIDED[sampler.pick(draw // 16, draw % 16).place]
        counts["clean" if record.is_clean else record.classes] += 1
    return {key: count / n for key, count in counts.items()}


def shows(record, value):
    return record.is_clean if value == 0 else value in record.classes


def test_uniform_draws_every_tile_equally_often():
    counts = Counter(UniformSampler(5, seed=1).pick(draw, 0).place for draw in range(DRAWS))
    assert sorted(counts) == [0, 1, 2, 3, 4]
    assert all(abs(count / DRAWS - 0.2) < 0.03 for count in counts.values())


def test_classes_are_drawn_evenly_and_clean_is_one_more():
    found = shares(ClassBalancedSampler(LOPSIDED, seed=1))
    assert found == {key: pytest.approx(1 / 3, abs=0.03) for key in [(1,), (2,), "clean"]}


def test_a_clean_share_is_kept():
    found = shares(ClassBalancedSampler(LOPSIDED, seed=1, clean_share=0.5))
    assert found == {"clean": pytest.approx(0.5, abs=0.03)} | {
        key: pytest.approx(0.25, abs=0.03) for key in [(1,), (2,)]
    }
    assert "clean" not in shares(ClassBalancedSampler(LOPSIDED, seed=1, clean_share=0))


def test_a_tile_that_is_only_ignored_is_never_drawn():
    sampler = ClassBalancedSampler(LOPSIDED, seed=2)
    assert all(LOPSIDED[sampler.pick(draw, 0).place].id != "ignored" for draw in range(DRAWS))


def test_a_clean_share_without_clean_tiles_goes_to_the_classes():
    assert ClassBalancedSampler(LOPSIDED[:98], seed=1, clean_share=0.3).shares == {1: 0.5, 2: 0.5}


@pytest.mark.parametrize(("by_group", "expected"), [(False, 1 / 8), (True, 1 / 2)])
def test_by_group_a_defect_counts_once_however_often_it_was_pictured(by_group, expected):
    sampler = ClassBalancedSampler(LOPSIDED[90:98], seed=1, by_group=by_group)
    lone = sum(LOPSIDED[90:98][sampler.pick(draw, 0).place].id == "b7" for draw in range(DRAWS)) / DRAWS
    assert lone == pytest.approx(expected, abs=0.03)


def test_the_class_that_was_drawn_is_told_beside_its_tile_and_one_class_can_be_asked_for():
    told = [ClassBalancedSampler(LOPSIDED, seed=1).pick(draw, 0) for draw in range(200)]
    assert all(shows(LOPSIDED[pick.place], pick.shown) for pick in told)
    assert {pick.shown for pick in told} == {0, 1, 2}
    alone = ClassBalancedSampler(LOPSIDED, seed=1, only=2)
    assert {alone.pick(draw, 0).shown for draw in range(50)} == {2}
    with pytest.raises(DatasetError, match="shows class 3"):
        ClassBalancedSampler(LOPSIDED, seed=1, only=3)


@pytest.mark.parametrize("make", [lambda s: UniformSampler(101, s), lambda s: ClassBalancedSampler(LOPSIDED, s)])
def test_a_pick_depends_on_seed_step_and_index_alone(make):
    def drawn(sampler, steps):
        return {step: [sampler.pick(step, index) for index in range(8)] for step in steps}

    forward, backward = drawn(make(1), range(20)), drawn(make(1), range(19, -1, -1))
    assert forward == backward
    assert forward != drawn(make(2), range(20))
    assert len({tuple(picks) for picks in forward.values()}) > 15


def test_synthetic_tiles_come_at_their_share():
    mixed = MixedSampler(UniformSampler(3, 1), UniformSampler(7, 1), share=0.25, seed=1)
    picks = [mixed.pick(draw, 0) for draw in range(DRAWS)]
    assert sum(pick.made for pick in picks) / DRAWS == pytest.approx(0.25, abs=0.03)
    assert {pick.place for pick in picks if not pick.made} == set(range(3))
    assert {pick.place for pick in picks if pick.made} == set(range(7))
    assert {pick.shown for pick in picks} == {None}


def test_mixing_takes_nothing_from_clean_and_from_a_class_without_synthetic_tiles():
    made = LOPSIDED[:5] + LOPSIDED[98:]  # Class 1 only; what is clean or only ignored among them is never drawn.
    mixed = BalancedMixedSampler(LOPSIDED, made, share=0.5, seed=1)
    counts = Counter()
    for draw in range(DRAWS):
        pick = mixed.pick(draw, 0)
        record = (made if pick.made else LOPSIDED)[pick.place]
        assert shows(record, pick.shown)
        counts[int(pick.made), "clean" if record.is_clean else record.classes] += 1
    assert {key: count / DRAWS for key, count in counts.items()} == {
        (0, (1,)): pytest.approx(1 / 6, abs=0.03),
        (1, (1,)): pytest.approx(1 / 6, abs=0.03),
        (0, (2,)): pytest.approx(1 / 3, abs=0.03),
        (0, "clean"): pytest.approx(1 / 3, abs=0.03),
    }


def test_a_class_that_only_synthetic_tiles_show_is_drawn_from_them():
    mixed = BalancedMixedSampler(LOPSIDED[98:100], LOPSIDED[90:98], share=0.1, seed=1)
    drawn = Counter(mixed.pick(draw, 0).made for draw in range(DRAWS))
    assert drawn[True] / DRAWS == pytest.approx(1 / 2, abs=0.03)


def test_clean_tiles_take_the_share_that_was_asked_for_beside_synthetic_ones():
    made = LOPSIDED[:8]
    mixed = BalancedMixedSampler(LOPSIDED, made, share=0.5, seed=1, clean_share=0.7)
    drawn = [mixed.pick(draw, 0) for draw in range(DRAWS)]
    clean = np.mean([not pick.made and LOPSIDED[pick.place].is_clean for pick in drawn])
    assert clean == pytest.approx(0.7, abs=0.03)
    assert np.mean([pick.made for pick in drawn]) == pytest.approx(0.3 / 2 / 2, abs=0.02)


def test_nothing_to_draw_from_is_refused():
    with pytest.raises(DatasetError, match="train split is empty"):
        UniformSampler(0, seed=1)
    with pytest.raises(DatasetError, match="none of the 1 tiles"):
        ClassBalancedSampler(LOPSIDED[-1:], seed=1)


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_shares_outside_0_to_1_are_refused(share):
    with pytest.raises(InputError, match="0 to 1"):
        MixedSampler(UniformSampler(1, 1), UniformSampler(1, 1), share, 1)
    with pytest.raises(InputError, match="0 to 1"):
        BalancedMixedSampler(LOPSIDED, LOPSIDED, share, 1)
    with pytest.raises(InputError, match="0 to 1"):
        BalancedMixedSampler(LOPSIDED, LOPSIDED, 0.5, 1, clean_share=share)
    with pytest.raises(InputError, match="0 to 1"):
        ClassBalancedSampler(LOPSIDED, 1, clean_share=share)
