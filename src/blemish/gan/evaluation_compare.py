"""Two sets of pictures compared by their features: every figure of one row of `gan evaluate`."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from blemish.core.arrays import Bool, Float32, Float64, Int64
from blemish.core.seeds import rng
from blemish.metrics.distribution import (
    LEAST,
    Spread,
    frechet_distance,
    frechet_infinity,
    kid,
    polynomial_mmd2,
    real_floor,
)
from blemish.metrics.neighbours import PrecisionRecall, precision_recall
from blemish.metrics.two_sample import Told, told_apart

EQUAL_MOST = 400  # Pictures of each side for figures that want equal numbers: precision, recall, the classifier.
_REPEATS = 5


@dataclass(frozen=True)
class Described:
    """Pictures by their features.

    Attributes:
        values: float32 N D.
        groups: one a picture; pictures of one group are alike.
        classes: the defect classes of each picture, the one with most pixels first.
    """

    values: Float32
    groups: tuple[str, ...]
    classes: tuple[tuple[int, ...], ...]

    def __len__(self) -> int:
        return len(self.groups)

    def of_class(self, index: int) -> Described:
        """Those that show a class."""
        return self.take(np.array([index in each for each in self.classes], bool).nonzero()[0])

    def take(self, rows: Int64 | Sequence[int]) -> Described:
        chosen = [int(row) for row in rows]
        return Described(
            self.values[chosen], tuple(self.groups[i] for i in chosen), tuple(self.classes[i] for i in chosen)
        )

    @property
    def first_classes(self) -> Int64:
        return np.array([each[0] for each in self.classes], np.int64)


@dataclass(frozen=True)
class Comparison:
    """One row: how far synthetic pictures are from real ones. NaN = not defined for so few.

    Attributes:
        real, synthetic, real_groups: how many were compared.
        kid, frechet: 0 is best; Frechet distances of different N cannot be compared.
        kid_floor: between halves of the real ones (groups kept whole).
        frechet_floor, frechet_at_floor: the same, and the distance to synthetic ones with as few pictures as a half.
        frechet_infinity: extrapolated to infinitely many pictures.
        near: precision and recall, with equal numbers of both.
        told: the real-or-synthetic classifier; 0.5 is best.
    """

    real: int
    synthetic: int
    real_groups: int
    kid: Spread
    kid_floor: Spread
    frechet: float
    frechet_infinity: float
    frechet_floor: Spread
    frechet_at_floor: Spread
    near: PrecisionRecall
    told: Told

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: NaN becomes None."""
        return {
            "real": self.real,
            "real_groups": self.real_groups,
            "synthetic": self.synthetic,
            "kid": spread_dict(self.kid),
            "kid_floor": spread_dict(self.kid_floor),
            "frechet": plain(self.frechet),
            "frechet_infinity": plain(self.frechet_infinity),
            "frechet_floor": spread_dict(self.frechet_floor),
            "frechet_at_floor": spread_dict(self.frechet_at_floor),
            "precision": plain(self.near.precision),
            "recall": plain(self.near.recall),
            "classifier": {
                "accuracy": plain(self.told.accuracy),
                "low": plain(self.told.low),
                "high": plain(self.told.high),
                "pictures": self.told.pictures,
            },
        }


def compare(real: Described, synthetic: Described, seed: int = 0) -> Comparison:
    """All figures of two sets; the same seed gives the same ones."""
    x, y = real.values.astype(np.float64), synthetic.values.astype(np.float64)
    if min(len(real), len(synthetic)) == 0:
        x, y = np.zeros((0, 1)), np.zeros((0, 1))
    few_real, few_made = equal_numbers(real, synthetic, seed)
    few_x, few_y = few_real.values.astype(np.float64), few_made.values.astype(np.float64)
    return Comparison(
        real=len(real),
        synthetic=len(synthetic),
        real_groups=len(set(real.groups)),
        kid=kid(x, y, seed=seed),
        kid_floor=real_floor(x, real.groups[: len(x)], polynomial_mmd2, seed=seed),
        frechet=frechet_distance(x, y),
        frechet_infinity=frechet_infinity(x, y, seed=seed),
        frechet_floor=real_floor(x, real.groups[: len(x)], frechet_distance, seed=seed),
        frechet_at_floor=_frechet_of_halves(x, y, seed),
        near=precision_recall(few_x, few_y),
        told=told_apart(few_x, few_y, few_real.groups, few_made.groups, seed=seed),
    )


def equal_numbers(one: Described, other: Described, seed: int, most: int = EQUAL_MOST) -> tuple[Described, Described]:
    """As many of the one as of the other, drawn by the seed."""
    count = min(len(one), len(other), most)
    if count == 0:
        nothing = Described(np.zeros((0, 1), np.float32), (), ())
        return nothing, nothing
    random = rng(seed, "equal numbers")
    return one.take(random.permutation(len(one))[:count]), other.take(random.permutation(len(other))[:count])


def matched(real: Described, synthetic: Described, seed: int = 0) -> tuple[Described, Described]:
    """Both with the same share of each class, so that a balanced set is not punished for its balance.

    Synthetic pictures are drawn by the shares of the real ones, as many as there are; of a class with fewer synthetic
    than real ones, real ones are left out too.
    """
    wanted, there = Counter(real.first_classes.tolist()), Counter(synthetic.first_classes.tolist())
    both = [index for index in sorted(wanted) if there[index]]
    # Fractions: floor(9 / (9 / 7)) of floats is 6.
    scale = max(Fraction(1), min((Fraction(there[index], wanted[index]) for index in both), default=Fraction(1)))
    kept: list[int] = []
    drawn: list[int] = []
    for index in both:
        count = min(wanted[index], math.floor(there[index] / scale))
        kept += _drawn(real.first_classes == index, count, seed, index)
        drawn += _drawn(synthetic.first_classes == index, math.floor(scale * count), seed, index)
    return real.take(kept), synthetic.take(drawn)


def plain(value: float) -> float | None:
    """JSON has neither NaN nor infinity."""
    return round(float(value), 6) if math.isfinite(value) else None


def spread_dict(spread: Spread) -> dict[str, float | None]:
    return {"mean": plain(spread.mean), "std": plain(spread.std)}


def _drawn(rows: Bool, count: int, seed: int, index: int) -> list[int]:
    """So many of the rows that are True."""
    places = np.flatnonzero(rows)
    return [int(place) for place in places[rng(seed, "matched", index).permutation(len(places))[:count]]]


def _frechet_of_halves(x: Float64, y: Float64, seed: int) -> Spread:
    count = min(len(x) // 2, len(y))
    if count < LEAST:
        return Spread(float("nan"), float("nan"))
    random = rng(seed, "halves")
    values = [
        frechet_distance(x[random.permutation(len(x))[:count]], y[random.permutation(len(y))[:count]])
        for _ in range(_REPEATS)
    ]
    return Spread(float(np.mean(values)), float(np.std(values)))
