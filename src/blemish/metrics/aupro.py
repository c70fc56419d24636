"""How much of each real defect is marked, against how much of the good surface is: the per-region overlap curve.

A threshold on the score of "any defect" is lowered step by step. At each step the overlap is the share of a real
region's pixels at or above it, averaged over regions, so that a small defect counts as much as a large one; the false
positive rate is the share of defect-free pixels at or above it. AUPRO is the area under that curve up to a limit of the
false positive rate, divided by the limit: 1 is best (Bergmann et al., "The MVTec Anomaly Detection Dataset", IJCV 2021,
section 5.2). A figure without its limit means nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from blemish.core.arrays import Float32, Float64, Int64, UInt8
from blemish.core.errors import InputError, LabelError
from blemish.core.taxonomy import IGNORE

LIMITS = (0.3, 0.05)  # The field's usual one, and one nearer to what a line can bear.
_LOW, _HIGH, _BINS_A_UNIT = -30.0, 17.0, 128  # Of the score's logit: float32 knows nothing closer to 1 than 1 - e^-17.


@dataclass(frozen=True)
class Aupro:
    """Areas up to one limit; NaN where no region of the kind was seen.

    Attributes:
        limit: of the false positive rate, 0 to 1.
        value: over all regions, 0 to 1, 1 is best.
        classes: the same over the regions of each class; the score stays that of any defect.
    """

    limit: float
    value: float
    classes: tuple[float, ...]


class OverlapCurve:
    """The curve of a whole set, tile by tile; memory does not grow with the set.

    Scores are counted in bins of 1/128 of their logit, fine at both ends; between two bins the curve is straight, as it
    is between tied scores. A hard answer (only 0 and 1) has one point, and straight lines lead to it and from it.

    Example:
        >>> curve = OverlapCurve(1)
        >>> curve.add(np.array([[1, 1, 0, 0]], np.uint8), np.array([[0.9, 0.2, 0.6, 0.1]], np.float32))
        >>> round(curve.aupro(0.5).value, 3)
        0.5
    """

    def __init__(self, defects: int) -> None:
        self.regions: Int64 = np.zeros(defects, np.int64)
        self._bins = round((_HIGH - _LOW) * _BINS_A_UNIT) + 1
        self._covered: Float64 = np.zeros((defects, self._bins))  # Sum over regions of their shares in each bin.
        self._clean: Int64 = np.zeros(self._bins, np.int64)

    def add(self, truth: UInt8, score: Float32) -> None:
        """Count one tile.

        Args:
            truth: uint8 H W, 0 none, 1..K, 255 ignored: such pixels count nowhere. Regions are 8-connected.
            score: float32 H W in [0, 1], of any defect: the sum of the classes' probabilities, not 1 - that of none,
                which rounds small ones away.

        Raises:
            LabelError: planes of two sizes, or a class that is not among those counted here.
        """
        if truth.shape != score.shape:
            raise LabelError(f"truth and score must be of one size, got {truth.shape} and {score.shape}")
        places = self._places(score)
        self._clean += np.bincount(places[truth == 0], minlength=self._bins)
        for index in np.unique(truth[(truth > 0) & (truth != IGNORE)]):
            if index > len(self.regions):
                raise LabelError(f"class {index} is not among the {len(self.regions)} defects counted here")
            mask = (truth == index).astype(np.uint8)
            count, numbers, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
            inside = numbers > 0
            shares = 1 / stats[numbers[inside], cv2.CC_STAT_AREA]
            self._covered[index - 1] += np.bincount(places[inside], shares, minlength=self._bins)
            self.regions[index - 1] += count - 1

    def aupro(self, limit: float) -> Aupro:
        """Area up to a limit of the false positive rate, divided by it.

        Raises:
            InputError: a limit that is not above 0 and at most 1.
        """
        if not 0 < limit <= 1:
            raise InputError(f"a limit of the false positive rate must be above 0 and at most 1, got {limit}")
        return Aupro(
            limit,
            self._area(self._covered.sum(axis=0), int(self.regions.sum()), limit),
            tuple(self._area(row, int(n), limit) for row, n in zip(self._covered, self.regions, strict=True)),
        )

    def curve(self, points: Sequence[float]) -> Float64:
        """Mean overlap at some false positive rates; NaN without a region or a defect-free pixel."""
        total, clean = int(self.regions.sum()), int(self._clean.sum())
        if not total or not clean:
            return np.full(len(points), np.nan)
        rate, overlap = self._line(self._covered.sum(axis=0), total)
        return np.interp(np.asarray(points, np.float64), rate, overlap)

    def _area(self, covered: Float64, regions: int, limit: float) -> float:
        if not regions or not self._clean.any():
            return float("nan")
        rate, overlap = self._line(covered, regions)
        inside = rate <= limit  # A rise right at the limit adds no area, so all its points may be there.
        x = np.append(rate[inside], limit)
        y = np.append(overlap[inside], np.interp(limit, rate, overlap))
        return float(np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2) / limit)

    def _line(self, covered: Float64, regions: int) -> tuple[Float64, Float64]:
        """False positive rate and overlap from the highest threshold, where both are 0, to the lowest."""
        rate = np.concatenate([[0.0], np.cumsum(self._clean[::-1]) / self._clean.sum()])
        overlap = np.concatenate([[0.0], np.cumsum(covered[::-1]) / regions])
        steps = np.diff(rate) > 0
        kept = np.append(steps, True) | np.append(True, steps)  # The lowest and the highest point over one rate.
        return rate[kept], np.minimum(overlap[kept], 1.0)

    def _places(self, score: Float32) -> Int64:
        exact = np.clip(score.astype(np.float64), 1e-300, 1 - 1e-16)
        logit = np.clip(np.log(exact) - np.log1p(-exact), _LOW, _HIGH)
        return np.asarray(np.rint((logit - _LOW) * _BINS_A_UNIT), np.int64)
