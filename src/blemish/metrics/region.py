"""Region metrics: how many real defects were met at all, and how many regions were called where nothing is."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from blemish.core.arrays import UInt8
from blemish.core.errors import LabelError
from blemish.core.taxonomy import IGNORE


@dataclass(frozen=True)
class RegionCount:
    """Regions of one class on one picture or, added up, on many.

    Attributes:
        real: connected regions of the truth.
        met: those that share a pixel with the prediction of that class.
        false: predicted regions that touch neither the truth of that class nor an ignored pixel.
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
    """Count the regions of one class (8-connected) on one picture.

    Args:
        least_size_px: predicted regions with a shorter longest side are not counted as false.

    Example:
        >>> truth = np.array([[1, 0, 0, 1]], np.uint8)
        >>> count_regions(truth, np.array([[1, 0, 0, 0]], np.uint8), 1)
        RegionCount(real=2, met=1, false=0)
    """
    if truth.shape != predicted.shape:
        raise LabelError(f"truth and prediction must be of one size, got {truth.shape} and {predicted.shape}")
    true_mask, predicted_mask = truth == class_index, predicted == class_index
    count, labels = cv2.connectedComponents(true_mask.astype(np.uint8), connectivity=8)
    met = np.unique(labels[true_mask & predicted_mask]).size
    _, regions, stats, _ = cv2.connectedComponentsWithStats(predicted_mask.astype(np.uint8), connectivity=8)
    excused = set(np.unique(regions[(true_mask | (truth == IGNORE)) & predicted_mask]).tolist())
    false = sum(
        1
        for index, row in enumerate(stats)
        if index and index not in excused and max(row[cv2.CC_STAT_WIDTH], row[cv2.CC_STAT_HEIGHT]) >= least_size_px
    )
    return RegionCount(count - 1, met, false)
