"""A data set seen through one fold of cross-validation: by group, inside train + val; test stays untouched."""

from __future__ import annotations

import copy
from collections import defaultdict
from dataclasses import replace

from blemish.core.errors import InputError
from blemish.core.records import Origin, Split
from blemish.data.dataset import Dataset
from blemish.data.splits import folds


def fold_view(dataset: Dataset, *, n: int, fold: int, seed: int = 0) -> Dataset:
    """The same data set with the groups of one fold as val and those of the others as train; test tiles are left out.

    Args:
        n: number of folds.
        fold: which one judges, 0 to n - 1.

    Raises:
        InputError: no such fold, or no groups outside test.
    """
    if not 0 <= fold < n:
        raise InputError(f"a fold of {n} is 0 to {n - 1}, got {fold}")
    records = [r for r in dataset.records if r.split in (Split.TRAIN, Split.VAL) and r.origin != Origin.SYNTHETIC]
    classes: dict[str, set[str]] = defaultdict(set)
    for record in records:
        classes[record.group] |= {dataset.taxonomy.defect(index).name for index in record.classes}
    judging = folds(classes, n, seed)[fold]
    view = copy.copy(dataset)
    view.records = [replace(r, split=Split.VAL if r.group in judging else Split.TRAIN) for r in records]
    view.info = replace(dataset.info, hash=f"{dataset.hash}/fold {fold} of {n}, seed {seed}")
    return view
