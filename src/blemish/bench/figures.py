"""The figures of a rung from its cells: the folds of a seed are pooled, as if one set had been judged."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from blemish.bench.judging import judged_as_now, part_rates, pooled, regions_of, separation, unpacked, without_padding
from blemish.bench.rungs import SIMPLE, TRAINING
from blemish.metrics.pixel import Confusion
from blemish.segment.evaluation import none_if_nan

Cells = Sequence[Mapping[str, Any]]


def of_rung(name: str, cells: Cells, classes: Sequence[str]) -> dict[str, Any]:
    """`name`, `seeds`, and a list with one figure a seed: `mean_iou`, `iou` by class, `accuracy`, `escape`, `overkill`,
    `separation` of parts, `recall` of regions and `false_per_scan`.

    `precision` lists what its cells were trained in.
    A seed counts only where it has every fold that any seed of the rung has. Undefined figures are None, and so are
    those by tile and part where a cell counted them otherwise than one does now.
    """
    own = of_whole_seeds([cell for cell in cells if cell["rung"] == name])
    seeds = sorted({int(cell["seed"]) for cell in own})
    by_seed = [[cell for cell in own if cell["seed"] == seed] for seed in seeds]
    tables = [table_of(some, len(classes)) for some in by_seed]
    ious = [[none_if_nan(value) for value in table.iou().tolist()] for table in tables]
    alike = [some if all(map(without_padding, some)) else [] for some in by_seed]
    rates = [part_rates(cell["parts"] for cell in some) for some in alike]
    whole = [some if all("part_scores" in cell for cell in some) else [] for some in by_seed]
    regions = [regions_of(some if all(map(judged_as_now, some)) else []) for some in whole]
    return {
        "name": name,
        "seeds": seeds,
        "mean_iou": [none_if_nan(table.mean_iou()) for table in tables],
        "iou": {class_name: [row[place] for row in ious] for place, class_name in enumerate(classes)},
        "accuracy": [_accuracy(some) for some in alike],
        "escape": [none_if_nan(escape.value) for escape, _ in rates],
        "overkill": [none_if_nan(overkill.value) for _, overkill in rates],
        "separation": [none_if_nan(separation(some)) for some in whole],
        "recall": [none_if_nan(count.recall) for count, _ in regions],
        "false_per_scan": [round(count.false / scans, 4) if scans else None for count, scans in regions],
        "precision": precisions(own),
    }


def precisions(cells: Cells) -> list[str]:
    """What some cells were trained in; more than one where a ladder was climbed on several machines."""
    return sorted({str(cell["inputs"]["precision"]) for cell in cells if "inputs" in cell})


def of_whole_seeds(cells: Cells) -> list[Mapping[str, Any]]:
    """The cells of those seeds that have every fold that is there."""
    folds = {cell["fold"] for cell in cells}
    whole = {
        seed
        for seed in {cell["seed"] for cell in cells}
        if {cell["fold"] for cell in cells if cell["seed"] == seed} == folds
    }
    return [cell for cell in cells if cell["seed"] in whole]


def table_of(cells: Cells, defects: int) -> Confusion:
    """Pixels of all groups of all these cells in one table."""
    return pooled((unpacked(text, defects) for cell in cells for text in cell["groups"].values()), defects)


def best_training(cells: Cells) -> str:
    """BASE: of the first four rungs the one with the highest mean IoU, on what all of them were judged by."""
    return best_of(TRAINING, cells)


def best_simple(cells: Cells) -> str:
    """The best of the five simple rungs."""
    return best_of(SIMPLE, cells)


def best_of(rungs: Sequence[str], cells: Cells) -> str:
    """The rung with the highest mean IoU over seeds, on the folds and seeds that all of them have; the first of equals.

    Where they have none in common, each stands for itself.
    """
    there = [name for name in rungs if any(cell["rung"] == name for cell in cells)]
    places = [{(cell["fold"], cell["seed"]) for cell in cells if cell["rung"] == name} for name in there]
    common = set.intersection(*places)
    scores = {}
    for name in there:
        own = [c for c in cells if c["rung"] == name and (not common or (c["fold"], c["seed"]) in common)]
        scores[name] = _mean_over_seeds(own)
    return max(there, key=lambda name: scores[name])


def _mean_over_seeds(cells: Cells) -> float:
    """Mean of the pooled mean IoU; a seed that shows no class counts 0."""
    defects = len(cells[0]["iou"])
    values = []
    for seed in {cell["seed"] for cell in cells}:
        value = table_of([cell for cell in cells if cell["seed"] == seed], defects).mean_iou()
        values.append(0.0 if math.isnan(value) else value)
    return fmean(values)


def _accuracy(cells: Cells) -> float | None:
    counted = sum(int(cell["tiles"]["counted"]) for cell in cells)
    return round(sum(int(cell["tiles"]["right"]) for cell in cells) / counted, 6) if counted else None
