import math

import numpy as np
import pytest

from blemish.metrics.precision_recall import BINS, ScoreCounts


def counted(truth, score) -> ScoreCounts:
    counts = ScoreCounts(1)
    counts.add(np.array([truth], np.uint8), np.stack([1 - np.array([score]), np.array([score])]).astype(np.float32))
    return counts


def test_a_curve_agrees_with_thresholds_tried_one_by_one():
    random = np.random.default_rng(0)
    truth = random.integers(0, 2, 400)
    score = np.floor(np.clip(truth * 0.3 + random.random(400) * 0.7, 0, 0.999) * BINS) / BINS + 0.1 / BINS
    recall, precision = counted(truth, score).curve(1)
    tried = sorted({round(s * BINS - 0.1) for s in score}, reverse=True)
    expected = {}
    for edge in tried:
        called = score * BINS >= edge
        expected[round(truth[called].sum() / truth.sum(), 9)] = truth[called].mean()
    ours = dict(zip(np.round(recall, 9), precision, strict=True))
    assert all(ours[r] == pytest.approx(p) for r, p in expected.items())


def test_average_precision_by_hand():
    # Ranked: right, wrong, right: 1/2 x 1 + 1/2 x 2/3.
    assert counted([1, 0, 1], [0.9, 0.6, 0.3]).average_precision(1) == pytest.approx(1 / 2 + 1 / 3)


def test_ignored_pixels_count_nowhere():
    assert counted([1, 255, 0], [0.8, 0.9, 0.1]).average_precision(1) == 1.0


def test_a_class_that_is_never_shown_is_nan():
    assert math.isnan(counted([0, 0], [0.8, 0.9]).average_precision(1))


def test_a_probability_of_one_has_its_place():
    assert counted([1, 0], [1.0, 0.0]).average_precision(1) == 1.0
