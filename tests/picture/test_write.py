"""Writing pictures: whole or not at all, and the same bytes each time."""

import numpy as np
import pytest
from PIL import Image

from blemish.picture.read import read_index, read_picture
from blemish.picture.write import full_palette, png_bytes, write_bytes, write_png


def test_the_same_pixels_give_the_same_bytes_and_come_back(tmp_path):
    picture = np.random.default_rng(1).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    assert write_png(tmp_path / "deep" / "p.png", picture) == png_bytes(picture.copy())
    assert np.array_equal(read_picture(tmp_path / "deep" / "p.png"), picture)


def test_a_palette_file_keeps_indices_and_shows_colours(tmp_path):
    plane = np.array([[0, 1, 255]], np.uint8)
    write_png(tmp_path / "l.png", plane, [(0, 0, 0), (1, 2, 3)])
    assert np.array_equal(read_index(tmp_path / "l.png"), plane)
    shown = np.asarray(Image.open(tmp_path / "l.png").convert("RGB"))
    assert shown.tolist() == [[[0, 0, 0], [1, 2, 3], [255, 255, 255]]]


def test_a_palette_has_256_colours_with_white_for_ignore():
    palette = full_palette([(1, 2, 3)])
    assert len(palette) == 768
    assert palette[:6] == [1, 2, 3, 1, 1, 1]
    assert palette[-3:] == [255, 255, 255]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    write_bytes(tmp_path / "f", b"old")
    with pytest.raises(TypeError):
        write_bytes(tmp_path / "f", "not bytes")
    assert [p.name for p in tmp_path.iterdir()] == ["f"]
    assert (tmp_path / "f").read_bytes() == b"old"
