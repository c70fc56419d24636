"""Precision against recall of each class's pixels over all thresholds, in memory that does not grow with the tiles."""

from __future__ import annotations

import math

import numpy as np

from blemish.core.arrays import Float32, Float64, Int64, UInt8
from blemish.core.taxonomy import IGNORE

BINS = 200  # Thresholds are steps of 1/200.


class ScoreCounts:
    """How often each probability was given to pixels of a class and to others; pixels of 255 count nowhere.

    Example:
        >>> counts = ScoreCounts(1)
        >>> counts.add(np.array([[1, 0]], np.uint8), np.array([[[0.2, 0.9]], [[0.8, 0.1]]], np.float32))
        >>> counts.average_precision(1)
        1.0
    """

    def __init__(self, defects: int) -> None:
        self._true: Int64 = np.zeros((defects, BINS), np.int64)
        self._false: Int64 = np.zeros((defects, BINS), np.int64)

    def add(self, truth: UInt8, probabilities: Float32) -> None:
        """Count one tile: uint8 H W, and float32 (K+1) H W of which plane 0 is no defect."""
        known = truth != IGNORE
        labels = truth[known]
        for place, plane in enumerate(probabilities[1:]):
            bins = np.clip((plane[known] * BINS).astype(np.int64), 0, BINS - 1)
            is_class = labels == place + 1
            self._true[place] += np.bincount(bins[is_class], minlength=BINS)
            self._false[place] += np.bincount(bins[~is_class], minlength=BINS)

    def curve(self, index: int) -> tuple[Float64, Float64]:
        """Recall and precision of a class 1..K from the highest threshold down to 0; empty where it is never shown.

        Thresholds at which nothing is called are left out: precision is not defined there.
        """
        true, false = (np.cumsum(counts[index - 1][::-1]) for counts in (self._true, self._false))
        if not true.size or true[-1] == 0:
            return np.zeros(0), np.zeros(0)
        called = true + false > 0
        return true[called] / true[-1], true[called] / (true + false)[called]

    def average_precision(self, index: int) -> float:
        """The sum of precision x the recall that each threshold adds; 1 is best, NaN where the class is never shown."""
        recall, precision = self.curve(index)
        if not recall.size:
            return math.nan
        return float((np.diff(recall, prepend=0.0) * precision).sum())
