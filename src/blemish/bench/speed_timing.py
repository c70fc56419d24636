"""Timing for `bench speed`: contenders in turn, ratios round by round, percentiles, and an end that is kept."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

LEAST_ROUNDS = 1  # Are done however late it is.


@dataclass(frozen=True)
class Deadline:
    """Seconds that a whole measurement may take, counted from when this was made."""

    seconds: float
    began: float

    @classmethod
    def of(cls, seconds: float) -> Deadline:
        return cls(seconds, perf_counter())

    @property
    def spent_frac(self) -> float:
        """Share of the time that is over, 0 to 1 and beyond."""
        return (perf_counter() - self.began) / self.seconds


def in_turn(
    tasks: Mapping[str, Callable[[], object]], rounds: int, deadline: Deadline, until_frac: float, what: str
) -> dict[str, list[float]]:
    """Seconds of each task in each round, after one round that does not count; every second round goes backwards.

    Rounds end early where this share of the deadline is spent, so equal lists may be shorter than `rounds`.
    """
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for task in tasks.values():
        task()
    for number in range(rounds):
        if number >= LEAST_ROUNDS and deadline.spent_frac > until_frac:
            print(f"{what}: {number} of {rounds} rounds, the time is over", file=sys.stderr, flush=True)
            break
        for name in reversed(list(tasks)) if number % 2 else tasks:
            started = perf_counter()
            tasks[name]()
            seconds[name].append(perf_counter() - started)
        row = "  ".join(f"{name} {values[-1]:.3f}" for name, values in seconds.items())
        print(f"{what}, round {number + 1}: {row} s", file=sys.stderr, flush=True)
    return seconds


def ratio(slow: Sequence[float], fast: Sequence[float]) -> dict[str, Any]:
    """How many times faster, round by round: median, least and largest.

    Example:
        >>> ratio([6.0, 8.0, 9.0], [1.0, 2.0, 1.5])["median"]
        6.0
    """
    rounds = [one / other for one, other in zip(slow, fast, strict=True)]
    return {"median": round(median(rounds), 2), **_ends(rounds, 2), "rounds": [round(value, 2) for value in rounds]}


def spread(seconds: Sequence[float], scale: float = 1.0, digits: int = 4) -> dict[str, Any]:
    """Median, least and largest, times a scale (1000 / 8: ms a tile of 8)."""
    values = [value * scale for value in seconds]
    return {"median": round(median(values), digits), **_ends(values, digits)}


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """The 50th, 95th and 99th, between the two nearest values where they fall between.

    Example:
        >>> percentiles([1.0, 2.0, 3.0])
        {'p50': 2.0, 'p95': 2.9, 'p99': 2.98}
    """
    return {f"p{share}": round(float(np.percentile(seconds, share)), 4) for share in (50, 95, 99)}


def _ends(values: Sequence[float], digits: int) -> dict[str, float]:
    return {"least": round(min(values), digits), "largest": round(max(values), digits)}
