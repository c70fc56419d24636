"""Overlays: outlines in the class's colour outside the defect, text beside, any size of picture."""

import io

import numpy as np
import pytest
from PIL import Image

from blemish.core.records import Box, Defect
from blemish.core.taxonomy import Taxonomy
from blemish.picture.overlay import draw_overlay, jpeg_bytes, size_text

CELL = Taxonomy.preset("pouch-cell")


def square(x, y, side, code="A", name="groove", **mm):
    corners = ((x, y), (x + side - 1, y), (x + side - 1, y + side - 1), (x, y + side - 1))
    box = Box(x, y, side, side)
    return Defect(code, name, 0.9, box, corners, side * side, float(side), float(side), (x, y), **mm)


def near(picture, colour, tolerance=40):
    return (np.abs(picture.astype(int) - colour).max(axis=-1) <= tolerance).sum()


def picture_part(drawn, height):
    return drawn[drawn.shape[0] - height :]


def test_a_large_picture_keeps_its_size_below_the_title():
    drawn = draw_overlay(np.full((1000, 1200), 90, np.uint8), [square(300, 300, 60)], CELL, "cell-1 | NG")
    assert drawn.dtype == np.uint8
    assert drawn.shape[1:] == (1200, 3)
    assert 20 < drawn.shape[0] - 1000 < 120


def test_a_small_picture_is_enlarged_by_a_whole_factor():
    drawn = draw_overlay(np.full((150, 200), 90, np.uint8), [], CELL, "cell-1 | OK")
    assert drawn.shape[1] == 1000
    assert (picture_part(drawn, 750) == 90).all()


def test_the_outline_has_the_class_colour_and_leaves_the_defect_visible():
    gray = np.full((1000, 1000), 120, np.uint8)
    gray[400:460, 400:460] = 33
    below = picture_part(draw_overlay(gray, [square(400, 400, 60, "C", "protrusion")], CELL, "c"), 1000)
    assert (below[402:458, 402:458] == 33).all()
    ring = below[385:475, 385:475]
    assert near(ring, (255, 225, 25)) > 150
    assert near(ring, (230, 25, 75)) == 0


def test_the_text_stands_beside_and_inside_the_picture_even_at_a_corner():
    gray = np.full((1000, 1000), 120, np.uint8)
    below = picture_part(draw_overlay(gray, [square(960, 960, 40)], CELL, "c"), 1000)
    changed = np.argwhere((below != 120).any(axis=2))
    assert changed.min(axis=0).min() > 700
    assert near(below, (255, 255, 255), 10) > 50


def test_labels_of_neighbours_do_not_cover_each_other():
    gray = np.full((1000, 1000), 120, np.uint8)
    one = near(draw_overlay(gray, [square(500, 500, 30)], CELL, ""), (255, 255, 255), 5)
    two = near(draw_overlay(gray, [square(500, 500, 30), square(540, 500, 30)], CELL, ""), (255, 255, 255), 5)
    assert two - one > 0.35 * one


def test_the_title_is_wrapped_and_the_legend_names_each_class():
    gray = np.full((950, 950), 120, np.uint8)
    plain = draw_overlay(gray, [], CELL, "cell").shape[0]
    long = draw_overlay(gray, [], CELL, "reason " * 60).shape[0]
    legend = draw_overlay(gray, [square(10, 10, 30), square(90, 90, 30, "D", "leakage")], CELL, "cell")
    assert long > plain
    strip = legend[: legend.shape[0] - 950]
    assert near(strip, (230, 25, 75)) > 20
    assert near(strip, (67, 99, 216)) > 20


@pytest.mark.parametrize("size_hw", [(1, 1), (30, 2000), (64, 64)])
def test_any_size_and_rgb_work(size_hw):
    drawn = draw_overlay(np.zeros((*size_hw, 3), np.uint8), [square(0, 0, 1)], CELL, "x")
    assert drawn.shape[1] % size_hw[1] == 0


def test_an_outline_through_many_points_is_closed_and_follows_an_enlarged_defect():
    gray = np.full((100, 100), 120, np.uint8)
    below = picture_part(draw_overlay(gray, [square(40, 40, 10)], CELL, "x"), 900)
    red = np.argwhere(np.abs(below.astype(int) - (230, 25, 75)).max(axis=2) < 30)
    assert red.min() < 40 * 9 < 50 * 9 < red[:, 0].max()


def test_size_is_in_millimetres_where_they_are_known():
    assert size_text(square(0, 0, 7)) == "7 x 7 px"
    assert size_text(square(0, 0, 7, length_mm=3.54, width_mm=1.96)) == "3.5 x 2.0 mm"


def test_jpeg_holds_the_picture():
    drawn = draw_overlay(np.full((950, 950), 120, np.uint8), [], CELL, "x")
    back = np.asarray(Image.open(io.BytesIO(jpeg_bytes(drawn))))
    assert np.abs(back.astype(int) - drawn).mean() < 2


def test_a_picture_longer_than_a_jpeg_can_be_is_reduced():
    back = np.asarray(Image.open(io.BytesIO(jpeg_bytes(np.full((20, 131_000, 3), 90, np.uint8)))))
    assert back.shape == (10, 65_500, 3)
    assert int(back.mean()) in range(85, 96)


def test_what_is_told_too_has_a_thinner_line():
    gray = np.full((3000, 3000), 120, np.uint8)
    region = square(400, 400, 60, "C", "protrusion")
    rings = [
        picture_part(drawn, 3000)[370:490, 370:490]
        for drawn in (draw_overlay(gray, [region], CELL, "c"), draw_overlay(gray, [], CELL, "c", [region]))
    ]
    sure, told = (near(ring, (255, 225, 25)) for ring in rings)
    assert 100 < told < 0.8 * sure
