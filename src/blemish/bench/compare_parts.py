"""What one rung gains over another by parts: how much better it tells defective ones from good ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from blemish.bench.compare import LEAST_GROUPS, in_common
from blemish.bench.figures import Cells
from blemish.bench.judging import judged_as_now
from blemish.data.dataset import Dataset
from blemish.metrics.bootstrap_parts import PartsTwice, separation_difference

GroupOf = Mapping[str, str]  # The group of each part.


def groups_of_parts(dataset: Dataset) -> dict[str, str]:
    """The group of every part; of a tile that belongs to none, under its own name."""
    return {record.part_id: record.group for record in dataset.records}


def parts_gain(cells: Cells, of: str, over: str, group_of: GroupOf) -> dict[str, Any] | None:
    """`mean` and `interval` of the paired difference in separation, `groups` and `seeds`.

    Returns:
        None where a cell keeps no scores of its parts, or fewer than `LEAST_GROUPS` of either kind are judged.
    """
    first, second = ([cell for cell in cells if cell["rung"] == rung] for rung in (of, over))
    folds, seeds, ours, theirs = in_common(first, second)
    places = [(fold, seed) for seed in seeds for fold in folds]
    if not places or not all(judged_as_now(rung[place]) for rung in (ours, theirs) for place in places):
        return None
    found = separation_difference(
        [[_twice(ours[fold, seed], theirs[fold, seed], group_of) for fold in folds] for seed in seeds]
    )
    return None if np.isnan(found.mean) or found.groups < LEAST_GROUPS else found.to_dict()


def _twice(first: Mapping[str, Any], second: Mapping[str, Any], group_of: GroupOf) -> PartsTwice:
    ours, theirs = first["part_scores"], second["part_scores"]
    names = [(kind, part) for kind in ("defective", "clean") for part in sorted(ours[kind])]
    return PartsTwice(
        np.array([ours[kind][part] for kind, part in names], np.float64),
        np.array([theirs[kind][part] for kind, part in names], np.float64),
        np.array([kind == "defective" for kind, _ in names], np.bool_),
        tuple(group_of[part] for _, part in names),
    )
