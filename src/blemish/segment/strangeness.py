"""What a line's own pictures look like, learned from a data set, and how well foreign pictures are told from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from blemish.core.arrays import Picture
from blemish.core.errors import DatasetError, InputError
from blemish.core.records import Split, TileRecord
from blemish.data.dataset import Dataset
from blemish.inspect.strangeness import QUANTILE, Familiar
from blemish.metrics.auroc import auroc
from blemish.metrics.part import wilson
from blemish.picture.normalise import to_8_bit
from blemish.picture.read import read_picture
from blemish.segment.evaluation import none_if_nan
from blemish.segment.part_figures import proportion_dict


def learn_familiar(dataset: Dataset, records: Sequence[TileRecord], quantile: float = QUANTILE) -> Familiar:
    """From tiles, clean and defective alike: a known defect is no stranger.

    Raises:
        DatasetError: no tile.
    """
    if not records:
        raise DatasetError(f"{dataset.folder} has no train tiles to learn from: draw a split with data split")

    pictures = (dataset.picture(record) for record in records)
    return Familiar.of(pictures, [record.group or record.id for record in records], quantile)


def learn_from_files(
    files: Sequence[Path], value_range: tuple[int, int] | None, quantile: float = QUANTILE
) -> Familiar:
    """From pictures as the line takes them, each of a part of its own.

    Raises:
        InputError: fewer than two, or 16-bit pictures without a range.
        PictureError: one that cannot be read.
    """
    pictures = (_as_inspected(file, value_range) for file in files)
    return Familiar.of(pictures, [str(file) for file in files], quantile)


def _as_inspected(file: Path, value_range: tuple[int, int] | None) -> Picture:
    picture = read_picture(file)
    if picture.dtype != "uint8" and value_range is None:
        raise InputError(f"{file} has 16 bit: give the inspector that will look at such pictures with --bundle")
    return to_8_bit(picture, value_range)


def strangeness_of(familiar: Familiar, dataset: Dataset, records: Sequence[TileRecord]) -> list[float]:
    """Of each tile."""
    return [familiar.strangeness(dataset.picture(record)) for record in records]


def told_from(own: Sequence[float], strange: Sequence[float]) -> dict[str, Any]:
    """How well strange tiles are told from a line's own: AUROC, and the share of each above the limit."""
    return {
        "auroc": none_if_nan(auroc(own, strange)),
        "own_above": proportion_dict(wilson(int(np.sum(np.asarray(own) > 1)), len(own))),
        "strange_above": proportion_dict(wilson(int(np.sum(np.asarray(strange) > 1)), len(strange))),
    }


def judged_records(dataset: Dataset, split: Split) -> list[TileRecord]:
    """Tiles of one split; of a set without it, all."""
    return dataset.select(split) or dataset.records
