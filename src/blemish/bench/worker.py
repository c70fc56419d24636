"""One task of the ladder in a process of its own, on one thread: `python -m blemish.bench.worker`.

The task comes as one line of JSON on standard input, which then stays open: when it closes (the ladder was stopped or
has died), the worker stops at a good place, with a checkpoint where it trains.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import torch

from blemish.bench.cells import Cell
from blemish.bench.quality import SetQuality
from blemish.bench.synthetic_sets import SyntheticSet
from blemish.core.errors import BlemishError
from blemish.data.dataset import Dataset

Task = Cell | SyntheticSet | SetQuality
_KINDS: dict[str, type[Task]] = {"cell": Cell, "set": SyntheticSet, "quality": SetQuality}


def to_line(task: Task, dataset: Path, work: Path) -> str:
    """What the worker reads."""
    kind = next(name for name, each in _KINDS.items() if isinstance(task, each))
    return json.dumps({"kind": kind, "task": task.to_dict(), "dataset": str(dataset), "work": str(work)})


def do(values: Mapping[str, Any]) -> None:
    """Make what the line asks for; it is kept on disk, nothing is returned."""
    task: Task = _KINDS[values["kind"]].from_dict(values["task"])
    with one_thread():
        task.make(Dataset(Path(values["dataset"])), Path(values["work"]))


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch and OpenCV on one thread each: sums do not depend on how many cells are made side by side."""
    before = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])


def main() -> int:
    """Exit code 0, 2 with one line on standard error for our own errors, 130 where it was stopped."""
    values = json.loads(sys.stdin.readline())
    threading.Thread(target=_stop_when_input_ends, daemon=True).start()
    try:
        do(values)
    except BlemishError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def _stop_when_input_ends() -> None:
    os.read(0, 1)  # Not sys.stdin: its lock would be held when the interpreter shuts down.
    os.kill(os.getpid(), signal.SIGTERM)  # The training loop saves first; elsewhere what is kept is whole anyway.


if __name__ == "__main__":
    sys.exit(main())
