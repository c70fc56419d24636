"""One cell scanned again: the same cell, another noise, where it was laid."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from blemish.simulate.line import LineSettings, simulate_cell
from blemish.simulate.rescan import Laying, draw_layings, rescan_cell, room_for

SMALL = replace(LineSettings.small(640, 400), clean_share=0.0)


def only(laying, **changes):
    (scan,) = rescan_cell(5, 2, [laying], settings=replace(SMALL, **changes))
    return scan


def test_laid_as_before_it_is_the_same_cell_under_another_noise():
    before, again = simulate_cell(5, 2, settings=SMALL), only(Laying())
    assert before.corners_xy == pytest.approx(np.array(again.corners_xy))
    difference = again.picture.astype(float) - before.picture
    assert 0 < difference.std() < 12
    assert abs(difference.mean()) < 0.3
    assert (before.label_map.defect == again.label_map.defect).mean() > 0.995


def test_ten_scans_have_ten_noises_and_the_same_seed_the_same_ten():
    layings = [Laying()] * 3
    scans = [scan.picture.tobytes() for scan in rescan_cell(5, 2, layings, settings=SMALL)]
    assert len(set(scans)) == 3
    assert scans == [scan.picture.tobytes() for scan in rescan_cell(5, 2, layings, settings=SMALL)]


def test_labels_and_corners_move_with_the_cell():
    laying = Laying((7.0, -5.0), 3.0, 1.0, room_for(3, (400, 640)))
    still, moved = only(Laying(), jitter_px=0.0), only(laying, jitter_px=0.0)
    matrix = laying.matrix((400, 640))
    height, width = moved.picture.shape
    expected = cv2.warpAffine(still.label_map.defect, matrix, (width, height), flags=cv2.INTER_NEAREST)
    assert (moved.label_map.defect == expected).mean() > 0.998
    assert np.array(moved.corners_xy) == pytest.approx(
        np.array(still.corners_xy) @ matrix[:, :2].T + matrix[:, 2], abs=0.01
    )
    upper = np.subtract(moved.corners_xy[1], moved.corners_xy[0]) - np.subtract(
        still.corners_xy[1], still.corners_xy[0]
    )
    assert upper[1] > 0  # From x towards y.


def test_areas_change_a_little_from_scan_to_scan():
    layings = [Laying((0.3 * number, 0.4 * number), 0.1 * number) for number in range(5)]
    areas = [np.count_nonzero(s.label_map.defect) for s in rescan_cell(5, 2, layings, settings=SMALL)]
    assert len(set(areas)) > 2
    assert np.std(areas) < 0.02 * np.mean(areas)


def test_gain_makes_it_brighter():
    assert only(Laying(gain=1.2)).picture.mean() == pytest.approx(1.2 * only(Laying()).picture.mean(), rel=0.03)


def test_corners_lie_where_the_body_ends():
    scan = simulate_cell(5, 2, settings=replace(SMALL, jitter_px=0.0))
    upper_left, upper_right, lower_right, lower_left = np.array(scan.corners_xy)
    column = round(float(upper_left[0] + upper_right[0]) / 2)
    rows = (scan.label_map.background[:, column] == 0).nonzero()[0]
    ends = (upper_left[1] + upper_right[1]) / 2, (lower_left[1] + lower_right[1]) / 2
    assert (rows[0], rows[-1]) == pytest.approx(ends, abs=1)
    near_top = round(float(upper_left[1])) + 40
    columns = (scan.label_map.background[near_top] == 0).nonzero()[0]
    assert (columns[0], columns[-1]) == pytest.approx((upper_left[0], upper_right[0]), abs=1.5)


def test_layings_stay_within_their_bounds():
    layings = draw_layings(1, 0, 50, shift_px=4, turn_deg=0.2, gain_frac=0.1)
    assert layings == draw_layings(1, 0, 50, shift_px=4, turn_deg=0.2, gain_frac=0.1)
    assert max(max(map(abs, laying.shift_xy_px)) for laying in layings) <= 4
    assert 0.1 < max(abs(laying.turn_deg) for laying in layings) <= 0.2
    assert all(0.9 <= laying.gain <= 1.1 and laying.rim_px == 0 for laying in layings)
