"""Pictures that cannot be judged are found, and none of the real ones is."""

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from blemish.core.seeds import rng
from blemish.picture.quality import faults, measure_quality
from blemish.picture.read import read_picture
from blemish.simulate.line import LineSettings, simulate_cell

REAL = Path(__file__).resolve().parents[3] / "shared" / "data"


def textured(seed=0):
    draw = rng(seed, "texture")
    coarse = cv2.resize(draw.normal(128, 25, (20, 30)).astype(np.float32), (300, 200), interpolation=cv2.INTER_CUBIC)
    return np.clip(coarse + draw.normal(0, 4, (200, 300)), 1, 254).astype(np.uint8)


def test_a_textured_picture_passes():
    assert faults(measure_quality(textured())) == ()


def test_contrast_and_shares_by_hand():
    half = np.zeros((64, 64), np.uint8)
    half[:, 32:] = 255
    found = measure_quality(half)
    assert (found.contrast, found.dark_frac, found.bright_frac) == (127.5, 0.5, 0.5)


@pytest.mark.parametrize("value", [0, 90, 255])
def test_an_even_picture_is_blank(value):
    assert faults(measure_quality(np.full((100, 100), value, np.uint8)))[0].startswith("blank: contrast 0.0")


def test_a_nearly_even_picture_is_blank():
    noise = rng(0).normal(100, 1.0, (100, 100)).round().astype(np.uint8)
    assert faults(measure_quality(noise))[0].startswith("blank")


@pytest.mark.parametrize("value", [0, 255])
def test_a_picture_mostly_at_one_end_is_saturated(value):
    picture = textured()
    picture[:160] = value
    assert faults(measure_quality(picture)) == (f"saturated: 80% of the pixels are {value}, at most 75% expected",)


@pytest.mark.parametrize("blur_px", [3, 6, 20])
def test_a_blurred_picture_is_found(blur_px):
    blurred = cv2.GaussianBlur(textured(), (0, 0), blur_px)
    assert [fault.split(":")[0] for fault in faults(measure_quality(blurred))] == ["blurred"]


def test_a_smooth_ramp_without_any_detail_is_blurred():
    ramp = np.tile(np.linspace(60, 180, 6000).astype(np.uint8), (64, 1))
    assert faults(measure_quality(ramp))[0].startswith("blurred")


def test_one_small_spot_on_an_even_ground_is_no_fault():
    picture = np.full((200, 200), 128, np.uint8)
    picture[90:100, 90:100] = 0
    assert faults(measure_quality(picture)) == ()


def test_rgb_is_judged_by_its_luminance():
    gray = textured()
    assert measure_quality(np.dstack([gray] * 3)) == measure_quality(gray)


def test_simulated_cells_pass_and_fail_when_blurred():
    scan = simulate_cell(5, 0, settings=LineSettings.small(640, 384)).picture
    assert faults(measure_quality(scan)) == ()
    assert faults(measure_quality(cv2.GaussianBlur(scan, (0, 0), 3))) != ()


@pytest.mark.parametrize("pattern", ["magnetic-tile/*/Imgs/*.jpg", "neu-seg/images/*/*.jpg"])
def test_real_pictures_pass_and_fail_when_blurred(pattern):
    paths = list(islice(sorted(REAL.glob(pattern)), 0, None, 12))
    if not paths:
        pytest.skip(f"no {REAL}/{pattern}: the real pictures are not here")
    pictures = [read_picture(path) for path in paths]
    assert [path.name for path, p in zip(paths, pictures, strict=True) if faults(measure_quality(p))] == []
    assert all(faults(measure_quality(cv2.GaussianBlur(picture, (0, 0), 3))) for picture in pictures)
