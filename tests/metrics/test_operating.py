import json

import numpy as np
import pytest

from blemish.core.errors import InputError
from blemish.core.records import Verdict
from blemish.metrics.operating import PartTruth, curve, rates
from blemish.metrics.part import escape_rate, overkill_rate, review_share, wilson

VERDICTS = [Verdict.OK, Verdict.REVIEW, Verdict.NG]


def drawn(parts=60, groups=12, seed=0):
    random = np.random.default_rng(seed)
    group = random.integers(0, groups, parts)
    shows = random.uniform(size=(parts, 2)) < 0.3
    return PartTruth.of([f"g{g}" for g in group], shows), random


def test_rates_are_those_of_part_metrics():
    truth, random = drawn()
    ranks = random.integers(0, 3, 60)
    found = rates(ranks, truth, resamples=50)
    verdicts = [VERDICTS[rank] for rank in ranks]
    for name, theirs in (
        ("escape", escape_rate(verdicts, list(truth.defective))),
        ("overkill", overkill_rate(verdicts, list(truth.defective))),
        ("review", review_share(verdicts)),
    ):
        assert (found[name].value, found[name].count, found[name].total) == (theirs.value, theirs.count, theirs.total)
        assert found[name].to_dict()["wilson"] == [round(theirs.low, 6), round(theirs.high, 6)]
    assert found["human"].value == pytest.approx(found["review"].value + found["ng"].value)


def test_whole_groups_are_drawn():
    """Ten parts of one group are one observation: the interval of two groups is everything or nothing."""
    truth = PartTruth.of(["a"] * 10 + ["b"] * 10, [[True]] * 20)
    found = rates([0] * 10 + [2] * 10, truth)["escape"]
    assert (found.low, found.high, found.groups) == (0.0, 1.0, 2)
    alone = PartTruth.of([str(i) for i in range(20)], [[True]] * 20)
    narrow = rates([0] * 10 + [2] * 10, alone)["escape"]
    assert 0.2 < narrow.low < 0.5 < narrow.high < 0.8


def test_the_share_of_defective_parts_varies_too_from_draw_to_draw():
    """A class that is always called and one that never is: how many parts show which is as much chance as the rest."""
    shows = [[True, False]] * 20 + [[False, True]] * 20 + [[False, False]] * 20
    found = rates([2] * 20 + [0] * 40, PartTruth.of([str(i) for i in range(60)], shows))
    assert found["escape"].low < 0.4
    assert found["escape"].high > 0.6
    assert found["ng"].low < 0.25
    assert found["ng"].high > 0.42


def test_without_good_parts_overkill_is_none():
    found = rates([0, 2], PartTruth.of(["a", "b"], [[True], [True]]))
    assert found["overkill"].to_dict()["value"] is None
    assert found["overkill"].to_dict()["interval"] == [None, None]
    assert found["escape"].value == 0.5


def test_curve_equals_counting_at_every_threshold():
    truth, random = drawn()
    scores = np.where(random.uniform(size=60) < 0.2, -np.inf, random.uniform(size=60).round(1))
    found = curve(scores, truth, resamples=20)
    for place, threshold in enumerate(found.threshold):
        called = [s >= threshold for s in scores]
        bad = [c for c, b in zip(called, truth.defective, strict=True) if b]
        good = [c for c, b in zip(called, truth.defective, strict=True) if not b]
        assert found.escape[place] == pytest.approx(bad.count(False) / len(bad))
        assert found.overkill[place] == pytest.approx(sum(good) / len(good))
        assert found.called[place] == pytest.approx(sum(called) / 60)
    assert (found.escape[0], found.overkill[0]) == (1.0, 0.0)
    json.dumps(found.to_dict(), allow_nan=False)


def test_a_curve_has_no_more_points_than_asked_and_keeps_both_ends():
    truth, random = drawn()
    scores = random.uniform(size=60)
    found = curve(scores, truth, most=10, resamples=10)
    assert len(found.threshold) <= 11
    assert found.threshold[1] == scores.max()
    assert found.threshold[-1] == scores.min()


def test_wrong_ranks_are_refused():
    truth = PartTruth.of(["a"], [[True]])
    with pytest.raises(InputError, match="0, 1 or 2"):
        rates([3], truth)
    with pytest.raises(InputError, match="one score a part"):
        curve([0.1, 0.2], truth)


def test_of_none_and_of_all_the_interval_is_wilsons_over_groups():
    """Every draw of parts that were all called gives nought: that says nothing of the next part."""
    truth = PartTruth.of(["a", "a", "b", "c"], [[True]] * 4)
    never, always = rates([2, 2, 2, 2], truth)["escape"], rates([0, 0, 0, 0], truth)["escape"]
    assert (never.low, never.high) == (0.0, pytest.approx(wilson(0, 3).high))
    assert (always.low, always.high) == (pytest.approx(wilson(3, 3).low), 1.0)
    band = curve([0.9, 0.9, 0.9, 0.9], truth).intervals["escape"]
    assert band[0].tolist() == [pytest.approx(wilson(3, 3).low), 1.0]
