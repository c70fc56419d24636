"""One process at a time works in a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from blemish.core.errors import InputError

try:
    import fcntl
except ImportError:  # Not on Windows.
    fcntl = None  # type: ignore[assignment]


@contextmanager
def alone_in(folder: Path, doing: str) -> Iterator[None]:
    """Hold a folder while the block runs; a process that ends, however, lets go of it. A rename does not.

    Args:
        doing: what is done in it, for the message: "trained".

    Raises:
        InputError: another process holds it.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        if fcntl is not None:
            _lock(handle, folder, doing)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, folder: Path, doing: str) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise InputError(f"{folder} is being {doing} by another process: wait for it to end") from error
    except OSError:  # A disk without such locks.
        return
