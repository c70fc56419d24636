"""A scan of any size through overlapping tiles: what each pixel shows most likely, and how likely.

Only two planes are kept of a whole scan, whatever the number of classes; the K + 1 planes of probabilities exist for
one row of tiles at a time, or, where scores below some floors do not matter, for a few cells (`inspect.sparse`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from blemish.core.arrays import Float32, UInt8
from blemish.core.errors import InputError
from blemish.core.protocols import InHalves, Segmenter
from blemish.core.records import Box
from blemish.inspect.score_map import ScoreMap, likeliest, refuse_unknown
from blemish.inspect.sparse import sparse_scores
from blemish.inspect.stopwatch import Stopwatch
from blemish.picture.tiling import batches, blend_rows, cut, plan_large_tiles, plan_tiles

__all__ = ["BATCH", "MOST_TILE_PX", "ScoreMap", "Tiling", "scan_scores"]

MOST_TILE_PX = 1152  # Larger tiles than the card's overlap less; beyond this little is left to gain, at more memory.
_PLANNED_FOR = 4  # Tiles side by side that large ones are chosen for, on every machine alike (ADR 17).
BATCH = 8  # Tiles a call of the network: 58 MB of probabilities at 512 px and six classes.


@dataclass(frozen=True)
class Tiling:
    """How a scan is cut for a network."""

    tile_px: int
    overlap_px: int  # The least overlap of neighbours; scores are blended there.
    stride: int  # Offsets are multiples of it.
    most_px: int = (
        MOST_TILE_PX  # Of a side where scores below some floors do not matter; tile_px = tiles stay as they are.
    )


def scan_scores(
    picture: UInt8,
    segmenter: Segmenter,
    tiling: Tiling,
    watch: Stopwatch | None = None,
    *,
    floors: Sequence[float] | None = None,
) -> ScoreMap:
    """Run a network over a scan.

    Args:
        picture: uint8 H W C, C as the segmenter's channels.
        floors: of each defect class in order, above 0 to 1, the lowest score that anything will be done with. A network
            in two halves leaves pixels where no class can reach its own at class 1 and score 0, and may look at larger
            tiles; None = every pixel's score, from tiles of the card's size.
        watch: charged with "tiles", "network" and "blend".

    Raises:
        InputError: other channels than the segmenter's, or a tiling that does not work out.
        ArithmeticError: the network answers with what is no number.
    """
    height, width, channels = picture.shape
    if channels != segmenter.channels:
        raise InputError(f"the inspector takes {segmenter.channels} channels, the picture has {channels}")
    watch = watch or Stopwatch()
    coarse = segmenter.coarse if floors is not None and isinstance(segmenter, InHalves) else None
    if floors is not None and coarse is not None:
        return sparse_scores(picture, coarse, _large(height, width, tiling), tiling.stride, floors, watch)
    boxes = plan_tiles(height, width, tile_px=tiling.tile_px, overlap_px=tiling.overlap_px, stride=tiling.stride)
    planes = len(segmenter.taxonomy.defects) + 1
    best, score = np.empty((height, width), np.uint8), np.empty((height, width), np.float32)
    with watch.stage("blend"):
        for top, band in blend_rows(height, width, planes, _tile_scores(picture, boxes, segmenter, watch)):
            rows = slice(top, top + band.shape[1])
            best[rows], score[rows] = likeliest(band, floors)
            refuse_unknown(score[rows])
    return ScoreMap(best, score)


def _large(height: int, width: int, tiling: Tiling) -> list[Box]:
    """The same tiles on every machine, whatever its cores: what is found depends on where tiles begin."""
    return plan_large_tiles(
        height,
        width,
        least_px=tiling.tile_px,
        most_px=tiling.most_px,
        overlap_px=tiling.overlap_px,
        stride=tiling.stride,
        workers=_PLANNED_FOR,
    )


def _tile_scores(
    picture: UInt8, boxes: list[Box], segmenter: Segmenter, watch: Stopwatch
) -> Iterator[tuple[Box, Float32]]:
    for some in batches(boxes, BATCH):
        with watch.stage("tiles"):
            tiles = np.stack([cut(picture, box) for box in some])
        with watch.stage("network"):
            scores = segmenter.probabilities(tiles)
        yield from zip(some, scores, strict=True)
        del tiles, scores  # Before the next are made.
