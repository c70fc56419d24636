import math

import cv2
import numpy as np
import pytest

from blemish.gan.shape_lines import STEPS, drawn_line, grown, joined
from blemish.gan.shape_trace import trace
from blemish.gan.shapes import direction


def stroke(points, width, size=(120, 120)):
    plane = np.zeros(size, np.uint8)
    cv2.polylines(plane, [np.array(points, np.int32)], False, (1,), width)
    return plane.astype(bool)


WAVE = [(10 + x, 60 + round(6 * math.sin(x / 12))) for x in range(0, 96, 3)]


def pieces(mask):
    return cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0] - 1


@pytest.mark.parametrize("angle_deg", [0, 30, 90, 140])
def test_a_straight_stroke_has_its_length_width_and_direction(angle_deg):
    angle = math.radians(angle_deg)
    reach = 40 * np.array([math.cos(angle), math.sin(angle)])
    mask = stroke([60 - reach, 60 + reach], 5)
    line = trace(mask)
    assert line.length_px == pytest.approx(84, abs=4)
    assert line.width_px == pytest.approx(np.count_nonzero(mask) / 84, rel=0.06)
    assert abs((line.angle_rad - angle + math.pi / 2) % math.pi - math.pi / 2) < 0.05
    assert line.branches == ()


def test_a_side_arm_is_found_where_it_leaves():
    mask = stroke([(10, 60), (110, 60)], 3) | stroke([(40, 60), (60, 30)], 3)
    (branch,) = trace(mask).branches
    assert min(branch.at_frac, 1 - branch.at_frac) == pytest.approx(0.3, abs=0.06)
    assert branch.length_frac == pytest.approx(0.36, abs=0.06)


def test_a_traced_line_is_drawn_as_it_was():
    mask = stroke(WAVE, 4)
    line = trace(mask)
    again = drawn_line(line, line.angle_rad)
    assert np.count_nonzero(again) == pytest.approx(np.count_nonzero(mask), rel=0.12)
    assert direction(again)[0] == pytest.approx(direction(mask)[0], abs=0.05)


def test_grown_lines_turn_as_much_as_the_real_one():
    line = trace(stroke(WAVE, 4))
    random = np.random.default_rng(0)
    spread = [grown(line, random).headings_rad.std() for _ in range(200)]
    assert np.sqrt(np.mean(np.square(spread))) == pytest.approx(line.headings_rad.std(), rel=0.25)
    straight = trace(stroke([(10, 60), (110, 60)], 4))
    assert max(grown(straight, random).headings_rad.std() for _ in range(50)) < 0.05


def test_grown_lines_keep_length_and_width_stay_in_one_piece_and_differ():
    line = trace(stroke(WAVE, 2))
    masks = [drawn_line(grown(line, np.random.default_rng(seed)), 0.4) for seed in (1, 1, 2, 3, 4)]
    assert np.array_equal(masks[0], masks[1])
    assert not np.array_equal(masks[0], masks[2])
    for mask in masks:
        assert pieces(mask) == 1
        assert np.count_nonzero(mask) == pytest.approx(line.length_px * line.width_px, rel=0.2)


def test_a_joined_line_begins_as_the_one_and_ends_as_the_other():
    wave, straight = trace(stroke(WAVE, 4)), trace(stroke([(10, 60), (110, 60)], 4))
    both = joined(wave, straight, np.random.default_rng(0))
    turning = np.abs(np.diff(both.headings_rad))
    assert turning[: STEPS // 3 - 2].mean() > 5 * turning[-STEPS // 3 + 3 :].mean()
    assert (both.length_px, both.width_px) == (wave.length_px, pytest.approx(wave.width_px))


def test_the_smallest_mask_can_be_traced():
    line = trace(np.ones((1, 1), bool))
    assert np.isfinite(line.headings_rad).all()
    assert drawn_line(line, 0.0).any()


def test_a_large_region_is_traced_at_a_coarser_scale():
    line = trace(np.ones((60, 900), bool))
    assert line.length_px == pytest.approx(900, rel=0.08)
    assert line.width_px * line.length_px == pytest.approx(60 * 900, rel=0.02)


@pytest.mark.parametrize("length", [500, 3000, 4000])
def test_a_line_of_one_pixel_is_traced_whole_however_long(length):
    mask = np.zeros((length + 20, 60), bool)
    mask[10 : 10 + length, 30] = True
    line = trace(mask)
    assert line.length_px == pytest.approx(length, rel=0.02)
    assert line.width_px == pytest.approx(1, rel=0.1)


def test_a_comb_of_thin_lines_is_traced_without_falling_apart():
    mask = np.zeros((512, 512), bool)
    mask[20:490, 30] = True
    for y in range(21, 480, 20):
        mask[y, 30:480] = True
    assert trace(mask).length_px > 400
