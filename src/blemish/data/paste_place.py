"""Where a cut-out may be pasted on a tile: free surface, the same backgrounds, the same end of the tile."""

from __future__ import annotations

import cv2
import numpy as np

from blemish.core.arrays import Bool, Int64, UInt8
from blemish.core.labels import LabelMap
from blemish.core.records import Box
from blemish.data.cutouts import CutOut

_GAP_PX = 2  # Least distance to a defect or ignored pixel that is there already.
_MIX_TOLERANCE_FRAC = 0.1  # Backgrounds beneath the box: how much of it may differ from where the defect was.
_AGREEMENT_FRAC = 0.9  # Share of the pixels in and round the box that must show the same background as there.
_PLACES_LOOKED_AT = 20


def find_place(label_map: LabelMap, cut_out: CutOut, random: np.random.Generator) -> tuple[int, int] | None:
    """Where the box of the defect may lie (left, top), every place that suits being equally likely; None = nowhere."""
    box = cut_out.box
    height, width = label_map.size_hw
    if box.width > width or box.height > height:
        return None
    near = np.ones((2 * _GAP_PX + 1, 2 * _GAP_PX + 1), np.uint8)
    occupied = cv2.dilate((label_map.defect > 0).astype(np.uint8), near).astype(np.uint8)
    suits = _box_sums(occupied, box) == 0
    left, top, right, bottom = cut_out.touches
    suits &= _along(height - box.height, top, bottom)[:, None] & _along(width - box.width, left, right)[None, :]
    suits &= _same_mix(label_map.background, cut_out, box)
    places = np.flatnonzero(suits)
    for place in random.choice(places, min(_PLACES_LOOKED_AT, len(places)), replace=False):
        x, y = int(place) % suits.shape[1], int(place) // suits.shape[1]
        there, here = windows(label_map.size_hw, cut_out, (x, y))
        if (label_map.background[there] == cut_out.background[here]).mean() >= _AGREEMENT_FRAC:
            return x, y
    return None


def windows(
    size_hw: tuple[int, int], cut_out: CutOut, corner_xy: tuple[int, int]
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The part of the tile under the cut-out, and the part of the cut-out on the tile, its box at a corner."""
    box = cut_out.box
    x0, y0 = corner_xy[0] - box.x, corner_xy[1] - box.y
    height, width = cut_out.mask.shape
    there = slice(max(y0, 0), min(y0 + height, size_hw[0])), slice(max(x0, 0), min(x0 + width, size_hw[1]))
    here = slice(there[0].start - y0, there[0].stop - y0), slice(there[1].start - x0, there[1].stop - x0)
    return there, here


def _box_sums(plane: UInt8, box: Box) -> Int64:
    """Sum of the plane under the box for every place of the box's corner."""
    sums = cv2.integral(plane).astype(np.int64)
    h, w = box.height, box.width
    return sums[h:, w:] - sums[:-h, w:] - sums[h:, :-w] + sums[:-h, :-w]


def _along(room: int, at_start: bool, at_end: bool) -> Bool:
    """Which of the places 0..room on one axis keep what the cut-out touched; one that touched nothing stays inside."""
    places = np.arange(room + 1)
    if at_start and at_end:
        return np.full(places.shape, room == 0)
    if at_start or at_end:
        places_at_end: Bool = places == (0 if at_start else room)
        return places_at_end
    inside: Bool = (places > 0) & (places < room)
    return inside


def _same_mix(background: UInt8, cut_out: CutOut, box: Box) -> Bool:
    beneath = cut_out.background[box.y : box.y + box.height, box.x : box.x + box.width]
    classes = np.union1d(np.unique(beneath), np.unique(background))
    shape = background.shape[0] - box.height + 1, background.shape[1] - box.width + 1
    off_px = np.zeros(shape, np.int64)
    if len(classes) > 1:
        for index in classes:
            sums = _box_sums((background == index).astype(np.uint8), box)
            off_px += np.abs(sums - np.count_nonzero(beneath == index))
    suits: Bool = off_px <= 2 * _MIX_TOLERANCE_FRAC * beneath.size
    return suits
