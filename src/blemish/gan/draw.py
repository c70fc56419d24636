"""The samples of a GAN's training: real tiles, changed as the paper changes them, each a function of step and index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blemish.core.arrays import with_channels
from blemish.core.errors import DatasetError
from blemish.core.labels import has_defect
from blemish.core.records import Origin, Split, TileRecord
from blemish.core.seeds import rng
from blemish.data.augment import Augmentation, augment, point_on_defect
from blemish.data.dataset import Dataset
from blemish.gan.presets import Sampling
from blemish.train.loader import Draw
from blemish.train.sampling import ClassBalancedSampler, Sampler, UniformSampler


def train_tiles(dataset: Dataset) -> list[TileRecord]:
    """The rows of the train split, synthetic ones left out: a GAN never learns from its own pictures.

    Raises:
        DatasetError: there is none.
    """
    records = [record for record in dataset.select(Split.TRAIN) if record.origin != Origin.SYNTHETIC]
    if not records:
        raise DatasetError(
            f"{dataset.folder} has no real tile in its train split: draw splits with data split, then train again"
        )
    return records


def augmented(
    dataset: Dataset,
    records: Sequence[TileRecord],
    *,
    size_px: int,
    sampling: Sampling,
    seed: int,
    augmentation: Augmentation | None = None,
) -> Draw:
    """A draw of `picture` uint8 H W C, `defect` uint8 H W and `background` uint8 H W, each size_px square.

    A tile larger than that is cropped; of one that shows a defect, the crop holds a pixel of it: of the class that it
    was drawn for, where classes are drawn evenly.

    Args:
        augmentation: None = the paper's (rotation, translation, scaling, mirroring, noise).
    """
    changes = Augmentation.paper_gan() if augmentation is None else augmentation
    evenly = sampling == "uniform"
    sampler: Sampler = UniformSampler(len(records), seed) if evenly else ClassBalancedSampler(records, seed)

    def draw(step: int, index: int) -> dict[str, NDArray[Any]]:
        pick = sampler.pick(step, index)
        sample = dataset.sample(records[pick.place])
        random = rng(seed, "gan-tile", step, index)
        focus_xy = (
            point_on_defect(sample.label_map, random, pick.shown or None) if has_defect(sample.label_map) else None
        )
        picture, label_map = augment(
            sample.picture, sample.label_map, changes, random, crop_px=size_px, focus_xy=focus_xy
        )
        return {
            "picture": np.ascontiguousarray(with_channels(picture)),
            "defect": label_map.defect,
            "background": label_map.background,
        }

    return draw
