"""Defect-free areas of tiles, for real backgrounds where a data set has no clean tile."""

from __future__ import annotations

import cv2
import numpy as np

from blemish.core.arrays import Bool
from blemish.core.labels import LabelMap
from blemish.core.records import Box

CELLS = 32  # The tile is looked at in cells of 1/32 of its side.
LEAST_SIDE_FRAC = 0.25  # Of the tile's side.
LEAST_AREA_FRAC = 0.2  # Of the tile's area.
_KEPT_AWAY_FRAC = 1 / 64  # Distance to a defect, as a share of the tile's side: a defect shows beyond its mask.


def largest_clean_area(label_map: LabelMap) -> Box | None:
    """The largest upright rectangle without a defect or an ignored pixel; None where it is too small to be of use.

    Example:
        >>> defect = np.zeros((64, 64), np.uint8)
        >>> defect[:, 40:44] = 1
        >>> largest_clean_area(LabelMap(defect, defect * 0))
        Box(x=0, y=0, width=38, height=64)
    """
    height, width = label_map.size_hw
    cell = max(1, min(height, width) // CELLS)
    away = max(1, round(_KEPT_AWAY_FRAC * min(height, width)))
    unclean = cv2.dilate((label_map.defect > 0).astype(np.uint8), np.ones((2 * away + 1, 2 * away + 1), np.uint8))
    rows, columns = height // cell, width // cell
    free: Bool = unclean[: rows * cell, : columns * cell].reshape(rows, cell, columns, cell).max(axis=(1, 3)) == 0
    found = _largest_rectangle(free)
    box = Box(found.x * cell, found.y * cell, found.width * cell, found.height * cell)
    too_narrow = min(box.width, box.height) < LEAST_SIDE_FRAC * min(height, width)
    return None if too_narrow or box.width * box.height < LEAST_AREA_FRAC * height * width else box


def _largest_rectangle(free: Bool) -> Box:
    """Over every pair of rows, the longest run of columns that are free from the one to the other."""
    best = Box(0, 0, 0, 0)
    for top in range(free.shape[0]):
        open_columns = np.ones(free.shape[1], bool)
        for bottom in range(top, free.shape[0]):
            open_columns = open_columns & free[bottom]
            start, length = _longest_run(open_columns)
            if length * (bottom - top + 1) > best.width * best.height:
                best = Box(start, top, length, bottom - top + 1)
    return best


def _longest_run(row: Bool) -> tuple[int, int]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], row, [False]]).astype(np.int8)))
    if len(edges) == 0:
        return 0, 0
    starts, ends = edges[::2], edges[1::2]
    longest = int(np.argmax(ends - starts))
    return int(starts[longest]), int(ends[longest] - starts[longest])
