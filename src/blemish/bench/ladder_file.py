"""The result of a ladder: one JSON file with two halves, `selection` and `published`, each with its own provenance.

A run writes its own half and leaves the other as it is. Cells of an earlier run of the same scale stay in their
half, so that a ladder can be climbed in several goes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from blemish.bench.cells import Cell
from blemish.bench.compare import LEAST_SEEDS, chosen_pair, comparable, gain, verdict
from blemish.bench.compare_parts import groups_of_parts, parts_gain
from blemish.bench.extras import Ground
from blemish.bench.figures import best_simple, of_rung
from blemish.bench.judging import without_padding
from blemish.bench.ladder import Climbed, LadderPlan
from blemish.bench.provenance import provenance, read_own, write_result
from blemish.bench.rungs import COPY_PASTE, RUNGS, TRAINING, TRIALS
from blemish.bench.scale import Scale
from blemish.bench.views import View
from blemish.core.errors import InputError
from blemish.data.dataset import Dataset

Half = dict[str, Any]
_HALVES = ("published", "selection")
_HARDLY = 0.1  # Of the planned tiles of a class.


def read_halves(file: Path) -> dict[str, Half]:
    """What is in a result file; empty where it is not there yet.

    Raises:
        InputError: something else is in that file.
    """
    values = read_own(file, "a ladder", _has_halves)
    return {name: values[name] for name in _HALVES if name in values}


def read_halves_of(dataset: Dataset, file: Path) -> dict[str, Half]:
    """As `read_halves`.

    Raises:
        InputError: also where it is the ladder of another data set.
    """
    halves = read_halves(file)
    for half in halves.values():
        refuse_other_set(half, file, dataset)
    return halves


def _has_halves(values: Mapping[str, Any]) -> bool:
    there = [values[name] for name in _HALVES if name in values]
    return bool(there) and all(isinstance(half, dict) for half in there)


def write_half(file: Path, name: str, half: Half) -> dict[str, Any]:
    """Put one half into the file; returns the whole of it."""
    halves = {**read_halves(file), name: half}
    seeds = sorted({int(cell["seed"]) for cell in half["cells"]})
    return write_result(file, {each: halves[each] for each in _HALVES if each in halves}, seeds=seeds)


def selection_half(
    dataset: Dataset,
    plan: LadderPlan,
    climbed: Climbed,
    earlier: Sequence[Mapping[str, Any]],
    before: Half | None = None,
) -> Half:
    """Everything that is decided: BASE, the pair that a gain compares, and the verdict for each class.

    Args:
        earlier: cells of an earlier go that still hold.
        before: the half as it was; its curve of shares and its "enough" are kept where BASE and scale are the same.
    """
    cells, classes = _in_order([*earlier, *climbed.cells]), list(dataset.taxonomy.defect_names)
    pair = chosen_pair(cells)
    half = {
        **_head(dataset, plan, "selection: folds by group inside train + val; the test split was not touched"),
        "folds": {"n": plan.views[0].folds, "run": sorted({int(cell["fold"]) for cell in cells})},
        "base": climbed.base,
        "best_simple": best_simple(cells),
        "rungs": [of_rung(name, cells, classes) for name in _rungs(cells)],
        "trials": {name: TRIALS[name].words for name in _rungs(cells) if name in TRIALS},
        "over_base": over_base(dataset, cells, climbed.base),
        "gain": None if pair is None else _gain(dataset, cells, pair),
        "verdicts": _verdicts(cells, classes, pair, climbed.base),
        "cautions": [*climbed.not_run, *_cautions(cells)],
        "cells": cells,
    }
    return half | _still_standing(half, before)


def over_base(dataset: Dataset, cells: Sequence[Mapping[str, Any]], base: str) -> list[dict[str, Any]]:
    """What every other rung gains over BASE, where it was run on the same folds and seeds."""
    others = [rung for rung in _rungs(cells) if rung != base]
    return [_gain(dataset, cells, (rung, base)) for rung in others if comparable(cells, rung, base)]


def _gain(dataset: Dataset, cells: Sequence[Mapping[str, Any]], pair: tuple[str, str]) -> dict[str, Any]:
    """In mean IoU, and under `parts` in how well defective parts are told from good ones."""
    by_parts = parts_gain(cells, *pair, groups_of_parts(dataset))
    return {**gain(cells, dataset.taxonomy.defect_names, *pair), "parts": by_parts}


def _cautions(cells: Sequence[Mapping[str, Any]]) -> list[str]:
    """What a reader of the figures must know of them."""
    seeds = {int(cell["seed"]) for cell in cells}
    told = _without_tiles(cells)
    if len(seeds) < LEAST_SEEDS:
        told.append(f"{len(seeds)} seed{'s' * (len(seeds) > 1)}: intervals know little of chance in training")
    before = dict.fromkeys(str(cell["rung"]) for cell in cells if not without_padding(cell))
    if not before:
        return told
    return [
        *told,
        f"accuracy, escape and overkill of {', '.join(before)} are left out: what was called in padding counted when "
        f"they were judged, and nobody has judged them again (their weights must lie in --work); IoU never counted it",
    ]


def _without_tiles(cells: Sequence[Mapping[str, Any]]) -> list[str]:
    """Classes of which a rung's GAN made no tile, or hardly any, though they were planned."""
    planned: Counter[tuple[str, str]] = Counter()
    made: Counter[tuple[str, str]] = Counter()
    for cell in cells:
        for told in cell.get("sets", {}).values():
            for row in told.get("plan", {}).get("classes", ()):
                left_out = row["wanted"] - row["real"] - row["synthetic"] if row.get("note") and row["real"] else 0
                planned[cell["rung"], row["name"]] += row["planned"] or max(0, left_out)
                made[cell["rung"], row["name"]] += told["synthesis"]["per_class"].get(row["name"], 0)
    return [
        f"{rung} made {made[rung, name]} of {count} planned tiles of {name}: it says next to nothing of them"
        for (rung, name), count in planned.items()
        if made[rung, name] < _HARDLY * count
    ]


def ground_of(half: Half, seeds: Sequence[int] | None = None, *, any_precision: bool = False) -> Ground:
    """What the curve of shares and "enough" stand on; by default with every seed of the ladder."""
    ran = sorted({int(cell["seed"]) for cell in half["cells"] if cell["rung"] == half["base"]})
    missing = sorted(set(seeds or ()) - set(ran))
    if missing:
        raise InputError(f"the selection ladder has no seed {missing[0]} of {half['base']}: it has {ran}")
    return Ground(
        folds=int(half["folds"]["n"]),
        chosen=tuple(half["folds"]["run"]),
        seeds=tuple(seeds or ran),
        scale=scale_of(half),
        base=half["base"],
        classes=tuple(half["classes"]),
        cells=half["cells"],
        any_precision=any_precision,
    )


def chosen_share(half: Half) -> float:
    """The share of synthetic tiles for this set: the best of our rung's curve, else the one that the ladder used.

    Raises:
        InputError: the ladder has none of our rungs, or no simple one beside it.
    """
    if half["gain"] is None:
        raise InputError(
            "this ladder has no rung of ours (gan or gan_copy_paste) with a simple one on the same folds and seeds, "
            "so it chose no share: run both"
        )
    rung = half["gain"]["of"]
    curve = half.get("shares", {}).get(rung)
    return float(curve["best"]) if curve else scale_of(half).share_of(rung)


def _still_standing(half: Half, before: Half | None) -> Half:
    same = before is not None and all(before[name] == half[name] for name in ("data", "base", "scale", "folds"))
    return {name: before[name] for name in ("shares", "enough") if before and same and name in before}


def published_half(dataset: Dataset, plan: LadderPlan, climbed: Climbed, selection: Half, before: Half | None) -> Half:
    """What is only told: the same figures on the test split, and the gain of the pair that the selection chose."""
    earlier = earlier_cells(dataset, plan, before, climbed)
    cells, classes = _in_order([*earlier, *climbed.cells]), list(dataset.taxonomy.defect_names)
    chosen = selection.get("gain")
    pair = (chosen["of"], chosen["over"]) if chosen and comparable(cells, chosen["of"], chosen["over"]) else None
    seen = set(before["seen"]) if before else set()
    keys = {str(cell["key"]) for cell in cells}
    anew = climbed.made > 0 or not keys <= seen
    return {
        "runs": (int(before["runs"]) if before else 0) + int(anew),
        **_head(dataset, plan, "published: learned from train + val, judged by the test split; nothing is chosen here"),
        "base": climbed.base,
        "rungs": [of_rung(name, cells, classes) for name in _rungs(cells)],
        "trials": {name: TRIALS[name].words for name in _rungs(cells) if name in TRIALS},
        "over_base": over_base(dataset, cells, climbed.base),
        "gain": None if pair is None else _gain(dataset, cells, pair),
        "verdicts": _verdicts(cells, classes, pair, climbed.base),
        "seen": sorted(seen | keys),
        "cautions": [*climbed.not_run, *_cautions(cells)],
        "cells": cells,
    }


def earlier_cells(dataset: Dataset, plan: LadderPlan, before: Half | None, climbed: Climbed) -> list[dict[str, Any]]:
    """Cells of the file that this plan would make alike, had it been asked to, and that it was not asked for now."""
    return _still_true(dataset, plan, before, climbed.base, {_place(cell) for cell in climbed.cells})


def known_training(dataset: Dataset, plan: LadderPlan, before: Half | None) -> list[dict[str, Any]]:
    """Those of the file's cells that take part in the choice of BASE."""
    asked = {(rung, view.fold, seed) for rung in plan.rungs for view in plan.views for seed in plan.seeds}
    return [cell for cell in _still_true(dataset, plan, before, "", asked) if cell["rung"] in TRAINING]


def selection_of(halves: Mapping[str, Half], file: Path, dataset: Dataset) -> Half:
    """The selection half that a published ladder, a curve or a default stands on.

    Raises:
        InputError: none in the file, or one of another data set.
    """
    if "selection" not in halves:
        raise InputError(f"{file} has no selection ladder yet: run bench ladder without --published first")
    half = halves["selection"]
    refuse_other_set(half, file, dataset)
    return half


def refuse_other_set(half: Mapping[str, Any], file: Path, dataset: Dataset) -> None:
    """Raise where a ladder was climbed on another data set."""
    there = str(half["data"]["hash"])
    if there != dataset.hash:
        raise InputError(
            f"{file} is the ladder of data set {there[:12]}, but {dataset.folder} is {dataset.hash[:12]}: "
            f"give the ladder of this set, or another file"
        )


def _still_true(
    dataset: Dataset, plan: LadderPlan, before: Half | None, base: str, asked: set[tuple[str, Any, int]]
) -> list[dict[str, Any]]:
    kept = []
    for cell in before["cells"] if before else []:
        again = Cell(
            rung=cell["rung"],
            base=base,
            view=View(folds=plan.views[0].folds, fold=cell["fold"]),
            seed=int(cell["seed"]),
            scale=plan.scale,
        )
        view = {name: value for name, value in cell["inputs"]["view"].items() if name != "more_real"}
        precision = cell["inputs"]["precision"] if plan.any_precision else None
        if _place(cell) not in asked and again.inputs(dataset, precision) == {**cell["inputs"], "view": view}:
            kept.append(cell)
    return kept


def _verdicts(
    cells: Sequence[Mapping[str, Any]], classes: Sequence[str], pair: tuple[str, str] | None, base: str
) -> list[Any]:
    """Of ours against the best simple rung first, then against BASE, the same tiles without any synthetic one; then of
    copy-paste against BASE. What was not run on the same folds and seeds is left out.
    """
    asked = [] if pair is None else [pair, (pair[0], base)]
    found = dict.fromkeys([*asked, (COPY_PASTE, base)])
    return [verdict(cells, classes, of, over) for of, over in found if of != over and comparable(cells, of, over)]


def _head(dataset: Dataset, plan: LadderPlan, ladder: str) -> dict[str, Any]:
    return {
        "ladder": ladder,
        "made": provenance(plan.seeds),
        "data": {"hash": dataset.hash, "tile_px": dataset.info.tile_px, "channels": dataset.channels},
        "classes": list(dataset.taxonomy.defect_names),
        "scale": plan.scale.to_dict(),
    }


def scale_of(half: Mapping[str, Any]) -> Scale:
    """The scale that a half was run at."""
    return Scale.from_dict(half["scale"])


def _rungs(cells: Sequence[Mapping[str, Any]]) -> list[str]:
    there = {str(cell["rung"]) for cell in cells}
    return [name for name in RUNGS if name in there]


def _in_order(cells: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return sorted((dict(cell) for cell in cells), key=lambda c: (RUNGS.index(c["rung"]), c["seed"], c["fold"] or 0))


def _place(cell: Mapping[str, Any]) -> tuple[str, Any, int]:
    return str(cell["rung"]), cell["fold"], int(cell["seed"])
