"""Skeletons are thin, whole, and as long as what they are the skeleton of."""

import cv2
import numpy as np
import pytest

from blemish.inspect.thinning import longest_way, thinned, way_length


def blobs(seed):
    noise = cv2.GaussianBlur(np.random.default_rng(seed).standard_normal((120, 160)), (0, 0), 4)
    return noise > 0.02


@pytest.mark.parametrize("seed", range(4))
def test_a_skeleton_has_the_pieces_and_the_holes_of_its_region(seed):
    mask = blobs(seed)
    skeleton = thinned(mask)

    def pieces(plane, connectivity):
        return cv2.connectedComponents(np.pad(plane, 1).astype(np.uint8), connectivity=connectivity)[0]

    assert pieces(skeleton, 8) == pieces(mask, 8)
    assert pieces(~np.pad(skeleton, 1), 4) >= pieces(~np.pad(mask, 1), 4)
    assert not (skeleton & ~mask).any()
    assert cv2.erode(skeleton.astype(np.uint8), np.ones((2, 2))).sum() <= 3  # Some crossings are 2 x 2.


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (1, 30), (30, 1)])
def test_nothing_is_thinned_away(shape):
    assert thinned(np.ones(shape, bool)).any()


def test_a_line_of_one_pixel_stays_as_it_is():
    mask = np.zeros((50, 50), np.uint8)
    cv2.line(mask, (3, 5), (44, 30), 1, 1)
    assert np.array_equal(thinned(mask > 0), mask > 0)


def test_the_longest_way_leaves_the_short_arm_out():
    skeleton = np.zeros((60, 60), bool)
    skeleton[20, 5:55] = True
    skeleton[12:20, 30] = True
    way = longest_way(skeleton)
    assert sorted([way[0].tolist(), way[-1].tolist()]) == [[5, 20], [54, 20]]
    assert way_length(way) == 49


def test_round_a_loop_the_way_is_half_of_it():
    skeleton = np.zeros((40, 40), bool)
    skeleton[5, 5:35] = skeleton[34, 5:35] = skeleton[5:35, 5] = skeleton[5:35, 34] = True
    assert way_length(longest_way(skeleton)) == pytest.approx(58, abs=2)
