"""Things that are made once and kept under the hash of their inputs."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from blemish.picture.write import write_bytes


def read_or_make(file: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a JSON file holds; where it is not there, what `make` gives, written whole.

    Two processes that want the same thing do not make it twice: the second waits for the first.
    """
    with only_one(file):
        if not file.is_file():
            write_bytes(file, (json.dumps(make(), indent=1, allow_nan=False) + "\n").encode())
        values: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return values


@contextmanager
def only_one(file: Path) -> Iterator[None]:
    """Hold a lock that belongs to this file; a process that ends, however, lets go of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_name(f".{file.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
