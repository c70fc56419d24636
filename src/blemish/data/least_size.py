"""Defects under their class's least size become 255, on the whole scan and before tiling (paper, section III.A).

Cutting first would shorten a long defect at a tile's edge and lose it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from blemish.core.arrays import UInt8
from blemish.core.labels import LabelMap
from blemish.core.taxonomy import IGNORE, Taxonomy


@dataclass(frozen=True)
class Lessened:
    """A label map without its small defects, and how many defects of each class there were."""

    label_map: LabelMap
    small: tuple[int, ...]  # Defects of class 1..K that became 255.
    kept: tuple[int, ...]  # Defects of class 1..K that stayed.


def ignore_small(label_map: LabelMap, taxonomy: Taxonomy) -> Lessened:
    """Turn every defect whose longest upright side is under its class's least size into 255.

    A defect is a region of one class whose pixels touch at sides or corners.

    Example:
        >>> cell = Taxonomy.preset("pouch-cell")
        >>> label_map = LabelMap.clean(40, 40)
        >>> label_map.defect[3, 0:19] = 1
        >>> label_map.defect[9, 0:20] = 1
        >>> lessened = ignore_small(label_map, cell)
        >>> lessened.small[0], lessened.kept[0], int((lessened.label_map.defect == 255).sum())
        (1, 1, 19)
    """
    defect = label_map.defect.copy()
    counts = np.bincount(defect.ravel(), minlength=256)
    small, kept = [], []
    for index, entry in enumerate(taxonomy.defects, start=1):
        few, many = _ignore_small_of(defect, index, entry.least_size_px) if counts[index] else (0, 0)
        small.append(few)
        kept.append(many)
    return Lessened(LabelMap(defect, label_map.background), tuple(small), tuple(kept))


def _ignore_small_of(defect: UInt8, index: int, least_px: int) -> tuple[int, int]:
    mask = (defect == index).astype(np.uint8)
    x, y, width, height = cv2.boundingRect(mask)  # A scan is mostly empty: only the part that is not is searched.
    inner = (slice(y, y + height), slice(x, x + width))
    count, regions, stats, _ = cv2.connectedComponentsWithStats(mask[inner], connectivity=8)
    longest = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT])
    is_small = longest < least_px
    is_small[0] = False  # Everything that is not this class.
    if is_small.any():
        defect[inner][is_small[regions]] = IGNORE
    return int(is_small.sum()), int(count - 1 - is_small.sum())
