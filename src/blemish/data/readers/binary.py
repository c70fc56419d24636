"""Read a binary mask: a pixel is defect above 127, so that masks stored with losses keep their shape."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from blemish.core.arrays import Bool, UInt8
from blemish.core.errors import LabelError
from blemish.data.readers.kinds import gray_plane
from blemish.picture.read import read_picture

THRESHOLD = 127


def binary_mask(path: Path) -> Bool:
    """Where a mask shows a defect, bool H W.

    Raises:
        PictureError: cannot be read.
        LabelError: it is coloured, or holds one low value only, like an index mask.
    """
    pixels = read_picture(path)
    eight: UInt8 = (pixels >> 8).astype(np.uint8) if pixels.dtype == np.uint16 else pixels.astype(np.uint8, copy=False)
    plane = gray_plane(eight)
    if plane is None:
        raise LabelError(f"{path} must be a gray mask, got colours: give --format colour, or export it as a mask")
    mask = plane > THRESHOLD
    if not mask.any() and plane.any() and len(np.unique(plane)) == 2:
        raise LabelError(
            f"{path} must be a mask with defects above {THRESHOLD}, got 0 and {int(plane.max())} only: "
            f"for values that name classes give --format index"
        )
    return mask
