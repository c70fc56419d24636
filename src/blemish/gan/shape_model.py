"""A model of the shapes of one class: whole real shapes changed, recombined, or replaced by grown ones.

The rule. A real shape is the template of every drawn one: it gives the place of the pieces, their sizes and their
directions. A piece is *line-like* if the centre line through it is at least `THIN` times as long as it is wide on
average, else *compact*; what its class is called plays no part. Recombination joins the centre lines of two line-like
pieces and blends the distance fields of two compact ones. Growth draws a line from the turning, the widths and the
branches of a real one, and a compact piece from the solidity, roughness and elongation of a real one.

A shape that was cut off by an end of its tile, lies across backgrounds or ended at an edge between them is only ever
deformed, as its outline belongs to its place. Left as they are: pieces under `LEAST_PIECE_PX`, and those that neither a
line nor an outline describes (rings, nets and combs of lines); of a shape without any other nothing is made anew.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np

from blemish.core.arrays import Bool, Float32
from blemish.core.errors import InputError
from blemish.core.seeds import derive_seed
from blemish.gan.shape_blobs import Blob, blended, blob_of, drawn_blob, filled, grown_field
from blemish.gan.shape_lines import Line, drawn_line, grown, joined
from blemish.gan.shape_trace import trace
from blemish.gan.shapes import LEAST_AREA_PX, Shape, direction, trimmed

THIN = 4.0  # Length over mean width from which on a piece is a line.
LEAST_PIECE_PX = 12  # Smaller pieces are left as they are: so few pixels have no outline to speak of.
MOST_PIECES = 24  # Of a shape; further ones, the smallest, are left as they are.
MOST_TEMPLATES = 200  # Of a class; they are taken apart once, which takes about 3 ms each.
_OFF_FRAC = 0.03  # Standard deviation of a piece's place, as a share of the longest side.
_TURN_RAD = math.radians(1.5)  # Of a piece against the others.
_WIDENS = 0.5  # A line of four times the length is twice as wide.
_WIDTH_SPREAD = 0.1
_LEAST_WIDTH_PX = 1.2  # Thinner lines fall apart into dots.
_HOLES_FRAC = 0.1  # Of the filled area, from which on a piece is a ring or a net.
_LEAST_THICK = 0.15  # Half the width of a compact piece over the root of its area; of a disc 0.56. Measured: all above.
_MOST_THICKER = 1.6  # That a line as it is traced may be than the piece; a comb is drawn as a bar.
SIZES = (0.6, 1.6)  # A shape that is no longer its template is at most so much smaller or larger than it.


@dataclass(frozen=True)
class ShapeMix:
    """How often a shape of each kind is drawn, relative to each other.

    Raises:
        InputError: a share is negative, or none is positive.

    Example:
        >>> ShapeMix(deform=1, recombine=0, grow=0).kinds
        (1.0, 0.0, 0.0)
    """

    deform: float = 0.4
    recombine: float = 0.3
    grow: float = 0.3

    def __post_init__(self) -> None:
        shares = (self.deform, self.recombine, self.grow)
        if min(shares) < 0 or not 0 < sum(shares) < math.inf:
            raise InputError(f"the shares of a shape mix must be 0 or more, one of them above 0, got {shares}")

    @property
    def kinds(self) -> tuple[float, float, float]:
        """The chances of deform, recombine and grow; they sum to 1."""
        total = self.deform + self.recombine + self.grow
        return self.deform / total, self.recombine / total, self.grow / total


DEFAULT_MIX = ShapeMix()


@dataclass(frozen=True)
class Piece:
    """One connected region of a shape."""

    mask: Bool  # Without an empty border.
    centre_xy: tuple[float, float]  # Of its area, from the middle of the shape's box.
    area_px: int
    angle_rad: float

    @cached_property
    def line(self) -> Line | None:
        """Its centre line; None if it is compact."""
        traced = trace(self.mask)
        return traced if traced.thinness >= THIN else None

    @cached_property
    def blob(self) -> Blob:
        return blob_of(self.mask, self.angle_rad)

    @property
    def is_described(self) -> bool:
        """Whether a line, or an outline, says what it is like: without holes, and as thick as what is drawn by it."""
        if 1 - self.area_px / np.count_nonzero(filled(self.mask)) >= _HOLES_FRAC:
            return False
        thickest_px = _thickest_px(self.mask)
        if self.line is None:
            return thickest_px >= _LEAST_THICK * math.sqrt(self.area_px)
        return _thickest_px(drawn_line(self.line, self.angle_rad)) <= _MOST_THICKER * thickest_px + 1


@dataclass(frozen=True)
class Template:
    """A whole real shape, taken apart."""

    shape: Shape
    defect: int  # Which physical defect of its class it is.
    pieces: tuple[Piece, ...]
    rest: tuple[Piece, ...]  # Left as they are.


@dataclass(frozen=True)
class ShapeModel:
    """What is drawn from for one class."""

    templates: tuple[Template, ...]  # Empty if no shape of the class is free.

    @classmethod
    def of(cls, defects: Sequence[Sequence[Shape]]) -> ShapeModel:
        """From the free shapes (`Shape.is_free`) of one class; those of one physical defect stand together.

        Defects take turns, so that the most that is kept shows as many defects as possible.
        """
        free = [[shape for shape in shapes if shape.is_free] for shapes in defects]
        turns = [(turn, defect) for defect, shapes in enumerate(free) for turn in range(len(shapes))]
        order = sorted(turns, key=lambda place: (place[0], derive_seed(0, "templates", place[1])))
        return cls(tuple(_template(free[defect][turn], defect) for turn, defect in order[:MOST_TEMPLATES]))

    def recombined(self, shape: Shape, longest_px: float, random: np.random.Generator) -> Shape | None:
        """A shape each of whose pieces is made from one of this shape and one of another; None where that cannot be."""
        template = self._template_of(shape, random)
        if template is None or not any(self._donors(piece, template) for piece in template.pieces):
            return None
        return self._assembled(template, longest_px, random, self._recombined_piece)

    def grown(self, shape: Shape, longest_px: float, random: np.random.Generator) -> Shape | None:
        """A shape each of whose pieces is grown anew in the place of one of this shape; None where that cannot be."""
        template = self._template_of(shape, random)
        if template is None or not template.pieces:
            return None
        return self._assembled(template, longest_px, random, self._grown_piece)

    def _template_of(self, shape: Shape, random: np.random.Generator) -> Template | None:
        """Its own, or any other where it is free but not among them."""
        if not shape.is_free or not self.templates:
            return None
        own = self._by_identity.get(id(shape))
        return own or self.templates[int(random.integers(len(self.templates)))]

    @cached_property
    def _by_identity(self) -> dict[int, Template]:
        return {id(template.shape): template for template in self.templates}

    @cached_property
    def _pools(self) -> tuple[_Pool, _Pool]:
        """Compact pieces, and line-like ones, by physical defect."""
        pools: tuple[_Pool, _Pool] = {}, {}
        for template in self.templates:
            for piece in template.pieces:
                pools[piece.line is not None].setdefault(template.defect, []).append((template, piece))
        return pools

    def _donors(self, piece: Piece, template: Template) -> list[list[Piece]]:
        """Pieces of the same kind by physical defect: of other ones; where there is none, of its own other shapes."""
        pool = self._pools[piece.line is not None]
        others = [[donor for _, donor in pairs] for defect, pairs in pool.items() if defect != template.defect]
        own = [donor for source, donor in pool.get(template.defect, []) if source is not template]
        return others or [own] * bool(own)

    def _recombined_piece(self, piece: Piece, template: Template, scale: float, random: np.random.Generator) -> Bool:
        donors = self._donors(piece, template)
        if not donors:
            return self._grown_piece(piece, template, scale, random)
        donor = _one_of(donors, random)
        if piece.line is not None and donor.line is not None:
            return _line_mask(joined(piece.line, donor.line, random), piece.line, scale, random)
        return _blob_mask(blended(piece.blob, donor.blob, random), piece, scale, random)

    def _grown_piece(self, piece: Piece, template: Template, scale: float, random: np.random.Generator) -> Bool:
        """After the pattern of any piece of its kind, its own too; as large as itself."""
        pool = self._pools[piece.line is not None]
        like = _one_of([[donor for _, donor in pairs] for pairs in pool.values()], random)
        if piece.line is not None and like.line is not None:
            return _line_mask(grown(like.line, random), piece.line, scale, random)
        return _blob_mask(grown_field(like.blob, random), piece, scale, random)

    def _assembled(
        self, template: Template, longest_px: float, random: np.random.Generator, remake: _Remake
    ) -> Shape | None:
        """Its pieces made anew and put where they were, a little off."""
        low, high = SIZES
        scale = min(max(longest_px / template.shape.longest_px, low), high)
        placed: list[tuple[Bool, tuple[float, float]]] = []
        for piece in template.pieces:
            off = random.normal(0, _OFF_FRAC * template.shape.longest_px, 2) if len(template.pieces) > 1 else (0.0, 0.0)
            place = scale * (piece.centre_xy[0] + off[0]), scale * (piece.centre_xy[1] + off[1])
            placed.append((remake(piece, template, scale, random), place))
        placed += [(piece.mask, (scale * piece.centre_xy[0], scale * piece.centre_xy[1])) for piece in template.rest]
        return _with_mask(template.shape, _together(placed))


_Pool = dict[int, list[tuple[Template, Piece]]]  # Physical defect -> its pieces.
_Remake = Callable[[Piece, Template, float, np.random.Generator], Bool]


def _one_of(by_defect: Sequence[Sequence[Piece]], random: np.random.Generator) -> Piece:
    """A defect first, then one of its pieces."""
    pieces = by_defect[int(random.integers(len(by_defect)))]
    return pieces[int(random.integers(len(pieces)))]


def _line_mask(fresh: Line, own: Line, scale: float, random: np.random.Generator) -> Bool:
    """As long and as wide as the piece was, times the scale; a longer line is less than that much wider."""
    width_px = own.width_px * scale**_WIDENS * math.exp(random.normal(0, _WIDTH_SPREAD))
    sized = fresh.sized(own.length_px * scale, max(width_px, _LEAST_WIDTH_PX))
    return drawn_line(sized, own.angle_rad + random.normal(0, _TURN_RAD))


def _blob_mask(field: Float32, piece: Piece, scale: float, random: np.random.Generator) -> Bool:
    return drawn_blob(field, piece.area_px * scale**2, piece.angle_rad + random.normal(0, _TURN_RAD))


def _template(shape: Shape, defect: int) -> Template:
    mask = shape.mask
    count, labels, stats, centres = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    middle_xy = (mask.shape[1] - 1) / 2, (mask.shape[0] - 1) / 2
    pieces: list[Piece] = []
    rest: list[Piece] = []
    for i in sorted(range(1, count), key=lambda i: -int(stats[i, cv2.CC_STAT_AREA])):
        own, _ = trimmed(labels == i)
        area_px = int(stats[i, cv2.CC_STAT_AREA])
        centre = float(centres[i][0]) - middle_xy[0], float(centres[i][1]) - middle_xy[1]
        piece = Piece(own, centre, area_px, direction(own)[0])
        remade = area_px >= LEAST_PIECE_PX and len(pieces) < MOST_PIECES and piece.is_described
        (pieces if remade else rest).append(piece)
    return Template(shape, defect, tuple(pieces), tuple(rest))


def _thickest_px(mask: Bool) -> float:
    """Half the width of a region where it is widest."""
    return float(cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5).max())


def _together(placed: Sequence[tuple[Bool, tuple[float, float]]]) -> Bool:
    """One mask of all pieces, each with the middle of its area at its place."""
    corners = []
    for mask, (x, y) in placed:
        ys, xs = np.nonzero(mask)
        corners.append((round(x - float(xs.mean())), round(y - float(ys.mean()))))
    left, top = min(x for x, _ in corners), min(y for _, y in corners)
    right = max(x + mask.shape[1] for (x, _), (mask, _) in zip(corners, placed, strict=True))
    bottom = max(y + mask.shape[0] for (_, y), (mask, _) in zip(corners, placed, strict=True))
    canvas = np.zeros((bottom - top, right - left), bool)
    for (mask, _), (x, y) in zip(placed, corners, strict=True):
        canvas[y - top : y - top + mask.shape[0], x - left : x - left + mask.shape[1]] |= mask
    return canvas


def _with_mask(shape: Shape, mask: Bool) -> Shape | None:
    if np.count_nonzero(mask) < LEAST_AREA_PX:
        return None
    own, _ = trimmed(mask)
    angle, elongation = direction(own)
    return replace(
        shape,
        packed=np.packbits(own).tobytes(),
        size_hw=(own.shape[0], own.shape[1]),
        angle_rad=angle,
        elongation=elongation,
    )
