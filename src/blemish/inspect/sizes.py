"""How long, how wide and which way a region is, on pixels that need not be square.

Length is measured along the skeleton, so that a bent scratch is longer than the rectangle round it. Width is that of a
strip with round ends of the same length and area: a mean over the whole region, exact for lines, arcs and discs, and
finer than a pixel, where twice the distance to the border on the skeleton is off by up to one. Of a region with arms it
counts all arms' area on the longest one's length, hence says too much rather than too little.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from blemish.core.arrays import Bool, Float32, Float64, UInt8
from blemish.inspect.thinning import longest_way, thinned, way_length

COMPACT_FRAC = 0.75  # A region that fills its rectangle so far is not bent: its length is the rectangle's.
_DEEPEST_PX = 8.0  # Thicker regions are thinned on a smaller copy,
_MOST_PX = 200_000  # and so are those of more pixels: thin or full of holes, they would hold the line up.
_CORNER = 0.5  # A skeleton's end along which the region widens faster than this runs into a corner: no length.
_BEND_PX = 1.0  # Deviations of the skeleton below this are the pixel grid's.
_ROUND = 1.05  # Below this ratio of its axes a region has no orientation.


@dataclass(frozen=True)
class Sizes:
    """In the unit of the pixel size that was given; orientation as `Defect.orientation_deg`."""

    length: float
    width: float
    orientation_deg: float | None


def measure(mask: Bool, outline: Float32, pixel_xy: tuple[float, float] = (1.0, 1.0)) -> Sizes:
    """Length, width and orientation of one region.

    Args:
        mask: H W, the region alone.
        outline: float32 P 2 (x, y), the pixels of its outer border in order.
        pixel_xy: size of a pixel along x and y.

    Example:
        >>> mask = np.ones((4, 20), bool)
        >>> measure(mask, np.array([[0, 0], [19, 0], [19, 3], [0, 3]], np.float32), (0.5, 0.25))
        Sizes(length=10.0, width=1.0, orientation_deg=0.0)
    """
    side, other = _rectangle(outline, pixel_xy)
    area = float(np.count_nonzero(mask)) * pixel_xy[0] * pixel_xy[1]
    length = side
    if area < COMPACT_FRAC * side * other:
        length = max(side, _along_skeleton(_without_specks(mask, outline), pixel_xy))
    return Sizes(length, min(_strip_width(area, length), other), _orientation(mask, pixel_xy))


def _rectangle(outline: Float32, pixel_xy: tuple[float, float]) -> tuple[float, float]:
    """Sides of the smallest rotated rectangle round whole pixels: a run of n pixels is n long, not n - 1."""
    corners = np.concatenate([outline + np.array(shift, np.float32) for shift in ((0, 0), (1, 0), (0, 1), (1, 1))])
    (_, (side, other), _) = cv2.minAreaRect(corners * np.array(pixel_xy, np.float32))
    return float(max(side, other)), float(min(side, other))


def _strip_width(area: float, length: float) -> float:
    """The w of (length - w) w + pi/4 w^2 = area."""
    ends = 1 - math.pi / 4
    return (length - math.sqrt(max(0.0, length**2 - 4 * ends * area))) / (2 * ends)


def _without_specks(mask: Bool, outline: Float32) -> UInt8:
    """The region with its holes filled, unless they are larger than itself: then it is a ring."""
    filled = np.zeros(mask.shape, np.uint8)
    cv2.fillPoly(filled, [outline.astype(np.int32)], 1)
    return filled if np.count_nonzero(filled) <= 2 * np.count_nonzero(mask) else mask.astype(np.uint8)


def _along_skeleton(plane: UInt8, pixel_xy: tuple[float, float]) -> float:
    """From tip to tip: the longest way on the skeleton without its corners, and at both ends on to the border."""
    unit = min(pixel_xy)
    wide, tall = (math.ceil(n * size / unit) for n, size in zip(plane.shape[::-1], pixel_xy, strict=True))
    square: UInt8 = np.asarray(cv2.resize(plane, (wide, tall), interpolation=cv2.INTER_NEAREST), np.uint8)
    depth = cv2.distanceTransform(np.pad(square, 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    shrink = max(1.0, float(depth.max()) / _DEEPEST_PX, math.sqrt(np.count_nonzero(square) / _MOST_PX))
    coarse = _smaller(square, shrink) if shrink > 1 else square > 0
    way = (longest_way(thinned(coarse)) + 0.5) * (np.array(square.shape[::-1]) / coarse.shape[::-1]) - 0.5
    place = np.clip(np.rint(way).astype(int), 0, np.array(square.shape[::-1]) - 1)
    to_border = np.maximum(depth[place[:, 1], place[:, 0]] - 0.5, 0)
    first, last = _without_corners(way, to_border)
    bends = cv2.approxPolyDP(way[first : last + 1].astype(np.float32), _BEND_PX * shrink, False)
    return unit * (way_length(bends.reshape(-1, 2).astype(np.float64)) + float(to_border[first] + to_border[last]))


def _smaller(plane: UInt8, shrink: float) -> Bool:
    """Any pixel set sets the one that it falls on, so that thin parts are not lost."""
    height, width = (math.ceil(side / shrink) for side in plane.shape)
    small = cv2.resize(plane.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    touched: Bool = small > 0
    return touched


def _without_corners(way: Float64, to_border: Float32) -> tuple[int, int]:
    """First and last point of the way that count."""
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(way, axis=0).T))])
    half = (len(way) + 1) // 2
    first = int(np.argmax((to_border - _CORNER * along)[:half]))
    last = len(way) - 1 - int(np.argmax((to_border - _CORNER * (along[-1] - along))[::-1][:half]))
    return first, max(first, last)


def _orientation(mask: Bool, pixel_xy: tuple[float, float]) -> float | None:
    """Degrees of the longest axis by second moments."""
    rows, columns = np.nonzero(mask)
    x, y = columns * pixel_xy[0], rows * pixel_xy[1]
    xx, yy = x.var() + pixel_xy[0] ** 2 / 12, y.var() + pixel_xy[1] ** 2 / 12  # A pixel is no point.
    xy = float(np.mean((x - x.mean()) * (y - y.mean())))
    middle, reach = (xx + yy) / 2, math.hypot((xx - yy) / 2, xy)
    if middle + reach < _ROUND**2 * (middle - reach):
        return None
    return math.degrees(0.5 * math.atan2(2 * xy, xx - yy)) % 180.0 % 180.0  # A hair below 0 gives 180, then 0.
