"""Drawn lines, arcs and discs against what they are by formula; pixels of any shape."""

import math
from itertools import pairwise
from time import process_time

import cv2
import numpy as np
import pytest

from blemish.inspect import sizes
from blemish.inspect.sizes import measure
from blemish.inspect.thinning import thinned

Y, X = np.mgrid[:400, :400].astype(float)


def measured(mask, pixel_xy=(1.0, 1.0)):
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    inner = mask[y : y + height, x : x + width]
    contours, _ = cv2.findContours(inner.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return measure(inner, max(contours, key=len).reshape(-1, 2).astype(np.float32), pixel_xy)


def strip(points, width, pixel_xy=(1.0, 1.0)):
    """All pixels within half a width of a line, in the unit of the pixel size: its ends are round."""
    x, y = X * pixel_xy[0], Y * pixel_xy[1]
    nearest = np.full(X.shape, np.inf)
    for (ax, ay), (bx, by) in pairwise(points):
        along = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / max((bx - ax) ** 2 + (by - ay) ** 2, 1e-9)
        along = np.clip(along, 0, 1)
        nearest = np.minimum(nearest, np.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay)))
    return nearest <= width / 2


def arc(radius, span_deg, middle=200.0):
    angles = np.radians(np.linspace(0, span_deg, 60))
    return [(middle + radius * math.cos(a), middle + radius * math.sin(a)) for a in angles]


@pytest.mark.parametrize("angle", [0, 10, 30, 45, 70, 90, 135])
@pytest.mark.parametrize("width", [3, 5, 9, 20])
def test_a_straight_line_is_as_long_wide_and_oriented_as_drawn(angle, width):
    dx, dy = 90 * math.cos(math.radians(angle)), 90 * math.sin(math.radians(angle))
    found = measured(strip([(200 - dx, 200 - dy), (200 + dx, 200 + dy)], width))
    assert found.length == pytest.approx(180 + width, rel=0.015)
    assert found.width == pytest.approx(width, abs=0.9 if width == 20 else 0.55)
    assert abs((found.orientation_deg - angle + 90) % 180 - 90) < 0.5


@pytest.mark.parametrize(("radius", "span", "width"), [(40, 180, 3), (80, 180, 4), (80, 270, 4), (80, 300, 10)])
def test_an_arc_is_longer_than_its_rectangle(radius, span, width):
    found = measured(strip(arc(radius, span), width))
    assert found.length == pytest.approx(radius * math.radians(span) + width, rel=0.01)
    assert found.width == pytest.approx(width, rel=0.05)
    assert found.length > 1.2 * (2 * radius + width)


def test_a_thick_arc_is_measured_on_a_smaller_copy():
    found = measured(strip(arc(100, 180), 30))
    assert found.length == pytest.approx(math.pi * 100 + 30, rel=0.02)
    assert found.width == pytest.approx(30, rel=0.03)


@pytest.mark.parametrize("radius", [5, 10, 60])
def test_a_disc_is_as_wide_as_long_and_has_no_orientation(radius):
    found = measured(np.hypot(X - 200, Y - 200) <= radius)
    assert found.length == pytest.approx(2 * radius, abs=1)
    assert found.width == pytest.approx(2 * radius, abs=1)
    assert found.orientation_deg is None


@pytest.mark.parametrize("pixel_xy", [(1.0, 2.0), (2.0, 1.0), (1.0, 1.6), (0.5, 0.3)])
def test_pixels_that_are_not_square_change_nothing_in_mm(pixel_xy):
    scale = min(pixel_xy)
    points = [(x * scale, y * scale) for x, y in arc(80, 200, middle=150)]
    found = measured(strip(points, 6 * scale, pixel_xy), pixel_xy)
    assert found.length == pytest.approx(scale * (80 * math.radians(200) + 6), rel=0.02)
    assert found.width == pytest.approx(6 * scale, rel=0.06)


def test_specks_in_a_region_do_not_bend_it():
    mask = strip([(100, 200), (300, 200)], 15)
    mask[195:205, 120:300:16] = False
    assert measured(mask).length == pytest.approx(215, rel=0.01)


def test_a_ring_is_half_its_round_long():
    ring = np.abs(np.hypot(X - 200, Y - 200) - 80) <= 2
    assert measured(ring).length == pytest.approx(math.pi * 80, rel=0.03)


def test_a_scratch_of_200_px_takes_a_few_milliseconds():
    mask = strip(arc(64, 180), 4)
    seconds = []
    for _ in range(10):
        started = process_time()
        measured(mask)
        seconds.append(process_time() - started)
    assert min(seconds) < 0.01  # About 1.5 ms where nothing else runs.


def test_a_region_full_of_holes_is_thinned_on_a_smaller_copy(monkeypatch):
    thinned_areas = []

    def watching(plane):
        thinned_areas.append(plane.size)
        return thinned(plane)

    monkeypatch.setattr(sizes, "thinned", watching)
    speckle = np.random.default_rng(0).random((1500, 1500)) < 0.45
    assert sizes._along_skeleton(speckle.astype(np.uint8), (1.0, 1.0)) > 1500
    assert thinned_areas[0] < 1500 * 1500 / 4
