"""What a count of failures proves about a rate: exact (Clopper-Pearson) and Wilson limits, and how many parts it takes.

Clopper and Pearson, Biometrika 26 (1934): the limits are the rates at which the observed count, or one more extreme,
is just as unlikely as the confidence allows. They are found by bisection on the binomial sum itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist

import numpy as np

from blemish.core.errors import InputError
from blemish.metrics.part import wilson

CONFIDENCE = 0.95
_STEPS = 80  # Of bisection: the limits are exact to a double's precision.
_MOST_PARTS = 100_000_000


class Proof(StrEnum):
    """What a test says about "the rate is at most the target", at a confidence."""

    PROVED = "proved"  # The upper one-sided limit is at or below the target.
    NOT_PROVED = "not proved"  # The test is too small, or too close, to say.
    FAILED = "failed"  # The lower one-sided limit is above the target.


@dataclass(frozen=True)
class Limits:
    """A rate of failures with its limits; NaN with (0, 1) where there was no part.

    Attributes:
        exact, wilson: two-sided limits.
        exact_upper, exact_lower, wilson_upper: one-sided limits.
    """

    count: int
    total: int
    rate: float
    confidence: float
    exact: tuple[float, float]
    wilson: tuple[float, float]
    exact_upper: float
    exact_lower: float
    wilson_upper: float

    def proof(self, target: float) -> Proof:
        """Whether the rate is proved to be at most the target, by the exact one-sided limits."""
        if self.total and self.exact_upper <= target:
            return Proof.PROVED
        return Proof.FAILED if self.exact_lower > target else Proof.NOT_PROVED


def limits_of(count: int, total: int, *, confidence: float = CONFIDENCE) -> Limits:
    """The limits of a rate.

    Raises:
        InputError: a count below 0 or above the total, or a confidence that is not between 0.5 and 1.

    Example:
        >>> round(limits_of(0, 149).exact_upper, 4)
        0.0199
    """
    if not 0 <= count <= total or not 0.5 <= confidence < 1:
        raise InputError(
            f"limits need 0 <= count <= total and a confidence of 0.5 to 1, got {count} of {total}, {confidence}"
        )
    one_sided, two_sided = 1 - confidence, (1 - confidence) / 2
    z_one, z_two = (NormalDist().inv_cdf(1 - tail) for tail in (one_sided, two_sided))
    two_sided_wilson = wilson(count, total, z_two)
    return Limits(
        count=count,
        total=total,
        rate=count / total if total else math.nan,
        confidence=confidence,
        exact=(_lower(count, total, two_sided), _upper(count, total, two_sided)),
        wilson=(two_sided_wilson.low, two_sided_wilson.high),
        exact_upper=_upper(count, total, one_sided),
        exact_lower=_lower(count, total, one_sided),
        wilson_upper=wilson(count, total, z_one).high,
    )


def parts_needed(target: float, *, failures: int = 0, confidence: float = CONFIDENCE) -> int:
    """The least number of parts at which this many failures prove a rate of at most the target.

    Without failures this is the exact form of the rule of three (about 3 / target at 95 %).

    Raises:
        InputError: a target that is not between 0 and 1: no number of parts proves it.

    Example:
        >>> parts_needed(0.02), parts_needed(0.02, failures=1)
        (149, 236)
    """
    if not 0 < target < 1:
        raise InputError(f"a target rate must lie between 0 and 1, got {target:g}: no number of parts proves it")

    def enough(parts: int) -> bool:
        return _at_most(failures, parts, target) <= 1 - confidence

    high = failures + 1
    while not enough(high) and high < _MOST_PARTS:
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _upper(count: int, total: int, tail: float) -> float:
    """The rate at which `count` or fewer are seen with this probability."""
    if count == total:
        return 1.0
    return _bisected(lambda rate: _at_most(count, total, rate) > tail)


def _lower(count: int, total: int, tail: float) -> float:
    """The rate at which `count` or more are seen with this probability."""
    if count == 0:
        return 0.0
    return 1 - _upper(total - count, total, tail)


def _bisected(is_below: Callable[[float], bool]) -> float:
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if is_below(middle) else (low, middle)
    return (low + high) / 2


def _at_most(count: int, total: int, rate: float) -> float:
    """Binomial probability of `count` or fewer in `total`."""
    if count >= total or rate <= 0:
        return 1.0
    if rate >= 1:
        return 0.0
    if 2 * count > total:  # The shorter sum of the two.
        return 1 - _at_most(total - count - 1, total, 1 - rate)
    k = np.arange(count + 1, dtype=np.float64)
    steps = np.log(total - k[:-1]) - np.log(k[1:]) + math.log(rate) - math.log1p(-rate)
    logs = np.concatenate([[0.0], np.cumsum(steps)]) + total * math.log1p(-rate)
    top = float(logs.max())
    return min(1.0, math.exp(top) * float(np.exp(logs - top).sum()))
