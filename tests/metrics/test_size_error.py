import math

import numpy as np
import pytest

from blemish.core.taxonomy import Taxonomy
from blemish.inspect.defects import Limits, find_defects
from blemish.inspect.scan import ScoreMap
from blemish.metrics.size_error import SizeError, matched, outline_iou

TWO = Taxonomy.of_names("two", ["dent", "scratch"])


def defects(*areas):
    """Boxes (class, x, y, width, height) as the inspector would list them."""
    plane = np.zeros((60, 80), np.uint8)
    for index, x, y, width, height in areas:
        plane[y : y + height, x : x + width] = index
    scores = ScoreMap(np.maximum(plane, 1), (plane > 0).astype(np.float32))
    return find_defects(scores, TWO, Limits({"A": 0.5, "B": 0.5}, {"A": 0, "B": 0})).defects


def test_errors_are_found_minus_real_by_hand():
    error = SizeError.of("mm", [10, 20, 30, 40], [11, 22, 30, 39])
    assert (error.count, error.bias, error.median, error.real_median) == (4, 0.5, 0.5, 25)
    assert (error.low, error.high) == pytest.approx(tuple(np.quantile([1, 2, 0, -1], (0.05, 0.95))))


def test_nothing_matched_is_nan_and_null():
    error = SizeError.of("px", [], [])
    assert error.count == 0
    assert math.isnan(error.bias)
    assert error.to_dict()["bias"] is None


def test_overlap_is_that_of_the_regions():
    (one,), (other,) = defects((1, 10, 10, 10, 10)), defects((1, 15, 10, 10, 10))
    assert outline_iou(one, other) == pytest.approx(50 / 150)


def test_each_defect_is_matched_once_with_the_best_of_its_class():
    real = defects((1, 10, 10, 20, 4), (1, 50, 10, 6, 6), (2, 10, 40, 20, 4))
    found = defects((1, 10, 10, 9, 4), (1, 20, 10, 10, 4), (1, 10, 40, 20, 4), (2, 70, 50, 5, 5))
    pairs = matched(real, found)
    assert [(r.box.x, f.box.x, f.box.width) for r, f in pairs] == [(10, 20, 10)]
