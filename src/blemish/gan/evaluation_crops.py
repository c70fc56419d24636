"""Where the defects of a data set lie, and the square crops round them: the same rule for real and synthetic tiles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from blemish.core.arrays import Bool, UInt8
from blemish.core.records import Box, TileRecord
from blemish.core.seeds import rng
from blemish.data.cutouts import CLUSTER_PX, LEAST_AREA_PX, usable_window
from blemish.data.dataset import Dataset, Sample
from blemish.picture.tiling import cut

MARGIN_FRAC = 0.5  # Surface shown round a defect, both sides together, as a share of its longest side,
LEAST_SIDE_PX = 48  # and at least so much that a dot is seen on its surface.
PER_TILE = 8  # So that one tile full of dots does not decide.
_NEUTRAL = 127  # Gray level of what is not looked at.


@dataclass(frozen=True)
class Place:
    """One defect (regions of a class near each other are one) on one tile, and the square round it."""

    tile: TileRecord
    index: int  # 1..K
    box: Box  # Of the crop, inside the tile's usable window.
    defect: Box  # Of the defect.


def find_places(
    dataset: Dataset, records: Sequence[TileRecord], *, most_per_class: int | None = None, seed: int = 0
) -> list[Place]:
    """The defects of some tiles, ordered by class; tiles are read one by one in an order drawn from the seed.

    Args:
        most_per_class: None = all (but at most 8 of a class a tile).
    """
    found: dict[int, list[Place]] = {index: [] for index in range(1, len(dataset.taxonomy.defects) + 1)}
    for which in rng(seed, "places").permutation(len(records)):
        record = records[int(which)]
        wanted = [i for i in record.classes if most_per_class is None or len(found[i]) < most_per_class]
        if wanted:
            sample = dataset.sample(record)
            for index in wanted:
                found[index] += places_on(sample, index)
    return [place for places in found.values() for place in places[:most_per_class]]


def places_on(sample: Sample, index: int) -> list[Place]:
    """The defects of one class on a tile, largest first, at most 8."""
    mask = (sample.label_map.defect == index).astype(np.uint8)
    reach = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * CLUSTER_PX + 1, 2 * CLUSTER_PX + 1))
    count, clusters = cv2.connectedComponents(cv2.dilate(mask, reach), connectivity=8)
    window = usable_window(sample.label_map)
    found = []
    for cluster in range(1, count):
        own = ((clusters == cluster) & (mask > 0)).astype(np.uint8)
        if (area := int(own.sum())) >= LEAST_AREA_PX:
            defect = Box(*cv2.boundingRect(own))
            found.append((area, Place(sample.record, index, square_round(defect, window), defect)))
    return [place for _, place in sorted(found, key=lambda pair: -pair[0])[:PER_TILE]]


def square_round(defect: Box, window: Box, side_px: int | None = None) -> Box:
    """A square with the defect in its middle, moved (and where it must, made smaller) to lie inside the window.

    Args:
        side_px: None = as MARGIN_FRAC and LEAST_SIDE_PX say.

    Example:
        >>> square_round(Box(2, 40, 20, 4), Box(0, 0, 256, 256))
        Box(x=0, y=18, width=48, height=48)
    """
    wanted = side_px or max(LEAST_SIDE_PX, round(defect.longest_px * (1 + MARGIN_FRAC)))
    side = min(wanted, window.width, window.height)
    x = defect.x + defect.width // 2 - side // 2
    y = defect.y + defect.height // 2 - side // 2
    return Box(
        min(max(x, window.x), window.x + window.width - side),
        min(max(y, window.y), window.y + window.height - side),
        side,
        side,
    )


class Cutter:
    """Crops of a data set, read when they are asked for; the last tile is held, as its places follow each other."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._last: Sample | None = None

    def sample(self, record: TileRecord) -> Sample:
        if self._last is None or self._last.record.id != record.id:
            self._last = self._dataset.sample(record)
        return self._last

    def picture(self, place: Place, box: Box | None = None) -> UInt8:
        """uint8 h w or h w 3."""
        return cut(self.sample(place.tile).picture, box or place.box)

    def mask(self, place: Place, box: Box | None = None) -> Bool:
        """bool h w: the pixels of this class in the crop."""
        inside: Bool = cut(self.sample(place.tile).label_map.defect, box or place.box) == place.index
        return inside

    def pictures(self, places: Sequence[Place]) -> Iterator[UInt8]:
        return (self.picture(place) for place in places)

    def masked(self, places: Sequence[Place]) -> Iterator[UInt8]:
        """Crops in which only the defect is seen, on a neutral gray."""
        for place in places:
            picture, mask = self.picture(place).copy(), self.mask(place)
            picture[~mask] = _NEUTRAL
            yield picture
