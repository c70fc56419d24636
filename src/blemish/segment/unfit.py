"""Settings that do not fit a data set: refused before a run's folder is there, which would block the right command."""

from __future__ import annotations

from blemish.core.errors import InputError
from blemish.data.dataset import Dataset
from blemish.segment.draw import val_records
from blemish.segment.losses import refuse_other_weights
from blemish.segment.networks import refuse_one_pixel
from blemish.segment.settings import TrainSettings


def refuse_unfit(dataset: Dataset, settings: TrainSettings) -> None:
    """Raise where a training on this set would fail at its first step, or keep a network that nothing chose.

    Raises:
        InputError: no such network; one sample a step that it shrinks to one pixel; another number of class weights
            than of classes; keep best without a val tile that shows a defect.
    """
    refuse_one_pixel(settings.network, settings.batch, settings.crop_px or dataset.info.tile_px)
    refuse_other_weights(settings.loss, len(dataset.taxonomy.defects) + 1)
    if settings.keep == "best":
        _refuse_nothing_to_choose_by(dataset, settings.val_tiles)


def _refuse_nothing_to_choose_by(dataset: Dataset, most: int) -> None:
    """Without a labelled defect the validation IoU has no value."""
    judged_by = val_records(dataset, most)
    if not judged_by:
        raise InputError(f"{dataset.folder} has no val split to choose the best by: use --keep last")
    if not any(record.classes for record in judged_by):
        raise InputError(
            f"none of the {len(judged_by)} val tiles of {dataset.folder} that would be judged shows a labelled defect "
            f"to choose the best by: use --keep last without --patience, or draw another split with data split"
        )
