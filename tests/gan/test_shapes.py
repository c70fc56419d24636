import math

import cv2
import numpy as np
import pytest

from blemish.core.labels import LabelMap
from blemish.gan.shapes import Change, Ends, changed_mask, direction, find_shapes, trimmed, waviness_frac


def of(defect, backgrounds=1, background=None):
    plane = np.zeros_like(defect) if background is None else background
    return find_shapes(LabelMap(defect, plane), backgrounds=backgrounds)


def blank(side=64):
    return np.zeros((side, side), np.uint8)


def changed(mask, ends=Ends(), seed=0, **change):  # noqa: B008
    return trimmed(changed_mask(mask, Change(**change), ends, np.random.default_rng(seed)))[0]


def test_near_regions_of_a_class_are_one_shape_and_far_ones_are_two():
    defect = blank()
    defect[5:8, 5:8] = defect[5:8, 11:14] = defect[5:8, 40:43] = 2
    defect[6:8, 15:19] = 1
    assert [(shape.defect, shape.size_hw) for shape in of(defect)] == [(1, (2, 4)), (2, (3, 9)), (2, (3, 3))]


def test_the_mask_is_kept_bit_for_bit():
    defect = (np.random.default_rng(3).random((64, 64)) < 0.5).astype(np.uint8)
    (shape,) = of(defect)
    assert (shape.mask == (defect == 1)).all()


def test_a_shape_knows_the_ends_of_the_visible_window_not_of_its_padding():
    defect = blank()
    defect[:, 50:] = 255
    defect[20:30, 40:50] = 1
    (shape,) = of(defect)
    assert (shape.ends, shape.window_hw) == (Ends(right=True), (64, 50))
    assert shape.centre_uv == (45 / 50, 25 / 64)


def test_a_shape_knows_what_lies_beneath_it():
    defect, background = blank(), blank()
    defect[10:20, 10:20] = 1
    background[:, 18:] = 1
    (shape,) = of(defect, backgrounds=2, background=background)
    assert shape.background_frac == pytest.approx((0.8, 0.2))


def test_an_unchanged_shape_stays_the_same():
    mask = np.zeros((9, 20), bool)
    mask[3:6], mask[:, 4:6] = True, True
    assert (changed(mask) == mask).all()


def test_a_quarter_turn_is_clockwise_as_seen():
    mask = np.zeros((12, 6), bool)
    mask[:, :2], mask[:2] = True, True
    assert (changed(mask, turn_rad=math.pi / 2) == np.rot90(mask, -1)).all()


@pytest.mark.parametrize("scale", [0.6, 1.0, 1.5])
def test_a_thin_line_stays_in_one_piece_and_has_the_area_of_its_scale(scale):
    mask = np.ones((2, 60), bool)
    thin = changed(mask, scale=scale, turn_rad=0.7, bend_frac=0.03)
    assert cv2.connectedComponents(thin.astype(np.uint8))[0] == 2
    assert np.count_nonzero(thin) == pytest.approx(120 * scale**2, rel=0.2)


def test_bending_changes_the_outline_a_little_and_differs_by_seed():
    mask = cv2.circle(np.zeros((41, 41), np.uint8), (20, 20), 20, 1, -1).astype(bool)
    first, again, other = (changed(mask, bend_frac=0.04, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.count_nonzero(first) == pytest.approx(np.count_nonzero(mask), rel=0.05)


def test_a_cut_shape_goes_on_beyond_its_end():
    mask = np.ones((10, 10), bool)
    full = changed_mask(mask, Change(), Ends(left=True), np.random.default_rng(0))
    middle = full.shape[1] // 2
    assert np.count_nonzero(full[:, :middle]) >= np.count_nonzero(full[:, middle:]) + 3 * 10
    assert np.count_nonzero(full[:, middle + 6 :]) == 0


def test_mirroring_moves_mask_place_ends_and_direction():
    defect = blank()
    for i in range(12):
        defect[10 + i, i : i + 2] = 1
    (shape,) = of(defect)
    mirrored = shape.mirrored(True, False)
    assert (mirrored.mask == shape.mask[:, ::-1]).all()
    assert (mirrored.ends, mirrored.centre_uv[0]) == (Ends(right=True), 1 - shape.centre_uv[0])
    assert math.degrees(mirrored.angle_rad) == pytest.approx(180 - math.degrees(shape.angle_rad))
    assert mirrored.angle_rad == pytest.approx(direction(mirrored.mask)[0])


def test_a_shape_knows_its_group_and_the_gray_round_it_without_other_defects():
    defect = blank()
    defect[20:30, 20:30], defect[20:30, 31:40] = 1, 2
    picture = np.where(defect == 2, 250, np.where(defect == 1, 0, 90)).astype(np.uint8)
    found = find_shapes(LabelMap(defect, blank()), backgrounds=1, group="part 7", picture=picture)
    assert [(shape.group, shape.ring_gray) for shape in found] == [("part 7", 90.0)] * 2


def test_only_a_shape_that_is_seen_whole_on_one_background_is_free():
    defect, background = blank(), blank()
    defect[10:20, 10:20] = defect[10:20, 30:40] = defect[40:50, :6] = 1
    background[:, 34:] = 1
    assert [shape.is_free for shape in of(defect, backgrounds=2, background=background)] == [True, False, False]


def test_an_arc_is_wavier_than_a_line():
    line, arc = blank(80), blank(80)
    cv2.line(line, (5, 10), (75, 40), (1,), 3)
    cv2.ellipse(arc, (40, 60), (35, 20), 0, 190, 350, (1,), 3)
    assert waviness_frac(line > 0) < 0.005
    assert waviness_frac(arc > 0) > 0.03


def test_direction_of_a_line_and_of_a_disc():
    line = np.zeros((40, 40), bool)
    line[:, 20] = True
    disc = cv2.circle(np.zeros((41, 41), np.uint8), (20, 20), 15, 1, -1).astype(bool)
    assert direction(line) == (pytest.approx(math.pi / 2), pytest.approx(1, abs=0.05))
    assert direction(disc)[1] < 0.05
