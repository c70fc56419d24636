"""The values of a mask file, whatever it was stored as: 8 or 16 bit, one plane or three equal ones, with a palette."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from blemish.core.arrays import UInt8, UInt16
from blemish.core.errors import PictureError
from blemish.picture.read import read_index, read_label


def mask_picture(path: Path) -> UInt8:
    """A mask as it is shown, uint8 H W or H W 3.

    Values of a 16-bit file are kept where none is above 255, for many tools store 0 and 255 so; else they are divided
    by 256.

    Raises:
        PictureError: cannot be read.
    """
    pixels = read_label(path)
    is_deep = pixels.dtype == np.uint16 and pixels.max(initial=0) > 255
    return (pixels >> 8).astype(np.uint8) if is_deep else pixels.astype(np.uint8, copy=False)


def index_plane(path: Path) -> UInt8:
    """The values of an index mask, uint8 H W: palette indices or gray levels, also where three equal planes hold them.

    Raises:
        PictureError: cannot be read, shows colours without a palette, or holds values above 255.
    """
    try:
        return read_index(path)
    except PictureError:
        pixels = read_label(path)
        plane = gray_plane(pixels.astype(np.uint8)) if pixels.max(initial=0) <= 255 else None
        if plane is None:
            raise
        return plane


def is_gray(pixels: UInt8 | UInt16) -> bool:
    """One plane, or three equal ones."""
    return pixels.ndim == 2 or bool((pixels == pixels[:, :, :1]).all())


def gray_plane(pixels: UInt8) -> UInt8 | None:
    """The one plane of a gray picture, also where it is stored as RGB; None for a coloured one."""
    if pixels.ndim == 2:
        return pixels
    return pixels[:, :, 0] if is_gray(pixels) else None


def values_in(plane: UInt8) -> list[int]:
    """The values that a plane holds, in order."""
    return [int(value) for value in np.flatnonzero(np.bincount(plane.ravel(), minlength=256))]
