"""Batches drawn ahead of the training step by processes: for samples that are computed, not read.

Procedural tiles are Python and small NumPy calls, which threads cannot do side by side; on a PC with many cores and a
GPU the drawing would hold the training up. Everything else is loaded by threads (`train.loader`, docs/adr/0002). The
batches are the same, whoever draws them.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from blemish.core.errors import InputError
from blemish.core.processes import in_order
from blemish.train.loader import Batch, Draw


class ProcessLoader:
    """Like `BatchLoader`, with a process in the place of each thread.

    Args:
        draw: as of `BatchLoader`; it is sent to the processes, so it must be picklable.
        batch: samples a step.
        processes: that draw, each a whole batch at a time.

    Raises:
        InputError: a batch or a number of processes below 1.
    """

    def __init__(self, draw: Draw, *, batch: int, processes: int) -> None:
        for name, value in (("batch", batch), ("processes", processes)):
            if value < 1:
                raise InputError(f"{name} must be 1 or more, got {value}")
        self.draw = draw
        self.batch = batch
        self.processes = processes

    def batches(self, first_step: int, last_step: int) -> Generator[Batch, None, None]:
        """The batches of steps first_step .. last_step - 1, in order, as contiguous CPU tensors `N ...`.

        Closing the iterator (or leaving it by an error) ends the processes; so does the end of this process.
        """
        steps = range(first_step, last_step)
        with closing(in_order(_draw_batch, steps, self.processes, _begin, self.draw, self.batch)) as drawn:
            for arrays in drawn:
                yield {name: torch.from_numpy(array) for name, array in arrays.items()}


_drawn_by: tuple[Draw, int] | None = None  # In a drawing process: set once, when it begins.


def _begin(draw: Draw, batch: int) -> None:
    global _drawn_by
    _drawn_by = draw, batch
    cv2.setNumThreads(1)


def _draw_batch(step: int) -> dict[str, NDArray[Any]]:
    if _drawn_by is None:
        raise AssertionError("unreachable: every process is begun with its draw")
    draw, batch = _drawn_by
    samples = [draw(step, index) for index in range(batch)]
    return {name: np.stack([sample[name] for sample in samples]) for name in samples[0]}
