"""The simulated cell is found as it lies, or it is said why not."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from blemish.core.errors import PictureError
from blemish.core.records import Box
from blemish.inspect.registration import PartSearch, find_part
from blemish.simulate.line import LineSettings, simulate_cell
from blemish.simulate.rescan import Laying, rescan_cell, room_for

SMALL = LineSettings.small(1400, 800)


def table(height=800, width=1400):
    return np.random.default_rng(1).integers(30, 50, (height, width), dtype=np.uint8)


def plate(points, gray=140):
    picture = table()
    cv2.fillPoly(picture, [np.array(points, np.int32)], gray)
    return picture


UPRIGHT = [(200, 150), (1200, 150), (1200, 650), (200, 650)]


@pytest.mark.parametrize(("jitter_px", "within_px"), [(0.0, 0.4), (0.8, 1.6)])
def test_corners_of_a_turned_cell_are_found_as_well_as_the_jitter_lets(jitter_px, within_px):
    settings = replace(SMALL, jitter_px=jitter_px)
    turns = [-5.0, -2.0, 0.0, 0.7, 5.0]
    layings = [Laying((3.0, -4.0), turn, 1 + turn / 20, room_for(turn, (800, 1400))) for turn in turns]
    for laying, scan in zip(layings, rescan_cell(3, 0, layings, settings=settings), strict=True):
        found = find_part(scan.picture, (0.5, 0.5))
        assert np.hypot(*(np.array(found.corners_xy) - scan.corners_xy).T).max() < within_px
        upper = np.subtract(scan.corners_xy[1], scan.corners_xy[0])
        assert found.turn_deg == pytest.approx(np.degrees(np.arctan2(upper[1], upper[0])), abs=0.1)
        assert abs(found.turn_deg - laying.turn_deg) < 1


@pytest.mark.parametrize("transform", [lambda p: 255 - p, np.rot90, lambda p: np.dstack([p] * 3), lambda p: p // 2])
def test_bright_tables_portraits_colour_and_dim_light_are_all_the_same(transform):
    scan = simulate_cell(3, 0, settings=SMALL)
    picture = np.ascontiguousarray(transform(scan.picture))
    found = find_part(picture)
    long, short = np.hypot(*np.diff(scan.corners_xy[:3], axis=0).T)
    sides = np.hypot(*np.diff(found.corners_xy[:3], axis=0).T)
    assert sorted(sides) == pytest.approx(sorted([long, short]), abs=2)


def test_the_size_of_a_part_is_that_of_its_edges_at_true_scale():
    turned = cv2.getRotationMatrix2D((700, 400), -4, 1)
    found = find_part(plate(np.array(UPRIGHT) @ turned[:, :2].T + turned[:, 2]), (0.5, 0.5))
    assert found.size_mm == pytest.approx((500.5, 250.5), abs=0.4)  # The polygon holds its border: 1001 x 501 px.
    assert find_part(plate(UPRIGHT), (0.5, 0.25)).size_mm == pytest.approx((500.5, 125.25), abs=0.4)


def test_places_are_from_the_upper_left_corner_along_its_edges():
    turned = cv2.getRotationMatrix2D((700, 400), -4, 1)
    corners = np.array(UPRIGHT) @ turned[:, :2].T + turned[:, 2]
    found = find_part(plate(corners), (0.5, 0.5))
    inside = turned[:, :2] @ (700, 250) + turned[:, 2]
    assert found.turn_deg == pytest.approx(4, abs=0.1)
    assert found.place_mm(tuple(inside)) == pytest.approx((250, 50), abs=0.7)
    assert found.turned(4.0) == pytest.approx(0, abs=0.2) or found.turned(4.0) == pytest.approx(180, abs=0.2)
    assert found.turned(None) is None


def test_pixels_that_are_not_square_do_not_skew_places():
    corners = [(x, y / 2) for x, y in np.array(UPRIGHT) + 10 * np.array([[1, -2], [-1, 2], [-3, 0], [-1, -4]]) / 2]
    found = find_part(plate(corners)[:450], (0.2, 0.4))
    (left, _), (right, _) = found.corners_xy[:2]
    assert found.place_mm(found.corners_xy[0]) == (0, 0)
    x, y = found.place_mm(found.corners_xy[1])
    assert x == pytest.approx(0.2 * (right - left), rel=0.01)
    assert y == pytest.approx(0, abs=0.1)


def test_the_turn_is_told_by_the_edges_that_fine_pixels_show():
    """Pixels three times as high as wide: the standing edges know the turn better than the upper one."""
    random = np.random.default_rng(0)
    off = []
    for turn_deg in (-4, -1.5, 1.5, 4):
        turn = np.radians(turn_deg)
        axes = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        corners_mm = np.array([(0, 0), (200, 0), (200, 100), (0, 100)]) @ axes + 30
        picture = random.integers(30, 50, (566, 2700), dtype=np.uint8)
        fine = np.round(corners_mm / (0.1, 0.3) * 256).astype(np.int32)
        cv2.fillPoly(picture, [fine], 140, lineType=cv2.LINE_AA, shift=8)
        off.append(find_part(picture, (0.1, 0.3)).turn_deg - turn_deg)
    assert np.abs(off).max() < 0.015  # 0.04 by the upper edge alone.


def test_dirt_on_the_edges_and_a_bite_do_not_move_the_corners():
    picture = plate(UPRIGHT)
    for x in range(250, 1150, 90):
        cv2.circle(picture, (x, 150), 12, 140, -1)
        cv2.circle(picture, (x, 650), 9, 35, -1)
    assert np.abs(np.subtract(find_part(picture).corners_xy, UPRIGHT)).max() < 1


@pytest.mark.parametrize(
    ("picture", "says"),
    [
        (table(), "no part found: it must differ"),
        (np.full((800, 1400), 90, np.uint8), "one gray"),
        (plate([(200, 150), (240, 150), (240, 190), (200, 190)]), r"covers 0\.\d% of the scan"),
        (plate([(-9, -9), (1409, -9), (1409, 500), (-9, 500)]), "reaches over the scan's rim"),
        (plate([(200, 150), (1500, 150), (1500, 650), (200, 650)]), "its right edge is no straight line"),
        (plate([(200, 150), (1200, 150), (1200, 600), (700, 700), (200, 600)]), "its lower edge is no straight line"),
        (plate([(200, 150), (1200, 150), (1200, 650), (250, 650)]), "off a rectangle by"),
        (cv2.circle(table(), (700, 400), 300, 140, -1), "is no straight line"),
    ],
)
def test_what_is_no_whole_part_is_refused_with_the_reason(picture, says):
    with pytest.raises(PictureError, match=says):
        find_part(picture)


def test_two_parts_and_a_part_turned_too_far_are_refused():
    two = plate([(100, 150), (600, 150), (600, 650), (100, 650)])
    cv2.rectangle(two, (750, 150), (1250, 650), 140, -1)
    with pytest.raises(PictureError, match="more than one part"):
        find_part(two)
    turned = cv2.getRotationMatrix2D((700, 400), -4, 1)
    with pytest.raises(PictureError, match=r"turned by 4\.\d degrees, at most 3|no straight line"):
        find_part(plate(np.array(UPRIGHT) @ turned[:, :2].T + turned[:, 2]), search=PartSearch(most_turn_deg=3))


def test_regions_off_the_part_do_not_touch_it_and_tabs_are_part():
    scan = simulate_cell(3, 0, settings=SMALL)
    found = find_part(scan.picture, (0.5, 0.5))
    one = np.ones((6, 6), bool)
    outside = cv2.erode(scan.label_map.background, np.ones((41, 41)))  # 20 px: the margin is 2 mm, 4 px.
    for y in range(0, 794, 7):
        for x in range(0, 1394, 7):
            here = scan.label_map.background[y : y + 6, x : x + 6]
            if not here.all():
                assert found.touches(Box(x, y, 6, 6), one)
            if outside[y : y + 6, x : x + 6].all() and not 0.25 * 800 < y < 0.75 * 800:  # Away from the tabs' feet.
                assert not found.touches(Box(x, y, 6, 6), one)


def test_the_same_picture_gives_the_same_corners():
    picture = simulate_cell(3, 1, settings=SMALL).picture
    assert find_part(picture).corners_xy == find_part(picture.copy()).corners_xy
