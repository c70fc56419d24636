"""How well each class is found on tiles that the network never saw: a training a fold, each judged by its own fold.

OUT/fold-0, fold-1, ...    the runs, each of which can serve as the quality gate's segmenter
OUT/out-of-fold.json       per class: tiles, pooled IoU, lower quartile over tiles, found or not; and every tile's IoU
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blemish.core.protocols import Segmenter
from blemish.core.records import Split
from blemish.data.dataset import Dataset
from blemish.data.folds import fold_view
from blemish.metrics.pixel import Confusion
from blemish.metrics.tile_iou import ClassFound, GateThresholds, class_iou
from blemish.picture.write import write_bytes
from blemish.segment.evaluation import list_batches, predict, refuse_other_classes
from blemish.segment.model import TorchSegmenter
from blemish.segment.settings import TrainSettings
from blemish.segment.start import refuse_seen
from blemish.segment.training import Pace, train
from blemish.train.precision import Precision

FILE = "out-of-fold.json"
_TILES_AT_ONCE = 4


@dataclass
class Pooled:
    """What was found so far, over folds."""

    confusion: Confusion
    tiles: list[dict[str, Any]] = field(default_factory=list)  # id, fold, and the IoU of each class that it shows.

    def ious(self, name: str) -> list[float]:
        """Of each tile that shows a class."""
        return [tile["iou"][name] for tile in self.tiles if name in tile["iou"]]


@dataclass(frozen=True)
class OutOfFold:
    """The thresholds, and what they come from."""

    thresholds: GateThresholds
    file: Path
    runs: tuple[Path, ...]

    def table(self) -> str:
        """For people."""
        width = max(len(name) for name in self.thresholds.classes)
        rows = [f"{'class':<{width}}  {'tiles':>5}  {'IoU':>6}  {'lower quartile':>14}  found"]
        for name, row in self.thresholds.classes.items():
            figures = ("–" if value is None else f"{value:.3f}" for value in (row.iou, row.lower_quartile))
            iou, quartile = figures
            rows.append(f"{name:<{width}}  {row.tiles:>5}  {iou:>6}  {quartile:>14}  {'yes' if row.found else 'no'}")
        return "\n".join(rows)


def out_of_fold(
    dataset: Dataset,
    out: Path,
    settings: TrainSettings,
    *,
    folds: int = 3,
    precision: Precision | None = None,
    start: Path | None = None,
    threads: int = 2,
) -> OutOfFold:
    """Train a network a fold, judge it by that fold, and pool; what is there already is gone on with.

    Folds are by group, inside train + val; test tiles and synthetic tiles play no part.

    Args:
        out: folder of the runs and the JSON file.
        settings: of every fold's training.
        start: a finished run whose weights every fold begins with; None = fresh weights.

    Raises:
        InputError: fewer groups than folds, runs in `out` that were begun with other settings, or start weights that
            learned from tiles that are judged.
        Interrupted: stopped by the user, with a checkpoint.
    """
    refuse_seen(start, dataset, fold_view(dataset, n=folds, fold=0).records)
    runs = tuple(out / f"fold-{fold}" for fold in range(folds))
    pooled = Pooled(Confusion(len(dataset.taxonomy.defects)))
    for fold, run in enumerate(runs):
        view = fold_view(dataset, n=folds, fold=fold)
        pace = Pace.of(settings.steps, threads)
        train(view, run, settings, pace=pace, precision=precision, resume=run.exists(), start=start)
        judge_fold(TorchSegmenter.load(run), view, fold, pooled)
    thresholds = thresholds_of(pooled, dataset)
    values = {
        **thresholds.to_dict(),
        "folds": folds,
        "runs": [run.name for run in runs],
        "settings": settings.to_dict(),
        "tiles": pooled.tiles,
    }
    write_bytes(out / FILE, (json.dumps(values, indent=1, allow_nan=False) + "\n").encode())
    return OutOfFold(thresholds, out / FILE, runs)


def judge_fold(segmenter: Segmenter, view: Dataset, fold: int, pooled: Pooled) -> None:
    """Add what a segmenter finds on the judging side (val) of one fold.

    Raises:
        DatasetError: a segmenter of other classes.
    """
    refuse_other_classes(segmenter.taxonomy, view.taxonomy)
    names = view.taxonomy.defect_names
    for some in list_batches(view.select(Split.VAL), _TILES_AT_ONCE):
        samples = [view.sample(record) for record in some]
        for sample, predicted in zip(samples, predict(segmenter, samples), strict=True):
            truth = sample.label_map.defect
            pooled.confusion.add(truth, predicted)
            ious = ((name, class_iou(truth, predicted, index)) for index, name in enumerate(names, start=1))
            shown = {name: round(iou, 6) for name, iou in ious if not math.isnan(iou)}
            pooled.tiles.append({"id": sample.record.id, "fold": fold, "iou": shown})


def thresholds_of(pooled: Pooled, dataset: Dataset) -> GateThresholds:
    """Class by class, the lower quartile over all folds' tiles."""
    by_class = dict(_classes(pooled, dataset))
    return GateThresholds(by_class, dataset.hash)


def _classes(pooled: Pooled, dataset: Dataset) -> Iterator[tuple[str, ClassFound]]:
    for name, iou in zip(dataset.taxonomy.defect_names, pooled.confusion.iou(), strict=True):
        yield name, ClassFound.of(float(iou), pooled.ious(name))
