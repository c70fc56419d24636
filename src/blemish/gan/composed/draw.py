"""The samples of the default preset: crops round real defects, each with the surface that the defect is painted on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blemish.core.arrays import UInt8, with_channels
from blemish.core.labels import LabelMap
from blemish.core.records import Box, TileRecord
from blemish.core.seeds import derive_seed, rng
from blemish.core.taxonomy import IGNORE
from blemish.data.augment import Augmentation, augment, point_on_defect
from blemish.data.dataset import Dataset
from blemish.gan.bank import LEAST_AREAS
from blemish.gan.clean_areas import largest_clean_area
from blemish.picture.compose import defect_mask, nearest_class, reach, soft_edge, with_texture_of, without_defect
from blemish.picture.tiling import cut
from blemish.train.sampling import ClassBalancedSampler, Sampler, UniformSampler

GRAIN_TILES = 48  # Pictures of defect-free surface held for their grain.
LARGE = 0.25  # Of a crop: a defect, with what its edge reaches, of which too little surface is seen round it.
OTHER_SURFACE = 0.5  # How often the texture of another surface lies beneath a large real defect.
_MOST_KEPT_BYTES = 400_000_000
AUGMENTATION = Augmentation(
    rotation_deg=15,
    translation_frac=0.1,
    scale=(0.8, 1.25),
    flip_x_frac=0.5,
    flip_y_frac=0.5,
    brightness_frac=0.08,
    contrast_frac=0.2,  # So that a defect is learned relative to its surface's lighting.
)
_LARGEST_SCALE = AUGMENTATION.scale[1]


@dataclass(frozen=True)
class Scene:
    """A label on a surface, as the defect branch takes it; uint8 arrays of one size."""

    surface: UInt8  # H W C
    label_map: LabelMap
    edge: UInt8  # H W, 0 to 255: how much of what is painted shows.
    region: UInt8  # H W, 0 or the class 1..K that is painted there.


def scene(surface: UInt8, label_map: LabelMap, ring_px: int) -> Scene:
    """The soft edge and the painted regions of a label on a surface H W C."""
    edge = soft_edge(defect_mask(label_map), ring_px, closed=label_map.defect == IGNORE)
    eight = np.rint(edge * 255).astype(np.uint8)
    return Scene(surface, label_map, eight, nearest_class(label_map.defect, edge))


@dataclass(frozen=True)
class _Tile:
    both: UInt8  # H W 2C: a real tile, and the same with its defects closed.
    label_map: LabelMap


class CompositionDraw:
    """`draw(step, index)` of the loader: picture and surface uint8 H W C, defect, background, edge, region uint8 H W.

    Classes are drawn evenly, within a class its groups; a crop holds a pixel of the class's defect. In the last
    `whole_frac` of the steps crops are twice as large, as far as the tile reaches.

    A defect is closed on its whole tile, before the crop is cut: one that fills the crop must show how it differs from
    the surface round it, as it will have to in synthesis, where nothing of it is there yet.

    Args:
        records: real train tiles, one of them with a defect at least.
        balanced: False = every tile with a defect equally often (an ablation), and a crop on any of its defects.
        only: draw this class only, 1..K; None = all.
        other_surfaces: beneath half of the large defects lies the texture of another surface, so that what a defect
            does to a surface is learned, to its lines and stripes too.
    """

    def __init__(
        self,
        dataset: Dataset,
        records: Sequence[TileRecord],
        *,
        size_px: int,
        ring_px: int,
        steps: int,
        whole_frac: float,
        seed: int,
        balanced: bool = True,
        only: int | None = None,
        other_surfaces: bool = False,
    ) -> None:
        self.dataset, self.ring_px, self.seed, self.size_px = dataset, ring_px, seed, size_px
        self.whole_from = round(steps * (1 - whole_frac))
        self.whole_px = min(2 * size_px, dataset.info.tile_px // 16 * 16)
        self.defective = [record for record in records if record.classes]
        self.sampler: Sampler = (
            ClassBalancedSampler(self.defective, seed, clean_share=0.0, by_group=True, only=only)
            if balanced
            else UniformSampler(len(self.defective), seed)
        )
        self.grains = grain_pictures(dataset, records)
        self.which = UniformSampler(len(self.grains), seed)
        self.other_surfaces = other_surfaces
        self._kept: dict[str, _Tile] = {}
        self._kept_bytes = 0

    def __call__(self, step: int, index: int) -> dict[str, NDArray[Any]]:
        pick = self.sampler.pick(step, index)
        tile = self._tile(self.defective[pick.place])
        crop_px = self.whole_px if step >= self.whole_from else self.size_px

        random = rng(self.seed, "composed-tile", step, index)
        focus_xy = point_on_defect(tile.label_map, random, pick.shown)
        both, label_map = augment(tile.both, tile.label_map, AUGMENTATION, random, crop_px=crop_px, focus_xy=focus_xy)
        shown, closed = (np.ascontiguousarray(half) for half in np.split(both, 2, axis=2))
        made = scene(shown, label_map, self.ring_px)
        hole = made.edge > 0
        if self.other_surfaces and hole.mean() >= LARGE and random.random() < OTHER_SURFACE:
            closed = with_texture_of(closed, self._grain(step, index, random, crop_px))
        return {
            "picture": shown,
            "surface": np.where(hole[:, :, None], closed, shown),
            "defect": label_map.defect,
            "background": label_map.background,
            "edge": made.edge,
            "region": made.region,
        }

    def _tile(self, record: TileRecord) -> _Tile:
        if record.id in self._kept:
            return self._kept[record.id]
        sample = self.dataset.sample(record)
        picture, label_map = with_channels(sample.picture), sample.label_map
        hole = reach(soft_edge(defect_mask(label_map), math.ceil(self.ring_px * _LARGEST_SCALE)))
        grain = self.grains[derive_seed(0, record.id) % len(self.grains)]
        grain = with_channels(cut(grain, Box(0, 0, picture.shape[1], picture.shape[0])))
        tile = _Tile(np.concatenate([picture, without_defect(picture, hole, grain)], axis=2), label_map)
        if self._kept_bytes < _MOST_KEPT_BYTES:
            self._kept[record.id] = tile
            self._kept_bytes += tile.both.nbytes + 2 * label_map.defect.nbytes
        return tile

    def _grain(self, step: int, index: int, random: np.random.Generator, size_px: int) -> UInt8:
        picture = self.grains[self.which.pick(step, index).place]
        height, width = picture.shape[:2]
        x, y = (int(random.integers(max(1, length - size_px + 1))) for length in (width, height))
        grain = cut(picture, Box(x, y, size_px, size_px))
        flipped = grain[:: random.choice((-1, 1)), :: random.choice((-1, 1))]
        return with_channels(np.ascontiguousarray(flipped))


def grain_pictures(dataset: Dataset, records: Sequence[TileRecord]) -> list[UInt8]:
    """Pictures H W C of defect-free surface: clean tiles, and the largest clean areas of others where these are few.

    A set without either gives its tiles as they are, the least defective first.
    """
    clean = [record for record in records if record.is_clean]
    areas = [with_channels(dataset.picture(record)) for record in _spread(clean, GRAIN_TILES)]
    if len(clean) >= LEAST_AREAS:
        return areas
    for record in _spread(records, 3 * GRAIN_TILES):
        area = largest_clean_area(dataset.label_map(record))
        if area is not None:
            picture = dataset.picture(record)
            areas.append(with_channels(picture[area.y : area.y + area.height, area.x : area.x + area.width]))
    least = sorted(records, key=lambda record: sum(record.defect_px))[:GRAIN_TILES]
    return areas[:GRAIN_TILES] or [with_channels(dataset.picture(record)) for record in least]


def _spread(records: Sequence[TileRecord], most: int) -> list[TileRecord]:
    if len(records) <= most:
        return list(records)
    return [records[place * len(records) // most] for place in range(most)]
