"""Where a drawn shape comes to lie: place, size and direction as its class really has them.

Sizes and directions are drawn from the other shapes of the class, places from their middles in what the tile shows. A
shape lies on the same background classes as the real one did, to within a share of its pixels; on a class where its
kind never occurs it never lies. What was cut off by an end of its tile is put to that end again, and what ended at the
edge of a background is put to such an edge.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from blemish.core.arrays import Bool, Int64, UInt8
from blemish.core.records import Box
from blemish.gan.bank import Background
from blemish.gan.shape_class import ClassShapes
from blemish.gan.shapes import ELONGATED, LEAST_AREA_PX, MEETS_FRAC, RING_PX, Change, Shape, changed_mask, ring, trimmed
from blemish.gan.surroundings import Surroundings
from blemish.picture.tiling import cut

SCALES = (0.6, 1.6)  # A shape is made at most so much smaller or larger;
SCALES_FIXED = (0.8, 1.25)  # one that was cut off or is bound to an edge between backgrounds, so much.
JITTER_FRAC = 0.04  # Standard deviation of a place, as a share of the window.
BENDS_FRESH_FRAC = (0.0, 0.01)  # Of recombined and grown shapes.
_FIXED_TURN_RAD = math.radians(3)
_ORIENTED_TURN_RAD = math.radians(4)  # Round an observed direction, where they are nearly parallel;
_TURN_RAD = math.radians(10)  # where they are not.
_MIX_TOLERANCE_FRAC = 0.25  # Share of the pixels that may lie on other background classes than in the real defect.
_LOST_FRAC = 0.1  # Share of the pixels that may be taken away because they fell on a forbidden background.
_GAP_PX = 2  # Between two drawn shapes.
_EDGE_REACH_PX = 32  # So far from its drawn place such an edge is looked for.
_EDGE_TOLERANCE_FRAC = 0.15


@dataclass
class Canvas:
    """A tile that is being drawn."""

    defect: UInt8  # H W, 0 or a class 1..K so far.
    background: UInt8
    window: Box
    taken: Bool  # H W, where no further shape may lie.

    @classmethod
    def on(cls, background: Background) -> Canvas:
        plane = background.plane
        return cls(np.zeros_like(plane), plane, background.window, np.zeros(plane.shape, bool))


@dataclass(frozen=True)
class Draft:
    """A changed shape before it has a place."""

    shape: Shape  # Mirrored already,
    place_uv: tuple[float, float]  # its place not.
    change: Change  # What was done to it.
    mask: Bool  # Without an empty border.
    middle_xy: tuple[float, float]  # Of the changed box, in the mask.
    half_xy: tuple[float, float]  # Half the sides of the scaled old box: how far its cut ends lie from the middle.

    @property
    def around(self) -> Surroundings | None:
        """What lay round the real defect, changed as it was."""
        around, change = self.shape.around, self.change
        if around is None:
            return None
        return around.changed((change.scale * change.stretch, change.scale / change.stretch), change.turn_rad)


@dataclass(frozen=True)
class Place:
    """What of a shape is seen on a tile, and where."""

    defect: int  # 1..K.
    mask: Bool  # As large as the part of the tile that it covers.
    there: tuple[slice, slice]  # That part.
    middle_xy: tuple[float, float]  # Of the changed box, on the tile.


def draft(
    shape: Shape,
    of_class: ClassShapes,
    window: Box,
    least_size_px: int,
    random: np.random.Generator,
    *,
    fresh: bool = False,
) -> Draft | None:
    """Mirror, scale, turn and bend a shape as its class allows; None if nothing is left of it.

    Args:
        fresh: it is recombined or grown: it has its size already, and is hardly bent.
    """
    fixed = shape.is_bound
    own_angle, place_uv = shape.angle_rad, shape.centre_uv
    flip_x, flip_y = (bool(flip) for flip in random.random(2) < 0.5)
    if not fixed and shape.ends.mirrored(flip_x, flip_y) in of_class.ends_seen:
        shape = shape.mirrored(flip_x, flip_y)
    change = Change(
        scale=1.0 if fresh else _scale(shape, of_class, window, least_size_px, fixed, random),
        stretch=math.exp(random.normal(0, 0.06)),
        turn_rad=_turn(shape, own_angle, of_class, fixed, random),
        bend_frac=random.uniform(*BENDS_FRESH_FRAC) if fresh else of_class.bend_frac(shape, random),
    )
    mask = changed_mask(shape.mask, change, shape.ends, random)
    if np.count_nonzero(mask) < LEAST_AREA_PX:
        return None
    mask, middle_xy = trimmed(mask)
    half_xy = (
        shape.size_hw[1] / 2 * change.scale * change.stretch,
        shape.size_hw[0] / 2 * change.scale / change.stretch,
    )
    return Draft(shape, place_uv, change, mask, middle_xy, half_xy)


def find_place(
    canvas: Canvas, drawn: Draft, of_class: ClassShapes, least_size_px: int, random: np.random.Generator
) -> Place | str:
    """A place for the shape that is like its class's; where that was not possible, the reason."""
    start = _start_xy(canvas, drawn, of_class, random)
    if isinstance(start, str):
        return start
    height, width = drawn.mask.shape
    there, here = _overlap(canvas.window, *start, height, width)
    mask = drawn.mask[here].copy()
    if mask.size == 0 or (mask & canvas.taken[there]).any():
        return "no room beside the other defects"
    background = canvas.background[there]
    forbidden = mask & ~np.array(of_class.allowed)[background]
    if forbidden.sum() > _LOST_FRAC * mask.sum():
        return "a background where this class never occurs"
    mask &= ~forbidden
    if not _fits(mask, background, drawn.shape, least_size_px):
        return "other backgrounds than beneath the real defect"
    middle_xy = (
        canvas.window.x + start[0] + drawn.middle_xy[0] + 0.5,
        canvas.window.y + start[1] + drawn.middle_xy[1] + 0.5,
    )
    return Place(drawn.shape.defect, mask, there, middle_xy)


def put(canvas: Canvas, place: Place) -> None:
    """Draw a shape on the canvas at its place."""
    canvas.defect[place.there][place.mask] = place.defect
    near = np.ones((2 * _GAP_PX + 1, 2 * _GAP_PX + 1), np.uint8)
    canvas.taken |= cv2.dilate((canvas.defect > 0).astype(np.uint8), near).astype(bool)


def _start_xy(
    canvas: Canvas, drawn: Draft, of_class: ClassShapes, random: np.random.Generator
) -> tuple[int, int] | str:
    """Where the corner of the mask lies in the window, or why there is no such place."""
    window, shape, ends = canvas.window, drawn.shape, drawn.shape.ends
    height, width = drawn.mask.shape
    if (not (ends.left or ends.right) and width > window.width) or (
        not (ends.top or ends.bottom) and height > window.height
    ):
        return "the shape is larger than the tile"
    own = shape.is_bound or random.random() < 0.5
    place_uv = drawn.place_uv if own else of_class.any_centre_uv(random, whole=not ends.any)
    u, v = (centre + random.normal(0, JITTER_FRAC) for centre in place_uv)
    x = _start(u, window.width, width, drawn.middle_xy[0], drawn.half_xy[0], ends.left, ends.right, random)
    y = _start(v, window.height, height, drawn.middle_xy[1], drawn.half_xy[1], ends.top, ends.bottom, random)
    if shape.meets_frac < MEETS_FRAC:
        return x, y
    return _to_edge(canvas, drawn, x, y) or "no edge like that beside the real defect"


def _to_edge(canvas: Canvas, drawn: Draft, x: int, y: int) -> tuple[int, int] | None:
    """The place near x, y where the shape meets other backgrounds as the real one did; None if there is none."""
    window, shape = canvas.window, drawn.shape
    shown = np.s_[window.y : window.y + window.height, window.x : window.x + window.width]
    foreign = np.isin(canvas.background[shown], shape.foreign).astype(np.uint8)
    height, width = drawn.mask.shape
    xs = _places(x, window.width - width, shape.ends.left or shape.ends.right)
    ys = _places(y, window.height - height, shape.ends.top or shape.ends.bottom)
    mask = np.pad(drawn.mask, RING_PX)
    around = Box(int(xs[0]) - RING_PX, int(ys[0]) - RING_PX, len(xs) - 1 + mask.shape[1], len(ys) - 1 + mask.shape[0])
    surface = cut(foreign, around).astype(np.float32)
    beside = ring(mask)
    on = cv2.matchTemplate(surface, mask.astype(np.float32), cv2.TM_CCORR) / np.count_nonzero(mask)
    meets = cv2.matchTemplate(surface, beside.astype(np.float32), cv2.TM_CCORR) / np.count_nonzero(beside)
    miss = np.abs(meets - shape.meets_frac) + 2 * on
    row, column = np.unravel_index(int(np.argmin(miss)), miss.shape)
    tolerated = min(_EDGE_TOLERANCE_FRAC, shape.meets_frac / 2)
    return (int(xs[column]), int(ys[row])) if miss[row, column] <= tolerated else None


def _places(start: int, room: int, is_bound: bool) -> Int64:
    """Where a mask may start along one axis, near where it was drawn to start."""
    if is_bound:
        return np.array([start])
    return np.arange(max(start - _EDGE_REACH_PX, 0), min(start + _EDGE_REACH_PX, room) + 1)


def _scale(
    shape: Shape, of_class: ClassShapes, window: Box, least_size_px: int, fixed: bool, random: np.random.Generator
) -> float:
    low, high = SCALES_FIXED if shape.ends.any or fixed else SCALES
    scale = min(max(of_class.any_size_px(random) / shape.longest_px, low), high)
    if not shape.ends.any:
        scale = max(scale, 1.1 * least_size_px / shape.longest_px)
    if shape.ends.left and shape.ends.right:
        scale = max(scale, window.width / shape.window_hw[1])
    if shape.ends.top and shape.ends.bottom:
        scale = max(scale, window.height / shape.window_hw[0])
    return scale


def _turn(shape: Shape, own_angle: float, of_class: ClassShapes, fixed: bool, random: np.random.Generator) -> float:
    if shape.ends.any or fixed:
        return float(random.normal(0, _FIXED_TURN_RAD))
    if shape.elongation >= ELONGATED and of_class.has_directions:
        wanted = of_class.any_angle_rad(shape.elongation, random)
    elif of_class.is_oriented:
        wanted = own_angle
    else:
        return float(random.uniform(0, 2 * math.pi))
    spread_rad = _ORIENTED_TURN_RAD if of_class.is_oriented else _TURN_RAD
    turn = wanted - shape.angle_rad + random.normal(0, spread_rad)
    return float((turn + math.pi / 2) % math.pi - math.pi / 2)


def _start(
    centre: float, room: int, length: int, middle: float, half: float, at_start: bool, at_end: bool,
    random: np.random.Generator,
) -> int:  # fmt: skip
    """First pixel of the mask along one axis of the window."""
    if at_start and at_end:
        return round(room / 2 + random.normal(0, 0.02) * room - middle)
    hidden = random.uniform(0, 0.1) * 2 * half  # It was cut off somewhere: here a little sooner or later.
    if at_start:
        return round(half - hidden - middle)
    if at_end:
        return round(room - half + hidden - middle)
    return min(max(round(centre * room - length / 2), 0), room - length)


def _overlap(window: Box, x: int, y: int, height: int, width: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The part of the tile under a mask whose corner is at x, y in the window, and the part of the mask on it."""
    x0, x1 = max(x, 0), max(min(x + width, window.width), max(x, 0))
    y0, y1 = max(y, 0), max(min(y + height, window.height), max(y, 0))
    there = slice(window.y + y0, window.y + y1), slice(window.x + x0, window.x + x1)
    return there, (slice(y0 - y, y1 - y), slice(x0 - x, x1 - x))


def _fits(mask: Bool, background: UInt8, shape: Shape, least_size_px: int) -> bool:
    """Large enough, and on the backgrounds that lay beneath the real defect."""
    area_px = np.count_nonzero(mask)
    if area_px < LEAST_AREA_PX:
        return False
    if not shape.ends.any and max(cv2.boundingRect(mask.astype(np.uint8))[2:]) < least_size_px:
        return False
    shares = np.bincount(background[mask], minlength=len(shape.background_frac)) / area_px
    return float(np.abs(shares - np.array(shape.background_frac)).sum()) / 2 <= _MIX_TOLERANCE_FRAC
