import itertools

import numpy as np
import pytest

from blemish.core.errors import InputError
from blemish.metrics.bootstrap import paired_difference


def tables(seeds: int, groups: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two inspectors on the same truth: each group shows one class (in turn) and background."""
    random = np.random.default_rng(seed)
    truth = np.zeros((groups, classes + 1), np.int64)
    truth[:, 0] = 500
    truth[np.arange(groups), 1 + np.arange(groups) % classes] = random.integers(20, 90, groups)
    spread = [
        np.stack(
            [
                random.multinomial(row, random.dirichlet(np.ones(classes + 1), classes + 1))
                for _ in range(seeds)
                for row in truth
            ]
        ).reshape(seeds, groups, classes + 1, classes + 1)
        for _ in range(2)
    ]
    return spread[0], spread[1]


def plain_iou(table: np.ndarray) -> list[float]:
    """An independent reading: pixel by pixel."""
    pixels = [(t, p) for t in range(len(table)) for p in range(len(table)) for _ in range(int(table[t, p]))]
    found = []
    for k in range(1, len(table)):
        both = sum(t == k and p == k for t, p in pixels)
        either = sum(t == k or p == k for t, p in pixels)
        found.append(both / either if any(t == k for t, _ in pixels) else np.nan)
    return found


def every_draw(first: np.ndarray, second: np.ndarray, strata: list[list[int]]) -> np.ndarray:
    """The differences of all equally likely draws of seeds and of groups within their strata."""
    draws = []
    for seeds in itertools.product(range(len(first)), repeat=len(first)):
        for parts in itertools.product(*[itertools.product(s, repeat=len(s)) for s in strata]):
            groups = [g for part in parts for g in part]
            ours, theirs = (
                np.mean([plain_iou(x[s][groups].sum(axis=0)) for s in seeds], axis=0) for x in (first, second)
            )
            draws.append([ours.mean() - theirs.mean(), *(ours - theirs)])
    return np.array(draws)


def test_the_interval_is_that_of_all_draws_by_brute_force():
    first, second = tables(seeds=2, groups=4, classes=2, seed=1)
    exact = every_draw(first, second, [[0, 2], [1, 3]])
    found = paired_difference(first, second, resamples=40_000)
    for place, difference in enumerate((found.mean_iou, *found.classes)):
        # The exact distribution has few steps: compare where 2.5 and 97.5 % of it lie, give or take the drawing.
        below = np.quantile(exact[:, place], [0.015, 0.035])
        above = np.quantile(exact[:, place], [0.965, 0.985])
        assert below[0] - 1e-9 <= difference.low <= below[1] + 1e-9
        assert above[0] - 1e-9 <= difference.high <= above[1] + 1e-9


def test_the_mean_is_the_difference_of_pooled_ious_over_seeds_by_hand():
    first, second = tables(seeds=3, groups=5, classes=2, seed=2)
    wanted = np.mean(
        [np.mean(plain_iou(a.sum(0))) - np.mean(plain_iou(b.sum(0))) for a, b in zip(first, second, strict=True)]
    )
    assert paired_difference(first, second, resamples=10).mean_iou.mean == pytest.approx(wanted)


def test_the_same_inspector_twice_differs_by_nothing():
    first, _ = tables(seeds=2, groups=6, classes=3, seed=3)
    found = paired_difference(first, first).mean_iou
    assert (found.mean, found.low, found.high) == (0, 0, 0)


def test_a_class_of_one_group_does_not_vanish_and_an_absent_one_is_left_out():
    first, second = tables(seeds=2, groups=3, classes=3, seed=4)
    absent_first = first[:, :2]  # The third class is shown by the third group only.
    found = paired_difference(absent_first, second[:, :2])
    assert found.classes[2].groups == 0
    assert found.classes[2].to_dict()["mean"] is None
    assert not np.isnan([found.mean_iou.low, found.classes[0].low, found.classes[1].high]).any()


def test_seeds_widen_the_interval_when_they_disagree():
    right, wrong = [[900, 0], [0, 100]], [[900, 0], [100, 0]]
    ours, theirs = np.array([[right], [wrong]]), np.array([[wrong], [wrong]])
    found = paired_difference(ours, theirs).mean_iou
    assert (found.mean, found.low, found.high) == (0.5, 0.0, 1.0)


def test_rungs_judged_by_other_tiles_are_refused():
    first, second = tables(seeds=1, groups=2, classes=2, seed=5)
    second[0, 0, 0, 0] += 1
    with pytest.raises(InputError, match="same true pixels"):
        paired_difference(first, second)
    with pytest.raises(InputError, match="same seeds and groups"):
        paired_difference(first, second[:, :1])
