"""Thresholds of the least expected cost: what an escape, an overkill and a look by a person cost, over whole parts.

The next part like one that was seen does not get the same score: as log odds, it lies about `SPREAD` from it, to either
side. So a threshold has a chance to call each part, and what is made least is the cost that is to be expected, not that
of the scores that happened to be seen: a threshold just above the worst good part would call every second one like it
(docs/adr/0012).

A part is as bad as its worst class says, so classes cannot be chosen apart. They are chosen in turn, each the best
given the others, until nothing gets cheaper, from two starts (nothing is called; everything is). For one class the
best pair of thresholds is found exactly: the cost is a sum of one term for `review` and one for `ng`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from blemish.core.arrays import Bool, Float32, Float64, Int64
from blemish.core.errors import InputError
from blemish.segment.candidates import Candidates
from blemish.segment.choice import NEVER, UNKNOWN, Chosen, areas_for, labelled_in

SPREAD = 0.5  # Of a part's score as log odds (natural): how far that of the next part like it may lie from it.
_ROUNDS = 20
_CHEAPER = 1e-9  # The least gain that is one; sums of the same terms in another order differ by less.
_STEP, _STEPS, _LOWEST = 0.05, 340, -3.0  # Log odds at which scores are told apart and thresholds are tried.
_NEVER = _STEPS  # The step that no part reaches.


@dataclass(frozen=True)
class Costs:
    """Of one part, in any unit; a rightly called one costs nothing."""

    escape: float
    overkill: float
    review: float | None = None  # None = nobody looks: there is no REVIEW.
    defect_rate: float | None = None  # Share of defective parts on the line; None = as in the data set.

    def __post_init__(self) -> None:
        for name, value in (("escape", self.escape), ("overkill", self.overkill), ("review", self.review)):
            if value is not None and not 0 < value < math.inf:
                raise InputError(f"--cost-{name} must be a number above 0, got {value:g}")
        if self.defect_rate is not None and not 0 < self.defect_rate < 1:
            raise InputError(f"--defect-rate must be between 0 and 1, got {self.defect_rate:g}")


def by_cost(
    candidates: Candidates, folds: Collection[int], costs: Costs, pixel: float, *, spread: float = SPREAD
) -> tuple[Chosen, ...]:
    """The thresholds and least areas at which parts like those of these folds are expected to cost least.

    Args:
        spread: how far a score may lie from that of a like part, as log odds, above 0.

    Raises:
        InputError: folds without good or without defective parts.

    Example:
        >>> by_cost(candidates, [0, 1], Costs(escape=100, overkill=5, review=1), 0.3)  # doctest: +SKIP
    """
    prices = _prices(candidates, folds, costs, spread)
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
    """What each counted part adds to the mean cost if it is OK, REVIEW or NG, and how sure its scores are."""

    parts: Bool
    ok: Float64
    review: Float64 | None
    ng: Float64
    reached: Float64  # [threshold, score]: the chance that the next part like one of this score is called.

    @property
    def look(self) -> Float64:
        """What a part costs that is neither OK nor NG; without a REVIEW there is none, and it does not count."""
        return np.zeros_like(self.ok) if self.review is None else self.review


def _prices(candidates: Candidates, folds: Collection[int], costs: Costs, spread: float = SPREAD) -> _Prices:
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
    return _Prices(parts, weight * bad * costs.escape, review, weight * ~bad * costs.overkill, _reached(spread))


def _descend(
    candidates: Candidates, folds: Collection[int], prices: _Prices, pixel: float, start: float
) -> tuple[list[Chosen], float]:
    lowest = _step_of(pixel)
    kinds = range(1, len(candidates.codes) + 1)
    areas = {kind: areas_for(candidates, folds, kind) for kind in kinds}
    rows = {(k, area): _row_of(candidates, prices, k, pixel, area) for k in kinds for area in areas[k]}
    first = _NEVER if start >= NEVER else lowest
    steps = [(1, first, first) for _ in kinds]  # Least area, `review`, `ng`.
    cost = float("inf")
    for _ in range(_ROUNDS):
        before = cost
        for kind in kinds:
            others = [(rows[k, area], r, n) for k, (area, r, n) in zip(kinds, steps, strict=True) if k != kind]
            beside = [row for row, _, _ in others]
            to_review = _left_by(beside, [r for _, r, _ in others], prices.reached, len(prices.ok))
            to_ng = _left_by(beside, [n for _, _, n in others], prices.reached, len(prices.ok))
            for area in areas[kind]:
                review, ng, paid = best_pair(rows[kind, area], to_review, to_ng, prices, lowest=lowest)
                if paid < cost - _CHEAPER:
                    cost, steps[kind - 1] = paid, (area, review, ng)
        if not cost < before - _CHEAPER:
            break
    found = zip(candidates.codes, steps, strict=True)
    return [Chosen(code, pixel, _score_at(r, pixel), _score_at(n, pixel), area) for code, (area, r, n) in found], cost


def best_pair(
    row: Int64, to_review: Float64, to_ng: Float64, prices: _Prices, *, lowest: int
) -> tuple[int, int, float]:
    """The cheapest steps of `review` and `ng` of one class, and the whole expected cost, given the other classes.

    Args:
        row: N, the step of each part's best score of this class; -1 where it has no region.
        to_review, to_ng: N, the chance that no other class calls the part from its `review`, from its `ng`.
        lowest: the step of the pixel threshold, below which no score lies.
    """
    look = prices.look
    saved_by_review = _called(row, (look - prices.ok) * to_review, prices.reached)
    paid_by_ng = _called(row, (prices.ng - look) * to_ng, prices.reached)
    rest = _expected(prices, to_review, to_ng)
    if prices.review is None:
        both = lowest + int(np.argmin((saved_by_review + paid_by_ng)[lowest:]))
        return both, both, rest + float(saved_by_review[both] + paid_by_ng[both])
    from_here = np.minimum.accumulate(paid_by_ng[::-1])[::-1]  # The cheapest `ng` from each step up.
    review = lowest + int(np.argmin((saved_by_review + from_here)[lowest:]))
    ng = review + int(np.argmin(paid_by_ng[review:]))
    return review, ng, rest + float(saved_by_review[review] + paid_by_ng[ng])


def _expected(prices: _Prices, to_review: Float64, to_ng: Float64) -> float:
    """Of chances that nothing calls a part from `review`, from `ng`: OK, looked at, or NG."""
    look = prices.look
    return float((prices.ok * to_review + look * (to_ng - to_review) + prices.ng * (1 - to_ng)).sum())


def _called(row: Int64, values: Float64, reached: Float64) -> Float64:
    """For each step, and for never, the sum of the values of the parts, each times the chance that it is called."""
    seen = row >= 0
    at = np.bincount(row[seen], values[seen], _STEPS)
    return np.append(reached @ at, 0.0)


def _left_by(rows: Sequence[Int64], steps: Sequence[int], reached: Float64, parts: int) -> Float64:
    """The chance that no class calls a part, each from its step."""
    left = np.ones(parts)
    for row, step in zip(rows, steps, strict=True):
        if step < _NEVER:
            left *= 1 - np.where(row >= 0, reached[step][row], 0.0)
    return left


def _row_of(candidates: Candidates, prices: _Prices, kind: int, pixel: float, area: int) -> Int64:
    scores = candidates.part_scores(kind, pixel, area)[prices.parts]
    row: Int64 = np.where(scores >= 0, _steps_of(scores), -1)
    return row


def _steps_of(scores: Float32) -> Int64:
    shares = np.clip(scores.astype(np.float64), 1e-9, 1 - 1e-9)
    odds = np.log(shares) - np.log1p(-shares)
    return np.clip(np.rint((odds - _LOWEST) / _STEP), 0, _STEPS - 1).astype(np.int64)


def _step_of(score: float) -> int:
    return _NEVER if score >= NEVER else int(_steps_of(np.array([score], np.float32))[0])


def _score_at(step: int, pixel: float) -> float:
    """The score of a step, never below the pixel threshold."""
    if step >= _NEVER:
        return NEVER
    return max(pixel, round(1 / (1 + math.exp(-(_LOWEST + _STEP * step))), 6))


@cache
def _reached(spread: float) -> Float64:
    chances = [0.5 * math.erfc(-place * _STEP / spread / math.sqrt(2)) for place in range(-_STEPS + 1, _STEPS)]
    threshold, score = np.mgrid[:_STEPS, :_STEPS]
    table: Float64 = np.array(chances)[score - threshold + _STEPS - 1]
    return table


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
    seen = candidates.part_scores(kind, one.pixel, one.least_area_px)[candidates.inside(folds)]
    if seen.max(initial=-1) < one.review:
        return replace(one, note="no region that was seen reaches it: other classes call its parts")
    return one
