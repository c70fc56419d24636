"""What lies round a real defect, and how like that a place on another surface is.

A chip lies where the piece ends, a crack along a groove: where the picture round a defect says where it can be, a drawn
one belongs to a place that looks the same. Compared is a quarter of the resolution, without the defect itself and
without how light it all is, which `gan.labels` sees to.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from blemish.core.arrays import Bool, Float32, Picture, UInt8
from blemish.core.records import Box

STEP_PX = 4  # Of the tile, for one pixel of what is compared.
MARGIN_PX = 24  # So far round the box of a defect one looks.
_HALO_PX = 5  # So near a defect its own edge is seen, and no surface.
_LEAST_KNOWN = 12  # Fewer compared pixels say nothing.


@dataclass(frozen=True)
class Surroundings:
    """The surface round one defect, a pixel for each 4 x 4 of the tile."""

    gray: bytes  # uint8 H W
    known: bytes  # bool H W: surface that the tile shows, neither defect nor its edge.
    size_hw: tuple[int, int]
    middle_xy: tuple[float, float]  # Of the defect's box, from the corner of this plane.

    @property
    def planes(self) -> tuple[UInt8, Bool]:
        gray, known = (np.frombuffer(plane, np.uint8).reshape(self.size_hw) for plane in (self.gray, self.known))
        return gray, known.astype(bool)

    def mirrored(self, flip_x: bool, flip_y: bool) -> Surroundings:
        """Left and right, or top and bottom, or both exchanged."""
        flips = np.s_[:: -1 if flip_y else 1, :: -1 if flip_x else 1]
        height, width = self.size_hw
        x, y = self.middle_xy
        gray, known = self.planes
        middle = (width - x if flip_x else x, height - y if flip_y else y)
        return _of(gray[flips], known[flips], middle)

    def changed(self, scale_xy: tuple[float, float], turn_rad: float) -> Surroundings:
        """As its defect is changed: stretched along x and y, then turned clockwise, round the middle of the box."""
        cosine, sine = math.cos(turn_rad), math.sin(turn_rad)
        linear = np.array([[cosine, -sine], [sine, cosine]]) @ np.diag(scale_xy)
        height, width = self.size_hw
        middle = np.array(self.middle_xy)
        corners = (np.array([(0, 0), (width, 0), (0, height), (width, height)]) - middle) @ linear.T
        low = corners.min(axis=0)
        size = np.maximum(np.ceil(corners.max(axis=0) - low), 1).astype(int)
        # From pixel centres to pixel centres.
        shift = -low - linear @ middle + linear @ np.array([0.5, 0.5]) - 0.5
        affine = np.column_stack([linear, shift])
        gray, known = self.planes
        moved = [
            cv2.warpAffine(plane, affine, (int(size[0]), int(size[1])), flags=cv2.INTER_LINEAR)
            for plane in (gray, known.astype(np.uint8) * 255)
        ]
        return _of(moved[0].astype(np.uint8), moved[1] > 250, (float(-low[0]), float(-low[1])))


def reduced(picture: Picture) -> UInt8:
    """A picture at a quarter of its resolution, gray: uint8 H/4 W/4, rounded up.

    Example:
        >>> reduced(np.full((9, 8), 7, np.uint8)).shape
        (3, 2)
    """
    height, width = picture.shape[:2]
    size = math.ceil(width / STEP_PX), math.ceil(height / STEP_PX)
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return (small if small.ndim == 2 else small.mean(axis=2)).astype(np.uint8)


def surroundings(picture: Picture, defects: Bool, box: Box) -> Surroundings | None:
    """What lies round a defect on its tile; None where too little of it is surface.

    Args:
        picture: uint8 H W or H W 3.
        defects: bool H W, every defect of the tile, of whatever class, and what nobody labelled.
        box: of the defect.

    Example:
        >>> picture = np.zeros((64, 64), np.uint8); picture[:, 32:] = 200
        >>> defects = np.zeros((64, 64), bool); defects[20:30, 24:28] = True
        >>> around = surroundings(picture, defects, Box(24, 20, 4, 10))
        >>> around.size_hw, around.middle_xy
        ((14, 13), (6.5, 6.25))
    """
    halo = np.ones((2 * _HALO_PX + 1, 2 * _HALO_PX + 1), np.uint8)
    small = reduced(picture)
    spoilt = cv2.resize(cv2.dilate(defects.astype(np.float32), halo), small.shape[::-1], interpolation=cv2.INTER_AREA)
    x0, y0 = (max(math.floor((v - MARGIN_PX) / STEP_PX), 0) for v in (box.x, box.y))
    x1, y1 = (math.ceil((v + MARGIN_PX) / STEP_PX) for v in (box.x + box.width, box.y + box.height))
    gray, known = small[y0:y1, x0:x1], spoilt[y0:y1, x0:x1] == 0
    if np.count_nonzero(known) < _LEAST_KNOWN:
        return None
    middle = (box.x + box.width / 2) / STEP_PX - x0, (box.y + box.height / 2) / STEP_PX - y0
    return _of(gray, known, middle)


def unlike(surface: UInt8, around: Surroundings, middle_xy: tuple[float, float]) -> float:
    """How unlike its surroundings a place is, in gray levels: the deviation of the difference; 0 where too little of
    it lies on the surface to say.

    Args:
        surface: `reduced` picture of the tile that is drawn on.
        middle_xy: of the defect's box on that tile, in pixels of the tile.

    Example:
        >>> picture = np.zeros((64, 64), np.uint8); picture[:, 32:] = 200
        >>> defects = np.zeros((64, 64), bool); defects[20:30, 24:28] = True
        >>> around = surroundings(picture, defects, Box(24, 20, 4, 10))
        >>> unlike(reduced(picture), around, (26, 25)) < 1 < 50 < unlike(reduced(picture), around, (50, 25))
        True
    """
    gray, known = around.planes
    x, y = (round(middle_xy[i] / STEP_PX - around.middle_xy[i]) for i in (0, 1))
    height, width = surface.shape
    rows = slice(max(-y, 0), max(min(gray.shape[0], height - y), 0))
    columns = slice(max(-x, 0), max(min(gray.shape[1], width - x), 0))
    seen = known[rows, columns]
    if np.count_nonzero(seen) < _LEAST_KNOWN:
        return 0.0
    there = surface[rows.start + y : rows.stop + y, columns.start + x : columns.stop + x]
    difference: Float32 = there[seen].astype(np.float32) - gray[rows, columns][seen]
    return float(difference.std())


def _of(gray: UInt8, known: Bool, middle_xy: tuple[float, float]) -> Surroundings:
    size = (gray.shape[0], gray.shape[1])
    return Surroundings(
        np.ascontiguousarray(gray).tobytes(), np.ascontiguousarray(known.astype(np.uint8)).tobytes(), size, middle_xy
    )
