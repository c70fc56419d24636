"""A defect type that was never learned: leave one class out, and see how often the parts that show it escape.

All groups that show the class leave the training side of a fold and are judged, beside the fold's own judging tiles. A
part that shows it is caught where a region is called on the strange defect itself, under whatever name; caught by luck
where only something else on it was called; or strange to `inspect.strangeness`, which sends it to REVIEW. What is left
escapes. A class's result is kept under the hash of its inputs.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from blemish.bench.kept import read_or_make
from blemish.bench.rungs import TRAINING, training_of
from blemish.bench.scale import Scale, key_of
from blemish.bench.start import device, start_hash, start_of
from blemish.bench.views import View, with_records
from blemish.bench.worker import one_thread
from blemish.core.errors import InputError
from blemish.core.protocols import Segmenter
from blemish.core.records import Split, TileRecord
from blemish.data.dataset import Dataset
from blemish.metrics.part import wilson
from blemish.metrics.tile_class import large_enough, where_known
from blemish.segment.evaluation import list_batches, predict
from blemish.segment.model import TorchSegmenter
from blemish.segment.part_figures import proportion_dict, proportion_text
from blemish.segment.start import refuse_seen
from blemish.segment.strangeness import learn_familiar, strangeness_of, told_from
from blemish.segment.training import Pace, train
from blemish.train.precision import default_precision

_VERSION = 2  # Raised when equal inputs would give other figures than before.


@dataclass(frozen=True, kw_only=True)
class LeaveOnePlan:
    """Which classes are left out in turn, and how the inspectors are trained.

    Args:
        view: a fold.
        classes: names, aliases or codes; empty = all.
        base: the rung that trains.

    Raises:
        InputError: no such rung, or a view of the published ladder.
    """

    view: View
    scale: Scale
    classes: tuple[str, ...] = ()
    base: str = "loss"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.base not in TRAINING:
            raise InputError(f"--base must be one of {', '.join(TRAINING)}, got '{self.base}'")
        if self.view.fold is None:
            raise InputError("classes are left out inside train + val: give a fold, the test split stays untouched")

    def inputs(self, dataset: Dataset, name: str) -> dict[str, Any]:
        """All that decides one class's figures."""
        return {
            "version": _VERSION,
            "data": dataset.hash,
            "view": self.view.inputs(),
            "left_out": name,
            "base": self.base,
            "seed": self.seed,
            "scale": self.scale.of_training(),
            "start": start_hash(self.scale),
            "precision": default_precision(),
        }


@dataclass(frozen=True)
class _Tile:
    """What was said of one judged tile."""

    record: TileRecord
    called: bool  # A region of any class,
    on_it: bool  # one of them on the defect of the class left out.
    strangeness: float


def leave_one_out(dataset: Dataset, plan: LeaveOnePlan, work: Path) -> dict[str, Any]:
    """Train and judge a class at a time, or read what was kept; plain values.

    Raises:
        TaxonomyError: no such class.
        InputError, DatasetError: a data set or settings that do not fit.
        KeyboardInterrupt: stopped; the same call goes on from there.
    """
    indices = [dataset.taxonomy.defect_index(name) for name in plan.classes or dataset.taxonomy.defect_names]
    found = {}
    for index in indices:
        name = dataset.taxonomy.defect(index).name
        stem = work / "left-out" / f"{plan.view.name}-without-{index}-{key_of(plan.inputs(dataset, name))}"
        with one_thread():
            found[name] = read_or_make(
                stem.with_name(f"{stem.name}.json"), partial(_compute, dataset, plan, index, stem)
            )
    return {"classes": found, "fold": plan.view.fold, "folds": plan.view.folds, "base": plan.base}


def without_class(view: Dataset, index: int) -> Dataset:
    """A fold whose groups that show a class are judged, all of them, and learned from nowhere.

    Raises:
        InputError: no group shows it, or none is left to learn from.
    """
    strange = {record.group for record in view.records if index in record.classes}
    name = view.taxonomy.defect(index).name
    moved = [replace(record, split=Split.VAL) if record.group in strange else record for record in view.records]
    learned = [record for record in moved if record.split == Split.TRAIN]
    if not strange or not any(record.classes for record in learned):
        raise InputError(f"{view.folder}: leaving out '{name}' needs groups that show it and others that show a defect")
    return with_records(view, moved, f"{view.hash}, without class {index}")


def to_table(values: dict[str, Any]) -> str:
    """For people: a row a class left out."""
    lines = []
    for name, row in values["classes"].items():
        parts = row["parts"]
        lines.append(f"{name}: {parts['of']} parts in {row['groups']} groups show it; never learned,")
        for key, words in _ROWS:
            share = parts[key]
            lines.append(f"  {words:<44}{proportion_text(wilson(share['count'], share['total']))}")
        lines.append(f"  {'AUROC of strangeness, its tiles against clean':<44} {row['strangeness']['auroc']}")
    return "\n".join(lines)


_ROWS = (
    ("escaped", "called OK"),
    ("caught_on_it", "called on the defect, under another name"),
    ("caught_elsewhere", "called only elsewhere: by luck"),
    ("strange", "strange: REVIEW"),
    ("escaped_both", "called OK and not strange"),
    ("good_ng", "good parts called NG"),
    ("good_strange", "good parts called OK but strange"),
)


def _compute(dataset: Dataset, plan: LeaveOnePlan, index: int, stem: Path) -> dict[str, Any]:
    view, run = without_class(plan.view.open(dataset), index), stem.with_name(f"{stem.name}-run")
    settings = training_of(plan.base, plan.base, plan.scale, plan.seed)
    refuse_seen(start_of(plan.scale), dataset, view.select(Split.VAL))
    pace = Pace.of(settings.steps, threads=1)
    train(view, run, settings, pace=pace, precision=default_precision(), resume=True, start=start_of(plan.scale))
    tiles = _judge(TorchSegmenter.load(run, device=device()), view, index)
    for used_up in ("checkpoint", "tensorboard"):
        shutil.rmtree(run / used_up, ignore_errors=True)
    own = [tile.strangeness for tile in tiles if tile.record.is_clean]
    strange = [tile.strangeness for tile in tiles if index in tile.record.classes]
    return {
        "parts": _count_parts(tiles, index),
        "groups": len({tile.record.group for tile in tiles if index in tile.record.classes}),
        "tiles": len(strange),
        "strangeness": told_from(own, strange),
        "inputs": plan.inputs(dataset, dataset.taxonomy.defect(index).name),
    }


def _judge(segmenter: Segmenter, view: Dataset, index: int) -> list[_Tile]:
    familiar = learn_familiar(view, view.select(Split.TRAIN))
    tiles = []
    for some in list_batches(view.select(Split.VAL), 4):
        samples = [view.sample(record) for record in some]
        values = strangeness_of(familiar, view, some)
        for sample, predicted, value in zip(samples, predict(segmenter, samples), values, strict=True):
            truth = sample.label_map.defect
            called = large_enough(where_known(predicted, truth), view.taxonomy)
            on_it = bool(((called > 0) & (truth == index)).any())
            tiles.append(_Tile(sample.record, bool(called.any()), on_it, value))
    return tiles


def _count_parts(tiles: Sequence[_Tile], index: int) -> dict[str, Any]:
    """Parts that show the class left out, and good ones; parts with other defects alone are no business of this."""
    parts: dict[str, list[_Tile]] = defaultdict(list)
    for tile in tiles:
        parts[tile.record.part_id].append(tile)
    shows = [own for own in parts.values() if any(index in tile.record.classes for tile in own)]
    good = [own for own in parts.values() if all(tile.record.is_clean for tile in own)]
    ng = [any(tile.called for tile in own) for own in shows]
    on_it = [any(tile.called and tile.on_it for tile in own) for own in shows]
    strange = [any(tile.strangeness > 1 for tile in own) for own in shows]
    good_ng = [any(tile.called for tile in own) for own in good]
    good_strange = [any(tile.strangeness > 1 for tile in own) for own in good]
    counts = {
        "escaped": [not n for n in ng],
        "caught_on_it": on_it,
        "caught_elsewhere": [n and not o for n, o in zip(ng, on_it, strict=True)],
        "strange": strange,
        "escaped_both": [not n and not s for n, s in zip(ng, strange, strict=True)],
        "good_ng": good_ng,
        "good_strange": [s and not n for n, s in zip(good_ng, good_strange, strict=True)],
    }
    return {"of": len(shows), **{name: proportion_dict(wilson(sum(row), len(row))) for name, row in counts.items()}}
