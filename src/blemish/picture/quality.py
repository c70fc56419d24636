"""Can a picture be judged at all? Written limits for blank, saturated and blurred ones.

The limits are on the safe side of real pictures: over the 506 + 600 gray pictures of magnetic-tile and neu-seg the
least contrast is 6.0 gray levels, the largest share of pixels at 0 or 255 is 0.29, and the least sharpness 0.127. A
Gaussian blur of 2 px brings 1,101 of the 1,106 below the limit on sharpness, one of 3 px all of them (0.018 at most).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from cv2.typing import MatLike

from blemish.core.arrays import UInt8
from blemish.picture.normalise import to_channels

BLOCK_PX = 64
BLOCKS_A_SIDE = 24  # At most this many blocks along each axis are looked at, spread evenly.
SHARPEST = 75  # Percentile of the blocks' sharpness that speaks for the picture: smooth areas are no fault.
ROUNDING_VARIANCE = 20 / 12  # Of the Laplacian (4 neighbours, centre -4) of values rounded to whole gray levels.


@dataclass(frozen=True)
class QualityLimits:
    """Beyond any of these a picture is not judged by the network; its part becomes REVIEW."""

    least_contrast: float = 2.0  # Standard deviation in gray levels.
    most_saturated_frac: float = 0.75  # Share of pixels at 0, or at 255.
    least_sharpness: float = 0.03  # See `Quality.sharpness`.


@dataclass(frozen=True)
class Quality:
    """What was measured on one picture."""

    contrast: float  # Standard deviation in gray levels, 0 to 127.5.
    dark_frac: float  # Share of pixels at 0,
    bright_frac: float  # and at 255.
    sharpness: float  # Laplacian variance over variance in the sharper blocks, rounding taken off; 0 = no detail.


def measure_quality(picture: UInt8) -> Quality:
    """Measure a picture, uint8 H W or H W C; RGB is judged by its luminance."""
    gray = to_channels(picture, 1)[:, :, 0]
    counts = cv2.calcHist([gray], [0], None, [256], [0, 256]).ravel().astype(np.float64) / gray.size
    levels = np.arange(256)
    mean = float(counts @ levels)
    contrast = float(counts @ (levels - mean) ** 2) ** 0.5
    return Quality(contrast, float(counts[0]), float(counts[255]), _sharpness(gray))


def faults(quality: Quality, limits: QualityLimits = QualityLimits()) -> tuple[str, ...]:
    """Why a picture cannot be judged, in words; empty where it can.

    Example:
        >>> faults(measure_quality(np.full((64, 64), 90, np.uint8)))
        ('blank: contrast 0.0 gray levels, at least 2.0 expected',)
    """
    if quality.contrast < limits.least_contrast:
        return (f"blank: contrast {quality.contrast:.1f} gray levels, at least {limits.least_contrast:.1f} expected",)
    found = []
    for share, value in ((quality.dark_frac, 0), (quality.bright_frac, 255)):
        if share > limits.most_saturated_frac:
            found.append(
                f"saturated: {share:.0%} of the pixels are {value}, at most {limits.most_saturated_frac:.0%} expected"
            )
    if quality.sharpness < limits.least_sharpness:
        found.append(f"blurred: sharpness {quality.sharpness:.3f}, at least {limits.least_sharpness:.3f} expected")
    return tuple(found)


def _sharpness(gray: UInt8) -> float:
    ratios = []
    for block in _blocks(gray):
        variance = _variance(block)
        if variance >= 1.0:  # In a flat block there is nothing to be sharp.
            laplacian = cv2.Laplacian(block, cv2.CV_16S, ksize=1, borderType=cv2.BORDER_REPLICATE)
            ratios.append(max(_variance(laplacian) - ROUNDING_VARIANCE, 0.0) / variance)
    return float(np.percentile(ratios, SHARPEST)) if ratios else 0.0


def _variance(plane: MatLike) -> float:
    return float(cv2.meanStdDev(plane)[1][0, 0]) ** 2


def _blocks(gray: UInt8) -> list[UInt8]:
    height, width = gray.shape
    return [gray[y : y + BLOCK_PX, x : x + BLOCK_PX] for y in _places(height) for x in _places(width)]


def _places(length: int) -> list[int]:
    """Where blocks begin along an axis: end to end, or fewer and evenly spread."""
    count = min(BLOCKS_A_SIDE, max(1, length // BLOCK_PX))
    return [int(place) for place in np.linspace(0, max(0, length - BLOCK_PX), count)]
