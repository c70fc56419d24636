"""16-bit pictures become 8-bit by one range for a whole data set, never picture by picture.

A range per picture would make the same defect bright in one scan and dim in the next.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from blemish.core.arrays import UInt8, UInt16
from blemish.core.errors import PictureError

GRAY_WEIGHTS = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow and OpenCV.


def common_range(pictures: Iterable[UInt8 | UInt16]) -> tuple[int, int] | None:
    """The lowest and highest value over all 16-bit pictures; None where every picture is 8-bit."""
    low, high = 65536, -1
    for picture in pictures:
        if picture.dtype == np.uint16:
            low, high = min(low, int(picture.min())), max(high, int(picture.max()))
    return None if high < 0 else (low, max(high, low + 1))


def to_8_bit(picture: UInt8 | UInt16, value_range: tuple[int, int] | None) -> UInt8:
    """Scale 16-bit values so that the range becomes 0..255 (clipped, rounded half up); 8-bit is returned as it is.

    Raises:
        PictureError: a 16-bit picture without a range.

    Example:
        >>> to_8_bit(np.array([[0, 4095]], np.uint16), (0, 4095)).tolist()
        [[0, 255]]
    """
    if picture.dtype == np.uint8:
        return picture.astype(np.uint8, copy=False)
    if value_range is None:
        raise PictureError("a 16-bit picture came where 8-bit ones were expected: give the value range of its data set")
    low, high = value_range
    scaled = (picture.astype(np.float32) - low) * (255.0 / (high - low))
    eight: UInt8 = np.clip(np.floor(scaled + 0.5), 0, 255).astype(np.uint8)
    return eight


def to_channels(picture: UInt8, channels: int) -> UInt8:
    """Gray or RGB as a network wants it: `H W C` with C 1 or 3; gray is repeated, RGB weighted (BT.601)."""
    if picture.ndim == 2:
        picture = picture[:, :, None]
    if picture.shape[2] == channels:
        return picture
    if channels == 3:
        return np.repeat(picture, 3, axis=2)
    gray = picture.astype(np.float32) @ np.array(GRAY_WEIGHTS, np.float32)
    one_channel: UInt8 = np.floor(gray + 0.5).astype(np.uint8)[:, :, None]
    return one_channel
