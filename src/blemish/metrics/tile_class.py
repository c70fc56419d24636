"""The class of a tile, and accuracy over tiles (paper, Eq. 3, as docs/architecture.md reads it)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from blemish.core.arrays import Int64, UInt8
from blemish.core.taxonomy import IGNORE, Taxonomy

CLEAN = 0


def where_known(predicted: UInt8, truth: UInt8) -> UInt8:
    """What was called on a labelled tile, without what was called where the label is 255: padding, or left open.

    Args:
        predicted: uint8 H W of 0..K.
        truth: uint8 H W, 0 none, 1..K, 255 ignored.

    Example:
        >>> where_known(np.array([[1, 2, 0]], np.uint8), np.array([[1, 255, 255]], np.uint8)).tolist()
        [[1, 0, 0]]
    """
    return np.where(truth == IGNORE, 0, predicted).astype(np.uint8)


def large_enough(called: UInt8, taxonomy: Taxonomy) -> UInt8:
    """What was called, without the regions whose longest side is under their class's least size.

    Args:
        called: uint8 H W of 0..K.

    Example:
        >>> large_enough(np.array([[1, 0, 1, 1]], np.uint8), Taxonomy.of_names("dots", ["dot"])).tolist()
        [[1, 0, 1, 1]]
    """
    kept = np.zeros_like(called)
    for index, defect in enumerate(taxonomy.defects, start=1):
        mask = (called == index).astype(np.uint8)
        if not mask.any():
            continue
        _, regions, figures, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        longest = figures[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1)
        kept[(mask > 0) & (longest[regions] >= defect.least_size_px)] = index
    return kept


def tile_class(predicted: UInt8, taxonomy: Taxonomy) -> int:
    """The class with the largest area among predicted regions whose longest side reaches the least size; else clean.

    Args:
        predicted: uint8 H W of 0..K.

    Returns:
        1..K, or 0 for clean.
    """
    areas = np.bincount(large_enough(predicted, taxonomy).ravel(), minlength=len(taxonomy.defects) + 1)
    areas[CLEAN] = 0
    best = int(np.argmax(areas))
    return best if areas[best] > 0 else CLEAN


@dataclass(frozen=True)
class TileAccuracy:
    """Right tiles of those judged; tiles that truly show several classes are left out and counted.

    A tile whose truth is clean but holds ignored pixels is left out too: nobody knows what it shows.
    """

    right: int
    judged: int
    several: int
    unknown: int
    table: Int64  # (K+1) x (K+1): true class, predicted class

    @property
    def value(self) -> float:
        """Share of right tiles, 0 to 1; NaN where none was judged."""
        return self.right / self.judged if self.judged else float("nan")


def tile_accuracy(
    true_classes: Sequence[tuple[int, ...]], unknown: Sequence[bool], predicted: Sequence[int], defects: int
) -> TileAccuracy:
    """Accuracy from each tile's true classes, whether it is unknown what it shows, and its predicted class.

    Example:
        >>> tile_accuracy([(1,), (), (1, 2)], [False, False, False], [1, 2, 1], 2).value
        0.5
    """
    table = np.zeros((defects + 1, defects + 1), np.int64)
    several = left_out = 0
    for classes, is_unknown, answer in zip(true_classes, unknown, predicted, strict=True):
        if len(classes) > 1:
            several += 1
        elif not classes and is_unknown:
            left_out += 1
        else:
            table[classes[0] if classes else CLEAN, answer] += 1
    return TileAccuracy(int(np.trace(table)), int(table.sum()), several, left_out, table)
