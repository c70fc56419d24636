"""Is a drawn mask a training defect again? The highest overlap with one, mirrored, turned by right angles and moved.

Size counts: nothing is scaled. Masks are compared on a grid of at most 32 cells across, of 1, 2, 4, ... px, and where a
cell is larger than a pixel they are made half a cell wider all round: so a long crack that was bent by a pixel still
overlaps with itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from blemish.core.arrays import Bool, Float32, Float64, UInt8
from blemish.gan.shapes import Shape

NEAR_COPY_IOU = 0.9  # From here on a mask is a near-copy; measured in docs/adr/0007.
LEAST_TOLD_PX = 25  # Masks of fewer pixels are dots: any two of one size overlap as much, so shape tells nothing.
SAME_IOU = 0.7  # From here on two shapes of a group are one physical defect.
_ACROSS = 32  # Cells along the longest side of a mask, at most,
_GRID = 64  # and along the grid round its centroid.
_LEVELS = (0.25, 0.75)  # What share of a cell is covered counts in steps of a half.
_CHUNK = 64  # Shapes compared at once.
_REFINED = 4  # So many best matches are also looked at one cell aside.


@dataclass(frozen=True)
class CopyIndex:
    """Training shapes of one class, ready to be compared with; their grids are made once for each size of cell.

    Example:
        >>> mask = np.zeros((40, 40), bool)
        >>> mask[5:15, 5:35] = mask[5:30, 5:12] = True
        >>> index = CopyIndex.of([mask])
        >>> index.iou(np.rot90(mask)), index.iou(np.ones((9, 60), bool)) < 0.5
        (1.0, True)
    """

    masks: tuple[Bool, ...]
    areas_px: Float64
    grids: dict[int, UInt8] = field(default_factory=dict, compare=False)  # Cell in px -> N values.

    @classmethod
    def of(cls, masks: Iterable[Bool]) -> CopyIndex:
        kept = tuple(masks)
        return cls(kept, np.array([np.count_nonzero(mask) for mask in kept], np.float64))

    def iou(self, mask: Bool) -> float:
        """The highest IoU with any of them, 0 to 1; 0 for a mask that is too small to tell, or where there is none."""
        area_px = np.count_nonzero(mask)
        if area_px < LEAST_TOLD_PX or not self.masks:
            return 0.0
        bounds = np.minimum(self.areas_px, area_px) / np.maximum(self.areas_px, area_px)
        order = np.argsort(-bounds, kind="stable")
        cell = _cell(max(cv2.boundingRect(mask.astype(np.uint8))[2:]))
        views = _turns(_grid(mask, cell))
        flat = views.reshape(len(views), -1).astype(np.float32)
        best = 0.0
        for start in range(0, len(order), _CHUNK):
            chunk = order[start : start + _CHUNK]
            if bounds[chunk[0]] <= best:
                break
            best = max(best, _best_of(views, flat, self._gridded(cell)[chunk]))
        return best

    def _gridded(self, cell: int) -> UInt8:
        if cell not in self.grids:
            self.grids[cell] = np.stack([_grid(mask, cell) for mask in self.masks])
        return self.grids[cell]


def near_copy_iou(mask: Bool, shapes: Sequence[Shape]) -> float:
    """The highest IoU of a mask with the shapes of its class, over mirrors, right-angle turns and moves.

    Args:
        mask: bool h w, in pixels of the tile as the shapes are. Under `LEAST_TOLD_PX` pixels the answer is 0.

    Returns:
        0 to 1; from `NEAR_COPY_IOU` on it is a near-copy.
    """
    return CopyIndex.of(shape.mask for shape in shapes).iou(mask)


def physical_defects(shapes: Sequence[Shape]) -> tuple[tuple[int, ...], ...]:
    """Which shapes of one class are one physical defect, photographed again: those of a group with nearly one outline.

    Neither turned nor mirrored; shapes that are too small to tell are a defect each.

    Returns:
        Places in `shapes`, by defect, each in one; in order of their first.
    """
    boxes: dict[tuple[str, int], list[int]] = {}
    for place, shape in enumerate(shapes):
        told = np.count_nonzero(shape.mask) >= LEAST_TOLD_PX
        boxes.setdefault((shape.group, _cell(shape.longest_px)) if told else ("", -place), []).append(place)
    found = []
    for (_, cell), places in boxes.items():
        found += [tuple(places[i] for i in own) for own in _alike([shapes[i].mask for i in places], max(cell, 1))]
    return tuple(sorted(found))


def _alike(masks: Sequence[Bool], cell: int) -> list[list[int]]:
    """Each mask joins the first one before it that it overlaps with enough, or begins a defect of its own."""
    if len(masks) == 1:
        return [[0]]
    flat = np.stack([_grid(mask, cell) for mask in masks]).reshape(len(masks), -1).astype(np.float32)
    areas = flat.sum(axis=1)
    shared = flat @ flat.T
    same = shared >= SAME_IOU * (areas[:, None] + areas[None] - shared)
    first: dict[int, list[int]] = {}
    for i in range(len(masks)):
        earlier = [j for j in first if same[i, j]]
        first.setdefault(earlier[0] if earlier else i, []).append(i)
    return list(first.values())


def _cell(longest_px: int) -> int:
    return int(2 ** max(0, math.ceil(math.log2(longest_px / _ACROSS))))


def _best_of(views: UInt8, flat: Float32, grids: UInt8) -> float:
    """The best overlap of any view with any of the grids; the most alike are also moved by one cell each way."""
    theirs = grids.reshape(len(grids), -1).astype(np.float32)
    shared = flat @ theirs.T
    ious = shared / (flat[0].sum() + theirs.sum(axis=1) - shared)
    best = float(ious.max())
    for place in np.argsort(-ious, axis=None)[:_REFINED]:
        view, other = np.unravel_index(int(place), ious.shape)
        best = max(best, _moved(views[view], grids[other]))
    return best


def _moved(view: UInt8, grid: UInt8) -> float:
    shared = np.zeros((3, 3), np.float32)
    for level in range(len(_LEVELS)):
        around = np.pad(grid[level], 1).astype(np.float32)
        shared += cv2.matchTemplate(around, view[level].astype(np.float32), cv2.TM_CCORR)
    most = float(shared.max())
    return most / (float(view.sum()) + float(grid.sum()) - most)


def _grid(mask: Bool, cell: int) -> UInt8:
    """uint8 levels x 64 x 64: which cells round the centroid are covered by at least each of `_LEVELS`.

    Where cells are larger than pixels, the mask is first made wider by half a cell all round.
    """
    reach = cell // 2
    plane = np.pad(mask, reach).astype(np.uint8)
    if reach:
        round_one = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
        plane = cv2.dilate(plane, round_one).astype(np.uint8)
    ys, xs = np.nonzero(plane)
    half = _GRID * cell / 2
    columns = np.floor((xs - xs.mean() + half) / cell).astype(int)
    rows = np.floor((ys - ys.mean() + half) / cell).astype(int)
    inside = (columns >= 0) & (columns < _GRID) & (rows >= 0) & (rows < _GRID)
    places = rows[inside] * _GRID + columns[inside]
    covered = np.bincount(places, minlength=_GRID * _GRID).reshape(_GRID, _GRID) / cell**2
    return np.stack([covered >= level for level in _LEVELS]).astype(np.uint8)


def _turns(grid: UInt8) -> UInt8:
    """The grid in its four right-angle turns, and mirrored: 8 x levels x 64 x 64."""
    both = (grid, grid[:, :, ::-1])
    return np.ascontiguousarray([np.rot90(each, turns, axes=(1, 2)) for each in both for turns in range(4)])
