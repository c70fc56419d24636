"""AUPRO by hand, and against a slow implementation that shares nothing with it."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy import ndimage

from blemish.core.errors import InputError, LabelError
from blemish.metrics.aupro import OverlapCurve


def brute_force(truths, scores, limit):
    """Every score is a threshold; regions by scipy, one by one; the area by adding many thin strips."""
    thresholds = sorted({float(v) for score in scores for v in score.ravel()}, reverse=True)
    points = [(0.0, 0.0)]
    for threshold in thresholds:
        overlaps, false, clean = [], 0, 0
        for truth, score in zip(truths, scores, strict=True):
            for index in set(truth.ravel().tolist()) - {0, 255}:
                numbers, count = ndimage.label(truth == index, np.ones((3, 3)))
                overlaps += [float((score[numbers == n] >= threshold).mean()) for n in range(1, count + 1)]
            false += int((score[truth == 0] >= threshold).sum())
            clean += int((truth == 0).sum())
        points.append((false / clean, float(np.mean(overlaps))))
    area = 0.0
    for (x0, y0), (x1, y1) in pairwise(points):
        if x0 < limit and x1 > x0:
            end = min(x1, limit)
            area += (end - x0) * (y0 + (y0 + (y1 - y0) * (end - x0) / (x1 - x0))) / 2
    return area / limit


def blobs(seed):
    random = np.random.default_rng(seed)
    truth = np.zeros((40, 50), np.uint8)
    truth[3:9, 4:12], truth[20:23, 5:40], truth[30:31, 10:11], truth[12:18, 30:45] = 1, 2, 1, 255
    noise = ndimage.gaussian_filter(random.normal(size=truth.shape), 1.5) * 4
    logit = noise + np.where((truth > 0) & (truth < 255), 1.0, -1.0)
    return truth, (1 / (1 + np.exp(-logit))).astype(np.float32)


@pytest.mark.parametrize("limit", [1.0, 0.3, 0.05])
def test_it_equals_the_slow_implementation(limit):
    tiles = [blobs(seed) for seed in range(3)]
    curve = OverlapCurve(2)
    for truth, score in tiles:
        curve.add(truth, score)
    slow = brute_force([t for t, _ in tiles], [s for _, s in tiles], limit)
    assert 0.02 < slow < 0.99
    assert curve.aupro(limit).value == pytest.approx(slow, abs=2e-3)


def test_a_small_region_counts_as_much_as_a_large_one():
    truth = np.array([[1] * 8 + [0, 1, 0, 0]], np.uint8)
    score = np.array([[0.9] * 8 + [0.1] * 4], np.float32)  # The large one is found, the small one is like the ground.
    curve = OverlapCurve(1)
    curve.add(truth, score)
    assert curve.aupro(0.5).value == pytest.approx(0.5 + 0.125)  # From 0.5 straight to 1 at the rate 1.


def test_perfect_scores_give_one_and_a_constant_gives_half_its_limit():
    truth, _ = blobs(0)
    perfect, constant = OverlapCurve(2), OverlapCurve(2)
    perfect.add(truth, (truth > 0).astype(np.float32))
    constant.add(truth, np.full(truth.shape, 0.5, np.float32))
    assert perfect.aupro(0.3).value == pytest.approx(1)
    assert constant.aupro(0.3).value == pytest.approx(0.15)


def test_tiny_scores_keep_their_order():
    truth = np.array([[1, 0, 0, 0]], np.uint8)
    curve = OverlapCurve(1)
    curve.add(truth, np.array([[3e-9, 1e-9, 1e-10, 1e-11]], np.float32))
    assert curve.aupro(0.05).value == pytest.approx(1)


def test_classes_are_given_apart_and_an_absent_one_is_nan():
    truth, score = blobs(1)
    curve = OverlapCurve(3)
    curve.add(truth, score)
    found = curve.aupro(0.3)
    assert curve.regions.tolist() == [2, 1, 0]
    assert found.value == pytest.approx((2 * found.classes[0] + found.classes[1]) / 3)
    assert math.isnan(found.classes[2])
    assert math.isnan(OverlapCurve(1).aupro(0.3).value)


def test_ignored_pixels_count_nowhere():
    truth, score = blobs(2)
    changed = score.copy()
    changed[truth == 255] = 1
    one, other = OverlapCurve(2), OverlapCurve(2)
    one.add(truth, score)
    other.add(truth, changed)
    assert one.aupro(0.3) == other.aupro(0.3)


def test_the_curve_can_be_read_at_any_rate():
    truth, score = blobs(0)
    curve = OverlapCurve(2)
    curve.add(truth, score)
    read = curve.curve([0.0, 0.1, 0.5, 1.0])
    assert (np.diff(read) >= 0).all()
    assert read[-1] == pytest.approx(1)


def test_bad_limits_sizes_and_classes_are_refused():
    with pytest.raises(InputError, match="above 0 and at most 1, got 0"):
        OverlapCurve(1).aupro(0)
    with pytest.raises(LabelError, match="of one size"):
        OverlapCurve(1).add(np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.float32))
    with pytest.raises(LabelError, match="class 4"):
        OverlapCurve(1).add(np.full((2, 2), 4, np.uint8), np.zeros((2, 2), np.float32))


def test_a_rise_right_at_the_limit_adds_nothing():
    truth, score = np.array([[1, 1, 0, 0]], np.uint8), np.array([[0.9, 0.2, 0.6, 0.1]], np.float32)
    curve = OverlapCurve(1)
    curve.add(truth, score)  # Half is covered up to the rate 0.5, all from there.
    for limit, area in ((0.5, 0.5), (1.0, 0.75), (0.25, 0.5)):
        assert curve.aupro(limit).value == pytest.approx(area) == brute_force([truth], [score], limit)
