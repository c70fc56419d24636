"""Read a binary mask: a pixel is defect above 127, so that masks stored with losses keep their shape."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from blemish.core.arrays import Bool, UInt8
from blemish.core.errors import LabelError, PictureError
from blemish.core.taxonomy import IGNORE
from blemish.data.readers.planes import gray_plane, index_plane, mask_picture, values_in

THRESHOLD = 127
_GRAY_CODES = 16  # A mask with more values than this has soft edges or was stored with losses.
_MOST_FLAT = 0.05  # Of what is not 0, that soft edges may have in flat regions between.
_NOISE = 8  # So near to 0 or to the highest value, a value is one of them stored with losses.
_DARK, _MOST_BETWEEN = 32, 0.15  # Of its pixels, the most that soft edges and losses of a mask cover: measured 0.06.
_WITH_LOSSES = (".jpg", ".jpeg")


def binary_mask(path: Path, *, ones: bool = False) -> Bool:
    """Where a mask shows a defect, bool H W.

    Args:
        ones: the masks of the set hold 0 and 1 alone.

    Raises:
        PictureError: cannot be read.
        LabelError: it is coloured, or its gray levels name classes: one low value only, or whole regions of a value
            between 0 and the highest.
    """
    plane = index_plane(path) if ones else _plane(path)
    if ones and plane.max(initial=0) > 1:
        raise LabelError(
            f"{path} must be a mask of 0 and 1 like the others, got {int(plane.max())}: {_ways_out(plane)}"
        )
    mask = plane > (0 if ones else THRESHOLD)
    if not mask.any() and plane.any() and len(np.unique(plane)) == 2:
        raise LabelError(
            f"{path} must be a mask with defects above {THRESHOLD}, got 0 and {int(plane.max())} only: "
            f"{_ways_out(plane)}"
        )
    if path.suffix.lower() not in _WITH_LOSSES:
        _refuse_gray_codes(plane, path)
    _refuse_picture(plane, path)
    return mask


def _plane(path: Path) -> UInt8:
    shown = mask_picture(path)
    plane = gray_plane(shown)
    if plane is None:
        plane = _indices_0_and_255(path)
    if plane is None:
        raise LabelError(f"{path} must be a gray mask, got colours: give --format colour, or export it as a mask")
    return plane


def _indices_0_and_255(path: Path) -> UInt8 | None:
    """The indices of a mask with a coloured palette, where they are 0 and 255 alone."""
    try:
        indices = index_plane(path)
    except PictureError:
        return None
    return indices if set(values_in(indices)) <= {0, IGNORE} else None


def _refuse_gray_codes(plane: UInt8, path: Path) -> None:
    """Refuse whole regions of a gray level between 0 and the highest: soft edges are too narrow to hold 3x3 pixels."""
    values = values_in(plane)
    highest = values[-1]
    if len(values) > _GRAY_CODES and _flat_between(plane, values) < _MOST_FLAT * np.count_nonzero(plane > _NOISE):
        return
    for value in values:
        if not _NOISE < value < highest - _NOISE:
            continue
        region = (plane == value).astype(np.uint8)
        inner = cv2.erode(region, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
        if inner.any():
            y, x = np.argwhere(inner)[0]
            raise LabelError(
                f"{path} must be a mask of 0 and one value, got a region of {value} at x={x}, y={y} and a highest "
                f"value of {highest}: {_ways_out(plane)}"
            )


def _refuse_picture(plane: UInt8, path: Path) -> None:
    """Refuse what has tones: files whose names merely match, or a picture and its mask taken for one another."""
    highest = int(plane.max(initial=0))
    between = np.count_nonzero((plane > _DARK) & (plane < highest - _DARK)) / max(plane.size, 1)
    if between > _MOST_BETWEEN:
        raise LabelError(
            f"{path} was taken for a mask, but {between:.0%} of its pixels are neither dark nor bright: it looks like "
            f"a picture; put pictures and masks into a folder each, and store masks without losses (PNG)"
        )


def _flat_between(plane: UInt8, values: list[int]) -> int:
    """Pixels in the middle of 3x3 of one value between 0 and the highest: soft edges have next to none."""
    least, most = (function(plane, np.ones((3, 3), np.uint8)) for function in (cv2.erode, cv2.dilate))
    flat = (least == most) & (plane > _NOISE) & (plane < values[-1] - _NOISE)
    return int(np.count_nonzero(flat))


def _ways_out(plane: UInt8) -> str:
    """How to import masks whose values name classes: index masks go without gaps from 1, colours may be any."""
    colours = ", ".join(f"#{v:02x}{v:02x}{v:02x}" for v in values_in(plane) if v)
    return (
        f"where values 1, 2, 3, ... name classes give --format index; where other gray levels do, --format colour and "
        f"a --taxonomy FILE whose classes have the colours {colours}; a defect is saved as 255"
    )
