"""Things that are made once and kept under the hash of their inputs."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from blemish.picture.write import write_bytes

Values = dict[str, Any]


def read_or_make(
    file: Path, make: Callable[[], Values], renew: Callable[[Values], Values | None] = lambda _: None
) -> Values:
    """What a JSON file holds; where it is not there, what `make` gives, written whole.

    Two processes that want the same thing do not make it twice: the second waits for the first.

    Args:
        renew: what a file that is there should hold instead of what it does; None = it stands.
    """
    with only_one(file):
        values = make() if not file.is_file() else renew(_read(file))
        if values is not None:
            write_bytes(file, (json.dumps(values, indent=1, allow_nan=False) + "\n").encode())
        return _read(file)


def _read(file: Path) -> Values:
    values: Values = json.loads(file.read_text(encoding="utf-8"))
    return values


@contextmanager
def only_one(file: Path) -> Iterator[None]:
    """Hold a lock that belongs to this file; a process that ends, however, lets go of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_name(f".{file.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
