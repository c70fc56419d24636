"""The ladder: is it better than what an engineer would do in an afternoon? (docs/architecture.md, "How we measure")

Two ladders, never mixed: on the *selection* ladder (folds by group inside train + val) everything is decided; the
*published* one (learn from train + val, be judged by test) only tells, and counts how often it was run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from blemish.bench.cells import Cell, refuse_without_ceiling, sets_to_make, without_sets
from blemish.bench.figures import best_training, of_rung
from blemish.bench.parallel import make_all
from blemish.bench.rungs import MORE_REAL, RUNGS, SETS, TRAINING, training_of
from blemish.bench.scale import Scale
from blemish.bench.synthetic_sets import SyntheticSet
from blemish.bench.views import View
from blemish.core.errors import InputError
from blemish.data.dataset import Dataset


@dataclass(frozen=True, kw_only=True)
class LadderPlan:
    """Which rungs, views and seeds, and at which scale.

    Args:
        views: folds of the selection ladder, or the one view of the published ladder.
        base: the rung that those above the first four stand on; None = the best of the first four on these views.
        any_precision: cells that another machine kept in another precision are taken as they are.

    Raises:
        InputError: an unknown rung, no view or seed, or a ceiling without its tiles.
    """

    rungs: tuple[str, ...]
    views: tuple[View, ...]
    seeds: tuple[int, ...] = (0,)
    scale: Scale = Scale()  # noqa: RUF009 - frozen
    base: str | None = None
    more_real: str = ""
    any_precision: bool = False

    def __post_init__(self) -> None:
        unknown = [name for name in self.rungs if name not in RUNGS]
        if unknown:
            raise InputError(f"no rung '{unknown[0]}': there are {', '.join(RUNGS)}")
        if not self.views or not self.seeds:
            raise InputError("a ladder needs at least one fold and one seed")
        refuse_without_ceiling(self.rungs, self.more_real)

    def cells(self, rungs: Sequence[str], base: str) -> list[Cell]:
        """The cells of some rungs, all rungs of a view and seed before the next, so that an early stop compares."""
        return [
            Cell(
                rung=rung,
                base=base,
                view=self.view_of(view, rung),
                seed=seed,
                scale=self.scale,
                any_precision=self.any_precision,
            )
            for seed in self.seeds
            for view in self.views
            for rung in RUNGS
            if rung in rungs
        ]

    def view_of(self, view: View, rung: str) -> View:
        """The view as a rung sees it: the ceiling learns from more real tiles."""
        return replace(view, more_real=self.more_real) if rung == MORE_REAL else view


@dataclass(frozen=True)
class Climbed:
    """What came of a plan."""

    base: str
    cells: list[dict[str, Any]]
    made: int  # Cells that were not there yet.
    not_run: tuple[str, ...] = ()  # A sentence for each cell whose tiles could not be made.


def climb(
    dataset: Dataset, plan: LadderPlan, work: Path, *, jobs: int = 1, known: Sequence[Mapping[str, Any]] = ()
) -> Climbed:
    """Make every cell that is not there: the first four rungs, then the synthetic sets and the rungs that need both.

    Args:
        jobs: processes side by side, one thread each.
        known: earlier cells of the same scale, which take part in the choice of BASE.

    Raises:
        InputError, DatasetError: settings or a data set that do not fit, or rungs that stand on nothing.
        TaskError: a cell failed.
        KeyboardInterrupt: stopped; the same call goes on from there.
    """
    first = [name for name in plan.rungs if name in TRAINING]
    rest = [name for name in plan.rungs if name not in TRAINING]
    _refuse_without_base(plan, first, known)
    _refuse_what_comes_late(plan, dataset)
    begun = plan.cells(first, base="")
    total = len(plan.views) * len(plan.seeds) * (len(first) + len(rest))
    with tqdm(total=total, desc="ladder", unit="cell", dynamic_ncols=True) as bar:
        made = make_all(begun, dataset, work, jobs=jobs, bar=bar)
        results = [cell.read(dataset, work) for cell in begun]
        base = plan.base or best_training([*known, *results])
        on_base = plan.cells(rest, base)
        sets = sets_to_make(on_base, dataset, work)
        bar.total += len(sets)
        make_all(sets, dataset, work, jobs=jobs, bar=bar)
        lacking = without_sets(on_base, dataset, work)
        on_base = [cell for cell in on_base if cell not in lacking]
        bar.total -= len(lacking)
        made += make_all(on_base, dataset, work, jobs=jobs, bar=bar)
    not_run = tuple(f"{cell.label} was not run, there are no tiles for it: {why}" for cell, why in lacking.items())
    return Climbed(base, [*results, *(cell.read(dataset, work) for cell in on_base)], made, not_run)


def _refuse_what_comes_late(plan: LadderPlan, dataset: Dataset) -> None:
    """Settings and sets that only later rungs look at, before hours are spent on the first ones."""
    if plan.scale.gan_gate and plan.scale.gate_folds == 1 and {"gan", "gan_copy_paste"} & {*plan.rungs}:
        raise InputError("--gate-folds must be 0 (off) or 2 or more, got 1")
    for rung in plan.rungs:
        training_of(rung, plan.base or TRAINING[0], plan.scale, plan.seeds[0])
        for view in plan.views:
            plan.view_of(view, rung).open(dataset)
        for name in SETS.get(rung, ()):
            SyntheticSet(name, plan.views[0], plan.scale).inputs(dataset)


def _refuse_without_base(plan: LadderPlan, training: Sequence[str], known: Sequence[Mapping[str, Any]]) -> None:
    if plan.base is None and not training and not known:
        raise InputError(
            f"a ladder needs one of {', '.join(TRAINING)}, in --rungs or in an earlier go of the same scale in --out: "
            f"the other rungs start from the best of them"
        )


def default_rungs(more_real: str) -> tuple[str, ...]:
    """All rungs but the trials; the ceiling only where its tiles are given."""
    return (*TRAINING, *SETS, *([MORE_REAL] if more_real else []))


def table(cells: Sequence[Mapping[str, Any]], classes: Sequence[str]) -> str:
    """A row a rung, the means over its seeds, for people."""
    widths = {name: max(12, len(name) + 2) for name in classes}
    head = f"{'rung':<16}{'seeds':>6}  " + "".join(f"{name:>{widths[name]}}" for name in classes)
    rows = [head + f"{'mean IoU':>10}{'accuracy':>10}{'escape':>8}{'overkill':>10}{'parts':>8}{'found':>8}{'false':>8}"]
    for name in dict.fromkeys(str(cell["rung"]) for cell in cells):
        row = of_rung(name, cells, classes)
        values = "".join(f"{_mean(row['iou'][name_of]):>{width}}" for name_of, width in widths.items())
        tail = f"{_mean(row['mean_iou']):>10}{_mean(row['accuracy']):>10}"
        rows.append(
            f"{name:<16}{len(row['seeds']):>6}  {values}{tail}{_mean(row['escape']):>8}{_mean(row['overkill']):>10}"
            f"{_mean(row['separation']):>8}{_mean(row['recall']):>8}{_mean(row['false_per_scan']):>8}"
        )
    return "\n".join(rows)


def _mean(values: Sequence[float | None]) -> str:
    there = [value for value in values if value is not None]
    return f"{sum(there) / len(there):.3f}" if there else "–"
