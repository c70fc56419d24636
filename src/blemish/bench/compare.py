"""What follows from two rungs: how much one gains over the other, and for which classes, in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from blemish.bench.figures import Cells, best_of, precisions
from blemish.bench.judging import unpacked
from blemish.bench.rungs import OURS, SIMPLE
from blemish.core.arrays import Int64
from blemish.core.errors import InputError
from blemish.metrics.bootstrap import Compared, Difference, paired_difference

HELPS, HURTS, NOTHING, UNKNOWN = "helps", "hurts", "nothing shown", "not judged"
Places = Mapping[tuple[Any, int], Mapping[str, Any]]  # Cells of one rung by fold and seed.
LEAST_SEEDS = 3  # Fewer say little of chance in training.
LEAST_GROUPS = 3  # Physical defects of a class, below which it gets no verdict (docs/adr/0010).


def gain(cells: Cells, classes: Sequence[str], of: str, over: str) -> dict[str, Any]:
    """`of`, `over`, and the paired difference of the mean IoU with its 95 % interval; each class's under `classes`."""
    found = compared(cells, len(classes), of, over)
    return {
        "of": of,
        "over": over,
        **found.mean_iou.to_dict(),
        "classes": {name: d.to_dict() for name, d in zip(classes, found.classes, strict=True)},
        "precision": {rung: precisions([cell for cell in cells if cell["rung"] == rung]) for rung in (of, over)},
    }


def compared(cells: Cells, defects: int, of: str, over: str) -> Compared:
    """The paired difference of two rungs on the folds and seeds that both have.

    Raises:
        InputError: no seed in common.
    """
    first, second = paired_tables(
        [cell for cell in cells if cell["rung"] == of], [cell for cell in cells if cell["rung"] == over], defects
    )
    return paired_difference(first, second)


def paired_tables(first: Cells, second: Cells, defects: int) -> tuple[Int64, Int64]:
    """Two arrays S G (K+1) (K+1) of the same seeds and groups: those of the folds and seeds that both have.

    Raises:
        InputError: none in common.
    """
    folds, seeds, ours, theirs = in_common(first, second)
    if not seeds:
        raise InputError(
            "two rungs have no seed with the same folds in common: run them with the same --fold and --seed"
        )
    return _tables(ours, folds, seeds, defects), _tables(theirs, folds, seeds, defects)


def in_common(first: Cells, second: Cells) -> tuple[list[Any], list[int], Places, Places]:
    """The folds that two rungs have in common, the seeds that have all of these on both sides, and their cells."""
    ours, theirs = _by_place(first), _by_place(second)
    return *_common(ours, theirs), ours, theirs


def comparable(cells: Cells, of: str, over: str) -> bool:
    """Whether two rungs have a seed with the same folds in common, as a ladder climbed in several goes may not."""
    first, second = (_by_place([cell for cell in cells if cell["rung"] == rung]) for rung in (of, over))
    return bool(_common(first, second)[1])


def chosen_pair(cells: Cells) -> tuple[str, str] | None:
    """The better of our rungs, and the best simple one of those that can be compared with it.

    Returns:
        The pair as the gain names it; None where none of ours was run, or no simple one beside it.
    """
    if not any(cell["rung"] in OURS for cell in cells):
        return None
    ours = best_of(OURS, cells)
    beside = [rung for rung in SIMPLE if comparable(cells, ours, rung)]
    return (ours, best_of(beside, cells)) if beside else None


def verdict(cells: Cells, classes: Sequence[str], of: str, over: str) -> dict[str, Any]:
    """For each class whether `of` helps against `over`: yes where the whole interval is above 0, no where below.

    Returns:
        `of`, `over`, `classes` (name -> helps, hurts, nothing shown, not judged), `words`, and `caution` where there is
        a reason for it.
    """
    found = compared(cells, len(classes), of, over)
    effects = {name: effect(d) for name, d in zip(classes, found.classes, strict=True)}
    return {
        "of": of,
        "over": over,
        "classes": effects,
        "words": words(effects),
        "caution": "; ".join(
            text
            for text in (
                caution(found.mean_iou, dict(zip(classes, found.classes, strict=True))),
                _made_otherwise(cells, of, over),
            )
            if text
        ),
    }


def effect(difference: Difference) -> str:
    """One of the four words for one class; what is judged by one or two physical defects says nothing of others."""
    if np.isnan(difference.mean) or difference.groups < LEAST_GROUPS:
        return UNKNOWN
    return HELPS if difference.low > 0 else HURTS if difference.high < 0 else NOTHING


def words(effects: Mapping[str, str]) -> str:
    """One sentence.

    Example:
        >>> words({"crack": HELPS, "fray": HELPS, "break": NOTHING, "blowhole": HURTS})
        'synthetic tiles help crack and fray, show no effect on break, hurt blowhole'
    """
    says = ((HELPS, "help"), (NOTHING, "show no effect on"), (HURTS, "hurt"), (UNKNOWN, "could not be judged on"))
    parts = [f"{verb} {listed([n for n, e in effects.items() if e == kind])}" for kind, verb in says
             if kind in effects.values()]  # fmt: skip
    return "synthetic tiles " + ", ".join(parts)


def listed(names: Sequence[str]) -> str:
    """Names in a sentence.

    Example:
        >>> listed(["a", "b", "c"])
        'a, b and c'
    """
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def caution(mean: Difference, by_class: Mapping[str, Difference]) -> str:
    """Why an interval may be too narrow; empty where it need not be."""
    reasons = []
    if mean.seeds < LEAST_SEEDS:
        reasons.append(
            f"{mean.seeds} seed{'s' if mean.seeds > 1 else ''}: chance in training is hardly in the intervals"
        )
    few = [name for name, d in by_class.items() if 0 < d.groups < 5]
    if few:
        reasons.append(f"fewer than 5 physical defects judged of {listed(few)}")
    return "; ".join(reasons)


def _made_otherwise(cells: Cells, of: str, over: str) -> str:
    ours, theirs = (precisions([cell for cell in cells if cell["rung"] == rung]) for rung in (of, over))
    return "" if ours == theirs else f"{of} was trained in {listed(ours)}, {over} in {listed(theirs)}"


def _common(first: Places, second: Places) -> tuple[list[Any], list[int]]:
    """The folds that both have, and the seeds that have all of these on both sides; no seeds = nothing to compare."""
    common = first.keys() & second.keys()
    folds = {fold for fold, _ in common}
    seeds = {seed for _, seed in common}
    return sorted(folds, key=str), sorted(seed for seed in seeds if all((fold, seed) in common for fold in folds))


def _by_place(cells: Cells) -> Places:
    return {(cell["fold"], int(cell["seed"])): cell for cell in cells}


def _tables(cells: Places, folds: Sequence[Any], seeds: Sequence[int], defects: int) -> Int64:
    return np.stack(
        [
            np.stack([unpacked(text, defects) for fold in folds for text in cells[fold, seed]["groups"].values()])
            for seed in seeds
        ]
    )
