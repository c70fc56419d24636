import numpy as np

from blemish.metrics.region import RegionCount, count_regions


def plane(*rows: str) -> np.ndarray:
    return np.array([[255 if c == "?" else int(c) for c in row] for row in rows], np.uint8)


def test_regions_are_counted_by_hand():
    truth = plane("1100020", "0000020", "1000000")
    predicted = plane("1000000", "0001000", "0000001")
    assert count_regions(truth, predicted, 1) == RegionCount(real=2, met=1, false=2)
    assert count_regions(truth, predicted, 2) == RegionCount(real=1, met=0, false=0)


def test_a_region_on_ignored_pixels_is_not_false():
    assert count_regions(plane("??0"), plane("110"), 1).false == 0


def test_small_false_regions_are_not_counted_below_the_least_size():
    assert count_regions(plane("0000"), plane("1101"), 1, least_size_px=2).false == 1


def test_counts_add_up_and_recall_follows():
    total = RegionCount(2, 1, 0) + RegionCount(2, 2, 5)
    assert total == RegionCount(4, 3, 5)
    assert total.recall == 0.75
