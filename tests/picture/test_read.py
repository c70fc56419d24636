"""Reading pictures: every format and depth, and refusal before decoding."""

import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from blemish.core.errors import PictureError
from blemish.picture.read import is_picture, picture_size, read_index, read_label, read_picture

GRAY = (np.arange(48, dtype=np.uint8) * 5).reshape(6, 8)
RGB = np.stack([GRAY, 255 - GRAY, GRAY // 2], axis=2)


@pytest.mark.parametrize("ending", ["png", "tif", "bmp"])
@pytest.mark.parametrize("picture", [GRAY, RGB], ids=["gray", "rgb"])
def test_lossless_formats_come_back_pixel_by_pixel(tmp_path, ending, picture):
    path = tmp_path / f"p.{ending}"
    Image.fromarray(picture).save(path)
    assert np.array_equal(read_picture(path), picture)
    assert picture_size(path) == (6, 8)


def test_the_size_of_a_file_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(PictureError, match=r"cannot read .*gone\.png: No such file"):
        picture_size(tmp_path / "gone.png")


def test_jpeg_comes_back_nearly(tmp_path):
    path = tmp_path / "p.jpg"
    smooth = np.tile(np.linspace(20, 200, 64, dtype=np.uint8), (64, 1))
    Image.fromarray(smooth).save(path, quality=95)
    assert np.abs(read_picture(path).astype(int) - smooth).max() <= 3


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_16_bit_keeps_its_values(tmp_path, ending):
    gray, colour = GRAY.astype(np.uint16) * 200 + 7, RGB.astype(np.uint16) * 200 + 7
    cv2.imwrite(str(tmp_path / f"g.{ending}"), gray)
    cv2.imwrite(str(tmp_path / f"c.{ending}"), colour[:, :, ::-1])
    assert np.array_equal(read_picture(tmp_path / f"g.{ending}"), gray)
    assert np.array_equal(read_picture(tmp_path / f"c.{ending}"), colour)


def test_alpha_is_dropped_and_a_palette_resolved(tmp_path):
    Image.fromarray(np.dstack([RGB, np.full_like(GRAY, 9)]), "RGBA").save(tmp_path / "a.png")
    paletted = Image.fromarray(np.array([[0, 1]], np.uint8)).convert("P")
    paletted.putpalette([10, 20, 30, 40, 50, 60])
    paletted.save(tmp_path / "p.png")
    assert np.array_equal(read_picture(tmp_path / "a.png"), RGB)
    assert read_picture(tmp_path / "p.png").tolist() == [[[10, 20, 30], [40, 50, 60]]]
    assert read_index(tmp_path / "p.png").tolist() == [[0, 1]]


def test_exif_orientation_turns_the_picture(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # Turn clockwise.
    Image.fromarray(GRAY).save(tmp_path / "p.png", exif=exif)
    assert np.array_equal(read_picture(tmp_path / "p.png"), np.rot90(GRAY, -1))


def test_a_huge_header_is_refused_without_decoding(tmp_path):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    path = tmp_path / "huge.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
    with pytest.raises(PictureError, match=r"30000 x 30000 = 900,000,000 pixels, over the budget"):
        read_picture(path)


def test_the_budget_counts_pixels_up_to_its_own_value(tmp_path):
    Image.fromarray(GRAY).save(tmp_path / "p.png")
    assert read_picture(tmp_path / "p.png", budget_px=48).shape == (6, 8)
    with pytest.raises(PictureError, match="over the budget of 47"):
        read_picture(tmp_path / "p.png", budget_px=47)


@pytest.mark.parametrize("ending", ["png", "jpg", "tif", "bmp"])
def test_a_truncated_file_is_an_error_not_half_a_picture(tmp_path, ending):
    path = tmp_path / f"p.{ending}"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(PictureError, match=r"damaged or truncated|not a PNG"):
        read_picture(path)


@pytest.mark.parametrize(("data", "says"), [(b"", "empty"), (b"a,b\n1,2\n", "whatever its name says")])
def test_what_is_no_picture_is_named(tmp_path, data, says):
    (tmp_path / "p.png").write_bytes(data)
    with pytest.raises(PictureError, match=says):
        read_picture(tmp_path / "p.png")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(PictureError, match=r"cannot read .*nothing\.png"):
        read_picture(tmp_path / "nothing.png")


def test_an_index_file_must_hold_one_plane(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "p.png")
    with pytest.raises(PictureError, match="one plane of values 0 to 255"):
        read_index(tmp_path / "p.png")


def test_names_are_told_by_their_ending(tmp_path):
    assert is_picture(tmp_path / "a.TIFF")
    assert not is_picture(tmp_path / "a.txt")


def turned(pixels, path, orientation):
    """A PNG with an EXIF orientation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(path, exif=exif)
    return path


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_index_mask_is_turned_as_its_picture_is(tmp_path, orientation):
    path = turned(GRAY, tmp_path / "p.png", orientation)
    assert np.array_equal(read_index(path), read_picture(path))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_16_bit_colours_are_turned_as_8_bit_ones_are(tmp_path, orientation):
    expected = read_picture(turned(RGB, tmp_path / "p.png", orientation))
    deep = cv2.imencode(".png", np.ascontiguousarray(RGB[:, :, ::-1].astype(np.uint16) * 257))[1].tobytes()
    exif = (tmp_path / "p.png").read_bytes()
    start = exif.index(b"eXIf") - 4
    chunk = exif[start : start + 12 + int.from_bytes(exif[start : start + 4], "big")]
    (tmp_path / "deep.png").write_bytes(deep[:33] + chunk + deep[33:])  # Behind the header.
    found = read_picture(tmp_path / "deep.png")
    assert found.dtype == np.uint16
    assert np.array_equal(found // 257, expected)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_a_label_shows_nothing_where_it_is_less_than_half_opaque(tmp_path, mode):
    white = np.full((4, 4, len(mode)), 255, np.uint8)
    white[..., -1] = [[0, 127, 128, 255]] * 4
    Image.fromarray(white, mode).save(tmp_path / "layer.png")
    found = read_label(tmp_path / "layer.png")
    assert found.reshape(4, 4, -1)[..., 0].tolist() == [[0, 0, 255, 255]] * 4
    assert (read_picture(tmp_path / "layer.png") == 255).all()


def test_a_label_without_alpha_is_read_as_a_picture_is(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "p.png")
    assert np.array_equal(read_label(tmp_path / "p.png"), RGB)


def tailed(path, share):
    """The file with its end overwritten by zeros: as long as before, as a copy that was cut short leaves it."""
    data = path.read_bytes()
    kept = data[: int(len(data) * share)]
    path.write_bytes(kept + bytes(len(data) - len(kept)))


@pytest.mark.parametrize(("name", "more"), [("p.jpg", {}), ("p.jpg", {"progressive": True}), ("p.png", {})])
@pytest.mark.parametrize("share", [0.6, 0.9])
def test_a_file_whose_end_is_zeros_is_damaged(tmp_path, name, more, share):
    picture = np.random.default_rng(0).integers(0, 255, (300, 400), dtype=np.uint8)
    Image.fromarray(picture).save(tmp_path / name, **more)
    assert read_picture(tmp_path / name).shape == (300, 400)
    tailed(tmp_path / name, share)
    for read in (read_picture, read_index):
        with pytest.raises(PictureError, match="damaged or truncated"):
            read(tmp_path / name)


def test_what_stands_behind_the_end_of_a_jpeg_does_no_harm(tmp_path):
    Image.fromarray(GRAY).save(tmp_path / "p.jpg")
    (tmp_path / "p.jpg").write_bytes((tmp_path / "p.jpg").read_bytes() + bytes(100))
    assert read_picture(tmp_path / "p.jpg").shape == (6, 8)


@pytest.mark.parametrize("name", ["p.tif", "p.png"])
def test_a_file_of_several_pictures_is_refused(tmp_path, name):
    Image.fromarray(GRAY).save(tmp_path / name, save_all=True, append_images=[Image.fromarray(255 - GRAY)])
    with pytest.raises(PictureError, match="must hold one picture, got 2: save each"):
        read_picture(tmp_path / name)


def test_a_smaller_copy_in_a_tiff_is_no_second_picture(tmp_path):
    small = Image.fromarray(GRAY[::2, ::2])
    small.encoderinfo = {"tiffinfo": TiffImagePlugin.ImageFileDirectory_v2()}
    small.encoderinfo["tiffinfo"][254] = 1
    Image.fromarray(GRAY).save(tmp_path / "p.tif", save_all=True, append_images=[small])
    assert np.array_equal(read_picture(tmp_path / "p.tif"), GRAY)
