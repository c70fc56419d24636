"""Part metrics: escape, overkill and the share of REVIEW, each with its 95 % Wilson interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from blemish.core.records import Verdict

Z95 = 1.959963984540054


@dataclass(frozen=True)
class Proportion:
    """A share with its 95 % interval and the counts that it comes from."""

    count: int
    total: int
    value: float  # NaN where total is 0
    low: float
    high: float


def wilson(count: int, total: int, z: float = Z95) -> Proportion:
    """A share with its Wilson score interval (Wilson, 1927), 95 % unless z says otherwise; NaN with (0, 1) for 0 of 0.

    Args:
        z: standard deviations to either side.

    Example:
        >>> share = wilson(0, 10)
        >>> share.value, round(share.low, 3), round(share.high, 3)
        (0.0, 0.0, 0.278)
    """
    if total == 0:
        return Proportion(0, 0, float("nan"), 0.0, 1.0)
    p, n, z2 = count / total, total, z * z
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = z * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return Proportion(count, total, p, low if count else 0.0, high if count < total else 1.0)


def escape_rate(verdicts: Sequence[Verdict], defective: Sequence[bool]) -> Proportion:
    """Share of defective parts that were called OK; 0 is best.

    Example:
        >>> escape_rate([Verdict.OK, Verdict.NG, Verdict.REVIEW], [True, True, False]).value
        0.5
    """
    bad = [verdict for verdict, is_bad in zip(verdicts, defective, strict=True) if is_bad]
    return wilson(sum(verdict == Verdict.OK for verdict in bad), len(bad))


def overkill_rate(verdicts: Sequence[Verdict], defective: Sequence[bool]) -> Proportion:
    """Share of good parts that were called NG; 0 is best. REVIEW is not overkill: see `review_share`."""
    good = [verdict for verdict, is_bad in zip(verdicts, defective, strict=True) if not is_bad]
    return wilson(sum(verdict == Verdict.NG for verdict in good), len(good))


def review_share(verdicts: Sequence[Verdict]) -> Proportion:
    """Share of all parts that a person must look at."""
    return wilson(sum(verdict == Verdict.REVIEW for verdict in verdicts), len(verdicts))
