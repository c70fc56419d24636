"""A scan's scores where they can matter: a defect class that no threshold can reach is never computed to the pixel.

A network in two halves answers first on a coarse grid (`core.protocols.CoarseScores`). Enlarging is linear, so the
logit of a class at a pixel stands no further above that of "no defect" than at one of the coarse values round it; and
then its probability is at most the sigmoid of that lead. Blending is a mean, so what is blended is no larger either.
Cells of the scan where no class can reach its floor in any tile are left at 0; all others get exactly what the whole
network gives there. On a scan with a handful of defects that saves nearly all of the enlarging, softmax and blending.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log

import cv2
import numpy as np

from blemish.core.arrays import Bool, Float32, UInt8
from blemish.core.protocols import CoarseScores
from blemish.core.records import Box
from blemish.inspect.score_map import ScoreMap, likeliest, refuse_unknown
from blemish.inspect.stopwatch import Stopwatch
from blemish.picture.tiling import blend_weights, cut

CELLS_A_CALL = 64  # Of the second half: 10 MB of probabilities at cells of 64 px and six classes.
SAFETY_FRAC = 1e-3  # Floors are lowered by this share, so that rounding leaves out nothing that reaches them.


def sparse_scores(
    picture: UInt8, coarse: CoarseScores, boxes: Sequence[Box], cell_px: int, floors: Sequence[float], watch: Stopwatch
) -> ScoreMap:
    """Likeliest class and score of every pixel where a class may reach its floor; class 1 with score 0 elsewhere.

    Args:
        picture: uint8 H W C.
        boxes: tiles that cover it; offsets and sides multiples of `cell_px`.
        cell_px: a multiple of the coarse grid's factor; what is computed or left out at a time.
        floors: of each defect class in order, above 0, up to 1.
        watch: charged with "tiles", "network" and "blend".
    """
    with watch.stage("network"):
        answers = list(coarse.logits(_cuts(picture, boxes, watch)))
        for answer in answers:
            refuse_unknown(answer)
    with watch.stage("blend"):
        height, width = picture.shape[:2]
        tiles = [_Tile(box, logits, coarse.factor) for box, logits in zip(boxes, answers, strict=True)]
        wanted = _wanted(tiles, cell_px, floors)
        best, score = np.ones((height, width), np.uint8), np.zeros((height, width), np.float32)
        for cells, probabilities in _blended(tiles, coarse, wanted, cell_px):
            for (y, x), planes in zip(cells, probabilities, strict=True):
                h, w = min(cell_px, height - y), min(cell_px, width - x)
                if h > 0 and w > 0:
                    best[y : y + h, x : x + w], score[y : y + h, x : x + w] = likeliest(planes[:, :h, :w], floors)
        return ScoreMap(best, score)


@dataclass(frozen=True)
class _Tile:
    box: Box
    logits: Float32  # K+1 h w on the coarse grid.
    factor: int

    def reaches(self, leads: Sequence[float]) -> UInt8:
        """uint8 h w, 1 where in the pixels of a coarse value a class may stand this far above "no defect"."""
        reached = np.zeros(self.logits.shape[1:], np.bool_)
        for plane, lead in zip(self.logits[1:], leads, strict=True):
            reached |= plane - self.logits[0] >= np.float32(lead)
        return cv2.dilate(reached.view(np.uint8), np.ones((3, 3), np.uint8)).astype(np.uint8, copy=False)

    def holds(self, y: int, x: int) -> bool:
        """Whether the cell that begins there lies in the tile."""
        box = self.box
        return box.y <= y < box.y + box.height and box.x <= x < box.x + box.width

    def crop(self, y: int, x: int, cell_px: int) -> Float32:
        """The coarse values of a cell with one more on each side, repeated at the tile's edge as enlarging does."""
        side = cell_px // self.factor
        rows = np.arange(-1, side + 1) + (y - self.box.y) // self.factor
        columns = np.arange(-1, side + 1) + (x - self.box.x) // self.factor
        height, width = self.logits.shape[1:]
        return self.logits[:, rows.clip(0, height - 1)[:, None], columns.clip(0, width - 1)[None, :]]

    def weights(self, y: int, x: int, cell_px: int) -> Float32:
        top, left = y - self.box.y, x - self.box.x
        return blend_weights(self.box.height, self.box.width)[top : top + cell_px, left : left + cell_px]


def _cuts(picture: UInt8, boxes: Sequence[Box], watch: Stopwatch) -> Iterator[UInt8]:
    for box in boxes:
        with watch.stage("tiles"):
            tile = cut(picture, box)
        yield tile


def _wanted(tiles: Sequence[_Tile], cell_px: int, floors: Sequence[float]) -> Bool:
    """bool rows x columns: the cells in which a class may reach its floor in any tile."""
    leads = [_logit(min(floor, 1 - SAFETY_FRAC) * (1 - SAFETY_FRAC)) for floor in floors]
    down = max(tile.box.y + tile.box.height for tile in tiles) // cell_px
    across = max(tile.box.x + tile.box.width for tile in tiles) // cell_px
    wanted = np.zeros((down, across), np.bool_)
    for tile in tiles:
        reached, side = tile.reaches(leads), cell_px // tile.factor
        h, w = reached.shape[0] // side, reached.shape[1] // side
        top, left = tile.box.y // cell_px, tile.box.x // cell_px
        wanted[top : top + h, left : left + w] |= reached.reshape(h, side, w, side).any(axis=(1, 3))
    return wanted


def _blended(
    tiles: Sequence[_Tile], coarse: CoarseScores, wanted: Bool, cell_px: int
) -> Iterator[tuple[list[tuple[int, int]], Float32]]:
    """Some cells at a time: corners (y, x), and probabilities N K+1 cell cell blended over the tiles that hold them."""
    places = [(int(row) * cell_px, int(column) * cell_px) for row, column in np.argwhere(wanted)]
    for start in range(0, len(places), CELLS_A_CALL):
        cells = places[start : start + CELLS_A_CALL]
        held = [[tile for tile in tiles if tile.holds(*cell)] for cell in cells]
        total = np.zeros((len(cells), len(tiles[0].logits), cell_px, cell_px), np.float32)
        weight = np.zeros((len(cells), 1, cell_px, cell_px), np.float32)
        for turn in range(
            max(map(len, held))
        ):  # First every cell's first tile, then the second of those that have one.
            some = [i for i, holders in enumerate(held) if len(holders) > turn]
            crops = np.stack([held[i][turn].crop(*cells[i], cell_px) for i in some])
            inner = slice(coarse.factor, -coarse.factor)
            probabilities = coarse.finish(crops)[:, :, inner, inner]
            for i, planes in zip(some, probabilities, strict=True):
                weights = held[i][turn].weights(*cells[i], cell_px)
                total[i] += planes * weights
                weight[i] += weights
        yield cells, total / weight


def _logit(probability: float) -> float:
    return log(probability / (1 - probability))
