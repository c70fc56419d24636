import numpy as np

from blemish.metrics.region import RegionCount, count_regions, regions_at


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


def test_a_region_is_met_or_not_by_how_much_of_it_is_covered():
    truth, predicted = plane("1111000000"), plane("1000000110")
    counts = regions_at(truth, predicted, 1, (0.0, 0.25, 0.3))
    assert [(c.met, c.false) for c in counts] == [(1, 1), (1, 1), (0, 1)]


def test_a_blot_over_everything_meets_all_and_is_false_itself():
    counts = regions_at(plane("1000100000"), plane("1111111111"), 1, (0.0, 0.1, 0.3))
    assert [(c.real, c.met, c.false) for c in counts] == [(2, 2, 0), (2, 2, 0), (2, 2, 1)]


def test_pieces_that_cover_enough_together_meet():
    assert regions_at(plane("1111111111"), plane("1100110011"), 1, (0.5,))[0] == RegionCount(1, 1, 0)


def test_regions_below_the_least_size_meet_nothing_unless_they_may_go_on_in_the_next_tile():
    truth = np.zeros((5, 9), np.uint8)
    truth[2, 1:8] = 1
    speck, edge = np.zeros_like(truth), np.zeros_like(truth)
    speck[2, 4] = edge[2, 0:2] = 1
    assert count_regions(truth, speck, 1, least_size_px=3) == RegionCount(real=1, met=0, false=0)
    assert count_regions(truth, edge, 1, least_size_px=3) == RegionCount(real=1, met=1, false=0)
    assert count_regions(truth, speck, 1).met == 1
