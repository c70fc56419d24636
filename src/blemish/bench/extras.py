"""Two questions beside the ladder's, answered on the selection ladder's own folds: which share of synthetic tiles, and
whether there is enough real data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from tqdm import tqdm

from blemish.bench.cells import Cell, sets_to_make, without_sets
from blemish.bench.compare import HELPS, LEAST_GROUPS, UNKNOWN, comparable, compared, effect
from blemish.bench.figures import Cells, of_rung
from blemish.bench.parallel import make_all
from blemish.bench.rungs import SETS
from blemish.bench.scale import Scale
from blemish.bench.views import View
from blemish.core.errors import InputError
from blemish.core.records import Split
from blemish.data.dataset import Dataset
from blemish.metrics.bootstrap import Difference

_ADVICE = {
    (True, True): "both help: label more, and use synthetic tiles meanwhile",
    (True, False): "label more: synthetic tiles were not shown to make up for it",
    (False, True): "synthetic tiles help; more real ones were not shown to",
    (False, False): "neither was shown to help: look at the labels and at the worst tiles first",
}
_ADVICE_REAL = {
    True: "label more",
    False: "more real tiles were not shown to help: look at the labels and at the worst tiles first",
}
_TOO_FEW = (
    f"could not be judged, as fewer than {LEAST_GROUPS} physical defects of it are in the folds: label more of it"
)
_NOT_RUN = "not run"


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What both stand on: the selection ladder as it was run."""

    folds: int
    chosen: tuple[int, ...]
    seeds: tuple[int, ...]
    scale: Scale
    base: str
    classes: tuple[str, ...]
    cells: Cells  # Of the ladder.
    any_precision: bool = False  # As in `LadderPlan`.

    def views(self, one_in: int = 1) -> list[View]:
        return [View(folds=self.folds, fold=fold, one_in=one_in) for fold in self.chosen]

    def of_base(self) -> list[Mapping[str, Any]]:
        return [c for c in self.cells if c["rung"] == self.base and c["seed"] in self.seeds]


def refuse_curve(rungs: Sequence[str], shares: Sequence[float]) -> None:
    """Raise InputError where a curve asks for a rung without synthetic tiles, or a share that is not one."""
    if unknown := [rung for rung in rungs if rung not in SETS]:
        raise InputError(f"--share-of must be one of {', '.join(SETS)}, got '{unknown[0]}'")
    if not shares or not all(0 < share <= 1 for share in shares):
        raise InputError(f"--shares must be above 0 and at most 1, got {', '.join(map(str, shares))}")


def share_curve(
    dataset: Dataset, ground: Ground, rung: str, shares: Sequence[float], work: Path, *, jobs: int
) -> dict[str, Any]:
    """The figures of one synthetic rung at several shares, each beside BASE; `best` has the highest mean IoU.

    Raises:
        InputError: a rung without synthetic tiles, or a share that is not between 0 and 1.
    """
    refuse_curve((rung,), shares)
    rows = []
    for share in sorted(set(shares)):
        scale = replace(ground.scale, shares=((rung, share),))
        cells = _made(dataset, ground, rung, ground.views(), scale, work, jobs, f"share {share:g} of {rung}")
        found = compared([*cells, *ground.of_base()], len(ground.classes), rung, ground.base)
        rows.append({"share": share, **of_rung(rung, cells, ground.classes), "over_base": found.mean_iou.to_dict()})
    best = max(rows, key=lambda row: fmean(value or 0.0 for value in row["mean_iou"]))
    return {"base": ground.base, "rows": rows, "best": best["share"]}


def enough(
    dataset: Dataset, ground: Ground, of: str | None, work: Path, *, jobs: int, one_in: int = 2
) -> dict[str, Any]:
    """Is my data enough? BASE with a part of the training groups and with all; beside it what synthetic tiles gain.

    Args:
        of: the synthetic rung to stand beside it; None = the ladder has none. It is left out where it has no seed with
            the same folds in common with BASE.
        one_in: learn from one in so many groups.
    """
    few = _made(dataset, ground, ground.base, ground.views(one_in), ground.scale, work, jobs, f"1 in {one_in} groups")
    named = [{**cell, "rung": "few"} for cell in few]
    defects = len(ground.classes)
    real = compared([*named, *ground.of_base()], defects, ground.base, "few").classes
    if of and not comparable(ground.cells, of, ground.base):
        of = None
    made = compared(ground.cells, defects, of, ground.base).classes if of else [None] * defects
    return {
        "base": ground.base,
        "synthetic": of,
        "one_in": one_in,
        "groups": _groups_learned(dataset, ground, one_in),
        "figures": of_rung("few", named, ground.classes),
        "classes": {
            name: _said(more, synthetic, one_in, of, ground.base)
            for name, more, synthetic in zip(ground.classes, real, made, strict=True)
        },
    }


def _made(
    dataset: Dataset,
    ground: Ground,
    rung: str,
    views: Sequence[View],
    scale: Scale,
    work: Path,
    jobs: int,
    title: str,
) -> list[dict[str, Any]]:
    whole = Cell(rung=rung, base=ground.base, view=views[0], seed=0, scale=scale, any_precision=ground.any_precision)
    cells = [replace(whole, view=view, seed=seed) for seed in ground.seeds for view in views]
    sets = sets_to_make(cells, dataset, work)
    with tqdm(total=len(cells) + len(sets), desc=title, unit="cell", dynamic_ncols=True) as bar:
        make_all(sets, dataset, work, jobs=jobs, bar=bar)
        for cell, why in without_sets(cells, dataset, work).items():
            raise InputError(f"{cell.label}: {why}")
        make_all(cells, dataset, work, jobs=jobs, bar=bar)
    return [cell.read(dataset, work) for cell in cells]


def _groups_learned(dataset: Dataset, ground: Ground, one_in: int) -> dict[str, dict[str, float]]:
    """For each class the mean number of training groups over the folds: with a part of them, and with all."""
    return {
        name: {
            which: round(fmean(_groups_of(view.open(dataset), index) for view in ground.views(part)), 1)
            for which, part in (("few", one_in), ("all", 1))
        }
        for index, name in enumerate(ground.classes, start=1)
    }


def _groups_of(view: Dataset, index: int) -> int:
    return len({record.group for record in view.select(Split.TRAIN) if index in record.classes})


def _said(more: Difference, synthetic: Difference | None, one_in: int, of: str | None, base: str) -> dict[str, Any]:
    gains = effect(more), _NOT_RUN if synthetic is None else effect(synthetic)
    parts = [f"from 1 in {one_in} real groups to all {_change(more)}"]
    if synthetic is not None:
        parts.append(f"{of} over {base} {_change(synthetic)}")
    return {
        "more_real": {**more.to_dict(), "effect": gains[0]},
        "synthetic": None if synthetic is None else {**synthetic.to_dict(), "effect": gains[1]},
        "words": "; ".join(parts) + ": " + _advice(*gains),
    }


def _advice(more_real: str, synthetic: str) -> str:
    """What to do about a class; of synthetic tiles only where they were run and could be judged."""
    if more_real == UNKNOWN:
        return _TOO_FEW
    if synthetic in (_NOT_RUN, UNKNOWN):
        return _ADVICE_REAL[more_real == HELPS]
    return _ADVICE[more_real == HELPS, synthetic == HELPS]


def _change(difference: Difference) -> str:
    """`+0.080 (0.010 to 0.150)`."""
    values = difference.to_dict()
    if values["mean"] is None:
        return "not judged"
    low, high = values["interval"]
    return f"{values['mean']:+.3f} ({low:+.3f} to {high:+.3f})"
