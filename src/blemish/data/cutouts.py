"""Real defects cut out of their tiles, to be pasted elsewhere: the defect bank of the copy-paste baseline."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from blemish.core.arrays import Bool, Picture, UInt8
from blemish.core.errors import DatasetError
from blemish.core.labels import LabelMap
from blemish.core.records import Box, Split, TileRecord
from blemish.core.seeds import rng
from blemish.core.taxonomy import IGNORE
from blemish.data.dataset import Dataset, Sample

MARGIN_PX = 12  # Surface kept round a defect: to blend over, and to compare brightness on.
CLUSTER_PX = 8  # Regions of one class nearer than twice this are one cut-out, so that clusters stay clusters.
LEAST_AREA_PX = 4
PER_TILE = 8  # So that one tile full of dots does not fill the bank.


@dataclass(frozen=True)
class CutOut:
    """One defect with the surface round it; all planes are of one size h w.

    Args:
        picture: uint8 h w or h w 3.
        mask: uint8 h w, 1 on the defect.
        foreign: uint8 h w, 1 where nothing may be taken from: other defects, ignored pixels, beyond the tile.
        background: uint8 h w, the background classes beneath and round it.
        index: the class, 1..K.
        touches: whether it reaches the left, top, right and bottom end of its tile: it was cut there.
        tile: the id of the tile it comes from.
    """

    picture: Picture
    mask: UInt8
    foreign: UInt8
    background: UInt8
    index: int
    touches: tuple[bool, bool, bool, bool]
    tile: str

    @property
    def box(self) -> Box:
        """Of the defect inside the cut-out."""
        return Box(*cv2.boundingRect(self.mask))


@dataclass(frozen=True)
class DefectBank:
    """Cut-outs by class. At most `per_class` of a class and `budget_px` pixels of a class are held."""

    cut_outs: dict[int, tuple[CutOut, ...]]
    left_out: int  # Defects that touch ignored pixels (their extent is not known) or are under 4 px in area.

    @classmethod
    def from_dataset(
        cls,
        dataset: Dataset,
        records: Sequence[TileRecord],
        *,
        seed: int = 0,
        per_class: int = 200,
        budget_px: int = 8_000_000,
    ) -> DefectBank:
        """Cut the defects out of some tiles, which are read one by one in an order drawn from the seed.

        The default holds at most 8 million pixels of a class (32 MB for gray, 48 MB for RGB), whatever the set's size.

        Raises:
            DatasetError: a record of the test split.
        """
        held: dict[int, list[CutOut]] = {i: [] for i in range(1, len(dataset.taxonomy.defects) + 1)}
        left_out = 0
        for place in rng(seed, "bank").permutation(len(records)):
            record = records[int(place)]
            if record.split == Split.TEST:
                raise DatasetError(f"{record.id} is of the test split: defects are cut out of training tiles only")
            open_classes = [i for i in record.classes if not _full(held[i], per_class, budget_px)]
            if not open_classes:
                continue
            sample = dataset.sample(record)
            for index in open_classes:
                found, skipped = cut_outs_of(sample, index)
                order = rng(seed, "bank", record.id, index).permutation(len(found))[:PER_TILE]
                held[index] += [found[int(i)] for i in order][: per_class - len(held[index])]
                left_out += skipped
        return cls({index: tuple(found) for index, found in held.items()}, left_out)

    def draw(self, index: int, random: np.random.Generator) -> CutOut:
        """One cut-out of a class, each as likely as any other.

        Raises:
            DatasetError: the bank holds none of this class.
        """
        found = self.cut_outs.get(index, ())
        if not found:
            raise DatasetError(
                f"there is no defect of class {index} to cut out: the training tiles show none that is whole"
            )
        return found[int(random.integers(len(found)))]


def cut_outs_of(sample: Sample, index: int) -> tuple[list[CutOut], int]:
    """The defects of one class on one tile, and how many were left out (see `DefectBank.left_out`)."""
    window = usable_window(sample.label_map)
    defect = _of(sample.label_map.defect, window)
    of_class = (defect == index).astype(np.uint8)
    reach = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * CLUSTER_PX + 1, 2 * CLUSTER_PX + 1))
    count, clusters = cv2.connectedComponents(cv2.dilate(of_class, reach), connectivity=8)
    unknown = cv2.dilate((defect == IGNORE).astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    found, left_out = [], 0
    for cluster in range(1, count):
        mask = (clusters == cluster) & (of_class > 0)
        if mask.sum() < LEAST_AREA_PX or (mask & unknown).any():
            left_out += 1
            continue
        found.append(_cut_out(sample, window, mask, index))
    return found, left_out


def usable_window(label_map: LabelMap) -> Box:
    """The tile without the rows and columns at its ends that are ignored from end to end (padding): a box in the tile.

    A tile that is ignored everywhere has no such box; it is returned whole.
    """
    known = label_map.defect != IGNORE
    rows, columns = np.flatnonzero(known.any(axis=1)), np.flatnonzero(known.any(axis=0))
    if len(rows) == 0:
        return Box(0, 0, label_map.size_hw[1], label_map.size_hw[0])
    return Box(int(columns[0]), int(rows[0]), int(columns[-1] - columns[0]) + 1, int(rows[-1] - rows[0]) + 1)


def mirrored(cut_out: CutOut, flip_x: bool, flip_y: bool) -> CutOut:
    """Left and right, or top and bottom, or both exchanged."""

    def flipped(plane: UInt8) -> UInt8:
        return np.ascontiguousarray(plane[:: -1 if flip_y else 1, :: -1 if flip_x else 1])

    left, top, right, bottom = cut_out.touches
    left, right = (right, left) if flip_x else (left, right)
    top, bottom = (bottom, top) if flip_y else (top, bottom)
    return replace(
        cut_out,
        picture=flipped(cut_out.picture),
        mask=flipped(cut_out.mask),
        foreign=flipped(cut_out.foreign),
        background=flipped(cut_out.background),
        touches=(left, top, right, bottom),
    )


def turned(cut_out: CutOut, turn_deg: float, scale: float) -> CutOut:
    """Turned about its middle (counter-clockwise) and scaled; one whose mask would vanish stays as it is."""
    height, width = cut_out.mask.shape
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), turn_deg, scale)
    side_w = math.ceil(abs(matrix[0, 0]) * width + abs(matrix[0, 1]) * height) + 2
    side_h = math.ceil(abs(matrix[0, 0]) * height + abs(matrix[0, 1]) * width) + 2
    matrix[:, 2] += (side_w - width) / 2, (side_h - height) / 2

    def warped(plane: UInt8, interpolation: int, border: int, value: int) -> UInt8:
        fill = (value, value, value, value)
        moved = cv2.warpAffine(plane, matrix, (side_w, side_h), None, interpolation, border, fill)
        return moved.astype(np.uint8, copy=False)

    changed = replace(
        cut_out,
        picture=warped(cut_out.picture, cv2.INTER_LINEAR, cv2.BORDER_REFLECT_101, 0),
        mask=warped(cut_out.mask, cv2.INTER_NEAREST, cv2.BORDER_CONSTANT, 0),
        foreign=warped(cut_out.foreign, cv2.INTER_NEAREST, cv2.BORDER_CONSTANT, 1),
        background=warped(cut_out.background, cv2.INTER_NEAREST, cv2.BORDER_REPLICATE, 0),
    )
    return _trimmed(changed) if changed.mask.any() else cut_out


def _cut_out(sample: Sample, window: Box, mask: Bool, index: int) -> CutOut:
    box = Box(*cv2.boundingRect(mask.astype(np.uint8)))
    x0, y0 = max(box.x - MARGIN_PX, 0), max(box.y - MARGIN_PX, 0)
    x1 = min(box.x + box.width + MARGIN_PX, window.width)
    y1 = min(box.y + box.height + MARGIN_PX, window.height)
    outer = Box(window.x + x0, window.y + y0, x1 - x0, y1 - y0)
    own = mask[y0:y1, x0:x1].astype(np.uint8)
    return CutOut(
        picture=_of(sample.picture, outer).copy(),
        mask=own,
        foreign=((_of(sample.label_map.defect, outer) > 0) & (own == 0)).astype(np.uint8),
        background=_of(sample.label_map.background, outer).copy(),
        index=index,
        touches=(
            box.x == 0,
            box.y == 0,
            box.x + box.width == window.width,
            box.y + box.height == window.height,
        ),
        tile=sample.record.id,
    )


def _of(plane: UInt8, box: Box) -> UInt8:
    return plane[box.y : box.y + box.height, box.x : box.x + box.width]


def _full(found: Sequence[CutOut], per_class: int, budget_px: int) -> bool:
    return len(found) >= per_class or sum(cut_out.mask.size for cut_out in found) >= budget_px


def _trimmed(cut_out: CutOut) -> CutOut:
    box = cut_out.box
    rows = slice(max(box.y - MARGIN_PX, 0), box.y + box.height + MARGIN_PX)
    columns = slice(max(box.x - MARGIN_PX, 0), box.x + box.width + MARGIN_PX)
    return replace(
        cut_out,
        picture=cut_out.picture[rows, columns],
        mask=cut_out.mask[rows, columns],
        foreign=cut_out.foreign[rows, columns],
        background=cut_out.background[rows, columns],
    )
