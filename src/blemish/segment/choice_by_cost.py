"""Thresholds of the least cost: what an escape, an overkill and a look by a person cost, over whole parts.

A part is as bad as its worst class says, so classes cannot be chosen apart. They are chosen in turn, each the best
given the others, until nothing gets cheaper, from two starts (nothing is called; everything is). For one class the
best pair of thresholds is found exactly: the cost is a sum of one term for `review` and one for `ng`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from blemish.core.arrays import Bool, Float32, Float64, Int64
from blemish.core.errors import InputError
from blemish.segment.candidates import Candidates
from blemish.segment.choice import NEVER, UNKNOWN, Chosen, areas_for, halfway, labelled_in

_ROUNDS = 20
_CHEAPER = 1e-12


@dataclass(frozen=True)
class Costs:
    """Of one part, in any unit; a rightly called one costs nothing."""

    escape: float
    overkill: float
    review: float | None = None  # None = nobody looks: there is no REVIEW.
    defect_rate: float | None = None  # Share of defective parts on the line; None = as in the data set.

    def __post_init__(self) -> None:
        for name, value in (("escape", self.escape), ("overkill", self.overkill), ("review", self.review)):
            if value is not None and not value > 0:
                raise InputError(f"--cost-{name} must be above 0, got {value:g}")
        if self.defect_rate is not None and not 0 < self.defect_rate < 1:
            raise InputError(f"--defect-rate must be between 0 and 1, got {self.defect_rate:g}")


def by_cost(candidates: Candidates, folds: Collection[int], costs: Costs, pixel: float) -> tuple[Chosen, ...]:
    """The thresholds and least areas whose parts cost least in these folds.

    Raises:
        InputError: folds without good or without defective parts.

    Example:
        >>> by_cost(candidates, [0, 1], Costs(escape=100, overkill=5, review=1), 0.3)  # doctest: +SKIP
    """
    prices = _prices(candidates, folds, costs)
    ends = [_descend(candidates, folds, prices, pixel, start) for start in (NEVER, pixel)]
    chosen, _ = min(ends, key=lambda end: end[1])
    return tuple(_noted(one, candidates, folds, kind) for kind, one in enumerate(chosen, start=1))


def cost_of(ranks: Int64, candidates: Candidates, folds: Collection[int], costs: Costs) -> float:
    """Mean cost of a part of these folds, with the defect rate that the costs name."""
    prices = _prices(candidates, folds, costs)
    review = prices.review if prices.review is not None else np.full_like(prices.ok, np.inf)
    paid = np.choose(ranks[prices.parts], [prices.ok, review, prices.ng])
    return float(paid.sum())


@dataclass(frozen=True)
class _Prices:
    """What each counted part adds to the mean cost if it is OK, REVIEW or NG."""

    parts: Bool
    ok: Float64
    review: Float64 | None
    ng: Float64


def _prices(candidates: Candidates, folds: Collection[int], costs: Costs) -> _Prices:
    parts = candidates.inside(folds) & candidates.parts.known
    bad = candidates.parts.defective[parts]
    if not bad.any() or bad.all():
        raise InputError(
            f"a choice by cost needs defective and good parts, got {bad.sum()} and {(~bad).sum()} (folds "
            f"{', '.join(map(str, sorted(folds)))}): choose by --recall"
        )
    rate = bad.mean() if costs.defect_rate is None else costs.defect_rate
    weight = np.where(bad, rate / bad.sum(), (1 - rate) / (~bad).sum())
    review = None if costs.review is None else weight * costs.review
    return _Prices(parts, weight * bad * costs.escape, review, weight * ~bad * costs.overkill)


def _descend(
    candidates: Candidates, folds: Collection[int], prices: _Prices, pixel: float, start: float
) -> tuple[list[Chosen], float]:
    chosen = [Chosen(code, pixel, start, start) for code in candidates.codes]
    ranks = [_ranks(_scores(candidates, prices, kind, one), one) for kind, one in enumerate(chosen, start=1)]
    cost = float("inf")
    for _ in range(_ROUNDS):
        before = cost
        for place, code in enumerate(candidates.codes):
            others = np.max([r for i, r in enumerate(ranks) if i != place] or [np.zeros_like(ranks[0])], axis=0)
            for area in areas_for(candidates, folds, place + 1):
                best = candidates.part_scores(place + 1, pixel, area)[prices.parts]
                shown = candidates.parts.shows[prices.parts, place]
                review, ng, paid = best_pair(best, others, prices.ok, prices.review, prices.ng, shown, level=pixel)
                if paid < cost - _CHEAPER:
                    cost, chosen[place] = paid, Chosen(code, pixel, review, ng, area)
                    ranks[place] = _ranks(best, chosen[place])
        if not cost < before - _CHEAPER:
            break
    return chosen, cost


def best_pair(
    scores: Float32, others: Int64, ok: Float64, review: Float64 | None, ng: Float64, shown: Bool, *, level: float
) -> tuple[float, float, float]:
    """The cheapest `review` and `ng` of one class, and the whole cost, given how the other classes rank each part.

    Args:
        scores: N, the part's best score of this class; below 0 where it has no region.
        others: N, 0 OK, 1 REVIEW, 2 NG by the other classes.
        ok: N, cost of each part if OK; `review` and `ng` alike, `review` None = both thresholds are one.
        shown: N, parts that show the class.
        level: below every score.

    Returns:
        Of neighbouring `ng` that cost alike and call as many of the parts that show the class the middle one: as far
        from the parts that would be called for nothing as from its own (docs/adr/0012).

    Example:
        >>> part, free = np.array([0.9, 0.6], np.float32), np.zeros(2, np.int64)
        >>> bad = np.array([True, False])
        >>> best_pair(part, free, 9.0 * bad, None, 1.0 * ~bad, bad, level=0.3)
        (0.75, 0.75, 0.0)
    """
    seen = np.unique(scores[scores >= 0]).astype(np.float64)
    lower = np.concatenate([[level], seen])
    steps = [*(halfway(float(a), float(b)) for a, b in pairwise(lower)), NEVER]
    place = np.searchsorted(seen, scores.astype(np.float64), side="right")  # A part is called by steps 0 .. place - 1.
    middle = ok * 0 if review is None else review
    free, open_ = others == 0, others <= 1
    fixed = float(middle[others == 1].sum() + ng[others == 2].sum())
    of_review = _sums(place[free], (middle - ok)[free], len(steps)) + float(ok[free].sum())
    of_ng = _sums(place[open_], (ng - middle)[open_], len(steps))
    called = _sums(place[shown], np.ones(int(shown.sum())), len(steps))
    if review is None:
        both = _middle(of_review + of_ng, called, 0)
        return steps[both], steps[both], fixed + float(of_review[both] + of_ng[both])
    after = np.minimum.accumulate(of_ng[::-1])[::-1]  # The cheapest `ng` from each step up.
    first = int(np.argmin(of_review + after))
    second = _middle(of_ng, called, first)
    return steps[first], steps[second], fixed + float(of_review[first] + of_ng[second])


def _middle(costs: Float64, called: Float64, start: int) -> int:
    """Of the cheapest step from `start` on and those behind it that cost and call as much, the middle one."""
    first = start + int(np.argmin(costs[start:]))
    other = np.flatnonzero((costs[first:] > costs[first] + _CHEAPER) | (called[first:] < called[first]))
    last = first + int(other[0]) - 1 if other.size else len(costs) - 1
    return (first + last) // 2


def _sums(place: Int64, values: Float64, steps: int) -> Float64:
    """For each step the sum of the values of the parts that it calls."""
    at = np.bincount(place, values, steps + 1)
    called: Float64 = at[::-1].cumsum()[::-1][1:]
    return called


def _scores(candidates: Candidates, prices: _Prices, kind: int, one: Chosen) -> Float32:
    return candidates.part_scores(kind, one.pixel, one.least_area_px)[prices.parts]


def _ranks(scores: Float32, one: Chosen) -> Int64:
    ranks: Int64 = (scores >= one.review).astype(np.int64) + (scores >= one.ng)
    return ranks


def _noted(one: Chosen, candidates: Candidates, folds: Collection[int], kind: int) -> Chosen:
    """With what to say of it; both thresholds unknown where there was nothing to choose by."""
    if not labelled_in(candidates, folds, kind).any():
        return Chosen(one.code, one.pixel, UNKNOWN, UNKNOWN, note="no labelled defect to choose by")
    regions = candidates.regions
    own = (regions.kind == kind) & (regions.level == np.float32(one.pixel))
    if not candidates.inside(folds)[regions.part[own]].any():
        return Chosen(one.code, one.pixel, UNKNOWN, UNKNOWN, note="no region of it was found: nothing to choose by")
    if one.review >= NEVER:
        return Chosen(one.code, one.pixel, NEVER, NEVER, one.least_area_px, "calling it costs more than it saves")
    return one
