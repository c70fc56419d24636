"""What each part of the default preset is worth: the parts off in turn, on one fold of the selection ladder.

A row is the set `gan` of one scale with one thing off: how good its tiles are (`bench.quality`), and the cell that
learns from them. Everything is kept under the hash of its inputs, as the ladder keeps it: in the same folder and at the
same scale, the row `whole` is the ladder's own cell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from tqdm import tqdm

from blemish.bench.cells import Cell
from blemish.bench.compare import compared
from blemish.bench.figures import of_rung
from blemish.bench.gan_parts import ADVERSARIAL, FINE_DETAIL, FOUND, PERCEPTION, RECOGNISED, SHAPE_MIX
from blemish.bench.gating import only_learned
from blemish.bench.parallel import make_all
from blemish.bench.quality import SetQuality
from blemish.bench.rungs import TRAINING
from blemish.bench.scale import Background, Scale
from blemish.bench.synthetic_sets import SyntheticSet, on_real
from blemish.bench.views import View
from blemish.core.errors import InputError
from blemish.data.dataset import Dataset

WHOLE, NOTHING = "whole", "no synthetic tiles"
_NO_SPREAD = {"mean": None, "std": None}


@dataclass(frozen=True)
class Row:
    """One line of the table: what is off, and in which words."""

    name: str
    words: str
    off: tuple[str, ...] = ()
    gate: bool = True
    background: Background | None = None  # None = as the scale has it.

    def scale(self, whole: Scale) -> Scale:
        """The scale with this row's part off."""
        background = self.background or whole.gan_background
        return replace(whole, gan_off=self.off, gan_gate=whole.gan_gate and self.gate, gan_background=background)


ROWS = (
    Row(WHOLE, "nothing is off"),
    Row("composition", "the whole tile is painted anew, no surface is kept", ("composition",)),
    Row("every scale", "the latent matrix enters at full size only", ("every_scale",)),
    Row("codes", "no appearance code: the label alone says how a defect looks", ("codes",)),
    Row("noise", "no noise for each defect", ("noise",)),
    Row("segmenting", "the discriminator knows only real and synthetic", ("segmenting",)),
    Row("area weights", "every painted pixel counts alike", ("area_weighted",)),
    Row("balance", "tiles with a defect are drawn evenly, whatever their class", ("balanced",)),
    Row("wear", "no plain way to take a surface's texture away", ("wear",)),
    Row("other surfaces", "a defect is learned on its own surface only", ("other_surfaces",)),
    Row("adversarial", "no loss comes from the discriminator", (ADVERSARIAL,)),
    Row("fine detail", "no loss on fine detail and grain", (FINE_DETAIL,)),
    Row("perception", "no loss from a photograph network's features", (PERCEPTION,)),
    Row("shape mix", "real shapes are deformed only, never recombined or grown", (SHAPE_MIX,)),
    Row("recognised", "the gate does not ask whether a defect is told from bare surface", (RECOGNISED,)),
    Row("found", "the gate does not ask a segmenter: hard tiles are admitted too", (FOUND,)),
    Row("gate", "every tile that is drawn is admitted", gate=False),
    Row("real backgrounds", "the background branch paints beneath the defects", background="generated"),
)


@dataclass(frozen=True, kw_only=True)
class AblationPlan:
    """Which rows, where, and at which scale.

    Args:
        only: names of rows; `whole` always is one. Empty = all.
        base: the rung that learns from the tiles (BASE of the ladder).
        iou: train inspectors too; without, the tiles are measured, and of inspectors what is there is told.

    Raises:
        InputError: no such row or rung, or no seed.
    """

    view: View
    scale: Scale
    base: str = "loss"
    seeds: tuple[int, ...] = (0,)
    only: tuple[str, ...] = ()
    iou: bool = True

    def __post_init__(self) -> None:
        known = [row.name for row in ROWS]
        unknown = [name for name in self.only if name not in known]
        if unknown:
            raise InputError(f"the ablation has no row '{unknown[0]}': there are {', '.join(known)}")
        if self.base not in TRAINING:
            raise InputError(f"--base must be one of {', '.join(TRAINING)}, got '{self.base}'")
        if not self.seeds or self.scale.gan_off:
            raise InputError("an ablation needs a seed, and a scale with nothing off yet")

    def rows(self, learned: Dataset) -> list[Row]:
        """Those that differ on this view: generated backgrounds are what a set without clean tiles has anyway."""
        there = [row for row in ROWS if row.name == WHOLE or not self.only or row.name in self.only]
        real = on_real(learned, self.scale)
        gated = self.scale.gan_gate
        return [
            row
            for row in there
            if (row.background is None or real) and (gated or row.name not in ("gate", FOUND, RECOGNISED))
        ]


def ablate(dataset: Dataset, plan: AblationPlan, work: Path, *, jobs: int = 1) -> dict[str, Any]:
    """Make what is not there, and give the table as plain values.

    Raises:
        InputError, DatasetError: settings or a data set that do not fit.
        TaskError: a row failed.
        KeyboardInterrupt: stopped; the same call goes on from there.
    """
    view = plan.view.open(dataset)
    rows = plan.rows(only_learned(view))
    qualities = [SetQuality(SyntheticSet("gan", plan.view, row.scale(plan.scale))) for row in rows]
    each = len(plan.seeds) * plan.iou
    with tqdm(total=(1 + each) * len(rows) + each, desc="ablation", unit="task", dynamic_ncols=True) as bar:
        make_all(qualities, dataset, work, jobs=jobs, bar=bar)
        told = {row.name: quality.read(dataset, work) for row, quality in zip(rows, qualities, strict=True)}
        if told[WHOLE]["set"] is None:
            raise InputError(f"the whole preset made nothing to compare with: {told[WHOLE]['why_none']}")
        cells = _all_cells(plan, [row for row in rows if told[row.name]["set"] is not None])
        if plan.iou:
            make_all([cell for some in cells.values() for cell in some], dataset, work, jobs=jobs, bar=bar)
    judged = {
        name: [{**cell.read(dataset, work), "rung": name} for cell in some if cell.is_there(dataset, work)]
        for name, some in cells.items()
    }
    return _result(dataset, plan, rows, told, judged)


def _all_cells(plan: AblationPlan, rows: Sequence[Row]) -> dict[str, list[Cell]]:
    """By row, and without any synthetic tile."""
    own = {row.name: _cells(plan, "gan", row.scale(plan.scale)) for row in rows}
    return {NOTHING: _cells(plan, plan.base, plan.scale), **own}


def _cells(plan: AblationPlan, rung: str, scale: Scale) -> list[Cell]:
    return [Cell(rung=rung, base=plan.base, view=plan.view, seed=seed, scale=scale) for seed in plan.seeds]


def _result(
    dataset: Dataset,
    plan: AblationPlan,
    rows: Sequence[Row],
    told: Mapping[str, Mapping[str, Any]],
    judged: Mapping[str, list[dict[str, Any]]],
) -> dict[str, Any]:
    classes = list(dataset.taxonomy.defect_names)
    figures = told[WHOLE]["figures"]
    return {
        "data": {"hash": dataset.hash, "tile_px": dataset.info.tile_px, "channels": dataset.channels},
        "classes": classes,
        "fold": plan.view.fold,
        "folds": plan.view.folds,
        "base": plan.base,
        "scale": plan.scale.to_dict(),
        "kid": figures["names"]["kid"],
        "real": _of_real(figures) | _iou(NOTHING, classes, judged),
        "rows": [
            {"name": row.name, "words": row.words, **_of_set(told[row.name]), **_iou(row.name, classes, judged)}
            for row in rows
        ],
        "cells": [cell for some in judged.values() for cell in some],
    }


def _of_set(told: Mapping[str, Any]) -> dict[str, Any]:
    """The columns about tiles, from what was measured of a set."""
    figures, made = told["figures"], told["set"]
    classes = told["classes"]
    own = {
        "redrawn": _mean([row["diversity_frac"] for row in classes.values()]),
        "weak": [name for name, row in classes.items() if row["state"] == "weak"],
        "why_none": told["why_none"],
    }
    if figures is None:
        return {**own, "kid": _NO_SPREAD, "consistency": {"mean": None, "iou": {}}, "diversity": None, "tiles": 0}
    diversity = [_ratio(row["synthetic"], row["real"]) for row in figures["diversity"].values()]
    gate = made["synthesis"]["gate"]
    return {
        **own,
        "kid": figures["crops"]["overall"]["held_out"]["kid"],
        "crops": figures["crops"]["overall"]["held_out"]["synthetic"],
        "consistency": figures["mask_consistency"]["synthetic"],
        "diversity": _mean(diversity),  # Masked crops of a class apart, over real ones apart: 1 is best.
        "copies": figures["memorisation"]["share"],
        "tiles": made["tiles"],
        "not_made": sum(made["synthesis"]["failed"].values()),
        "gate": None if gate is None else {"drawn": gate["drawn"], "admitted": sum(gate["admitted"].values())},
        "gan_seconds": made["gan_seconds"],
    }


def _of_real(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The same for real training pictures in the place of synthetic ones: no generator can be asked to do better."""
    stand_in = figures["crops"]["overall"]["real_train_against_held_out"]
    return {
        "name": NOTHING,
        "words": "real training pictures in their place",
        "kid": stand_in["kid"],
        "crops": stand_in["synthetic"],
        "held_out": stand_in["real"],
        "consistency": figures["mask_consistency"]["held_out"],
        "diversity": 1.0,
    }


def _iou(name: str, classes: Sequence[str], judged: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """`mean_iou` and `iou` by class, a figure a seed, and the difference from the whole preset; empty if not run."""
    if not judged.get(name):
        return {"mean_iou": [], "iou": {each: [] for each in classes}, "over_whole": None}
    figures = of_rung(name, judged[name], classes)
    found = None
    if name != WHOLE and judged.get(WHOLE):
        found = compared([*judged[name], *judged[WHOLE]], len(classes), name, WHOLE).mean_iou.to_dict()
    return {"mean_iou": figures["mean_iou"], "iou": figures["iou"], "over_whole": found}


def _ratio(made: float | None, real: float | None) -> float | None:
    return made / real if made is not None and real else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(fmean(known), 6) if known else None
