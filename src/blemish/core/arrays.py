"""Names for the array types that cross rooms.

A picture is uint8 (or uint16 before normalisation), `H W` for gray and `H W 3` for RGB, rows first, origin top left.
A batch of pictures is always `N H W C` with C = 1 or 3.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

UInt8 = NDArray[np.uint8]
UInt16 = NDArray[np.uint16]
Int64 = NDArray[np.int64]
Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]
Picture = NDArray[np.uint8]  # H W or H W 3


def with_channels(picture: UInt8) -> UInt8:
    """A picture as `H W C`: a gray `H W` gets its one channel.

    Example:
        >>> with_channels(np.zeros((4, 6), np.uint8)).shape
        (4, 6, 1)
    """
    return picture[:, :, None] if picture.ndim == 2 else picture


def without_channels(picture: UInt8) -> UInt8:
    """The inverse of `with_channels`: one channel is dropped, three are kept."""
    return picture[:, :, 0] if picture.ndim == 3 and picture.shape[2] == 1 else picture
