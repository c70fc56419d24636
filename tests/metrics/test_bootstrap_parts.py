import numpy as np
import pytest

from blemish.core.errors import InputError
from blemish.core.seeds import rng
from blemish.metrics.auroc import auroc
from blemish.metrics.bootstrap_parts import PartsTwice, separation_difference


def parts(*, better: float, worse: float, n: int = 40, group_of: int = 1, seed: int = 0) -> PartsTwice:
    """Half of the parts defective; the first rung tells them apart by `better` deviations, the second by `worse`."""
    random = rng(seed)
    defective = np.arange(n) % 2 == 0
    noise = random.normal(size=(2, n))
    groups = tuple(f"{'bad' if bad else 'good'}-{place // (2 * group_of)}" for place, bad in enumerate(defective))
    return PartsTwice(noise[0] + better * defective, noise[1] + worse * defective, defective, groups)


def test_the_mean_is_the_difference_of_two_areas():
    one = parts(better=2.0, worse=0.5)
    areas = [auroc(scores[~one.defective], scores[one.defective]) for scores in (one.first, one.second)]
    assert separation_difference([[one]], resamples=50).mean == pytest.approx(areas[0] - areas[1])


def test_pairs_of_two_folds_are_pooled_and_never_compared_across():
    small, large = parts(better=2.0, worse=0.5, n=10), parts(better=0.5, worse=2.0, n=30, seed=1)
    far = PartsTwice(large.first + 100, large.second + 100, large.defective, large.groups)
    alone = [separation_difference([[fold]], resamples=20).mean for fold in (small, large)]
    both = separation_difference([[small, far]], resamples=20).mean
    assert both == pytest.approx((25 * alone[0] + 225 * alone[1]) / 250)


def test_the_interval_leaves_out_zero_only_where_one_is_better():
    better = separation_difference([[parts(better=2.5, worse=0.2, n=100)]], resamples=2000)
    alike = separation_difference([[parts(better=1.0, worse=1.0, n=100)]], resamples=2000)
    assert better.low > 0
    assert alike.low < 0 < alike.high


def test_parts_of_one_group_are_drawn_together():
    one = parts(better=1.0, worse=1.0, n=80)
    ten = PartsTwice(one.first, one.second, one.defective, parts(better=1, worse=1, n=80, group_of=10).groups)
    narrow, wide = (separation_difference([[each]], resamples=2000) for each in (one, ten))
    assert (narrow.groups, wide.groups) == (40, 4)
    assert narrow.mean == wide.mean


def test_the_interval_is_that_of_all_draws_by_brute_force():
    one = parts(better=1.5, worse=0.3, n=12)
    random, drawn = rng(5), []
    for _ in range(3000):
        bad = random.choice(np.flatnonzero(one.defective), 6)
        good = random.choice(np.flatnonzero(~one.defective), 6)
        drawn.append(auroc(one.first[good], one.first[bad]) - auroc(one.second[good], one.second[bad]))
    found = separation_difference([[one]], resamples=3000)
    assert [found.low, found.high] == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.06)


def test_seeds_that_disagree_widen_the_interval():
    good, bad = parts(better=3.0, worse=0.0, n=200), parts(better=0.0, worse=3.0, n=200)
    found = separation_difference([[good], [bad]], resamples=2000)
    assert found.high - found.low > 0.8
    assert found.seeds == 2


def test_without_a_good_part_nothing_is_compared():
    one = parts(better=1.0, worse=0.0, n=8)
    found = separation_difference([[PartsTwice(one.first, one.second, np.ones(8, np.bool_), one.groups)]])
    assert np.isnan(found.mean)
    assert found.to_dict()["interval"] == [None, None]


def test_what_cannot_be_paired_is_refused():
    with pytest.raises(InputError, match="one score of each rung"):
        PartsTwice(np.zeros(2), np.zeros(3), np.zeros(2, np.bool_), ("a", "b"))
    with pytest.raises(InputError, match="same parts in every seed"):
        separation_difference([[parts(better=1, worse=1, n=8)], [parts(better=1, worse=1, n=10)]])
    with pytest.raises(InputError, match="at least one seed"):
        separation_difference([])
