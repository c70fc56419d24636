"""How wrong the size of a found defect is: real and found regions matched one to one, then found minus real."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from blemish.core.arrays import UInt8
from blemish.core.records import Box, Defect

LEAST_IOU = 0.1  # Two regions that share less are not one defect.


@dataclass(frozen=True)
class SizeError:
    """Found minus real over matched defects, in one unit; NaN where none was matched.

    Attributes:
        unit: mm, mm2, px or px2.
        count: matched defects.
        bias: the mean; 0 is best, above 0 means measured too large.
        median, low, high: the middle, and the 5 % and 95 % quantiles.
        real_median: of the real sizes, to hold the error against.
    """

    unit: str
    count: int
    bias: float
    median: float
    low: float
    high: float
    real_median: float

    @classmethod
    def of(cls, unit: str, real: Sequence[float], found: Sequence[float]) -> SizeError:
        """From pairs of sizes.

        Example:
            >>> SizeError.of("mm", [10.0, 20.0], [11.0, 19.0]).bias
            0.0
        """
        if not real:
            return cls(unit, 0, *[math.nan] * 5)
        sizes, errors = np.asarray(real, np.float64), np.asarray(found, np.float64) - np.asarray(real, np.float64)
        low, median, high = (float(v) for v in np.quantile(errors, (0.05, 0.5, 0.95)))
        return cls(unit, len(errors), float(errors.mean()), median, low, high, float(np.median(sizes)))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; NaN becomes None."""
        return {name: _plain(value) for name, value in vars(self).items()}


def matched(
    real: Sequence[Defect], found: Sequence[Defect], least_iou: float = LEAST_IOU
) -> list[tuple[Defect, Defect]]:
    """Pairs of one class that overlap, the best overlap first, each defect in one pair at most.

    Args:
        real, found: defects of one view, both measured in the same way.
        least_iou: of the filled outlines.
    """
    pairs = [
        (iou, i, j)
        for i, one in enumerate(real)
        for j, other in enumerate(found)
        if one.code == other.code and (iou := outline_iou(one, other)) >= least_iou
    ]
    taken_real: set[int] = set()
    taken_found: set[int] = set()
    kept = []
    for _, i, j in sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2])):
        if i not in taken_real and j not in taken_found:
            taken_real.add(i)
            taken_found.add(j)
            kept.append((real[i], found[j]))
    return kept


def outline_iou(one: Defect, other: Defect) -> float:
    """Intersection over union of two filled outlines, 0 to 1."""
    left, top = max(one.box.x, other.box.x), max(one.box.y, other.box.y)
    right = min(one.box.x + one.box.width, other.box.x + other.box.width)
    bottom = min(one.box.y + one.box.height, other.box.y + other.box.height)
    if right <= left or bottom <= top:
        return 0.0
    box = Box(
        min(one.box.x, other.box.x),
        min(one.box.y, other.box.y),
        max(one.box.x + one.box.width, other.box.x + other.box.width) - min(one.box.x, other.box.x),
        max(one.box.y + one.box.height, other.box.y + other.box.height) - min(one.box.y, other.box.y),
    )
    first, second = _filled(one, box), _filled(other, box)
    return float(np.count_nonzero(first & second) / np.count_nonzero(first | second))


def _filled(defect: Defect, box: Box) -> UInt8:
    plane = np.zeros((box.height, box.width), np.uint8)
    points = np.array(defect.outline_xy, np.int32).reshape(-1, 1, 2) - np.array([box.x, box.y], np.int32)
    cv2.fillPoly(plane, [points], 1)
    return plane


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, 4)
    return value
