"""Batches of planned tiles through the gate in several processes: the same tiles, on a PC of many cores sooner.

Most of a tile's time is drawing its label, judging it and packing its PNG, all of it work of one core. What comes of a
batch is a pure function (`gan.gated`), so batches may be made anywhere; they are written in the order of the plan.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass

import cv2

from blemish.core.errors import InputError
from blemish.core.processes import in_order
from blemish.gan.gate import Gate
from blemish.gan.gated import BatchOutcome, admit_batch
from blemish.gan.job import Job
from blemish.gan.plan import PlanItem

Make = Callable[[], tuple[Job, Gate]]
"""Called once in every process; it is sent there, so it must be picklable."""


@dataclass(frozen=True)
class SideBySide:
    """So many processes, each with a job and a gate of its own."""

    make: Make
    processes: int

    def __post_init__(self) -> None:
        if self.processes < 1:
            raise InputError(f"--processes must be 1 or more, got {self.processes}")

    def outcomes(self, batches: Iterable[Sequence[PlanItem]], attempts: int) -> Generator[BatchOutcome, None, None]:
        """What comes of each batch, in order."""
        return in_order(_admit, batches, self.processes, _begin, self.make, attempts)


_given: tuple[Job, Gate, int] | None = None  # In a process that admits: set once, when it begins.


def _begin(make: Make, attempts: int) -> None:
    global _given
    cv2.setNumThreads(1)
    _given = *make(), attempts


def _admit(items: Sequence[PlanItem]) -> BatchOutcome:
    if _given is None:
        raise AssertionError("unreachable: every process is begun with its job")
    job, gate, attempts = _given
    return admit_batch(job, gate, items, attempts)
