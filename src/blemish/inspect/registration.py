"""Where the part lies on its scan: its corners, its turn, and what is not part.

The part is what differs in gray from the scan's rim. Its four edges are lines fitted to where a small copy of the scan
changes, then measured again on the full one; the corners are where the lines meet, so that rounded corners, tabs and
dirt do not matter. The datum is the upper left corner; x runs along the part as its four edges lie, each with the
weight of how exactly its line is known, y at right angles to it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from blemish.core.arrays import Bool, Float64, UInt8
from blemish.core.errors import PictureError
from blemish.core.records import Box
from blemish.inspect.edges import Line, fit_line, refine

Point = tuple[float, float]
_COARSE_SIDE_PX = 250  # The small copy's shorter side, about.
_SMALLEST_PART_FRAC = 0.05  # Of the scan.
_SECOND_PART_FRAC = 0.2  # Of the largest piece: a piece beside it of that size is another part, not its tab.
_PIECE_FRAC = 0.002  # Of the largest piece: a smaller one is dirt on the table.
_GAP_FRAC = 0.015  # Of the scan's shorter side: pieces so near each other, twice, are joined (a tab's dark film).
_RIM_FRAC = 0.7  # So much of the scan's rim must show the outside.
_SIDE_FRAC = 0.45  # So much of a side must lie on one line: a quarter of a short side may be a tab's foot.
_EDGE_FRAC = 0.4  # So much of that line must show a clear edge on the full scan.
_STATIONS = 160  # Places along an edge where it is measured on the full scan.
_COARSE_TOLERANCE_PX, _TOLERANCE_PX = 1.2, 2.5


@dataclass(frozen=True)
class PartSearch:
    """How a part is looked for.

    A view on which it is not found has a doubt and is never OK; with `required` off it is inspected with the scan's
    corner as datum, and nothing is kept out.
    """

    margin_mm: float = 2.0  # So near the part a region still counts (in px where no pixel size is known).
    required: bool = True
    most_turn_deg: float = 6.0
    least_contrast_gray: float = 20.0  # Between part and outside.


@dataclass(frozen=True)
class Registration:
    """A part on its scan.

    Args:
        corners_xy: upper left (the datum), upper right, lower right, lower left, in px; 0 is a pixel's middle.
        turn_deg: from the scan's x axis to the part's, towards y, at true scale; of all four edges.
        near: bool h w, the part and its margin on a copy smaller by `shrink`.
        pixel_mm_xy: (1, 1) where no pixel size is known.
    """

    corners_xy: tuple[Point, Point, Point, Point]
    turn_deg: float
    near: Bool
    shrink: int
    pixel_mm_xy: tuple[float, float]

    @property
    def size_mm(self) -> tuple[float, float]:
        """Along the upper edge and at right angles to it, each the mean of two edges (in px without a pixel size)."""
        upper_left, upper_right, lower_right, lower_left = (np.array(xy) * self.pixel_mm_xy for xy in self.corners_xy)
        lying = math.dist(upper_left, upper_right), math.dist(lower_left, lower_right)
        standing = math.dist(upper_left, lower_left), math.dist(upper_right, lower_right)
        return sum(lying) / 2, sum(standing) / 2

    def place_mm(self, xy_px: Point) -> Point:
        """A place on the scan from the datum, along the part's axes."""
        x, y = ((at - of) * mm for at, of, mm in zip(xy_px, self.corners_xy[0], self.pixel_mm_xy, strict=True))
        cos, sin = math.cos(math.radians(self.turn_deg)), math.sin(math.radians(self.turn_deg))
        return x * cos + y * sin, y * cos - x * sin

    def turned(self, orientation_deg: float | None) -> float | None:
        """An orientation on the scan as one on the part."""
        return None if orientation_deg is None else (orientation_deg - self.turn_deg) % 180.0 % 180.0

    def touches(self, box: Box, mask: Bool) -> bool:
        """Whether any pixel of a region lies on the part or within its margin."""
        rows, columns = np.nonzero(mask)
        height, width = self.near.shape
        coarse = (rows + box.y) // self.shrink, (columns + box.x) // self.shrink
        return bool(self.near[np.minimum(coarse[0], height - 1), np.minimum(coarse[1], width - 1)].any())


def find_part(
    picture: UInt8, pixel_mm_xy: tuple[float, float] | None = None, search: PartSearch | None = None
) -> Registration:
    """Register a part.

    Args:
        picture: uint8 H W or H W C.
        pixel_mm_xy: size of a pixel; None = places come in px.

    Raises:
        PictureError: no part, more than one, one that is cut off, or turned too far; it says which.
    """
    search = search or PartSearch()
    plane = picture if picture.ndim == 2 else picture[:, :, picture.shape[2] // 2]  # Of RGB the green.
    shrink = max(1, min(plane.shape) // _COARSE_SIDE_PX)
    coarse = _Coarse.of(plane, shrink, search)
    scale_xy = pixel_mm_xy or (1.0, 1.0)
    lines = _lines(plane, coarse, shrink, math.tan(math.radians(search.most_turn_deg)) * max(scale_xy) / min(scale_xy))
    corners = _corners(*lines)
    turn = _turn(corners, scale_xy, search)
    return Registration(corners, turn, _near(coarse, corners, shrink, search.margin_mm, scale_xy), shrink, scale_xy)


@dataclass(frozen=True)
class _Coarse:
    """The scan in small: its largest piece, all pieces but dirt, and the two grays."""

    part: Bool
    pieces: Bool
    outside_gray: float
    part_gray: float

    @classmethod
    def of(cls, plane: UInt8, shrink: int, search: PartSearch) -> _Coarse:
        height, width = (side // shrink for side in plane.shape)
        every_other = plane[
            : height * shrink : 2, : width * shrink
        ]  # Half the rows are enough here, and half the time.
        small = cv2.resize(every_other, (width, height), interpolation=cv2.INTER_AREA)
        level, _ = cv2.threshold(small, 0, 255, cv2.THRESH_OTSU)
        bright = small > level
        rim = np.concatenate([bright[:2].ravel(), bright[-2:].ravel(), bright[:, :2].ravel(), bright[:, -2:].ravel()])
        outside_is_bright = bool(rim.mean() > 0.5)
        body = bright != outside_is_bright
        if not body.any() or body.all():
            raise PictureError("no part found: the scan is one gray")
        outside_gray, part_gray = float(np.median(small[~body])), float(np.median(small[body]))
        if abs(part_gray - outside_gray) < search.least_contrast_gray:
            raise PictureError(
                f"no part found: it must differ from what surrounds it by {search.least_contrast_gray:g} gray levels, "
                f"the scan's two halves differ by {abs(part_gray - outside_gray):.0f}"
            )
        if max(rim.mean(), 1 - rim.mean()) < _RIM_FRAC:
            raise PictureError("no whole part found: what is in view reaches over the scan's rim")
        nearer = outside_gray + 0.3 * (part_gray - outside_gray)  # A dim corner of the part is nearer to the part.
        return cls(*_pieces((small > nearer) != outside_is_bright), outside_gray, part_gray)


def _pieces(body: Bool) -> tuple[Bool, Bool]:
    """The largest piece, and all but dirt."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(body.astype(np.uint8), connectivity=8)
    areas = np.asarray(stats)[1:, cv2.CC_STAT_AREA]
    order = np.argsort(-areas)
    largest = float(areas[order[0]]) if len(areas) else 0.0
    if largest < _SMALLEST_PART_FRAC * body.size:
        raise PictureError(
            f"no part found: the largest thing in view covers {100 * largest / body.size:.1f}% of the scan, at least "
            f"{100 * _SMALLEST_PART_FRAC:g}% expected"
        )
    if len(order) > 1 and areas[order[1]] >= _SECOND_PART_FRAC * largest:
        raise PictureError("more than one part in view: one expected")
    worth = np.concatenate([[False], areas >= _PIECE_FRAC * largest])
    return np.asarray(labels) == order[0] + 1, worth[np.asarray(labels)]


def _lines(plane: UInt8, coarse: _Coarse, shrink: int, most_slope: float) -> tuple[Line, Line, Line, Line]:
    """Upper, right, lower and left edge on the full scan; the standing ones as x over y."""
    edges = {"upper": (False, True), "right": (True, False), "lower": (False, False), "left": (True, True)}
    lines = []
    for name, (standing, from_low) in edges.items():
        part, scan = (coarse.part.T, plane.T) if standing else (coarse.part, plane)
        line = _edge(part, scan, from_low, coarse, shrink, most_slope)
        if line is None:
            raise PictureError(f"no whole part found: its {name} edge is no straight line that is wholly in view")
        lines.append(line)
    return lines[0], lines[1], lines[2], lines[3]


def _edge(part: Bool, scan: UInt8, from_low: bool, coarse: _Coarse, shrink: int, most_slope: float) -> Line | None:
    """The edge that is met first when coming from low rows, or from high ones."""
    columns = np.flatnonzero(part.any(axis=0))
    met = np.argmax(part if from_low else part[::-1], axis=0)[columns]
    cross = met - 0.5 if from_low else part.shape[0] - 0.5 - met
    fitted = fit_line(columns.astype(np.float64), cross.astype(np.float64), _COARSE_TOLERANCE_PX, most_slope)
    if fitted is None or fitted[1].sum() < _SIDE_FRAC * len(columns):
        return None
    rough, on = fitted
    line = Line((rough.start + 0.5 - 0.5 * rough.slope) * shrink - 0.5 + 0.5 * rough.slope, rough.slope)
    ends = np.quantile(columns[on], [0.02, 0.98]) * shrink
    stations = np.unique(np.linspace(ends[0], ends[1], _STATIONS).astype(np.int64))
    found = refine(
        scan, stations, line, from_low=from_low, outside_gray=coarse.outside_gray, part_gray=coarse.part_gray
    )
    fine = fit_line(stations.astype(np.float64), found, _TOLERANCE_PX, most_slope)
    return None if fine is None or fine[1].sum() < _EDGE_FRAC * len(stations) else fine[0]


def _corners(upper: Line, right: Line, lower: Line, left: Line) -> tuple[Point, Point, Point, Point]:
    return _meet(upper, left), _meet(upper, right), _meet(lower, right), _meet(lower, left)


def _meet(lying: Line, standing: Line) -> Point:
    y = (lying.start + lying.slope * standing.start) / (1 - lying.slope * standing.slope)
    return standing.start + standing.slope * y, y


def _turn(corners: tuple[Point, Point, Point, Point], scale_xy: tuple[float, float], search: PartSearch) -> float:
    """Degrees of the part at true scale, once its four edges are a rectangle's.

    An edge's direction is known the better the longer it is and the finer the pixels across it: its variance goes with
    (pixel / length) squared, and each edge weighs by the inverse.
    """
    points: Float64 = np.array(corners) * scale_xy
    along = np.diff(np.concatenate([points, points[:1]]), axis=0)
    angles = np.degrees(np.arctan2(along[:, 1], along[:, 0])) - np.array([0, 90, 180, 270])
    angles = (angles + 180) % 360 - 180
    if np.ptp(angles) > 1.5:
        raise PictureError(f"no part found: its edges are off a rectangle by {np.ptp(angles):.1f} degrees")
    weights = (np.hypot(along[:, 0], along[:, 1]) / [scale_xy[1], scale_xy[0], scale_xy[1], scale_xy[0]]) ** 2
    turn = float(np.average(angles, weights=weights))
    if abs(turn) > search.most_turn_deg:
        raise PictureError(
            f"the part is turned by {turn:.1f} degrees, at most {search.most_turn_deg:g} expected: lay it straight"
        )
    return turn


def _near(
    coarse: _Coarse,
    corners: tuple[Point, Point, Point, Point],
    shrink: int,
    margin: float,
    scale_xy: tuple[float, float],
) -> Bool:
    """The part with what is joined to it (tabs) and the margin; a dark defect at an edge is no bite out of it."""
    gap = 2 * round(_GAP_FRAC * min(coarse.pieces.shape)) + 1
    pieces = coarse.pieces.astype(np.uint8)
    quad = np.rint(np.array(corners) / shrink).astype(np.int32)
    cv2.fillPoly(pieces, [quad], 1)
    closed = cv2.morphologyEx(np.pad(pieces, gap), cv2.MORPH_CLOSE, np.ones((gap, gap), np.uint8))
    _, labels = cv2.connectedComponents(np.ascontiguousarray(closed[gap:-gap, gap:-gap]), connectivity=8)
    middle_x, middle_y = quad.mean(axis=0).astype(int)
    plane = (labels == labels[middle_y, middle_x]).astype(np.uint8)  # Not what lies apart on the table.
    reach = [math.ceil(margin / mm / shrink) for mm in scale_xy]
    kernel = np.ones((2 * reach[1] + 1, 2 * reach[0] + 1), np.uint8)
    return cv2.dilate(plane, kernel) > 0
