"""16 bit to 8 by one range, gray to RGB and back."""

import numpy as np
import pytest
from PIL import Image

from blemish.core.errors import PictureError
from blemish.picture.normalise import common_range, to_8_bit, to_channels


def test_one_range_serves_all_pictures():
    dim, bright = np.array([[100, 300]], np.uint16), np.array([[200, 1100]], np.uint16)
    span = common_range([dim, bright])
    assert span == (100, 1100)
    assert to_8_bit(dim, span).tolist() == [[0, 51]]
    assert to_8_bit(bright, span).tolist() == [[26, 255]]


def test_values_outside_the_range_are_clipped():
    assert to_8_bit(np.array([[0, 65535]], np.uint16), (1000, 2000)).tolist() == [[0, 255]]


def test_8_bit_has_no_range_and_stays_as_it_is():
    picture = np.array([[3, 250]], np.uint8)
    assert common_range([picture]) is None
    assert np.array_equal(to_8_bit(picture, (10, 20)), picture)


def test_16_bit_without_a_range_is_refused():
    with pytest.raises(PictureError, match="give the value range"):
        to_8_bit(np.zeros((2, 2), np.uint16), None)


def test_an_even_picture_still_has_a_range():
    assert common_range([np.full((2, 2), 7, np.uint16)]) == (7, 8)


def test_gray_from_rgb_agrees_with_pillow_within_one_level():
    colour = np.random.default_rng(2).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    by_pillow = np.asarray(Image.fromarray(colour).convert("L")).astype(int)
    assert np.abs(to_channels(colour, 1)[:, :, 0].astype(int) - by_pillow).max() <= 1


def test_gray_is_repeated_to_rgb():
    assert to_channels(np.array([[7]], np.uint8), 3).tolist() == [[[7, 7, 7]]]
