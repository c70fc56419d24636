"""Region metrics: how many real defects were met, and how many regions were called where nothing is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from blemish.core.arrays import Bool, Float64, Int64, UInt8
from blemish.core.errors import LabelError
from blemish.core.taxonomy import IGNORE

OVERLAPS = (0.0, 0.1, 0.3, 0.5)  # 0 = one shared pixel is enough.


@dataclass(frozen=True)
class RegionCount:
    """Regions of one class on one picture or, added up, on many.

    Attributes:
        real: connected regions of the truth.
        met: those of which the prediction of that class covers at least the overlap asked for, and a pixel.
        false: predicted regions of which the truth of that class covers less than that, or not a pixel; one that
            touches an ignored pixel is never false.
    """

    real: int = 0
    met: int = 0
    false: int = 0

    def __add__(self, other: RegionCount) -> RegionCount:
        return RegionCount(self.real + other.real, self.met + other.met, self.false + other.false)

    @property
    def recall(self) -> float:
        """met / real, 1 is best; NaN where there was none."""
        return self.met / self.real if self.real else float("nan")


def count_regions(truth: UInt8, predicted: UInt8, class_index: int, least_size_px: int = 0) -> RegionCount:
    """Count the regions of one class (8-connected) on one picture; a shared pixel is enough to meet.

    Args:
        least_size_px: predicted regions with a shorter longest side meet nothing and are not counted as false: the line
            drops them. At the picture's edge they may meet: a tile may show a piece of a larger one.

    Example:
        >>> truth = np.array([[1, 0, 0, 1]], np.uint8)
        >>> count_regions(truth, np.array([[1, 0, 0, 0]], np.uint8), 1)
        RegionCount(real=2, met=1, false=0)
    """
    return regions_at(truth, predicted, class_index, (0.0,), least_size_px)[0]


def regions_at(
    truth: UInt8,
    predicted: UInt8,
    class_index: int,
    overlaps: Sequence[float] = OVERLAPS,
    least_size_px: int = 0,
) -> tuple[RegionCount, ...]:
    """Count as `count_regions` does, once for each overlap asked for.

    Coverage, not IoU: a scratch found in three pieces is met if the pieces together cover enough of it, and a blot over
    everything meets all but is false itself.

    Args:
        overlaps: 0 to 1, shares of the real region for `met`, of the predicted one for `false`.

    Example:
        >>> truth = np.array([[1, 1, 1, 1, 0, 0]], np.uint8)
        >>> regions_at(truth, np.array([[0, 0, 0, 1, 1, 1]], np.uint8), 1, (0.0, 0.3))
        (RegionCount(real=1, met=1, false=0), RegionCount(real=1, met=0, false=0))
    """
    if truth.shape != predicted.shape:
        raise LabelError(f"truth and prediction must be of one size, got {truth.shape} and {predicted.shape}")
    true_mask, called_mask = truth == class_index, _large_enough(predicted == class_index, least_size_px)
    if not (true_mask.any() or called_mask.any()):
        return tuple(RegionCount() for _ in overlaps)
    covered, _, _ = _coverage(true_mask, called_mask)
    right, called, longest_px = _coverage(called_mask, true_mask)
    touched = np.bincount(called[truth == IGNORE], minlength=len(right) + 1)[1:] > 0
    judged = ~touched & (longest_px >= least_size_px)
    return tuple(
        RegionCount(len(covered), int(_reaches(covered, asked).sum()), int((judged & ~_reaches(right, asked)).sum()))
        for asked in overlaps
    )


def _large_enough(mask: Bool, least_size_px: int) -> Bool:
    """The mask without regions whose longest side is under the least size, but for those at its edge."""
    if least_size_px <= 1:
        return mask
    _, numbers, longest_px = _coverage(mask, mask)
    kept = np.append(False, longest_px >= least_size_px)
    for edge in (numbers[0], numbers[-1], numbers[:, 0], numbers[:, -1]):
        kept[edge[edge > 0]] = True
    large: Bool = kept[numbers]
    return large


def _coverage(mask: Bool, by: Bool) -> tuple[Float64, Int64, Int64]:
    """The share of each region of a mask that another covers; the regions' numbers by pixel; their longest sides."""
    count, plane, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    numbers = np.asarray(plane, np.int64)
    sizes = np.asarray(stats[1:], np.int64)
    hits = np.bincount(numbers[by], minlength=count)[1:]
    longest = np.maximum(sizes[:, cv2.CC_STAT_WIDTH], sizes[:, cv2.CC_STAT_HEIGHT])
    return hits / sizes[:, cv2.CC_STAT_AREA], numbers, longest


def _reaches(shares: Float64, asked: float) -> Bool:
    return np.asarray((shares > 0) & (shares >= asked - 1e-9))
