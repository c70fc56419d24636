"""Figures from distances between features: precision and recall, copies of training pictures, diversity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from blemish.core.arrays import Float64, Int64
from blemish.core.seeds import rng
from blemish.metrics.checks import features_of

NEIGHBOURS = 3
COPY_PERCENTILE = 1.0
_ROWS = 1024  # Distances held at a time.
_DRAWS = 10_000


@dataclass(frozen=True)
class PrecisionRecall:
    """Each 0 to 1, 1 is best; NaN with fewer pictures on a side than k + 1."""

    precision: float  # Share of synthetic pictures that lie among real ones.
    recall: float  # Share of real pictures that lie among synthetic ones.


@dataclass(frozen=True)
class Memorisation:
    """Distances to the nearest training picture, of synthetic ones and of real ones that were held out.

    Attributes:
        limits: for each class the percentile of its held-out ones; only classes with some.
        shares: for each of these with synthetic ones, the share of them closer than the limit, 0 to 1.
        share: of all these synthetic ones together; NaN where there is none.
        expected: what `share` is on average where the synthetic ones are as far away as real ones: more than the
            percentile where few are held out, as nothing lies below the lowest of them.
        most: what it stays under there in 95 of 100 cases; beyond it there are copies.
        nearest: for each synthetic picture, the row of its nearest training picture.
    """

    synthetic: Float64
    held_out: Float64
    limits: Mapping[int, float]
    shares: Mapping[int, float]
    share: float
    expected: float
    most: float
    nearest: Int64


def distances(one: Float64, other: Float64) -> Float64:
    """Euclidean distances, float64 N M, of features N D and M D.

    Example:
        >>> distances(np.zeros((1, 2)), np.array([[3.0, 4.0]])).tolist()
        [[5.0]]
    """
    x, y = features_of(one, other)
    squares = (y**2).sum(axis=1)
    blocks = []
    for start in range(0, len(x), _ROWS):
        some = x[start : start + _ROWS]
        blocks.append(np.maximum((some**2).sum(axis=1)[:, None] + squares - 2 * some @ y.T, 0))
    return np.sqrt(np.concatenate(blocks)) if blocks else np.zeros((0, len(y)))


def precision_recall(real: Float64, synthetic: Float64, k: int = NEIGHBOURS) -> PrecisionRecall:
    """Improved precision and recall (Kynkaanniemi et al., 2019).

    A picture lies among a set if it is within the distance of one of the set's pictures to its own k-th nearest
    neighbour. Both depend on the number of pictures: compare equal numbers only.
    """
    x, y = features_of(real, synthetic)
    if min(len(x), len(y)) < k + 1:
        return PrecisionRecall(float("nan"), float("nan"))
    across = distances(y, x)
    precision = (across <= _radii(x, k)[None, :]).any(axis=1).mean()
    recall = (across <= _radii(y, k)[:, None]).any(axis=0).mean()
    return PrecisionRecall(float(precision), float(recall))


def memorisation(
    synthetic: Float64,
    training: Float64,
    held_out: Float64,
    classes: tuple[Int64, Int64] | None = None,
    percentile: float = COPY_PERCENTILE,
) -> Memorisation:
    """How many synthetic pictures lie closer to a training picture than real pictures of their class do.

    Args:
        classes: of the synthetic and of the held-out ones; None = all are of one class, 0.

    Example:
        >>> training, held_out = np.array([[0.0], [9.0]]), np.array([[1.0], [7.0]])
        >>> found = memorisation(np.array([[0.1], [5.0]]), training, held_out)
        >>> found.share, round(found.expected, 2)
        (0.5, 0.34)
    """
    made, kept = _to_nearest(synthetic, training), _to_nearest(held_out, training)
    of_made, of_kept = classes or (np.zeros(len(made[0]), np.int64), np.zeros(len(kept[0]), np.int64))
    limits, shares = {}, {}
    counts: list[tuple[int, int]] = []  # Synthetic and held-out ones of each class that can be judged.
    for kind in np.unique(of_kept[: len(kept[0])]).tolist():
        limits[kind] = float(np.percentile(kept[0][of_kept == kind], percentile))
        own = made[0][of_made == kind] if len(made[0]) else made[0]
        if len(own):
            shares[kind] = float((own < limits[kind]).mean())
            counts.append((len(own), int((of_kept == kind).sum())))
    share, expected, most = float("nan"), float("nan"), float("nan")
    if counts:
        share = sum(n * each for (n, _), each in zip(counts, shares.values(), strict=True)) / sum(n for n, _ in counts)
        expected, most = _by_chance(counts, percentile / 100)
    return Memorisation(made[0], kept[0], limits, shares, share, expected, most, made[1])


def _by_chance(counts: Sequence[tuple[int, int]], level: float) -> tuple[float, float]:
    """Mean and 95 % quantile of the share below the limits, for synthetic pictures like the held-out ones.

    The limit of n values is between two of them, the place 1 + level (n - 1) of n: the share of others below it has a
    beta distribution (order statistics), and of it so many are counted.
    """
    random = rng(0, "copies")
    drawn = np.zeros(_DRAWS)
    for made, kept in counts:
        place = 1 + level * (kept - 1)
        drawn += random.binomial(made, random.beta(place, kept + 1 - place, _DRAWS))
    total = sum(made for made, _ in counts)
    expected = sum(made * (1 + level * (kept - 1)) / (kept + 1) for made, kept in counts) / total
    return expected, float(np.quantile(drawn / total, 0.95))


def mean_pairwise_distance(features: Float64) -> float:
    """Mean distance of two different pictures of a set: its diversity; 0 = all the same, NaN with fewer than 2.

    Example:
        >>> mean_pairwise_distance(np.array([[0.0], [1.0], [2.0]])) == 4 / 3
        True
    """
    n = len(features)
    return float(distances(features, features)[np.triu_indices(n, 1)].mean()) if n > 1 else float("nan")


def _radii(x: Float64, k: int) -> Float64:
    """Distance of each to its k-th nearest neighbour, itself not counted."""
    radii: Float64 = np.partition(distances(x, x), k, axis=1)[:, k]
    return radii


def _to_nearest(some: Float64, training: Float64) -> tuple[Float64, Int64]:
    if len(some) == 0 or len(training) == 0:
        return np.zeros(0), np.zeros(0, np.int64)
    apart = distances(some, training)
    return apart.min(axis=1), apart.argmin(axis=1)
