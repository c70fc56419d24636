"""Augmentation by what lamp, lens and camera do: the disturbances of `picture.disturb_light` at drawn strengths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from blemish.core.arrays import Picture
from blemish.core.errors import InputError
from blemish.picture import disturb_light as light

_Change = Callable[[Picture, float, np.random.Generator], Picture]


@dataclass(frozen=True)
class Optics:
    """The worst that each may do; each comes with the same chance, at a strength drawn evenly up to its worst.

    Example:
        >>> Optics().apply(np.zeros((4, 4), np.uint8), np.random.default_rng(0)).shape
        (4, 4)
    """

    chance_frac: float = 0.2  # Of each of them, on each picture.
    gamma: float = 1.8  # Exponent of the tone curve, 1 = none.
    blur_px: float = 2.0  # Deviation.
    motion_px: float = 9.0  # Length along y.
    defocus_px: float = 3.0  # Radius.
    vignetting_frac: float = 0.5
    gain_columns_frac: float = 0.08
    gain_rows_frac: float = 0.08
    jpeg_quality: float = 25.0  # 100 = none.

    def __post_init__(self) -> None:
        for name in ("chance_frac", "vignetting_frac", "gain_columns_frac", "gain_rows_frac"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"augmentation {name} must be 0 to 1, got {getattr(self, name)}")
        if self.gamma < 1 or not 1 <= self.jpeg_quality <= 100:
            raise InputError(
                f"augmentation gamma must be 1 or more and jpeg_quality 1 to 100, got {self.gamma} and "
                f"{self.jpeg_quality}"
            )
        if min(self.blur_px, self.motion_px, self.defocus_px) < 0:
            raise InputError("augmentation blur_px, motion_px and defocus_px must be 0 or more")

    def apply(self, picture: Picture, random: np.random.Generator) -> Picture:
        """A picture as this optics may have taken it; equal generators give equal bytes."""
        share = random.random(len(_CHANGES))  # Drawn for all, so that one chance does not shift the others.
        comes = random.random(len(_CHANGES)) < self.chance_frac
        for (name, least, change), part, is_there in zip(_CHANGES, share, comes, strict=True):
            worst = getattr(self, name)
            if is_there and worst != least:
                picture = change(picture, float(least + part * (worst - least)), random)
        return picture


_CHANGES: tuple[tuple[str, float, _Change], ...] = (  # In the order of a picture's way; the value that changes nothing.
    ("defocus_px", 0.0, light.defocus),
    ("motion_px", 0.0, light.smear),
    ("vignetting_frac", 0.0, light.vignette),
    ("gain_columns_frac", 0.0, light.drift_columns),
    ("gain_rows_frac", 0.0, light.drift_rows),
    ("gamma", 1.0, light.tone),
    ("blur_px", 0.0, light.blur),
    ("jpeg_quality", 100.0, light.compress),
)
