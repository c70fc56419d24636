"""Classical augmentation of a picture and its label together (OpenCV).

One affine warp moves picture, defect plane and background plane alike: bilinear for the picture, nearest for the
labels. What enters from beyond the tile is its mirror image in all three, so every label stays true to what its pixel
shows, and 255 (ignore, padding) stays 255. Then one table of 256 gray levels (inversion, contrast, brightness), then
lamp, lens and camera where they are asked for (`augment_optics`), then noise; none touches a label.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

import cv2
import numpy as np

from blemish.core.arrays import Float64, Picture
from blemish.core.errors import InputError
from blemish.core.labels import LabelMap
from blemish.core.records import Box
from blemish.core.taxonomy import IGNORE
from blemish.data.augment_optics import Optics
from blemish.picture.tiling import cut

_NO_SCALE = (1.0, 1.0)


@dataclass(frozen=True)
class Augmentation:
    """How far a picture may be changed; every range is drawn uniformly, scale on a logarithmic axis.

    A field ending in `_frac` that is a chance is 0 (never) to 1 (always).

    Example:
        >>> Augmentation.none().rotation_deg, Augmentation.paper_segment().flip_x_frac
        (0.0, 0.5)
    """

    rotation_deg: float = 0.0  # Turned by up to this either way, about the middle.
    translation_frac: float = 0.0  # Shifted by up to this share of the output's side, either way, along x and y.
    scale: tuple[float, float] = _NO_SCALE  # 2 = twice as large in the output.
    shear_deg: float = 0.0  # Along x, either way.
    geometry_chance_frac: float = 1.0  # How often rotation, translation, scale and shear are applied at all.
    flip_x_frac: float = 0.0  # Chance of left and right exchanged.
    flip_y_frac: float = 0.0  # Chance of top and bottom exchanged.
    inversion_frac: float = 0.0  # Chance of the negative, 255 - picture.
    brightness_frac: float = 0.0  # Added or taken away: up to this share of 255.
    contrast_frac: float = 0.0  # Deviation from the picture's mean times 1 - this to 1 + this.
    noise_std: float = 0.0  # Gaussian, gray levels of 255: a deviation from 0 to this is drawn for each picture.
    noise_chance_frac: float = 1.0
    optics: Optics | None = None  # None = nothing of it, and nothing is drawn for it.
    spoilt: Augmentation | None = None  # Takes the place of all above for a share of the pictures; None = for none.
    spoilt_frac: float = 0.0  # That share.

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name.endswith("_frac") and not 0 <= value <= 1:
                raise InputError(f"augmentation {field.name} must be 0 to 1, got {value}")
        if not 0 < self.scale[0] <= self.scale[1]:
            raise InputError(f"augmentation scale must be two rising sizes above 0, got {list(self.scale)}")
        if min(self.rotation_deg, self.noise_std) < 0 or not 0 <= self.shear_deg < 80:
            raise InputError("augmentation rotation_deg and noise_std must be 0 or more, shear_deg 0 to under 80")

    @classmethod
    def none(cls) -> Augmentation:
        """Nothing is changed (a crop may still be cut)."""
        return cls()

    @classmethod
    def paper_gan(cls) -> Augmentation:
        """Rotation, translation, scaling, inversion and noise (paper, section III.B). The ranges are ours.

        "Inversion" is read as mirroring: a negative would ask a generator for two opposite pictures of one label.
        """
        return cls(
            rotation_deg=15,
            translation_frac=0.1,
            scale=(0.85, 1.2),
            flip_x_frac=0.5,
            flip_y_frac=0.5,
            noise_std=3,
            noise_chance_frac=0.5,
        )

    @classmethod
    def paper_segment(cls) -> Augmentation:
        """Rotation, translation, flips, resizing, brightness and noise (paper, section III.C). The ranges are ours."""
        return cls(
            rotation_deg=15,
            translation_frac=0.1,
            scale=(0.8, 1.25),
            flip_x_frac=0.5,
            flip_y_frac=0.5,
            brightness_frac=0.1,
            noise_std=6,
            noise_chance_frac=0.5,
        )

    @classmethod
    def robust(cls, spoilt_frac: float = 0.5) -> Augmentation:
        """For a line that is not always the same: wider ranges, and what lamp, lens and camera do (docs/adr/0015).

        Args:
            spoilt_frac: of the pictures; the others as in `paper_segment`, so that a good picture is learned too.
        """
        spoilt = cls(
            rotation_deg=30,
            translation_frac=0.1,
            scale=(0.65, 1.5),
            shear_deg=15,
            flip_x_frac=0.5,
            flip_y_frac=0.5,
            brightness_frac=0.2,
            contrast_frac=0.2,
            noise_std=20,
            noise_chance_frac=0.5,
            optics=Optics(),
        )
        return replace(cls.paper_segment(), spoilt=spoilt, spoilt_frac=spoilt_frac)

    @classmethod
    def named(cls, name: str) -> Augmentation:
        """One of the ways to train an inspector: `paper` or `robust`.

        Raises:
            InputError: no such name.
        """
        known = {"paper": cls.paper_segment, "robust": cls.robust}
        if name not in known:
            raise InputError(f"no augmentation '{name}': there are {', '.join(known)}")
        return known[name]()


def augment(
    picture: Picture,
    label_map: LabelMap,
    settings: Augmentation,
    random: np.random.Generator,
    *,
    crop_px: int | None = None,
    focus_xy: tuple[float, float] | None = None,
) -> tuple[Picture, LabelMap]:
    """A changed copy of a picture and its label map; equal generators give equal bytes.

    Args:
        picture: uint8 H W or H W 3.
        crop_px: the side of a square to warp straight into; None = the size stays. A tile smaller than it is mirrored.
        focus_xy: a point of the picture that a crop must hold, somewhere in it; None = the crop lies anywhere.

    Returns:
        uint8 picture and label map, crop_px square or of the size that came in.

    Example:
        >>> tile, label = np.zeros((64, 64), np.uint8), LabelMap.clean(64, 64)
        >>> augment(tile, label, Augmentation.paper_segment(), np.random.default_rng(1), crop_px=32)[0].shape
        (32, 32)
    """
    if settings.spoilt is not None and random.random() < settings.spoilt_frac:
        settings = settings.spoilt
    out_hw = label_map.size_hw if crop_px is None else (crop_px, crop_px)
    window = _draw_window(label_map.size_hw, out_hw, focus_xy, random)
    linear, shift_xy = _draw_move(settings, out_hw, random)
    if np.array_equal(linear, np.eye(2)) and not shift_xy.any():
        moved = cut(picture, window), LabelMap(cut(label_map.defect, window), cut(label_map.background, window))
    else:
        moved = _warp(picture, label_map, _inverse(linear, shift_xy, window, focus_xy), out_hw)
    lit = _levels(moved[0], settings, random)
    taken = lit if settings.optics is None else settings.optics.apply(lit, random)
    return _noise(taken, settings, random), moved[1]


def point_on_defect(label_map: LabelMap, random: np.random.Generator, index: int | None = None) -> tuple[int, int]:
    """A random pixel (x, y) of class `index`, or of any defect where it is None; of the whole tile if it has none.

    Example:
        >>> label = LabelMap.clean(8, 8)
        >>> label.defect[2, 5] = 1
        >>> point_on_defect(label, np.random.default_rng(0))
        (5, 2)
    """
    held = (label_map.defect > 0) & (label_map.defect != IGNORE) if index is None else label_map.defect == index
    places = np.flatnonzero(held)
    place = int(places[random.integers(len(places))] if len(places) else random.integers(held.size))
    return place % held.shape[1], place // held.shape[1]


def _draw_window(
    size_hw: tuple[int, int], out_hw: tuple[int, int], focus_xy: tuple[float, float] | None, random: np.random.Generator
) -> Box:
    """Where the output lies on the tile before it is turned: inside where it fits, round the middle where not."""
    corner = []
    for length, out, focus in zip(size_hw[::-1], out_hw[::-1], focus_xy or (None, None), strict=True):
        if out >= length:
            corner.append((length - out) // 2)
        elif focus is None:
            corner.append(int(random.integers(0, length - out + 1)))
        else:
            jittered = focus - out / 2 + random.uniform(-out / 4, out / 4)
            corner.append(int(np.clip(round(jittered), 0, length - out)))
    return Box(corner[0], corner[1], out_hw[1], out_hw[0])


def _draw_move(settings: Augmentation, out_hw: tuple[int, int], random: np.random.Generator) -> tuple[Float64, Float64]:
    """The linear part, tile to output, and the shift in output pixels."""
    flips = np.where(random.random(2) < (settings.flip_x_frac, settings.flip_y_frac), -1.0, 1.0)
    geometry = random.random() < settings.geometry_chance_frac
    turn, shear, shift_x, shift_y = random.uniform(-1, 1, 4)
    scale = math.exp(random.uniform(*np.log(settings.scale)))
    if not geometry:
        return np.diag(flips), np.zeros(2)
    angle = math.radians(turn * settings.rotation_deg)
    rotation = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    sheared = np.array([[1.0, math.tan(math.radians(shear * settings.shear_deg))], [0.0, 1.0]])
    shift_xy = np.array([shift_x * out_hw[1], shift_y * out_hw[0]]) * settings.translation_frac
    return scale * rotation @ sheared @ np.diag(flips), shift_xy


def _inverse(linear: Float64, shift_xy: Float64, window: Box, focus_xy: tuple[float, float] | None) -> Float64:
    """The 2 x 3 map from output pixels to tile pixels; the shift is shortened where the focus would leave the crop."""
    middle = np.array([(window.width - 1) / 2, (window.height - 1) / 2])
    centre = middle + np.array([window.x, window.y])
    if focus_xy is not None:
        lands = linear @ (np.asarray(focus_xy) - centre) + middle + shift_xy
        shift_xy = shift_xy + np.clip(lands, middle * 0.1, middle * 1.9) - lands
    back = np.linalg.inv(linear)
    return np.column_stack([back, centre - back @ (middle + shift_xy)])


def _warp(picture: Picture, label_map: LabelMap, inverse: Float64, out_hw: tuple[int, int]) -> tuple[Picture, LabelMap]:
    def warped(plane: Picture, interpolation: int) -> Picture:
        flags = interpolation | cv2.WARP_INVERSE_MAP
        moved = cv2.warpAffine(plane, inverse, out_hw[::-1], flags=flags, borderMode=cv2.BORDER_REFLECT_101)
        return moved.astype(np.uint8, copy=False)

    label = LabelMap(warped(label_map.defect, cv2.INTER_NEAREST), warped(label_map.background, cv2.INTER_NEAREST))
    return warped(picture, cv2.INTER_LINEAR), label


def _levels(picture: Picture, settings: Augmentation, random: np.random.Generator) -> Picture:
    """Inversion, contrast and brightness as one table of 256 levels."""
    inverted = random.random() < settings.inversion_frac
    brightness, contrast = random.uniform(-1, 1, 2) * (settings.brightness_frac * 255, settings.contrast_frac)
    if not inverted and brightness == 0 and contrast == 0:
        return picture
    levels = np.arange(256.0)[:: -1 if inverted else 1]
    mean = levels[np.clip(round(float(picture.mean())), 0, 255)]
    table = np.clip(np.rint((levels - mean) * (1 + contrast) + mean + brightness), 0, 255).astype(np.uint8)
    return np.asarray(table[picture])


def _noise(picture: Picture, settings: Augmentation, random: np.random.Generator) -> Picture:
    drawn = random.random() < settings.noise_chance_frac
    std = random.uniform(0, 1) * settings.noise_std
    if not drawn or std == 0:
        return picture
    noisy = random.standard_normal(picture.shape, dtype=np.float32)
    noisy *= np.float32(std)
    noisy += picture
    np.rint(noisy, out=noisy)
    np.clip(noisy, 0, 255, out=noisy)
    return noisy.astype(np.uint8)
