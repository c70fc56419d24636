"""Pixel metrics: a confusion table over a whole set, and the intersection over union that follows from it."""

from __future__ import annotations

import numpy as np

from blemish.core.arrays import Float64, Int64, UInt8
from blemish.core.errors import LabelError
from blemish.core.taxonomy import IGNORE


class Confusion:
    """Counts of pixels by true class (rows) and predicted class (columns), 0 = no defect, then 1..K.

    Pixels whose truth is 255 are left out and counted in `ignored_px`.

    Example:
        >>> table = Confusion(2)
        >>> table.add(np.array([[1, 1, 0, 255]], np.uint8), np.array([[1, 0, 0, 2]], np.uint8))
        >>> table.iou().tolist(), table.mean_iou()
        ([0.5, nan], 0.5)
    """

    def __init__(self, defects: int) -> None:
        self.defects = defects
        self.counts: Int64 = np.zeros((defects + 1, defects + 1), np.int64)
        self.ignored_px = 0

    def add(self, truth: UInt8, predicted: UInt8) -> None:
        """Count one tile: two uint8 H W planes of class indices."""
        if truth.shape != predicted.shape:
            raise LabelError(f"truth and prediction must be of one size, got {truth.shape} and {predicted.shape}")
        valid = truth != IGNORE
        t, p = truth[valid].astype(np.int64), predicted[valid].astype(np.int64)
        if t.size and max(t.max(), p.max()) > self.defects:
            raise LabelError(f"class {max(t.max(), p.max())} is not among the {self.defects} defects counted here")
        side = self.defects + 1
        self.counts += np.bincount(t * side + p, minlength=side * side).reshape(side, side)
        self.ignored_px += int(valid.size - t.size)

    def iou(self) -> Float64:
        """Intersection over union of each defect class, 0 to 1, 1 is best; NaN where the truth never shows the class.

        A class that is absent but predicted is still NaN: its false pixels count in `false_px`.
        """
        hit = np.diag(self.counts)[1:].astype(np.float64)
        true_px, predicted_px = self.counts.sum(axis=1)[1:], self.counts.sum(axis=0)[1:]
        union = true_px + predicted_px - hit
        result: Float64 = np.divide(hit, union, out=np.full(self.defects, np.nan), where=true_px > 0)
        return result

    def false_px(self) -> Int64:
        """Pixels called a class that the truth does not give them, for each defect class."""
        wrong: Int64 = self.counts.sum(axis=0)[1:] - np.diag(self.counts)[1:]
        return wrong

    def mean_iou(self) -> float:
        """Plain mean over the defect classes that are present (paper, Table 6); NaN where none is."""
        values = self.iou()
        present = values[~np.isnan(values)]
        return float(present.mean()) if present.size else float("nan")
