"""Agreement of decisions beyond chance: Cohen's and Fleiss' kappa.

Cohen, Educational and Psychological Measurement 20 (1960); its standard error: Fleiss, Cohen and Everitt, Psychological
Bulletin 72 (1969). Fleiss, Psychological Bulletin 76 (1971). As a rule of thumb (AIAG, MSA, 4th ed., chapter III-C)
above 0.75 is good to excellent agreement, below 0.40 poor.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from blemish.core.arrays import Float64
from blemish.core.errors import InputError

GOOD_KAPPA, POOR_KAPPA = 0.75, 0.40


@dataclass(frozen=True)
class Kappa:
    """1 is perfect agreement, 0 that of chance, below 0 worse than chance.

    NaN where it is not defined: nothing was judged, or all gave one and the same answer. `low` and `high` are its 95 %
    limits where they are known, else NaN.
    """

    value: float
    judged: int  # Pairs of decisions, or parts.
    low: float = math.nan
    high: float = math.nan

    @property
    def words(self) -> str:
        """The rule of thumb."""
        if math.isnan(self.value):
            return "not defined: nothing was judged, or all gave one and the same answer"
        if self.value > GOOD_KAPPA:
            return "good to excellent"
        return "poor" if self.value < POOR_KAPPA else "moderate"


def cohen_kappa(first: Sequence[Hashable], second: Sequence[Hashable]) -> Kappa:
    """Agreement of two who judged the same things, with its large-sample 95 % limits.

    Raises:
        InputError: lists of different lengths.

    Example:
        >>> round(cohen_kappa([1, 1, 0, 0], [1, 0, 0, 0]).value, 3)
        0.5
    """
    if len(first) != len(second):
        raise InputError(f"kappa needs as many decisions of one as of the other, got {len(first)} and {len(second)}")
    shares = _shares(first, second)
    agreed = float(np.trace(shares))
    rows, columns = shares.sum(axis=1), shares.sum(axis=0)
    chance = float(rows @ columns)
    if not first or chance >= 1 - 1e-12:
        return Kappa(math.nan, len(first))
    value = (agreed - chance) / (1 - chance)
    half = 1.959963984540054 * _cohen_error(shares, value, chance, len(first))
    return Kappa(value, len(first), max(-1.0, value - half), min(1.0, value + half))


def fleiss_kappa(decisions: Sequence[Sequence[Hashable]]) -> Kappa:
    """Agreement of several decisions on each part, whoever made them.

    Args:
        decisions: for each part as many decisions as for every other, at least 2.

    Raises:
        InputError: parts with different numbers of decisions, or fewer than 2.

    Example:
        >>> round(fleiss_kappa([["a", "a", "a"], ["b", "b", "b"], ["a", "b", "b"]]).value, 3)
        0.55
    """
    if not decisions:
        return Kappa(math.nan, 0)
    each = len(decisions[0])
    if each < 2 or any(len(own) != each for own in decisions):
        raise InputError("Fleiss' kappa needs the same number of decisions on every part, at least 2")
    answers = sorted({answer for own in decisions for answer in own}, key=repr)
    counts = np.array([[list(own).count(answer) for answer in answers] for own in decisions], np.float64)
    agreed = float(((counts**2).sum(axis=1) - each).mean() / (each * (each - 1)))
    chance = float(((counts.sum(axis=0) / counts.sum()) ** 2).sum())
    if chance >= 1 - 1e-12:
        return Kappa(math.nan, len(decisions))
    return Kappa((agreed - chance) / (1 - chance), len(decisions))


def _shares(first: Sequence[Hashable], second: Sequence[Hashable]) -> Float64:
    """Share of all pairs by the first's answer (rows) and the second's (columns)."""
    answers = {answer: place for place, answer in enumerate(sorted({*first, *second}, key=repr))}
    counts = np.zeros((len(answers), len(answers)))
    for one, other in zip(first, second, strict=True):
        counts[answers[one], answers[other]] += 1
    return counts / max(len(first), 1)


def _cohen_error(shares: Float64, value: float, chance: float, judged: int) -> float:
    """Large-sample standard error (Fleiss, Cohen and Everitt, 1969, equation 13)."""
    rows, columns = shares.sum(axis=1), shares.sum(axis=0)
    crossed = columns[:, None] + rows[None, :]  # Of cell i, j: column share of i plus row share of j.
    same = np.diag(shares) * (1 - (rows + columns) * (1 - value)) ** 2
    other = shares * crossed**2
    np.fill_diagonal(other, 0)
    variance = same.sum() + (1 - value) ** 2 * other.sum() - (value - chance * (1 - value)) ** 2
    return math.sqrt(max(float(variance), 0.0) / judged) / (1 - chance)
