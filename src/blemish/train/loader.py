"""Batches drawn ahead of the training step by a few threads.

Threads and not processes: PNG decoding and OpenCV let other threads run meanwhile, nothing is copied between processes
and memory stays that of one process. A draw is a pure function of its step and index, so the batches are the same
whatever the number of threads, and training resumes at any step without replaying the ones before.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from blemish.core.errors import InputError

Draw = Callable[[int, int], dict[str, NDArray[Any]]]
"""draw(step, index) -> the arrays of one sample by name; a pure function, as it is called from several threads."""

Batch = dict[str, Tensor]


class BatchLoader:
    """Draws, stacks and keeps a few batches ready.

    Args:
        draw: the arrays of sample `index` (0 .. batch - 1) of a step, always of the same names, shapes and dtypes.
        batch: samples a step.
        threads: threads that draw.
        ahead: batches drawn or being drawn beyond the one in use; bounds the memory.

    Example:
        >>> loader = BatchLoader(lambda step, index: {"x": np.array([10 * step + index])}, batch=2)
        >>> [batch["x"].flatten().tolist() for batch in loader.batches(3, 5)]
        [[30, 31], [40, 41]]
    """

    def __init__(self, draw: Draw, *, batch: int, threads: int = 2, ahead: int = 3) -> None:
        for name, value in (("batch", batch), ("threads", threads), ("ahead", ahead)):
            if value < 1:
                raise InputError(f"{name} must be 1 or more, got {value}")
        self.draw = draw
        self.batch = batch
        self.threads = threads
        self.ahead = ahead

    def batches(self, first_step: int, last_step: int) -> Generator[Batch, None, None]:
        """The batches of steps first_step .. last_step - 1, in order, as contiguous CPU tensors `N ...`.

        Closing the iterator (or leaving it by an error) stops the threads. An error in a draw is raised here, when its
        batch is due.
        """
        stop = threading.Event()
        steps = iter(range(first_step, last_step))
        pool = ThreadPoolExecutor(self.threads, thread_name_prefix="blemish-draw")
        try:
            waiting = deque(pool.submit(self._draw_batch, step, stop) for step in islice(steps, self.ahead))
            while waiting:
                batch = waiting.popleft().result()
                waiting.extend(pool.submit(self._draw_batch, step, stop) for step in islice(steps, 1))
                yield batch
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)

    def _draw_batch(self, step: int, stop: threading.Event) -> Batch:
        samples = []
        for index in range(self.batch):
            if stop.is_set():
                return {}  # Nobody waits for it any more.
            samples.append(self.draw(step, index))
        return stack(samples, f"step {step}")


def stack(samples: list[dict[str, NDArray[Any]]], where: str = "batch") -> Batch:
    """Samples as one batch: each array gets a first axis N.

    Raises:
        InputError: samples that differ in their names, shapes or dtypes.
    """
    first = samples[0]
    for place, sample in enumerate(samples):
        for name in first.keys() | sample.keys():
            kinds = [
                f"{array.dtype} {array.shape}" if array is not None else "nothing"
                for array in (first.get(name), sample.get(name))
            ]
            if kinds[0] != kinds[1]:
                raise InputError(
                    f"{where}: '{name}' of sample {place} is {kinds[1]} but of sample 0 it is {kinds[0]}: "
                    f"the samples of a batch must have one size"
                )
    return {name: torch.from_numpy(np.stack([sample[name] for sample in samples])) for name in first}
