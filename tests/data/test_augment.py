"""Picture and label are changed together, and only as far as the settings say."""

from __future__ import annotations

import time
from dataclasses import replace

import cv2
import numpy as np
import pytest

from blemish.core.errors import InputError
from blemish.core.labels import LabelMap
from blemish.data.augment import Augmentation, augment, point_on_defect
from blemish.data.augment_optics import Optics

EVERYTHING = replace(
    Augmentation.paper_segment(), rotation_deg=180.0, shear_deg=20.0, contrast_frac=0.3, inversion_frac=0.5
)


def disc_tile(height: int = 96, width: int = 128, channels: int = 1) -> tuple[np.ndarray, LabelMap]:
    """Bright where the label is 1 (two discs, far larger than a pixel), dark elsewhere; 255 in the right-hand strip."""
    defect = np.zeros((height, width), np.uint8)
    cv2.circle(defect, (40, 30), 14, 1, -1)
    cv2.ellipse(defect, (80, 60), (20, 9), 30, 0, 360, 1, -1)
    picture = np.where(defect == 1, 220, 30).astype(np.uint8)
    background = (np.arange(height)[:, None] >= height // 2).astype(np.uint8) * np.ones((1, width), np.uint8)
    defect[:, -8:] = 255
    return (picture if channels == 1 else np.repeat(picture[:, :, None], 3, 2)), LabelMap(defect, background)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("seed", range(6))
def test_label_stays_on_the_picture_to_within_a_pixel_of_its_edge(seed, channels):
    settings = Augmentation(rotation_deg=180, translation_frac=0.2, scale=(0.7, 1.4), shear_deg=25, flip_x_frac=0.5)
    picture, label = augment(*disc_tile(channels=channels), settings, np.random.default_rng(seed))
    bright = (picture if channels == 1 else picture[:, :, 0]) > 125
    known = label.defect != 255
    inner = cv2.erode((label.defect == 1).astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0).astype(bool)
    outer = cv2.dilate((label.defect != 0).astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    assert bright[inner].all()
    assert not (bright & ~outer & known).any()
    assert (label.defect == 1).sum() > 50


def test_quarter_turn_moves_pixels_exactly_like_rot90():
    picture = np.random.default_rng(0).integers(0, 256, (33, 33), np.uint8)
    label = LabelMap((picture // 86).astype(np.uint8), (picture % 2).astype(np.uint8))
    found = set()
    for seed in range(4):  # A rotation of exactly 90 degrees is drawn by pinning the draw to its ends.
        turned, turned_label = augment(picture, label, Augmentation(rotation_deg=90), _Ends(seed))
        quarter = -1 if _Ends(seed).sign > 0 else 1  # Positive turns x towards y: clockwise as seen.
        assert np.array_equal(turned, np.rot90(picture, quarter))
        assert np.array_equal(turned_label.defect, np.rot90(label.defect, quarter))
        assert np.array_equal(turned_label.background, np.rot90(label.background, quarter))
        found.add(quarter)
    assert found == {-1, 1}


class _Ends:
    """A generator whose symmetric draws are all at one end."""

    def __init__(self, seed: int) -> None:
        self.sign = 1.0 if seed % 2 else -1.0

    def random(self, size=None):
        return np.full(size, 0.5) if size else 0.5

    def uniform(self, low, high, size=None):
        value = (low + high) / 2 + self.sign * (high - low) / 2
        return np.full(size, value) if size else value


def test_both_flips_equal_numpy_flips():
    picture, label = disc_tile()
    flipped, flipped_label = augment(
        picture, label, Augmentation(flip_x_frac=1, flip_y_frac=1), np.random.default_rng(0)
    )
    assert np.array_equal(flipped, picture[::-1, ::-1])
    assert np.array_equal(flipped_label.defect, label.defect[::-1, ::-1])
    assert np.array_equal(flipped_label.background, label.background[::-1, ::-1])


def test_none_changes_nothing_and_its_crop_is_a_window_of_the_tile():
    picture = np.arange(96 * 128, dtype=np.int64).reshape(96, 128).astype(np.uint8)
    label = LabelMap((picture % 3).astype(np.uint8), (picture % 2).astype(np.uint8))
    same, same_label = augment(picture, label, Augmentation.none(), np.random.default_rng(0))
    assert np.array_equal(same, picture)
    assert np.array_equal(same_label.defect, label.defect)
    crop, crop_label = augment(picture, label, Augmentation.none(), np.random.default_rng(3), crop_px=40)
    windows = np.lib.stride_tricks.sliding_window_view(picture, (40, 40))
    assert (windows == crop).all((2, 3)).any()
    assert np.array_equal(crop_label.defect, crop % 3)
    assert np.array_equal(crop_label.background, crop % 2)


def test_inversion_is_the_negative_and_leaves_the_label():
    picture, label = disc_tile()
    negative, same = augment(picture, label, Augmentation(inversion_frac=1), np.random.default_rng(0))
    assert np.array_equal(negative, 255 - picture)
    assert np.array_equal(same.defect, label.defect)


def test_brightness_contrast_and_noise_stay_in_their_ranges():
    flat, label = np.full((64, 64), 100, np.uint8), LabelMap.clean(64, 64)
    for seed in range(20):
        lit, _ = augment(flat, label, Augmentation(brightness_frac=0.1), np.random.default_rng(seed))
        assert np.unique(lit).size == 1
        assert abs(int(lit[0, 0]) - 100) <= 26  # 0.1 * 255, rounded
    ramp = np.tile(np.arange(64, 192, 2, dtype=np.uint8), (64, 1))
    spans = [
        int(np.ptp(augment(ramp, label, Augmentation(contrast_frac=0.5), np.random.default_rng(s))[0]))
        for s in range(20)
    ]
    assert 63 <= min(spans) < 126 < max(spans) <= 189
    noisy, _ = augment(flat, label, Augmentation(noise_std=10), np.random.default_rng(0))
    assert 0 < noisy.std() <= 10.5
    assert abs(noisy.mean() - 100) < 1


@pytest.mark.parametrize("seed", range(25))
def test_a_crop_holds_its_focus_whatever_the_warp(seed):
    defect = np.zeros((100, 120), np.uint8)
    random = np.random.default_rng(seed)
    x, y = int(random.integers(2, 118)), int(random.integers(2, 98))
    defect[y - 2 : y + 3, x - 2 : x + 3] = 1
    label = LabelMap(defect, np.zeros_like(defect))
    settings = replace(EVERYTHING, translation_frac=0.4)
    _, crop = augment(defect, label, settings, random, crop_px=32, focus_xy=(x, y))
    assert crop.size_hw == (32, 32)
    assert (crop.defect == 1).any()


def test_a_tile_smaller_than_the_crop_is_mirrored_in_picture_and_label():
    picture, label = disc_tile()
    big, big_label = augment(picture, label, Augmentation.none(), np.random.default_rng(0), crop_px=160)
    assert np.array_equal(big[32:128, 16:144], picture)
    assert np.array_equal(big_label.defect[32:128, 16:144], label.defect)
    assert np.array_equal(big[31], big[33])


def test_labels_keep_their_values_and_equal_seeds_give_equal_bytes():
    picture, label = disc_tile()
    first = augment(picture, label, EVERYTHING, np.random.default_rng(9), crop_px=64)
    again = augment(picture, label, EVERYTHING, np.random.default_rng(9), crop_px=64)
    other = augment(picture, label, EVERYTHING, np.random.default_rng(10), crop_px=64)
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1].defect, again[1].defect)
    assert not np.array_equal(first[0], other[0])
    assert set(np.unique(first[1].defect)) <= {0, 1, 255}


def test_point_on_defect_never_falls_on_ignore_or_another_class():
    defect = np.full((20, 30), 255, np.uint8)
    defect[3, 4], defect[10, 20] = 1, 2
    label = LabelMap(defect, np.zeros_like(defect))
    random = np.random.default_rng(0)
    assert {point_on_defect(label, random) for _ in range(40)} == {(4, 3), (20, 10)}
    assert point_on_defect(label, random, 2) == (20, 10)


def test_ranges_that_make_no_sense_are_refused():
    with pytest.raises(InputError, match="flip_x_frac must be 0 to 1, got 2"):
        Augmentation(flip_x_frac=2)
    with pytest.raises(InputError, match="two rising sizes above 0"):
        Augmentation(scale=(1.2, 0.8))


def test_a_512_tile_takes_well_under_10_ms():
    picture, label = np.random.default_rng(0).integers(0, 256, (512, 512), np.uint8), LabelMap.clean(512, 512)
    random, times = np.random.default_rng(0), []
    for _ in range(9):
        start = time.perf_counter()
        augment(picture, label, EVERYTHING, random)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.010


def test_optics_change_the_picture_and_never_the_label():
    random = np.random.default_rng(3)
    picture, label = random.integers(60, 200, (48, 48)).astype(np.uint8), LabelMap.clean(48, 48)
    label.defect[10:20, 10:20] = 2
    settings = Augmentation(optics=Optics(chance_frac=1))
    one, moved = augment(picture, label, settings, np.random.default_rng(1))
    again, _ = augment(picture, label, settings, np.random.default_rng(1))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, picture)
    assert np.array_equal(moved.defect, label.defect)


def test_optics_that_are_off_draw_nothing():
    picture, label = np.random.default_rng(3).integers(60, 200, (48, 48)).astype(np.uint8), LabelMap.clean(48, 48)
    without = Augmentation.paper_segment()
    never = replace(without, optics=Optics(chance_frac=0))
    assert np.array_equal(never.optics.apply(picture, np.random.default_rng(1)), picture)
    before_there_were_optics = 354838  # By commit 7c85caf, of the same call.
    assert augment(picture, label, without, np.random.default_rng(5))[0].sum() == before_there_were_optics


def test_a_share_of_the_pictures_is_spoilt_and_the_others_are_not():
    picture, label = np.full((32, 32), 120, np.uint8), LabelMap.clean(32, 32)
    settings = Augmentation(spoilt=Augmentation(inversion_frac=1), spoilt_frac=0.25)
    means = [augment(picture, label, settings, np.random.default_rng(seed))[0].mean() for seed in range(400)]
    assert set(means) == {120, 135}
    assert means.count(135) / 400 == pytest.approx(0.25, abs=0.06)


def test_augmentations_go_by_name():
    assert Augmentation.named("robust") == Augmentation.robust()
    assert Augmentation.robust().spoilt.optics is not None
    with pytest.raises(InputError, match="no augmentation 'strong': there are paper, robust"):
        Augmentation.named("strong")
    with pytest.raises(InputError, match="gamma must be 1 or more"):
        Optics(gamma=0.5)
