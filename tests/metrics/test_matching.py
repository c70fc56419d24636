import cv2
import numpy as np
import pytest

from blemish.core.errors import LabelError
from blemish.metrics.findings import size_bin
from blemish.metrics.matching import Planes, match_regions
from blemish.metrics.region import count_regions


def planes(truth, answer, true_score=0.0, answer_score=0.5) -> Planes:
    truth, answer = np.array(truth, np.uint8), np.array(answer, np.uint8)
    return Planes(
        truth, answer, np.full(truth.shape, true_score, np.float16), np.full(truth.shape, answer_score, np.float16)
    )


def test_a_defect_is_found_by_one_pixel_of_its_class_even_beside_another():
    (region,) = match_regions(planes([[1, 1, 1, 1, 0]], [[2, 2, 2, 1, 0]]), [0, 0]).true
    assert (region.index, region.called, region.is_found, region.area_px) == (1, 1, True, 4)


def test_a_defect_called_another_class_says_which():
    (region,) = match_regions(planes([[1, 1, 1, 0]], [[3, 2, 2, 0]]), [0, 0, 0]).true
    assert (region.called, region.is_found) == (2, False)


def test_an_answer_under_the_least_size_neither_finds_nor_alarms():
    found = match_regions(planes([[1, 1, 0, 0, 0]], [[1, 0, 0, 1, 1]]), [3])
    assert found.true[0].called == 0
    assert found.false == ()


def test_every_answer_counts_in_one_of_four():
    truth = [[1, 0, 2, 0, 255, 0, 0]]
    answer = [[1, 0, 1, 0, 1, 0, 1]]
    found = match_regions(planes(truth, answer), [0, 0])
    assert (found.on_own, found.on_other, found.ignored, len(found.false)) == (1, 1, 1, 1)
    assert found.false[0].box.x == 6


def test_scores_are_the_best_of_a_miss_and_the_mean_of_an_alarm():
    given = planes([[1, 1, 0, 0, 0]], [[0, 0, 0, 1, 1]])
    given.true_score[0, :2] = (0.25, 0.375)
    given.answer_score[0, 3:] = (0.5, 1.0)
    found = match_regions(given, [0])
    assert found.true[0].best_score == 0.375
    assert (found.false[0].score, found.false[0].weight) == (0.75, 1.5)


@pytest.mark.parametrize("seed", range(4))
def test_counts_agree_with_region_counts_of_random_planes(seed):
    random = np.random.default_rng(seed)
    truth = random.choice([0, 0, 0, 1, 2, 255], (40, 50)).astype(np.uint8)
    answer = random.choice([0, 0, 0, 0, 1, 2], (40, 50)).astype(np.uint8)
    found = match_regions(planes(truth, answer), [0, 0])
    for index in (1, 2):
        expected = count_regions(truth, answer, index)
        own = [region for region in found.true if region.index == index]
        assert (len(own), sum(region.is_found for region in own)) == (expected.real, expected.met)
    regions = sum(
        cv2.connectedComponents((answer == index).astype(np.uint8), connectivity=8)[0] - 1 for index in (1, 2)
    )
    assert found.on_own + found.on_other + found.ignored + len(found.false) == regions


def test_planes_of_other_sizes_are_refused():
    with pytest.raises(LabelError, match="one size"):
        match_regions(planes([[1, 1]], [[1]]), [0])


def test_nothing_there_and_nothing_called_is_nothing():
    found = match_regions(planes([[0, 0]], [[0, 0]]), [0])
    assert (found.true, found.false) == ((), ())


def test_size_bins_begin_at_their_lower_limit():
    assert [size_bin(px) for px in (1, 7, 8, 31, 32, 255, 256)] == [0, 0, 1, 2, 3, 5, 6]
