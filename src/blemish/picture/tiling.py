"""Cut a scan of any size into square tiles, and blend per-tile scores back over the scan.

Tile offsets are multiples of the network's stride. A scan smaller than a tile, and the last row and column of a grid
that does not fit, are padded by reflection (repeated where the scan is very small); that padding is labelled 255.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from blemish.core.arrays import Float32, UInt8
from blemish.core.errors import InputError
from blemish.core.records import Box


def plan_tiles(height: int, width: int, *, tile_px: int = 512, overlap_px: int = 0, stride: int = 1) -> list[Box]:
    """Boxes that cover a scan, row by row.

    The last tile of a row is moved back so that it ends at the scan's edge where the stride allows it, else it reaches
    beyond by less than one stride; where the scan is smaller than a tile, the box reaches beyond it.

    Args:
        overlap_px: the least overlap of neighbours.
        stride: every offset is a multiple of it.

    Raises:
        InputError: a tile that is no multiple of the stride, or an overlap that leaves no step.

    Example:
        >>> [(b.x, b.y) for b in plan_tiles(512, 1000, overlap_px=24, stride=8)]
        [(0, 0), (488, 0)]
    """
    if tile_px <= 0 or tile_px % stride:
        raise InputError(f"tile size must be a positive multiple of {stride}, got {tile_px}")
    step = (tile_px - overlap_px) // stride * stride
    if overlap_px < 0 or step <= 0:
        raise InputError(f"overlap must be 0 to {tile_px - stride} px for tiles of {tile_px} px, got {overlap_px}")
    rows, columns = _offsets(height, tile_px, step, stride), _offsets(width, tile_px, step, stride)
    return [Box(x, y, tile_px, tile_px) for y in rows for x in columns]


def plan_large_tiles(
    height: int, width: int, *, least_px: int, most_px: int, overlap_px: int, stride: int, workers: int = 1
) -> list[Box]:
    """As `plan_tiles`, but tiles of one size that may be larger and oblong: the fewest pixels for the slowest worker.

    Overlaps and what reaches beyond the scan are work done for nothing: of a scan of 5400 x 2000 px, tiles of 512 px
    that overlap by 64 look at 15.7 Mpx, tiles of 1152 x 1088 px at 12.5.

    Args:
        least_px: of each side of a tile.
        most_px: of each side, least_px or more.
        workers: tiles that are computed side by side.

    Raises:
        InputError: as `plan_tiles`.

    Example:
        >>> plan_large_tiles(2000, 5400, least_px=512, most_px=1152, overlap_px=64, stride=64, workers=2)[1]
        Box(x=1088, y=0, width=1152, height=1088)
    """
    plan_tiles(1, 1, tile_px=least_px, overlap_px=overlap_px, stride=stride)  # Refuses what cannot work.
    sides = range(least_px, max(least_px, most_px) + 1, stride)
    rows = [(side, _offsets(height, side, (side - overlap_px) // stride * stride, stride)) for side in sides]
    columns = [(side, _offsets(width, side, (side - overlap_px) // stride * stride, stride)) for side in sides]

    def work(h: int, ys: list[int], w: int, xs: list[int]) -> tuple[int, int]:
        return -(-len(ys) * len(xs) // workers) * h * w, len(ys) * len(xs)

    h, ys, w, xs = min(((h, ys, w, xs) for h, ys in rows for w, xs in columns), key=lambda plan: work(*plan))
    return [Box(x, y, w, h) for y in ys for x in xs]


def cut(plane: UInt8, box: Box) -> UInt8:
    """The pixels of a box, `H W` or `H W C`; what lies beyond the scan is its reflection."""
    height, width = plane.shape[:2]
    top, bottom = max(0, -box.y), max(0, box.y + box.height - height)
    left, right = max(0, -box.x), max(0, box.x + box.width - width)
    inside = plane[max(0, box.y) : max(0, box.y + box.height), max(0, box.x) : max(0, box.x + box.width)]
    if max(top, bottom, left, right) == 0:
        return np.ascontiguousarray(inside)
    if max(top, bottom) < inside.shape[0] and max(left, right) < inside.shape[1]:
        bordered = cv2.copyMakeBorder(inside, top, bottom, left, right, cv2.BORDER_REFLECT_101)
        return np.asarray(bordered, plane.dtype).reshape(box.height, box.width, *plane.shape[2:])
    rows = _reflected(np.arange(box.y, box.y + box.height), height)
    columns = _reflected(np.arange(box.x, box.x + box.width), width)
    return np.ascontiguousarray(plane[rows][:, columns])


def padding_of(box: Box, height: int, width: int) -> NDArray[np.bool_]:
    """True where a box reaches beyond its scan."""
    rows, columns = np.arange(box.y, box.y + box.height), np.arange(box.x, box.x + box.width)
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))[None, :]
    return ~inside


def blend(height: int, width: int, planes: int, tiles: Iterable[tuple[Box, Float32]]) -> Float32:
    """Scores of overlapping tiles as one map: each pixel is the mean of its tiles, the middle of a tile weighing more.

    Args:
        tiles: a box and its scores, float32 P h w, in the order of `plan_tiles`.

    Returns:
        float32 P H W. Where tiles agree, their common value, whatever the weights.
    """
    blended = np.empty((planes, height, width), np.float32)
    for top, band in blend_rows(height, width, planes, tiles):
        blended[:, top : top + band.shape[1]] = band
    return blended


def blend_rows(
    height: int, width: int, planes: int, tiles: Iterable[tuple[Box, Float32]]
) -> Iterator[tuple[int, Float32]]:
    """As `blend`, but a band of whole rows at a time, each as soon as no later tile can touch it.

    So a scan of any length is blended in the memory of one row of tiles.

    Yields:
        the band's first row, and its scores float32 P h W, which the next band overwrites.

    Raises:
        InputError: the tiles do not cover the scan, or do not come row by row.
    """
    total = np.zeros((planes, 0, width), np.float32)
    weight = np.zeros((0, width), np.float32)
    window = weighted = np.empty((0, 0), np.float32)
    top = 0
    for box, scores in tiles:
        if window.shape != (box.height, box.width):
            window, weighted = blend_weights(box.height, box.width), np.empty((box.height, box.width), np.float32)
            total, weight = _grown(total, box.height), _grown(weight, box.height)
        if box.y > top:
            yield top, _mean(total, weight, top, box.y - top)
            _move_up(total, weight, by=box.y - top)
            top = box.y
        y0, x0 = max(box.y, 0), max(box.x, 0)
        y1, x1 = min(box.y + box.height, height), min(box.x + box.width, width)
        if y0 < top:
            raise InputError(f"tiles must come row by row: one at y={box.y} came after the rows above {top} were done")
        inner = (slice(y0 - box.y, y1 - box.y), slice(x0 - box.x, x1 - box.x))
        there = (slice(y0 - top, y1 - top), slice(x0, x1))
        for plane, plane_scores in zip(total, scores, strict=True):  # Plane by plane: the product stays in the cache.
            plane[there] += np.multiply(plane_scores, window, out=weighted)[inner]
        weight[there] += window[inner]
    yield top, _mean(total, weight, top, height - top)


@lru_cache(maxsize=4)
def blend_weights(height: int, width: int) -> Float32:
    """float32 H W above 0 to 1: how much each pixel of a tile counts where tiles overlap; most in the middle."""

    def ramp(length: int) -> Float32:
        distance = np.minimum(np.arange(1, length + 1), np.arange(length, 0, -1))
        ramped: Float32 = (distance / distance.max()).astype(np.float32)
        return ramped

    weights: Float32 = np.maximum(np.outer(ramp(height), ramp(width)), 1e-3).astype(np.float32)
    weights.flags.writeable = False
    return weights


def batches(boxes: list[Box], size: int) -> Iterator[list[Box]]:
    """The boxes in runs of at most `size`."""
    for start in range(0, len(boxes), size):
        yield boxes[start : start + size]


def _offsets(length: int, tile: int, step: int, stride: int) -> list[int]:
    if length <= tile:
        return [0]
    last = -(-(length - tile) // stride) * stride
    offsets = list(range(0, last, step))
    return [*offsets, last]


def _reflected(places: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Also where a box reaches farther beyond the scan than it lies on it."""
    if length == 1:
        return np.zeros_like(places)
    period = 2 * (length - 1)
    folded = np.mod(places, period)
    return np.where(folded >= length, period - folded, folded)


def _mean(total: Float32, weight: Float32, top: int, rows: int) -> Float32:
    """The first rows of the band, divided in place, or an error where no tile reached them."""
    reached = weight[:rows] > 0
    if len(reached) < rows or not reached.all():
        y, x = np.argwhere(~reached)[0] if not reached.all() else (len(reached), 0)
        raise InputError(f"the tiles do not cover the scan: nothing at x={x}, y={y + top}")
    for plane in total:
        plane[:rows] /= weight[:rows]
    return total[:, :rows]


def _move_up(total: Float32, weight: Float32, *, by: int) -> None:
    """Rows below come up in place; those that come in at the bottom are 0."""
    for plane in (*total, weight):
        plane[:-by] = plane[by:].copy()
        plane[-by:] = 0


def _grown(rows: Float32, height: int) -> Float32:
    """At least this many rows (the second last axis), the new ones 0."""
    missing = max(0, height - rows.shape[-2])
    return np.concatenate([rows, np.zeros((*rows.shape[:-2], missing, rows.shape[-1]), np.float32)], axis=-2)
