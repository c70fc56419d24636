"""Escape, overkill and the share of parts that a person must see, for a choice of thresholds and for every choice.

A part's rank is 0 OK, 1 REVIEW, 2 NG. Intervals are percentiles of draws of whole groups (`metrics.bootstrap`): parts
of one lot or one physical defect are not independent. Parts of which nobody knows whether they are good are not given.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from blemish.core.arrays import Bool, Float64, Int64
from blemish.core.errors import InputError
from blemish.core.seeds import rng
from blemish.metrics.part import wilson

OK, REVIEW, NG = 0, 1, 2
RESAMPLES = 2000
RATES = ("escape", "overkill", "stage_one_overkill", "review", "human", "ng")
_AT_ONCE = 250


@dataclass(frozen=True)
class Rate:
    """A share with the interval of 95 % of the draws of groups; NaN where there is no such part."""

    value: float
    low: float
    high: float
    count: int
    total: int
    groups: int  # That the parts counted in `total` are of.

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values with the 95 % Wilson interval of the counts beside the groups' own."""
        of_counts = wilson(self.count, self.total)
        return {
            "value": _none_if_nan(self.value),
            "interval": [_none_if_nan(self.low), _none_if_nan(self.high)],
            "wilson": [round(of_counts.low, 6), round(of_counts.high, 6)] if self.total else [None, None],
            "count": self.count,
            "total": self.total,
            "groups": self.groups,
        }


@dataclass(frozen=True)
class PartTruth:
    """What is known of N judged parts.

    Attributes:
        defective: bool N.
        group: int64 N, 0..G-1.
        shows: bool G K, the classes that each group shows: the strata of the draws.
    """

    defective: Bool
    group: Int64
    shows: Bool

    @classmethod
    def of(cls, groups: Sequence[str], shows: ArrayLike) -> PartTruth:
        """From each part's group and the classes it shows (bool N K)."""
        own = np.asarray(shows, np.bool_)
        names, place = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
        by_group = np.zeros((len(names), own.shape[1]), np.bool_)
        np.logical_or.at(by_group, place, own)
        return cls(np.asarray(own.any(axis=1), np.bool_), place.astype(np.int64), by_group)


def rates(ranks: ArrayLike, truth: PartTruth, *, resamples: int = RESAMPLES, seed: int = 0) -> dict[str, Rate]:
    """The figures of one choice, with their intervals.

    Args:
        ranks: int N, 0 OK, 1 REVIEW, 2 NG.

    Returns:
        `escape`: of the defective parts, those OK. `overkill`: of the good ones, those NG; `stage_one_overkill`: of the
        good ones, those not OK. `review`, `ng` and `human` (either): of all parts of the set.

    Raises:
        InputError: other ranks, or not one for each part.

    Example:
        >>> truth = PartTruth.of(["a", "b", "c"], [[True], [True], [False]])
        >>> found = rates([0, 2, 1], truth)
        >>> found["escape"].value, found["overkill"].value, found["stage_one_overkill"].value
        (0.5, 0.0, 1.0)
    """
    given = np.asarray(ranks, np.int64)
    if given.shape != truth.defective.shape or not np.isin(given, (OK, REVIEW, NG)).all():
        raise InputError(f"ranks must be 0, 1 or 2 for each of {len(truth.defective)} parts, got shape {given.shape}")
    bad, everything = truth.defective, np.ones_like(truth.defective)
    counted: dict[str, tuple[Bool, Bool]] = {
        "escape": (given == OK, bad),
        "overkill": (given == NG, ~bad),
        "stage_one_overkill": (given != OK, ~bad),
        "review": (given == REVIEW, everything),
        "human": (given != OK, everything),
        "ng": (given == NG, everything),
    }
    hits = _by_group(np.stack([counted[name][0] & counted[name][1] for name in RATES], axis=1), truth)
    totals = _by_group(np.stack([counted[name][1] for name in RATES], axis=1), truth)
    low, high = _interval(hits, totals, truth, resamples, seed)
    found = {}
    for place, name in enumerate(RATES):
        count, total = int(hits[:, place].sum()), int(totals[:, place].sum())
        value = count / total if total else float("nan")
        groups = int((totals[:, place] > 0).sum())
        found[name] = Rate(value, float(low[place]), float(high[place]), count, total, groups)
    return found


@dataclass(frozen=True)
class Curve:
    """Shares at every threshold, from "nothing is called" to "everything is", each with its interval of groups.

    Attributes:
        threshold: float64 T, falling: a part is called where its score reaches it; the first is infinite.
        escape: of the defective parts, those not called; NaN where there is none.
        overkill: of the good parts, those called; NaN where there is none.
        called: of all parts of the set.
        intervals: of the three by name, float64 T 2.
    """

    threshold: Float64
    escape: Float64
    overkill: Float64
    called: Float64
    intervals: dict[str, Float64]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, a list a figure; NaN and infinity become None."""
        values: dict[str, Any] = {"threshold": _plain(self.threshold)}
        for name in ("escape", "overkill", "called"):
            interval = self.intervals[name]
            values[name] = _plain(getattr(self, name))
            values[f"{name}_interval"] = [_plain(interval[:, 0]), _plain(interval[:, 1])]
        return values


def curve(scores: ArrayLike, truth: PartTruth, *, most: int = 120, resamples: int = RESAMPLES, seed: int = 0) -> Curve:
    """What becomes of the parts as one threshold on their scores falls.

    Args:
        scores: float N, any scale; minus infinity = never called.
        most: points; with more scores than that, thresholds are spread evenly over their ranks.

    Example:
        >>> truth = PartTruth.of(["a", "b", "c"], [[True], [True], [False]])
        >>> found = curve([0.9, 0.2, 0.5], truth)
        >>> found.escape.tolist(), found.overkill.tolist()
        ([1.0, 0.5, 0.5, 0.0], [0.0, 0.0, 1.0, 1.0])
    """
    given = np.asarray(scores, np.float64)
    if given.shape != truth.defective.shape:
        raise InputError(f"one score a part is needed, got {given.shape} for {len(truth.defective)} parts")
    steps = np.unique(given[np.isfinite(given)])[::-1]
    if len(steps) > most:
        steps = steps[np.unique(np.linspace(0, len(steps) - 1, most).round().astype(np.int64))]
    thresholds = np.concatenate([[np.inf], steps])
    called = given[:, None] >= thresholds[None, :]  # N T
    bad = truth.defective[:, None]
    hits = {"escape": ~called & bad, "overkill": called & ~bad, "called": called}
    of = {"escape": bad, "overkill": ~bad, "called": np.ones_like(bad)}
    values, intervals = {}, {}
    for name, hit in hits.items():
        by_group = _by_group(hit, truth)
        totals = np.broadcast_to(_by_group(of[name], truth), by_group.shape)
        total = totals[:, :1].sum()
        values[name] = by_group.sum(axis=0) / total if total else np.full(len(thresholds), np.nan)
        intervals[name] = np.stack(_interval(by_group, totals, truth, resamples, seed), axis=1)
    return Curve(thresholds, values["escape"], values["overkill"], values["called"], intervals)


def _by_group(flags: Bool, truth: PartTruth) -> Int64:
    sums = np.zeros((len(truth.shows), flags.shape[1]), np.int64)
    np.add.at(sums, truth.group, flags.astype(np.int64))
    return sums


def _interval(hits: Int64, totals: Int64, truth: PartTruth, resamples: int, seed: int) -> tuple[Float64, Float64]:
    """2.5 and 97.5 % of the draws for each column; NaN where there is no such part; of none or all Wilson's."""
    random, drawn, n = rng(seed, "operating"), [], len(truth.shows)
    for start in range(0, resamples, _AT_ONCE):
        weights = random.multinomial(n, np.full(n, 1 / n), size=min(_AT_ONCE, resamples - start))
        hit, total = weights @ hits, weights @ totals
        drawn.append(np.divide(hit, total, out=np.full(hit.shape, np.nan), where=total > 0))
    count, total, groups = hits.sum(axis=0), totals.sum(axis=0), (totals > 0).sum(axis=0)
    shares, exists = np.concatenate(drawn), total > 0
    low, high = (np.full(hits.shape[1], np.nan) for _ in range(2))
    if exists.any():
        low[exists], high[exists] = np.nanquantile(shares[:, exists], [0.025, 0.975], axis=0)
    for place in np.flatnonzero(exists & ((count == 0) | (count == total))):  # No draw shows anything else.
        of_groups = wilson(int(groups[place]) if count[place] else 0, int(groups[place]))
        low[place], high[place] = of_groups.low, of_groups.high
    return low, high


def _none_if_nan(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None


def _plain(values: Float64) -> list[float | None]:
    return [_none_if_nan(float(value)) for value in values]
