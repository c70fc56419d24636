"""A contact sheet of label maps: real ones of a class beside drawn ones, so that people can judge the shapes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from blemish.core.arrays import UInt8
from blemish.core.labels import LabelMap
from blemish.core.records import TileRecord
from blemish.core.seeds import derive_seed
from blemish.core.taxonomy import IGNORE
from blemish.data.dataset import Dataset
from blemish.gan.bank import Bank, source_tiles
from blemish.gan.labels import Drawn, draw_tile
from blemish.gan.plan import PlanItem

_LINE, _BETWEEN, _PADDING, _OTHERS = 90, 170, 60, 130  # Grays of frames, of the gap, of 255, and of other classes.


def shape_sheet(dataset: Dataset, bank: Bank, index: int, *, side: int = 8, cell_px: int = 96, seed: int = 0) -> UInt8:
    """Label maps of a class: real ones of the training split at the left, drawn ones at the right.

    Real ones come from as many groups as there are; where tiles are fewer than cells, cells stay empty.

    Args:
        index: the class, 1..K; white on the sheet, other classes are gray.
        side: cells along each side of either half.
        cell_px: a label map is brought to this size.

    Returns:
        uint8 H W, gray.
    """
    of_class = [record for record in source_tiles(dataset.records) if index in record.classes]
    real = [dataset.label_map(record) for record in _by_turns(of_class)[: side * side]]
    drawn = [draw_tile(bank, PlanItem(i, (index,)), seed) for i in range(side * side)]
    synthetic = [each.label_map for each in drawn if isinstance(each, Drawn)]
    halves = [_half(maps, index, side, cell_px) for maps in (real, synthetic)]
    between = np.full((halves[0].shape[0], cell_px // 4), _BETWEEN, np.uint8)
    return np.hstack([halves[0], between, halves[1]])


def _by_turns(records: Iterable[TileRecord]) -> list[TileRecord]:
    """One of every group, then a second one of each, and so on; mixed by a hash of their ids."""
    met: dict[str, int] = {}
    turns: list[tuple[int, TileRecord]] = []
    for record in sorted(records, key=lambda r: derive_seed(0, "sheet", r.id)):
        turns.append((met.get(record.group, 0), record))
        met[record.group] = met.get(record.group, 0) + 1
    return [record for _, record in sorted(turns, key=lambda turn: turn[0])]


def _half(maps: Sequence[LabelMap], index: int, side: int, cell_px: int) -> UInt8:
    cells = [_cell(label_map.defect, index, cell_px) for label_map in maps]
    cells += [np.full((cell_px, cell_px), _LINE, np.uint8)] * (side * side - len(cells))
    return np.vstack([np.hstack(cells[row * side : (row + 1) * side]) for row in range(side)])


def _cell(defect: UInt8, index: int, cell_px: int) -> UInt8:
    grays = np.zeros(256, np.uint8)
    grays[1:IGNORE], grays[IGNORE], grays[index] = _OTHERS, _PADDING, 255
    inner = cv2.resize(grays[defect], (cell_px - 1, cell_px - 1), interpolation=cv2.INTER_AREA)
    return np.pad(inner.astype(np.uint8), ((0, 1), (0, 1)), constant_values=_LINE)
