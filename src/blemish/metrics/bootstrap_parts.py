"""Does one rung tell defective parts from good ones better than another, or is it chance? A paired bootstrap.

As `metrics.bootstrap`, for the separation of parts: groups and seeds are drawn again, the same for both rungs, groups
with a defective part and groups without one apart. Only parts of one cell are compared with each other, as two
networks' scores are not on one scale. Percentile interval (Efron and Tibshirani, 1993, section 13.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blemish.core.arrays import Bool, Float64, Int64
from blemish.core.errors import InputError
from blemish.core.seeds import rng
from blemish.metrics.bootstrap import RESAMPLES, Difference

_AT_ONCE = 500  # Draws held in memory together.


@dataclass(frozen=True)
class PartsTwice:
    """The parts of one fold and seed, each with the score that either rung gave it.

    Args:
        first, second: float64 P, how likely each part shows a defect.
        defective: bool P.
        groups: the group of each part, P names.

    Raises:
        InputError: arrays of different lengths.
    """

    first: Float64
    second: Float64
    defective: Bool
    groups: tuple[str, ...]

    def __post_init__(self) -> None:
        lengths = {len(self.first), len(self.second), len(self.defective), len(self.groups)}
        if len(lengths) > 1:
            raise InputError(f"parts need one score of each rung, one kind and one group each, got {sorted(lengths)}")

    def groups_of(self, defective: bool) -> set[str]:
        """The groups with a defective part, or those without one."""
        bad = {group for group, kind in zip(self.groups, self.defective, strict=True) if kind}
        return bad if defective else set(self.groups) - bad


def separation_difference(
    seeds: Sequence[Sequence[PartsTwice]], *, resamples: int = RESAMPLES, seed: int = 0
) -> Difference:
    """How much oftener the first rung scores a defective part above a good one than the second does.

    Args:
        seeds: for each seed the folds, in the same order with the same parts.
        resamples: draws.
        seed: of the draws.

    Returns:
        The mean over seeds, the pairs of all folds pooled, and its 95 % interval; NaN where no fold has both kinds.
        `groups` are those with a defective part, or those without one, whichever are fewer: one group cannot be drawn
        anew, so an interval from few of either kind says little.

    Raises:
        InputError: no seed, or seeds with other parts.

    Example:
        >>> parts = PartsTwice(np.array([0.9, 0.1]), np.array([0.1, 0.9]), np.array([True, False]), ("a", "b"))
        >>> separation_difference([[parts]])
        Difference(mean=1.0, low=1.0, high=1.0, groups=1, seeds=1)
    """
    _refuse_unpaired(seeds)
    groups = min(sum(len(fold.groups_of(kind)) for fold in seeds[0]) for kind in (True, False))
    whole = [np.ones((1, len(fold.groups)), np.int64) for fold in seeds[0]]
    point = _differences(seeds, whole).mean()
    if np.isnan(point):
        return Difference(float("nan"), float("nan"), float("nan"), groups, len(seeds))
    random = rng(seed, "bootstrap")
    draws = []
    for start in range(0, resamples, _AT_ONCE):
        count = min(_AT_ONCE, resamples - start)
        drawn = _differences(seeds, [_drawn_parts(fold, count, random) for fold in seeds[0]])  # S B
        times = random.multinomial(len(seeds), np.full(len(seeds), 1 / len(seeds)), size=count)
        draws.append(np.einsum("bs,sb->b", times / len(seeds), drawn))
    means = np.concatenate(draws)
    low, high = np.quantile(means[~np.isnan(means)], [0.025, 0.975])
    return Difference(float(point), float(low), float(high), groups, len(seeds))


def _differences(seeds: Sequence[Sequence[PartsTwice]], times: Sequence[Int64]) -> Float64:
    """S B: of each seed and draw the share of all pairs that the first rung orders rightly, minus the second's.

    Args:
        times: of each fold int64 B P, how often each part is drawn.
    """
    rows = []
    for folds in seeds:
        above, pairs = np.zeros(len(times[0])), np.zeros(len(times[0]))
        for fold, often in zip(folds, times, strict=True):
            bad, good = often[:, fold.defective].astype(np.float64), often[:, ~fold.defective].astype(np.float64)
            better = _ordered(fold.first, fold.defective) - _ordered(fold.second, fold.defective)
            above += np.einsum("bi,ij,bj->b", bad, better, good, optimize=True)
            pairs += bad.sum(axis=1) * good.sum(axis=1)
        rows.append(np.divide(above, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0))
    return np.stack(rows)


def _ordered(scores: Float64, defective: Bool) -> Float64:
    """1 where a defective part (rows) scores above a good one (columns), a half where they score alike."""
    bad, good = scores[defective][:, None], scores[~defective][None]
    ordered: Float64 = (bad > good) + (bad == good) / 2
    return ordered


def _drawn_parts(fold: PartsTwice, count: int, random: np.random.Generator) -> Int64:
    """B P: how often each part is drawn with its group; groups with and without a defective part keep their number."""
    names, place = np.unique(np.asarray(fold.groups), return_inverse=True)
    shows = np.bincount(place, weights=fold.defective, minlength=len(names)) > 0
    times = np.zeros((count, len(names)), np.int64)
    for kind in (True, False):
        own = np.flatnonzero(shows == kind)
        if own.size:
            times[:, own] = random.multinomial(own.size, np.full(own.size, 1 / own.size), size=count)
    return times[:, place]


def _refuse_unpaired(seeds: Sequence[Sequence[PartsTwice]]) -> None:
    if not seeds or not seeds[0]:
        raise InputError("a difference of parts needs at least one seed and one fold")
    told = [[(fold.groups, fold.defective.tolist()) for fold in folds] for folds in seeds]
    if any(one != told[0] for one in told):
        raise InputError("a paired difference needs the same parts in every seed: these are of other ones")
