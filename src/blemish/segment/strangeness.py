"""What a line's own pictures look like, learned from a data set, and how well foreign pictures are told from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from blemish.core.errors import DatasetError
from blemish.core.records import Split, TileRecord
from blemish.data.dataset import Dataset
from blemish.inspect.strangeness import QUANTILE, Familiar
from blemish.metrics.auroc import auroc
from blemish.metrics.part import wilson
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
