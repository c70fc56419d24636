"""What every published figure carries: the command, commit, machine, versions, date and seeds that made it."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from blemish.core.errors import InputError
from blemish.picture.write import write_bytes
from blemish.train.machine import commit, machine, versions


def provenance(seeds: Sequence[int]) -> dict[str, Any]:
    """Plain values for the head of a result.

    Example:
        >>> sorted(provenance([1]))
        ['command', 'commit', 'date', 'machine', 'seeds', 'versions']
    """
    return {
        "command": command_line(),
        "commit": commit(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions(),
        "seeds": list(seeds),
    }


def command_line() -> str:
    """The command that runs, as one would type it at the root of the checkout."""
    program = Path(sys.argv[0])
    if program.suffix != ".py":
        return shlex.join([program.name, *sys.argv[1:]])
    return shlex.join(["python", os.path.relpath(program), *sys.argv[1:]])


def read_own(path: Path, of: str, is_own: Callable[[Mapping[str, Any]], bool]) -> dict[str, Any]:
    """What a result file holds that a command is about to write over; empty where there is none yet.

    Args:
        of: the command's results, in words.
        is_own: whether a JSON object is one of them.

    Raises:
        InputError: something else lies there.
    """
    if not path.exists():
        return {}
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is not the result of {of} ({error}): choose another --out") from error
    if not isinstance(values, dict) or not is_own(values):
        raise InputError(f"{path} is not the result of {of} but something else: choose another --out")
    return values


def write_result(path: Path, figures: Mapping[str, Any], *, seeds: Sequence[int]) -> dict[str, Any]:
    """Write figures with their provenance as JSON; the file is there whole or not at all.

    Args:
        figures: plain JSON values; NaN is refused, write None.

    Returns:
        What was written.
    """
    values = {**provenance(seeds), **figures}
    write_bytes(path, (json.dumps(values, indent=2, allow_nan=False) + "\n").encode())
    return values
