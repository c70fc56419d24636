"""What tiling changes: defects laid over tile borders that must come out whole, and pixels that change their class.

The oracle knows each pixel's class, and near a tile's border nothing: that is where a network has too little to go by.
So a border shows in its answers as it does in a network's, and whether defects come out whole is up to the overlap.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from blemish.core.arrays import Bool, Float32, UInt8
from blemish.core.protocols import Segmenter
from blemish.core.records import Box, Defect
from blemish.core.seeds import rng
from blemish.core.taxonomy import Taxonomy
from blemish.inspect.defects import Limits, called_classes, find_defects
from blemish.inspect.scan import ScoreMap, Tiling, scan_scores
from blemish.picture.tiling import plan_tiles
from blemish.simulate.defects import draw_shape
from blemish.simulate.shapes import KINDS

_SIZES_PX = 24.0, 300.0
_GAP_PX = 6  # Between two laid defects, else they would be one.
_TRIES = 60


@dataclass(frozen=True)
class Oracle:
    """A segmenter that reads the label: its pictures are defect planes, uint8 N H W 1."""

    taxonomy: Taxonomy
    blind_px: int = 0  # So near a tile's border it sees no defect.
    channels: int = 1

    def probabilities(self, pictures: UInt8) -> Float32:
        """One-hot, float32 N K+1 H W."""
        classes = pictures[:, :, :, 0].copy()
        if self.blind_px:
            seen = np.zeros(classes.shape[1:], bool)
            seen[self.blind_px : -self.blind_px, self.blind_px : -self.blind_px] = True
            classes[:, ~seen] = 0
        planes = np.arange(len(self.taxonomy.defects) + 1, dtype=np.uint8)[None, :, None, None]
        one_hot: Float32 = (classes[:, None] == planes).astype(np.float32)
        return one_hot


def lay_over_seams(
    seed: int, count: int, sizes_hw: Sequence[tuple[int, int]], tiling: Tiling, taxonomy: Taxonomy
) -> Iterator[UInt8]:
    """Defect planes, uint8 H W, that together hold `count` random defects of all classes, each over a tile's border.

    One after another they lie on an upright border, a lying one, and a corner where four tiles meet.
    """
    for number, (height, width) in enumerate(sizes_hw):
        plane = np.zeros((height, width), np.uint8)
        share = count // len(sizes_hw) + (number < count % len(sizes_hw))
        laid = 0
        for attempt in range(_TRIES * share):
            draw = rng(seed, "seam", number, attempt)
            class_index = 1 + laid % len(taxonomy.defects)
            kind = KINDS[(class_index - 1) % len(KINDS)]
            size = float(np.clip(kind.size_px * math.exp(draw.normal(0, kind.size_spread)), *_SIZES_PX))
            mask = draw_shape(draw, class_index, size)
            if _lay(plane, mask, class_index, _on_a_seam(draw, laid % 3, (height, width), tiling)):
                laid += 1
            if laid == share:
                break
        assert laid == share, f"only {laid} of {share} defects found room on {height} x {width} px"
        yield plane


def _on_a_seam(draw: np.random.Generator, where: int, size_hw: tuple[int, int], tiling: Tiling) -> tuple[int, int]:
    """A place (x, y): on an upright border (0), a lying one (1), or where both cross (2)."""
    boxes = plan_tiles(*size_hw, tile_px=tiling.tile_px, overlap_px=tiling.overlap_px, stride=tiling.stride)
    upright = sorted({x for b in boxes for x in (b.x, b.x + b.width) if 0 < x < size_hw[1]})
    lying = sorted({y for b in boxes for y in (b.y, b.y + b.height) if 0 < y < size_hw[0]})
    x = int(draw.choice(upright)) if where in (0, 2) else int(draw.integers(size_hw[1]))
    y = int(draw.choice(lying)) if where in (1, 2) else int(draw.integers(size_hw[0]))
    return x + int(draw.integers(-3, 4)), y + int(draw.integers(-3, 4))


def _lay(plane: UInt8, mask: Bool, class_index: int, place_xy: tuple[int, int]) -> bool:
    """Put the defect's pixel nearest its middle on the place; False where there is no room, or it is under 24 px."""
    rows, columns = np.nonzero(mask)
    nearest = int(np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2))
    y, x = place_xy[1] - int(rows[nearest]), place_xy[0] - int(columns[nearest])
    height, width = mask.shape
    margin = _GAP_PX + 18  # Off the scan's rim, where there is no other tile to see what one does not.
    fits = (
        y >= margin and x >= margin and y + height <= plane.shape[0] - margin and x + width <= plane.shape[1] - margin
    )
    if not fits or max(mask.shape) < _SIZES_PX[0]:
        return False
    if plane[y - _GAP_PX : y + height + _GAP_PX, x - _GAP_PX : x + width + _GAP_PX].any():
        return False
    plane[y : y + height, x : x + width][mask] = class_index
    return True


@dataclass(frozen=True)
class Joined:
    """How defects come out of tiles, against how they are without."""

    defects: int
    on_2_tiles: int
    on_4_tiles: int
    split: int
    lost: int
    extra: int  # Found in tiles only.
    area_errors_frac: tuple[float, ...]  # Of those that are neither split nor lost.
    length_errors_frac: tuple[float, ...]

    def __add__(self, other: Joined) -> Joined:
        return Joined(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    def to_dict(self) -> dict[str, Any]:
        """Counts, and the median and largest error of area and length."""
        counts = ("defects", "on_2_tiles", "on_4_tiles", "split", "lost", "extra")
        return {
            **{name: getattr(self, name) for name in counts},
            "area_error_frac": _middle_and_largest(self.area_errors_frac),
            "length_error_frac": _middle_and_largest(self.length_errors_frac),
        }


def _middle_and_largest(errors: Sequence[float]) -> dict[str, float | None]:
    if not errors:
        return {"median": None, "largest": None}
    return {"median": round(float(np.median(errors)), 5), "largest": round(max(errors), 5)}


def compare(whole: Sequence[Defect], tiled: Sequence[Defect], boxes: Sequence[Box]) -> Joined:
    """Only defects that some tile shows in part count; a piece is what overlaps one and is of its class."""
    crossing = [d for d in whole if any(_shares(d.box, b) and not _holds(b, d.box) for b in boxes)]
    pieces = [[t for t in tiled if t.code == d.code and _overlap(t, d)] for d in crossing]
    alone = [(d, found[0]) for d, found in zip(crossing, pieces, strict=True) if len(found) == 1]
    tiles = [sum(_shares(d.box, b) for b in boxes) for d in crossing]
    return Joined(
        defects=len(crossing),
        on_2_tiles=sum(2 <= n < 4 for n in tiles),
        on_4_tiles=sum(n >= 4 for n in tiles),
        split=sum(len(found) > 1 for found in pieces),
        lost=sum(not found for found in pieces),
        extra=sum(not any(_overlap(t, d) for d in whole) for t in tiled),
        area_errors_frac=tuple(abs(t.area_px / d.area_px - 1) for d, t in alone),
        length_errors_frac=tuple(abs(t.length_px / d.length_px - 1) for d, t in alone),
    )


def _shares(one: Box, other: Box) -> bool:
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    )


def _holds(outer: Box, inner: Box) -> bool:
    return (
        outer.x <= inner.x
        and outer.y <= inner.y
        and inner.x + inner.width <= outer.x + outer.width
        and inner.y + inner.height <= outer.y + outer.height
    )


def _overlap(one: Defect, other: Defect) -> bool:
    """Whether their outlines share a pixel."""
    if not _shares(one.box, other.box):
        return False
    corner = np.array([min(one.box.x, other.box.x), min(one.box.y, other.box.y)])
    far = [max(d.box.x + d.box.width for d in (one, other)), max(d.box.y + d.box.height for d in (one, other))]
    planes = []
    for defect in (one, other):
        plane = np.zeros((far[1] - int(corner[1]), far[0] - int(corner[0])), np.uint8)
        cv2.fillPoly(plane, [np.asarray(defect.outline_xy, np.int32) - corner.astype(np.int32)], 1)
        planes.append(plane)
    return bool((planes[0] & planes[1]).any())


def oracle_joins(plane: UInt8, taxonomy: Taxonomy, tiling: Tiling, blind_px: int, limits: Limits) -> Joined:
    """Defects of a plane through tiles, the oracle's answers, blending and `find_defects`, against the plane itself."""
    true = ScoreMap(np.maximum(plane, 1), (plane > 0).astype(np.float32))
    tiled = scan_scores(plane[:, :, None], Oracle(taxonomy, blind_px), tiling)
    boxes = plan_tiles(*plane.shape, tile_px=tiling.tile_px, overlap_px=tiling.overlap_px, stride=tiling.stride)
    whole, found = (find_defects(scores, taxonomy, limits).defects for scores in (true, tiled))
    return compare(whole, found, boxes)


@dataclass(frozen=True)
class Flips:
    """Pixels whose called class is another in tiles than without."""

    pixels: int
    flipped: int
    called: int  # Called a defect in tiles or without.

    def __add__(self, other: Flips) -> Flips:
        return Flips(self.pixels + other.pixels, self.flipped + other.flipped, self.called + other.called)

    def to_dict(self) -> dict[str, Any]:
        """Counts and shares; None where nothing was called."""
        return {
            "pixels": self.pixels,
            "flipped": self.flipped,
            "flipped_frac": round(self.flipped / self.pixels, 7),
            "called": self.called,
            "flipped_of_called_frac": round(self.flipped / self.called, 4) if self.called else None,
        }


def whole_scores(picture: UInt8, segmenter: Segmenter) -> ScoreMap:
    """The network on the whole picture at once, uint8 H W C: what tiles are compared with."""
    (planes,) = segmenter.probabilities(picture[None])
    return ScoreMap((1 + planes[1:].argmax(axis=0)).astype(np.uint8), planes[1:].max(axis=0))


def model_joins(
    picture: UInt8, whole: ScoreMap, segmenter: Segmenter, tiling: Tiling, limits: Limits
) -> tuple[Joined, Flips]:
    """Defects and pixels of a picture in tiles, against those of `whole_scores`."""
    tiled = scan_scores(picture, segmenter, tiling)
    taxonomy = segmenter.taxonomy
    boxes = plan_tiles(*picture.shape[:2], tile_px=tiling.tile_px, overlap_px=tiling.overlap_px, stride=tiling.stride)
    one, other = (called_classes(scores, taxonomy, limits) for scores in (whole, tiled))
    flips = Flips(one.size, int(np.count_nonzero(one != other)), int(np.count_nonzero(one | other)))
    before, after = (find_defects(scores, taxonomy, limits).defects for scores in (whole, tiled))
    return compare(before, after, boxes), flips
