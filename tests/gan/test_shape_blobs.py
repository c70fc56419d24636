import math

import cv2
import numpy as np
import pytest

from blemish.gan.shape_blobs import blended, blob_of, drawn_blob, grown_field, outline_of
from blemish.gan.shapes import direction


def ellipse(half_x, half_y, angle_deg=0.0, side=101):
    plane = np.zeros((side, side), np.uint8)
    cv2.ellipse(plane, (side // 2, side // 2), (half_x, half_y), angle_deg, 0, 360, (1,), -1)
    return plane.astype(bool)


def star():
    angles = np.linspace(0, 2 * math.pi, 20, endpoint=False)
    radii = np.where(np.arange(20) % 2, 40, 14)
    points = 50 + np.stack([radii * np.cos(angles), radii * np.sin(angles)], 1)
    return cv2.fillPoly(np.zeros((101, 101), np.uint8), [points.astype(np.int32)], (1,)).astype(bool)


@pytest.mark.parametrize(("angle_deg", "area"), [(0, 30), (70, 400), (130, 9000)])
def test_a_blob_comes_back_with_area_direction_and_elongation(angle_deg, area):
    mask = ellipse(30, 15, angle_deg)
    angle, elongation = direction(mask)
    again = drawn_blob(blob_of(mask, angle).field, area, angle)
    assert np.count_nonzero(again) == pytest.approx(area, rel=0.02, abs=1)
    assert direction(again)[1] == pytest.approx(elongation, abs=0.1)
    assert math.cos(2 * (direction(again)[0] - angle)) > 0.97


def test_a_blend_lies_between_its_two():
    round_one, long_one = blob_of(ellipse(20, 20), 0.0), blob_of(ellipse(30, 13), 0.0)
    blend = drawn_blob(blended(round_one, long_one, np.random.default_rng(0)), 2000, 0.0)
    assert direction(ellipse(20, 20))[1] + 0.1 < direction(blend)[1] < direction(ellipse(30, 13))[1] - 0.1


def test_grown_blobs_are_as_rough_as_the_real_ones_and_differ():
    random = np.random.default_rng(0)
    solidity = {}
    for name, mask in (("smooth", ellipse(25, 20)), ("rough", star())):
        blob = blob_of(mask, direction(mask)[0])
        masks = [drawn_blob(grown_field(blob, random), 1500, 0.0) for _ in range(12)]
        assert len({m.tobytes() for m in masks}) == 12
        solidity[name] = np.mean([outline_of(m).solidity for m in masks])
    assert solidity["smooth"] > 0.93
    assert solidity["rough"] < 0.8


def test_the_outline_of_a_disc_and_of_a_star():
    disc = outline_of(ellipse(40, 40))
    assert (disc.solidity, disc.roughness) == (pytest.approx(1, abs=0.02), pytest.approx(1.1, abs=0.12))
    assert disc.elongation < 0.02
    assert outline_of(star()).solidity < 0.7
    assert outline_of(star()).roughness > 2
