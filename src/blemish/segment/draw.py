"""What a training step sees: tiles drawn, cropped and augmented, as a pure function of (seed, step, index)."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blemish.core.arrays import UInt8
from blemish.core.errors import DatasetError
from blemish.core.labels import LabelMap
from blemish.core.records import Origin, Split, TileRecord
from blemish.core.seeds import rng
from blemish.core.taxonomy import IGNORE
from blemish.data.augment import augment, point_on_defect
from blemish.data.dataset import Dataset
from blemish.picture.normalise import to_channels
from blemish.segment.settings import TrainSettings
from blemish.train.sampling import (
    BalancedMixedSampler,
    ClassBalancedSampler,
    MixedSampler,
    Pick,
    Sampler,
    UniformSampler,
)

_CACHE_BYTES = 128 * 2**20


class TilePool:
    """Some tiles of a data set; decoded tiles are kept while they fit a fixed number of bytes, whatever the set's size.

    Decoding a tile's three PNG files costs about as much as augmenting it, so small sets gain most.
    """

    def __init__(self, dataset: Dataset, records: Sequence[TileRecord], cache_bytes: int = _CACHE_BYTES) -> None:
        self.dataset = dataset
        self.records = records
        self._left = cache_bytes
        self._kept: dict[int, tuple[UInt8, LabelMap]] = {}
        self._lock = Lock()

    def tile(self, place: int) -> tuple[UInt8, LabelMap]:
        """Picture and label map of the record at a place; not to be written to."""
        if place in self._kept:
            return self._kept[place]
        sample = self.dataset.sample(self.records[place])
        tile = sample.picture, sample.label_map
        size = sample.picture.nbytes + 2 * sample.label_map.defect.nbytes
        with self._lock:
            if size <= self._left and place not in self._kept:
                self._left -= size
                self._kept[place] = tile
        return tile


class SampleDraw:
    """`draw(step, index)` of the loader: {"picture": uint8 H W C, "label": uint8 H W} of a crop's or a tile's size.

    Args:
        real: the train tiles.
        synthetic: tiles of one synthetic set each; from them come `synthetic_share` of the samples until
            `synthetic_until` of the steps are done, from each set as many as its share of their tiles.
        channels: of the network.
    """

    def __init__(self, real: TilePool, synthetic: Sequence[TilePool], settings: TrainSettings, channels: int) -> None:
        self.pools = [real, *synthetic]
        self.settings = settings
        self.channels = channels
        made = [(pool, place) for pool, held in enumerate(self.pools[1:], 1) for place in range(len(held.records))]
        self._made = made
        made_records = [self.pools[pool].records[place] for pool, place in made]
        self._mixed = _mixed(real.records, made_records, settings) if made else None
        self._real = _of_one_kind(real.records, settings)
        self._last = UniformSampler(len(real.records), settings.seed)

    def __call__(self, step: int, index: int) -> dict[str, NDArray[Any]]:
        pick = self._pick(step, index)
        pool, place = self._made[pick.place] if pick.made else (0, pick.place)
        picture, label_map = self.pools[pool].tile(place)
        record = self.pools[pool].records[place]
        random = rng(self.settings.seed, "augment", step, index)
        picture, label_map = augment(
            picture,
            label_map,
            self.settings.augmentation,
            random,
            crop_px=self.settings.crop_px,
            focus_xy=self._focus(record, label_map, random),
        )
        return {"picture": to_channels(picture, self.channels), "label": label_map.defect}

    def _pick(self, step: int, index: int) -> Pick:
        if step >= self.settings.uniform_from * self.settings.steps:
            return self._last.pick(step, index)
        if self._mixed is not None and step < self.settings.synthetic_until * self.settings.steps:
            return self._mixed.pick(step, index)
        return self._real.pick(step, index)

    def _focus(
        self, record: TileRecord, label_map: LabelMap, random: np.random.Generator
    ) -> tuple[float, float] | None:
        """A point that the crop must hold, never only padding: for a share of the crops on a defect, of any class that
        the tile shows, not of the one that it was drawn for (docs/adr/0010-the-ladder.md)."""
        if self.settings.crop_px is None:
            return None
        if record.classes and random.random() < self.settings.crop_on_defect_frac:
            return point_on_defect(label_map, random, record.classes[int(random.integers(len(record.classes)))])
        if record.padding_px == 0:
            return None
        inside = np.flatnonzero(label_map.defect != IGNORE)
        if not len(inside):
            return None
        place = int(inside[random.integers(len(inside))])
        return place % label_map.defect.shape[1], place // label_map.defect.shape[1]


def train_records(dataset: Dataset) -> list[TileRecord]:
    """The rows to learn from.

    Raises:
        DatasetError: the train split is empty.
    """
    records = dataset.select(Split.TRAIN)
    if not records:
        raise DatasetError(f"{dataset.folder} has no tiles in its train split: draw one with data split")
    return records


def val_records(dataset: Dataset, most: int) -> list[TileRecord]:
    """The rows that validation judges by: at most so many of the val split; empty where there is none."""
    return spread(dataset.select(Split.VAL), most)


def spread(records: Sequence[TileRecord], most: int) -> list[TileRecord]:
    """At most so many records, spread evenly over all of them."""
    if len(records) <= most:
        return list(records)
    return [records[place * len(records) // most] for place in range(most)]


def synthetic_records(dataset: Dataset, real: Dataset) -> list[TileRecord]:
    """All rows of a set that only adds to the training.

    Raises:
        DatasetError: other classes, tiles that are real (their groups might be in val or test), or tiles made on what
            is in val or test now.
    """
    if dataset.taxonomy.defect_names != real.taxonomy.defect_names:
        raise DatasetError(
            f"{dataset.folder} has the classes {', '.join(dataset.taxonomy.defect_names)}, {real.folder} has "
            f"{', '.join(real.taxonomy.defect_names)}: a synthetic set must have the same classes in the same order"
        )
    alien = [record for record in dataset.records if record.origin != Origin.SYNTHETIC]
    if alien:
        raise DatasetError(
            f"{dataset.folder}: {alien[0].id} is {alien[0].origin}, not synthetic: only synthetic tiles may be added "
            f"with --synthetic"
        )
    _refuse_made_on_judges(dataset, real)
    return dataset.records


def _refuse_made_on_judges(made: Dataset, real: Dataset) -> None:
    """A tile beneath a synthetic one is of its group (copy-paste) or its source (a GAN's)."""
    judges = [record for record in real.records if record.split in (Split.VAL, Split.TEST)]
    groups, tiles = {record.group for record in judges} - {""}, {record.id for record in judges}
    for record in made.records:
        if record.group in groups or record.source in tiles:
            raise DatasetError(
                f"{made.folder}: {record.id} was made on {record.source}, which {real.folder} has in val or test: "
                f"it would be judged by what it learned from; make synthetic tiles from the train split as it is now"
            )


def _mixed(real: Sequence[TileRecord], made: Sequence[TileRecord], settings: TrainSettings) -> Sampler:
    if settings.sampling == "balanced":
        return BalancedMixedSampler(
            real, made, settings.synthetic_share, settings.seed, clean_share=settings.clean_share
        )
    each = (_of_one_kind(real, settings), _of_one_kind(made, settings))
    return MixedSampler(*each, settings.synthetic_share, settings.seed)


def _of_one_kind(records: Sequence[TileRecord], settings: TrainSettings) -> Sampler:
    if settings.sampling == "uniform":
        return UniformSampler(len(records), settings.seed)
    return ClassBalancedSampler(records, settings.seed, clean_share=settings.clean_share)
