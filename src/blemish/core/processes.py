"""Processes that work for this one: Ctrl-C is this one's alone, and none of them outlives it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")
_AHEAD = 2  # Pieces of work a process: one that it does, one that waits.


def in_order(
    work: Callable[[T], R], over: Iterable[T], processes: int, begin: Callable[..., None], *given: Any
) -> Generator[R, None, None]:
    """`work` of each piece, done by several processes side by side, in the order of the pieces.

    Closing the iterator, or leaving it by an error, ends the processes after what they are at; the end of this process
    ends them at once, whatever ended it.

    Args:
        work: a function of a module, as are all that processes are sent; so for what is sent and given back.
        begin: called with `given` when a process begins, to keep what all pieces need.
    """
    pieces = iter(over)
    pool = ProcessPoolExecutor(
        processes, mp_context=multiprocessing.get_context("spawn"), initializer=_begin, initargs=(begin, given)
    )
    try:
        waiting = deque(pool.submit(work, piece) for piece in islice(pieces, processes * _AHEAD))
        while waiting:
            done = waiting.popleft().result()
            waiting.extend(pool.submit(work, piece) for piece in islice(pieces, 1))
            yield done
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin(begin: Callable[..., None], given: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    begin(*given)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
