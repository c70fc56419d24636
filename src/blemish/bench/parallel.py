"""Several tasks side by side, each in a process of its own with one thread.

On two cores two trainings of one thread each are about 1.7 times as fast as one of two threads after another.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from blemish.bench.worker import Task, do, to_line
from blemish.core.errors import BlemishError, InputError
from blemish.data.dataset import Dataset


class TaskError(BlemishError):
    """A task in another process failed; the message is its own."""


def make_all(tasks: Sequence[Task], dataset: Dataset, work: Path, *, jobs: int, bar: tqdm[None]) -> int:
    """Make every task that is not there yet; the results lie on disk and do not depend on `jobs`.

    Ctrl-C stops the tasks at hand with a checkpoint, and drops the others.

    Args:
        jobs: processes side by side; 1 = in this one.
        bar: moved on by one for each task.

    Returns:
        How many had to be made.

    Raises:
        InputError: `jobs` is not positive.
        TaskError: a task failed; those beside it are stopped.
    """
    if jobs < 1:
        raise InputError(f"--jobs must be 1 or more, got {jobs}")
    missing = [task for task in tasks if not task.is_there(dataset, work)]
    bar.update(len(tasks) - len(missing))
    try:
        (_make_here if jobs == 1 else _make_beside)(missing, dataset, work, jobs, bar)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"stopped: what is done is kept in {work}; the same command goes on with it") from None
    return len(missing)


def _make_here(tasks: Sequence[Task], dataset: Dataset, work: Path, _: int, bar: tqdm[None]) -> None:
    for task in tasks:
        bar.set_postfix_str(task.label)
        do(json.loads(to_line(task, dataset.folder, work)))
        bar.update()


class _Workers:
    """The processes that run now; once stopped, a late one is stopped too."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False
        self._lock = threading.Lock()

    @contextmanager
    def holding(self, worker: subprocess.Popen[bytes]) -> Iterator[None]:
        with self._lock:
            self._running.add(worker)
            late = self._stopped
        if late:
            _ask_to_stop(worker)
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(worker)

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for worker in running:
            _ask_to_stop(worker)


def _ask_to_stop(worker: subprocess.Popen[bytes]) -> None:
    if worker.stdin is not None:
        worker.stdin.close()


def _make_beside(tasks: Sequence[Task], dataset: Dataset, work: Path, jobs: int, bar: tqdm[None]) -> None:
    workers = _Workers()
    with ThreadPoolExecutor(jobs) as pool, _stopped_by_an_error(workers):
        running: dict[Future[None], Task] = {}
        left = iter(tasks)
        while True:
            for task in left:
                running[pool.submit(_run, task, dataset.folder, work, workers)] = task
                if len(running) == jobs:
                    break
            if not running:
                return
            bar.set_postfix_str(" | ".join(task.label for task in running.values()))
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                del running[future]
                future.result()
                bar.update()


@contextmanager
def _stopped_by_an_error(workers: _Workers) -> Iterator[None]:
    """Ctrl-C is one too; the pool then waits until the workers have saved and ended."""
    try:
        yield
    except BaseException:
        workers.stop()
        raise


def _run(task: Task, dataset: Path, work: Path, workers: _Workers) -> None:
    log = work / "logs" / f"{task.label.replace(', ', '-').replace(' ', '-')}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        worker = subprocess.Popen(
            [sys.executable, "-m", "blemish.bench.worker"],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"},
            start_new_session=True,  # Ctrl-C reaches the ladder, which then closes the worker's input.
        )
    if worker.stdin is None:
        raise AssertionError("unreachable: standard input is a pipe")
    worker.stdin.write(f"{to_line(task, dataset.absolute(), work.absolute())}\n".encode())
    worker.stdin.flush()
    with workers.holding(worker):
        code = worker.wait()
    _ask_to_stop(worker)
    if code:
        raise TaskError(f"{task.label}: {_last_line(log)} (exit code {code}; all it said is in {log})")


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1].removeprefix("error: ") if lines else "it said nothing"
