"""Compact shapes as a field whose level set is the outline: blended from two, or grown from smooth noise.

Every field lies on a grid of 64 x 64 cells, with the long axis along x and the square root of the area 18 cells long.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from blemish.core.arrays import Bool, Float32
from blemish.gan.shapes import direction

GRID = 64
SIDE = 18.0  # Square root of the area, in cells.
_DRAFTS = 8  # Grown of which the one most like the wanted outline is kept.
_TOLERANCES = (0.05, 0.15, 0.08)  # Of solidity, log roughness and elongation: how far off counts as equally bad.
_OWN_SHARES = (0.2, 0.7)  # Of the real outline in a grown one, the rest is an ellipse.
_LEAST_PIECE_FRAC = 0.1  # Of the area; smaller pieces of a drawn blob are dropped.


@dataclass(frozen=True)
class Outline:
    """What an outline is like; neither size nor direction is in it."""

    solidity: float  # Area over that of the convex hull, 0..1.
    roughness: float  # Perimeter squared over 4 pi area: 1 for a disc.
    elongation: float  # 1 - width / length.

    def difference(self, other: Outline) -> float:
        off = (
            self.solidity - other.solidity,
            math.log(self.roughness / other.roughness),
            self.elongation - other.elongation,
        )
        return sum((value / tolerance) ** 2 for value, tolerance in zip(off, _TOLERANCES, strict=True))


@dataclass(frozen=True)
class Blob:
    """One compact region on the grid."""

    field: Float32  # GRID x GRID: signed distance to the outline in cells, positive inside.
    outline: Outline


def blob_of(mask: Bool, angle_rad: float) -> Blob:
    """A connected region, turned so that its long axis lies along x, and scaled."""
    ys, xs = np.nonzero(mask)
    scale = SIDE / math.sqrt(len(xs))
    soft = mask.astype(np.float32)
    if scale < 1:
        soft = cv2.GaussianBlur(soft, (0, 0), 0.5 / scale).astype(np.float32)
    matrix = _turning(-angle_rad, scale, (float(xs.mean()), float(ys.mean())), ((GRID - 1) / 2, (GRID - 1) / 2))
    warped = cv2.warpAffine(soft, matrix, (GRID, GRID), None, cv2.INTER_LINEAR, cv2.BORDER_CONSTANT, (0, 0, 0, 0))
    on_grid = warped >= 0.5
    return Blob(_signed_distance(on_grid), outline_of(on_grid))


def blended(first: Blob, second: Blob, random: np.random.Generator) -> Float32:
    """Between two: 30 to 70 % of the one, the rest of the other, mirrored so that it lies on the first best."""
    share = random.uniform(0.3, 0.7)
    views = [second.field[::flip_y, ::flip_x] for flip_y in (1, -1) for flip_x in (1, -1)]
    inside = first.field > 0
    fitting = max(views, key=lambda view: np.count_nonzero((view > 0) & inside))
    field: Float32 = ((1 - share) * first.field + share * fitting).astype(np.float32)
    return field


def grown_field(like: Blob, random: np.random.Generator) -> Float32:
    """Something between a real outline and an ellipse, disturbed by smooth noise of random strength and fineness.

    Of several drafts the one whose outline is most like that of the real one.
    """
    drafts = [_draft(like, random) for _ in range(_DRAFTS)]
    return min(drafts, key=lambda field: outline_of(_level_set(field)).difference(like.outline))


def drawn_blob(field: Float32, area_px: float, angle_rad: float) -> Bool:
    """bool h w: the level set of exactly that area (before small pieces are dropped), long axis at the angle."""
    scale = math.sqrt(area_px) / SIDE
    ys, xs = np.nonzero(_top(field, round(SIDE**2)))
    middle = float(xs.min() + xs.max()) / 2, float(ys.min() + ys.max()) / 2
    side = math.ceil((math.hypot(np.ptp(xs), np.ptp(ys)) + 4) * scale) + 2
    matrix = _turning(angle_rad, scale, middle, ((side - 1) / 2, (side - 1) / 2))
    low = float(field.min())
    warped = cv2.warpAffine(field, matrix, (side, side), None, cv2.INTER_CUBIC, cv2.BORDER_CONSTANT, (low,) * 4)
    return _pieces(_top(warped.astype(np.float32), round(area_px)))


def outline_of(mask: Bool) -> Outline:
    """Of all pieces together, holes filled."""
    plane = np.pad(mask, 1).astype(np.uint8)
    contours, _ = cv2.findContours(plane, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    area = float(np.count_nonzero(mask))
    hull = cv2.convexHull(np.concatenate(contours))
    perimeter = sum(cv2.arcLength(contour, True) for contour in contours)
    hull_area = cv2.contourArea(hull) + cv2.arcLength(hull, True) / 2 + 1  # Contours run through middles of pixels.
    return Outline(min(area / hull_area, 1.0), max(perimeter**2 / (4 * math.pi * area), 0.5), direction(mask)[1])


def _draft(like: Blob, random: np.random.Generator) -> Float32:
    strength = SIDE * (0.05 + 0.45 * random.random() ** 1.5)
    wave = random.uniform(7, 22)  # Cells between knots.
    aspect = math.sqrt(max(1 - like.outline.elongation * random.uniform(0.85, 1.15), 0.1))
    y, x = np.mgrid[:GRID, :GRID].astype(np.float32) - np.float32((GRID - 1) / 2)
    ellipse = SIDE / math.sqrt(math.pi) - np.hypot(x * aspect, y / aspect)
    noise = _smooth_noise(wave, random) + 0.35 * _smooth_noise(wave / 3, random)
    share = random.uniform(*_OWN_SHARES)
    field: Float32 = (share * like.field + (1 - share) * ellipse + strength * noise).astype(np.float32)
    return field


def _smooth_noise(wave: float, random: np.random.Generator) -> Float32:
    knots = max(3, round(GRID / wave) + 1)
    coarse = random.normal(0, 1, (knots, knots)).astype(np.float32)
    return cv2.resize(coarse, (GRID, GRID), interpolation=cv2.INTER_CUBIC).astype(np.float32)


def _level_set(field: Float32) -> Bool:
    return _pieces(_top(field, round(SIDE**2)))


def _top(field: Float32, count: int) -> Bool:
    """The `count` highest pixels."""
    count = min(max(count, 1), field.size)
    level = np.partition(field, field.size - count, axis=None)[field.size - count]
    top: Bool = field >= level
    return top


def _pieces(mask: Bool) -> Bool:
    """Holes filled, small pieces dropped."""
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    kept = [i for i in range(1, count) if stats[i, cv2.CC_STAT_AREA] >= _LEAST_PIECE_FRAC * np.count_nonzero(mask)]
    return filled(np.isin(pieces, kept))


def filled(mask: Bool) -> Bool:
    """The mask without its holes."""
    plane = mask.astype(np.uint8)
    contours, _ = cv2.findContours(plane, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(np.zeros_like(plane), contours, -1, (1,), cv2.FILLED).astype(bool)


def _signed_distance(mask: Bool) -> Float32:
    inside = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    outside = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    steps = (inside - outside).astype(np.float32)
    return cv2.GaussianBlur(steps, (0, 0), 0.7).astype(np.float32)  # Else a large blob shows the steps of the grid.


def _turning(angle_rad: float, scale: float, from_xy: tuple[float, float], to_xy: tuple[float, float]) -> Float32:
    """Turns clockwise as seen (y down) and scales about a point, which is moved."""
    cos, sin = scale * math.cos(angle_rad), scale * math.sin(angle_rad)
    x, y = from_xy
    matrix = [[cos, -sin, to_xy[0] - cos * x + sin * y], [sin, cos, to_xy[1] - sin * x - cos * y]]
    return np.array(matrix, np.float32)
