"""Batches drawn ahead of the training step by processes: for samples that are computed, not read.

Procedural tiles are Python and small NumPy calls, which threads cannot do side by side; on a PC with many cores and a
GPU the drawing would hold the training up. Everything else is loaded by threads (`train.loader`, docs/adr/0002). The
batches are the same, whoever draws them.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Generator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from blemish.core.errors import InputError
from blemish.train.loader import Batch, Draw

_AHEAD = 2  # Batches a process: one that it draws, one that waits.


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

        Closing the iterator (or leaving it by an error) ends the processes; so does the end of this process, whatever
        ended it.
        """
        steps = iter(range(first_step, last_step))
        pool = ProcessPoolExecutor(
            self.processes, mp_context=multiprocessing.get_context("spawn"), initializer=_begin, initargs=(self.draw,)
        )
        try:
            waiting = deque(
                pool.submit(_draw_batch, step, self.batch) for step in islice(steps, self.processes * _AHEAD)
            )
            while waiting:
                arrays = waiting.popleft().result()
                waiting.extend(pool.submit(_draw_batch, step, self.batch) for step in islice(steps, 1))
                yield {name: torch.from_numpy(array) for name, array in arrays.items()}
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


_drawn_by: Draw | None = None  # In a drawing process: set once, when it begins.


def _begin(draw: Draw) -> None:
    """In a new process: Ctrl-C is for the training, which ends this process; and it does not outlive its parent."""
    global _drawn_by
    _drawn_by = draw
    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _draw_batch(step: int, batch: int) -> dict[str, NDArray[Any]]:
    if _drawn_by is None:
        raise AssertionError("unreachable: the pool begins every process with its draw")
    samples = [_drawn_by(step, index) for index in range(batch)]
    return {name: np.stack([sample[name] for sample in samples]) for name in samples[0]}
