"""Calibration: thresholds chosen from out-of-fold candidates, judged on the parts that they were not chosen from.

OUT/candidates/         what thresholds are chosen from (`segment.candidates_file`); made once
OUT/calibration.json    every figure
OUT/calibration.html    the same for people
OUT/thresholds.toml     `[scores.<CODE>]` of a recipe
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from blemish.core.arrays import Float64, Int64
from blemish.core.errors import InputError
from blemish.metrics.auroc import auroc
from blemish.metrics.operating import NG, PartTruth, curve, rates
from blemish.metrics.workload import PAPER_PEOPLE, paper_example, workload
from blemish.segment.candidates import LEVELS, Candidates
from blemish.segment.choice import (
    Chosen,
    Hand,
    Wish,
    by_recall,
    labelled_in,
    met_by_any,
    ranks_of,
    unchosen,
    with_also,
    with_hand,
)
from blemish.segment.choice_by_cost import Costs, by_cost, cost_of
from blemish.segment.scores_as_probabilities import pixels_as_probabilities, regions_as_probabilities

FORMAT = 1
Choose = Callable[[Collection[int]], tuple[Chosen, ...]]


@dataclass(frozen=True)
class Line:
    """The line that the work is reckoned for."""

    defect_rate: float | None = None  # Share of defective parts; None = as in the data set.
    parts_a_day: float = 1000.0
    seconds_a_part: float = 10.0  # That a person needs.

    def __post_init__(self) -> None:
        if self.defect_rate is not None and not 0 < self.defect_rate < 1:
            raise InputError(f"--defect-rate must be between 0 and 1, got {self.defect_rate:g}")
        for flag, value in (("parts-a-day", self.parts_a_day), ("seconds-a-part", self.seconds_a_part)):
            if not 0 < value < math.inf:
                raise InputError(f"--{flag} must be a number above 0, got {value:g}")


@dataclass(frozen=True)
class Ask:
    """What is asked of the thresholds: by recall, by cost, or neither and everything by hand."""

    pixel: float
    wish: Wish | None = None
    costs: Costs | None = None
    hand: Hand = field(default_factory=Hand)

    def __post_init__(self) -> None:
        if self.wish is not None and self.costs is not None:
            raise InputError("give --recall or costs, not both: they would choose different thresholds")

    def choose(self, candidates: Candidates, folds: Collection[int]) -> tuple[Chosen, ...]:
        """The thresholds that these folds give."""
        if self.wish is not None:
            chosen = by_recall(candidates, folds, self.wish, self.pixel)
        elif self.costs is not None:
            chosen = by_cost(candidates, folds, self.costs, self.pixel)
        else:
            chosen = unchosen(candidates, self.pixel)
        return with_also(candidates, folds, with_hand(chosen, self.hand))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "pixel": self.pixel,
            "recall": None if self.wish is None else vars(self.wish),
            "cost": None if self.costs is None else vars(self.costs),
            "hand": {name: dict(values) for name, values in vars(self.hand).items()},
        }


@dataclass(frozen=True)
class Calibration:
    """The thresholds, and all that is told of them, as plain JSON values."""

    chosen: tuple[Chosen, ...]
    values: dict[str, Any]


def calibrate(candidates: Candidates, ask: Ask, line: Line) -> Calibration:
    """Choose from all folds; judge the choice there, and the way of choosing on each fold by the others.

    Raises:
        InputError: no defective part, or a choice by cost without good ones.
    """
    parts = candidates.parts
    if not parts.defective.any():
        raise InputError("no part outside the test split is defective: there is nothing to choose thresholds by")
    chosen = ask.choose(candidates, candidates.folds)
    per_fold, crossed = _cross_fitted(candidates, ask)
    truth = PartTruth.of(
        [group for group, known in zip(parts.groups, parts.known, strict=True) if known], parts.shows[parts.known]
    )
    ranked = {"as_chosen": ranks_of(candidates, chosen), "cross_fitted": crossed}
    point = {
        name: {key: rate.to_dict() for key, rate in rates(ranks[parts.known], truth).items()}
        for name, ranks in ranked.items()
    }
    values = {
        "format": FORMAT,
        "made_from": dict(candidates.made_from),
        "asked": ask.to_dict(),
        "parts": _counts(candidates),
        "classes": [_class_figures(candidates, kind, chosen, per_fold) for kind in range(1, len(chosen) + 1)],
        "point": point,
        "mean_cost": _mean_costs(ranked, candidates, ask.costs),
        "levels": _levels(candidates, ask),
        "curves": _curves(candidates, chosen, truth),
        "pixels": pixels_as_probabilities(candidates),
        "regions": regions_as_probabilities(candidates, chosen),
        "workload": _workload(point["cross_fitted"], candidates, line),
        "paper": {"people_before": PAPER_PEOPLE, **paper_example().to_dict()},
    }
    return Calibration(chosen, values)


def _cross_fitted(candidates: Candidates, ask: Ask) -> tuple[dict[int, tuple[Chosen, ...]], Int64]:
    """The choice of all folds but one, by that one; and what each choice makes of the parts of its fold."""
    others = {fold: [one for one in candidates.folds if one != fold] for fold in candidates.folds}
    per_fold = {fold: ask.choose(candidates, rest) for fold, rest in others.items()}
    crossed = np.zeros(len(candidates.parts.names), np.int64)
    for fold, choice in per_fold.items():
        inside = candidates.inside([fold])
        crossed[inside] = ranks_of(candidates, choice)[inside]
    return per_fold, crossed


def _levels(candidates: Candidates, ask: Ask) -> list[dict[str, float | None]]:
    """The cross-fitted mean cost of a part at every level of `--pixel`; empty where nothing is asked of costs."""
    costs = ask.costs
    if costs is None or ask.hand:
        return []
    found = {
        level: cost_of(_cross_fitted(candidates, replace(ask, pixel=level))[1], candidates, candidates.folds, costs)
        for level in LEVELS
    }
    return [{"pixel": level, "mean_cost": round(c, 6) if np.isfinite(c) else None} for level, c in found.items()]


def _mean_costs(
    ranked: Mapping[str, Int64], candidates: Candidates, costs: Costs | None
) -> dict[str, float | None] | None:
    """Of a part; None where a REVIEW was given by hand and has no price, or nothing was asked of costs."""
    if costs is None:
        return None
    found = {name: cost_of(ranks, candidates, candidates.folds, costs) for name, ranks in ranked.items()}
    return {name: round(value, 6) if np.isfinite(value) else None for name, value in found.items()}


def _counts(candidates: Candidates) -> dict[str, Any]:
    parts = candidates.parts
    return {
        "judged": int(parts.known.sum()),
        "defective": int(parts.defective.sum()),
        "good": int(parts.clean.sum()),
        "unknown_left_out": int((~parts.known).sum()),
        "groups": len(set(parts.groups)),
        "groups_defective": len({g for g, bad in zip(parts.groups, parts.defective, strict=True) if bad}),
        "groups_good": len({g for g, good in zip(parts.groups, parts.clean, strict=True) if good}),
        "folds": len(candidates.folds),
        "regions_left_out": candidates.left_out,
    }


def _class_figures(
    candidates: Candidates, kind: int, chosen: tuple[Chosen, ...], per_fold: Mapping[int, tuple[Chosen, ...]]
) -> dict[str, Any]:
    """Recall of labelled defects and false regions of one class, as chosen and on each fold by the others."""
    everywhere, one = candidates.folds, chosen[kind - 1]
    labelled = int(labelled_in(candidates, everywhere, kind).sum())
    own = candidates.defects.kind == kind
    groups = {candidates.parts.groups[part] for part in candidates.defects.part[own]}
    pairs = [(choice, [fold]) for fold, choice in per_fold.items()]
    return {
        "code": one.code,
        "name": candidates.names[kind - 1],
        **one.to_dict(),
        "note": one.note,
        "labelled": labelled,
        "groups": len(groups),
        "as_chosen": _found(candidates, kind, [(chosen, everywhere)], labelled),
        "cross_fitted": _found(candidates, kind, pairs, labelled),
    }


def _found(
    candidates: Candidates,
    kind: int,
    choices: Sequence[tuple[tuple[Chosen, ...], Collection[int]]],
    labelled: int,
) -> dict[str, Any]:
    found = {"found": 0, "ng": 0, "any_class": 0, "false": 0, "false_ng": 0, "told": 0, "told_false": 0}
    for chosen, folds in choices:
        one, inside = chosen[kind - 1], labelled_in(candidates, folds, kind)
        best = candidates.best_scores(kind, one.pixel, one.least_area_px)[inside]
        regions, there = candidates.regions, candidates.inside(folds)[candidates.regions.part]
        counted = there & (regions.kind == kind) & (regions.level == np.float32(one.pixel))
        scores = regions.score[counted & (regions.area_px >= one.least_area_px) & regions.false]
        found["found"] += int((best >= one.review).sum())
        found["ng"] += int(one.is_ng(best).sum())
        found["any_class"] += int(met_by_any(candidates, chosen, kind)[inside].sum())
        on_ng, least = ranks_of(candidates, chosen) == NG, one.review if one.also is None else one.also
        parts_of = candidates.defects.part[candidates.defects.kind == kind][inside]
        found["told"] += int(((best >= one.review) | ((best >= least) & on_ng[parts_of])).sum())
        false = counted & (regions.area_px >= one.least_area_px) & regions.false
        called = (regions.score >= one.review) | ((regions.score >= least) & on_ng[regions.part])
        found["told_false"] += int((false & called).sum())
        found["false"] += int((scores >= one.review).sum())
        found["false_ng"] += int(one.is_ng(scores).sum())
    recall = {name: round(found[name] / labelled, 6) if labelled else None for name in ("found", "ng", "told")}
    return {**found, "recall": recall["found"], "recall_ng": recall["ng"], "recall_told": recall["told"]}


def _curves(candidates: Candidates, chosen: Sequence[Chosen], truth: PartTruth) -> dict[str, Any]:
    """Two ways through all thresholds: those chosen, moved together (0 = as chosen), and one for all classes."""
    known = candidates.parts.known
    together, single = _margins(candidates, chosen)[known], _single(candidates, chosen)[known]
    value = auroc(single[~truth.defective].tolist(), single[truth.defective].tolist())
    return {
        "moved_together": curve(together, truth).to_dict(),
        "one_for_all": curve(single, truth).to_dict(),
        "auroc_one_for_all": None if np.isnan(value) else round(value, 6),
    }


def _margins(candidates: Candidates, chosen: Sequence[Chosen]) -> Float64:
    """For every part how far its worst region is above `review`, in logits; 0 and more = not OK."""
    margins = np.full(len(candidates.parts.names), -np.inf)
    for kind, one in enumerate(chosen, start=1):
        best = candidates.part_scores(kind, one.pixel, one.least_area_px).astype(np.float64)
        above = np.where(best >= 0, _logit(best) - _logit(np.array(one.review)), -np.inf)
        margins = np.maximum(margins, above)
    return margins


def _single(candidates: Candidates, chosen: Sequence[Chosen]) -> Float64:
    scores = [candidates.part_scores(kind, one.pixel, one.least_area_px) for kind, one in enumerate(chosen, start=1)]
    best = np.max(scores, axis=0).astype(np.float64)
    return np.where(best >= 0, best, -np.inf)


def _logit(scores: Float64) -> Float64:
    clipped = np.clip(scores, 1e-6, 1 - 1e-6)
    result: Float64 = np.log(clipped / (1 - clipped))
    return result


def _workload(point: Mapping[str, Any], candidates: Candidates, line: Line) -> dict[str, Any] | None:
    """People for a day of the line, by the cross-fitted figures; None where they lack good or defective parts."""
    escape, overkill = point["escape"]["value"], point["stage_one_overkill"]["value"]
    if escape is None or overkill is None:
        return None
    parts = candidates.parts
    rate = float(parts.defective.sum() / parts.known.sum()) if line.defect_rate is None else line.defect_rate
    found = workload(
        defect_rate=rate,
        escape=escape,
        stage_one_overkill=overkill,
        parts_a_day=line.parts_a_day,
        seconds_a_part=line.seconds_a_part,
    )
    told = {"defect_rate": round(rate, 6), "defect_rate_of": "data set" if line.defect_rate is None else "given"}
    return {**told, "parts_a_day": line.parts_a_day, "seconds_a_part": line.seconds_a_part, **found.to_dict()}
