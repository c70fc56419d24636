"""Is one rung better than another, or is it chance? A paired bootstrap over groups and seeds together.

A group (a physical defect, a part, a lot) is what a second set of pictures would bring anew, a seed what a second
training would; so both are drawn again, with replacement, the same for both rungs. Groups are drawn class by class, so
that a class of few groups does not vanish; where it does, it is left out of that draw's mean, as an absent class is.
Percentile interval (Efron and Tibshirani, 1993, section 13.3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from blemish.core.arrays import Bool, Float64, Int64
from blemish.core.errors import InputError
from blemish.core.seeds import rng

RESAMPLES = 10_000
_AT_ONCE = 500  # Draws held in memory together.


@dataclass(frozen=True)
class Difference:
    """A mean difference with its 95 % interval; NaN where nothing could be compared."""

    mean: float
    low: float
    high: float
    groups: int
    seeds: int

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values: `mean`, `interval` (None where undefined), `groups`, `seeds`."""
        values = [None if math.isnan(v) else round(v, 6) for v in (self.mean, self.low, self.high)]
        return {"mean": values[0], "interval": values[1:], "groups": self.groups, "seeds": self.seeds}


@dataclass(frozen=True)
class Compared:
    """First rung minus second: of the mean IoU, and of each class's."""

    mean_iou: Difference
    classes: tuple[Difference, ...]


def paired_difference(first: Int64, second: Int64, *, resamples: int = RESAMPLES, seed: int = 0) -> Compared:
    """How much higher the IoU of the first is than that of the second.

    Args:
        first: int64 S G (K+1) (K+1): pixels by true and predicted class of each seed and group.
        second: the same seeds and groups, in the same order.
        resamples: draws.
        seed: of the draws.

    Returns:
        For each figure the difference of the means over seeds (all groups pooled) and the interval of 95 % of the draws
        that show the class. A class's `groups` are those that show it.

    Raises:
        InputError: tables of different shapes or truths: they are not of the same groups.

    Example:
        >>> right, wrong = np.array([[[[90, 0], [0, 10]]]]), np.array([[[[90, 0], [5, 5]]]])
        >>> paired_difference(right, wrong).mean_iou
        Difference(mean=0.5, low=0.5, high=0.5, groups=1, seeds=1)
    """
    _refuse_unpaired(first, second)
    ours, theirs = _parts_of_iou(first), _parts_of_iou(second)
    shows = ours[0, :, :, 1] > 0  # G K
    point = _over_seeds(ours.sum(axis=1)[None]) - _over_seeds(theirs.sum(axis=1)[None])
    strata, random = _strata(shows), rng(seed, "bootstrap")
    draws = []
    for start in range(0, resamples, _AT_ONCE):
        count = min(_AT_ONCE, resamples - start)
        groups, seeds = _drawn_groups(strata, count, random), _drawn(len(first), count, random)
        draws.append(_resampled(ours, groups, seeds) - _resampled(theirs, groups, seeds))
    drawn = np.concatenate(draws)
    differences = [
        _difference(point[0, place], drawn[:, place], int(shown), len(first))
        for place, shown in enumerate([len(shows), *shows.sum(axis=0)])
    ]
    return Compared(differences[0], tuple(differences[1:]))


def _parts_of_iou(tables: Int64) -> Int64:
    """S G K 3: for each defect class the pixels hit, true and called."""
    hit = np.diagonal(tables, axis1=2, axis2=3)[..., 1:]
    parts: Int64 = np.stack([hit, tables.sum(axis=3)[..., 1:], tables.sum(axis=2)[..., 1:]], axis=-1)
    return parts


def _over_seeds(parts: Int64, weights: Int64 | None = None) -> Float64:
    """B (1+K): mean IoU and each class's, averaged over seeds, from B S K 3; NaN where the truth shows no class."""
    hit, true, called = (parts[..., i].astype(np.float64) for i in range(3))
    iou = np.divide(hit, true + called - hit, out=np.full(hit.shape, np.nan), where=true > 0)
    shown = ~np.isnan(iou)
    count = shown.sum(axis=2)
    mean = np.divide(np.nansum(iou, axis=2), count, out=np.full(count.shape, np.nan), where=count > 0)
    figures = np.concatenate([mean[..., None], iou], axis=2)  # B S (1+K)
    if weights is None:
        averaged: Float64 = figures.mean(axis=1)
        return averaged
    # Truth is the same for all seeds, so a figure is undefined for all of them or for none.
    return np.asarray(np.einsum("bs,bsk->bk", weights / weights.sum(axis=1, keepdims=True), figures), np.float64)


def _resampled(parts: Int64, groups: Int64, seeds: Int64) -> Float64:
    seed_count, group_count, classes, _ = parts.shape
    flat = parts.transpose(1, 0, 2, 3).reshape(group_count, -1)
    return _over_seeds((groups @ flat).reshape(len(groups), seed_count, classes, 3), seeds)


def _strata(shows: np.ndarray[Any, np.dtype[np.bool_]]) -> list[Int64]:
    """Places of the groups by the rarest class that they show; clean groups are one stratum."""
    rarity = shows.sum(axis=0)
    rarest = np.where(shows, rarity, len(shows) + 1).argmin(axis=1)
    key = np.where(shows.any(axis=1), rarest, -1)
    return [np.flatnonzero(key == value) for value in np.unique(key)]


def _drawn_groups(strata: list[Int64], count: int, random: np.random.Generator) -> Int64:
    """B G: how often each group is drawn; each stratum keeps its size."""
    weights = np.zeros((count, sum(len(places) for places in strata)), np.int64)
    for places in strata:
        weights[:, places] = _drawn(len(places), count, random)
    return weights


def _drawn(things: int, count: int, random: np.random.Generator) -> Int64:
    """B N: how often each of N things is in N draws with replacement."""
    return random.multinomial(things, np.full(things, 1 / things), size=count)


def group_weights(shows: Bool, count: int, random: np.random.Generator) -> Int64:
    """How often each group is drawn, int64 B G, by the strata of `paired_difference`.

    Args:
        shows: bool G K, the classes that each group shows.
        count: draws, B.

    Example:
        >>> group_weights(np.array([[True], [True], [False]]), 2, rng(0)).sum(axis=1).tolist()
        [3, 3]
    """
    return _drawn_groups(_strata(shows), count, random)


def _difference(mean: float, drawn: Float64, groups: int, seeds: int) -> Difference:
    there = drawn[~np.isnan(drawn)]
    if math.isnan(mean) or not there.size:
        return Difference(float("nan"), float("nan"), float("nan"), groups, seeds)
    low, high = np.quantile(there, [0.025, 0.975])
    return Difference(float(mean), float(low), float(high), groups, seeds)


def _refuse_unpaired(first: Int64, second: Int64) -> None:
    if first.ndim != 4 or first.shape != second.shape or not first.size:
        raise InputError(
            f"a paired difference needs tables of the same seeds and groups, S G (K+1) (K+1), "
            f"got {list(first.shape)} and {list(second.shape)}"
        )
    if not np.array_equal(first.sum(axis=3), second.sum(axis=3)):
        raise InputError("a paired difference needs the same true pixels in every group: these are of other tiles")
