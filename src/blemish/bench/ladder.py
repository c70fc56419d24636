"""The ladder: is it better than what an engineer would do in an afternoon? (docs/architecture.md, "How we measure")

Each cell (rung, fold, seed) is kept under the hash of what went into it, as soon as it ends; a cell that is there is
not computed again. Everything here is decided and told on folds inside train + val.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from blemish.bench.curve import learning_curve
from blemish.bench.folds import fold_view
from blemish.bench.rungs import SIMPLE, SYNTHETIC, Scale, simple_settings, with_synthetic
from blemish.core.errors import InputError
from blemish.core.records import Split
from blemish.data.dataset import Dataset
from blemish.picture.write import write_bytes
from blemish.report.chart import Curve, line_chart, standalone
from blemish.segment.evaluation import evaluate
from blemish.segment.model import TorchSegmenter
from blemish.segment.training import Pace, train

RUNGS = (*SIMPLE, *SYNTHETIC)


@dataclass(frozen=True, kw_only=True)
class LadderPlan:
    """Which rungs, folds and seeds, and at which scale.

    Raises:
        InputError: an unknown rung, or a synthetic rung without a simple one to start from.
    """

    rungs: tuple[str, ...]
    folds: int = 3
    chosen_folds: tuple[int, ...] = (0,)
    seeds: tuple[int, ...] = (0,)
    scale: Scale = Scale()  # noqa: RUF009 - frozen

    def __post_init__(self) -> None:
        unknown = [name for name in self.rungs if name not in RUNGS]
        if unknown:
            raise InputError(f"no rung '{unknown[0]}': there are {', '.join(RUNGS)}")
        if not any(name in SIMPLE for name in self.rungs):
            raise InputError(f"a ladder needs one of {', '.join(SIMPLE)}: synthetic rungs start from the best of them")


def climb(dataset: Dataset, plan: LadderPlan, work: Path) -> list[dict[str, Any]]:
    """Run (or read back) every cell; simple rungs first, then the synthetic ones on BASE, the best of the simple."""
    ordered = [name for name in RUNGS if name in plan.rungs]
    cells: list[dict[str, Any]] = []
    for name in (n for n in ordered if n in SIMPLE):
        cells += [
            _cell(dataset, plan, work, name, name, fold, seed) for fold in plan.chosen_folds for seed in plan.seeds
        ]
    base = best_simple(cells)
    for name in (n for n in ordered if n in SYNTHETIC):
        cells += [
            _cell(dataset, plan, work, name, base, fold, seed) for fold in plan.chosen_folds for seed in plan.seeds
        ]
    return cells


def best_simple(cells: Sequence[dict[str, Any]]) -> str:
    """BASE: the simple rung with the highest mean IoU over its folds and seeds."""
    names = [name for name in SIMPLE if any(cell["rung"] == name for cell in cells)]
    return max(names, key=lambda name: fmean(cell["mean_iou"] or 0.0 for cell in cells if cell["rung"] == name))


def ladder_result(dataset: Dataset, plan: LadderPlan, cells: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The result file: what was compared, every cell with its curve, and the mean of each rung over folds and seeds."""
    classes = list(dataset.taxonomy.defect_names)
    rungs = []
    for name in dict.fromkeys(cell["rung"] for cell in cells):
        own = [cell for cell in cells if cell["rung"] == name]
        iou = {c: [cell["iou"][c] for cell in own] for c in classes}
        rungs.append({"name": name, "mean_iou": [cell["mean_iou"] for cell in own], "iou": iou})
    return {
        "ladder": "selection: folds by group inside train + val; the test split was not touched",
        "data": {"hash": dataset.hash, "tile_px": dataset.info.tile_px, "channels": dataset.channels},
        "classes": classes,
        "folds": {"n": plan.folds, "run": list(plan.chosen_folds)},
        "scale": plan.scale.to_dict(),
        "base": best_simple(cells),
        "rungs": rungs,
        "cells": list(cells),
    }


def curves(cells: Sequence[dict[str, Any]], title: str) -> str:
    """Learning curves of all cells as an SVG file: mean IoU on the judging fold over the steps."""
    lines = [
        Curve(
            f"{cell['rung']} {cell['fold']}.{cell['seed']}",
            tuple((float(row["step"]), float(row["val_iou"])) for row in cell["curve"] if "val_iou" in row),
        )
        for cell in cells
    ]
    return standalone(line_chart(lines, title=title, x_name="training steps"))


def table(cells: Sequence[dict[str, Any]], classes: Sequence[str]) -> str:
    """A row a cell, for people."""
    head = f"{'rung':<12}{'fold':>5}{'seed':>5}  " + "".join(f"{name[:11]:>12}" for name in classes)
    rows = [head + f"{'mean IoU':>10}{'accuracy':>10}"]
    for cell in cells:
        values = "".join(f"{_figure(cell['iou'][name]):>12}" for name in classes)
        tail = f"{_figure(cell['mean_iou']):>10}{_figure(cell['accuracy']):>10}"
        rows.append(f"{cell['rung']:<12}{cell['fold']:>5}{cell['seed']:>5}  {values}{tail}")
    return "\n".join(rows)


def _cell(dataset: Dataset, plan: LadderPlan, work: Path, name: str, base: str, fold: int, seed: int) -> dict[str, Any]:
    inputs = {
        "rung": name,
        "base": base,
        "data": dataset.hash,
        "folds": plan.folds,
        "fold": fold,
        "seed": seed,
        "scale": plan.scale.of_rung(name),
    }
    key = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]
    kept = work / "cells" / f"{name}-{fold}-{seed}-{key}.json"
    if kept.is_file():
        result: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
        return result
    view = fold_view(dataset, n=plan.folds, fold=fold)
    result = _compute(view, plan.scale, work, key, name, base, seed) | {"fold": fold, "seed": seed}
    write_bytes(kept, (json.dumps({**result, "inputs": inputs}, indent=2) + "\n").encode())
    return {**result, "inputs": inputs}


def _compute(view: Dataset, scale: Scale, work: Path, key: str, name: str, base: str, seed: int) -> dict[str, Any]:
    settings, synthetic, made = simple_settings(base, scale, seed), [], None
    if name in SYNTHETIC:
        folder = work / "synthetic" / f"{name}-{key}"
        made = _made(view, folder, scale, name, seed)
        synthetic, settings = [Dataset(folder)], with_synthetic(settings, scale)
    run = work / "runs" / f"{name}-{key}"
    started = time.perf_counter()
    train(
        view,
        run,
        settings,
        synthetic=synthetic,
        pace=Pace.of(settings.steps),
        resume=run.exists(),
        start=Path(scale.start) if scale.start else None,
    )
    seconds = time.perf_counter() - started
    found = evaluate(TorchSegmenter.load(run), view, view.select(Split.VAL)).to_dict()
    return {
        "rung": name,
        "base": base if made is not None else None,
        "mean_iou": found["mean_iou"],
        "iou": found["iou"],
        "accuracy": found["accuracy"]["value"],
        "judged": {key: found[key] for key in ("tiles", "groups", "class_tiles", "class_groups", "accuracy")},
        "curve": learning_curve(run),
        "train_seconds": round(seconds, 1),
        "synthetic": made,
    }


def _made(view: Dataset, folder: Path, scale: Scale, name: str, seed: int) -> dict[str, Any]:
    """What the synthetic set's making told, kept beside it: the set itself is not made twice."""
    told = folder.with_name(f"{folder.name}.json")
    if not told.is_file():
        folder.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(told, json.dumps(SYNTHETIC[name](view, folder, scale, seed), indent=2).encode())
    made: dict[str, Any] = json.loads(told.read_text(encoding="utf-8"))
    return made


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
