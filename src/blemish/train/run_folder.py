"""The folder of one training run.

run.json        settings, commit, versions, machine, start; written once
figures.jsonl   one row a tick: step and mean losses; the same bytes whether or not the run was interrupted
timing.jsonl    one row a tick: seconds, tiles a second, memory; and a row for every resume
tensorboard/    the same figures for TensorBoard
checkpoint/     the state to resume from
samples/        sample grids
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from blemish.core.errors import InputError
from blemish.picture.write import write_bytes
from blemish.train.machine import commit, machine, versions


class RunFolder:
    """Open with `start` (or `create` and `open_to_resume`); rows are appended and on disk when the call returns.

    Attributes:
        folder: where it is.
        settings: as given; put the data set's hash among them, so that another data set is refused on resume.
        differences: on resume, what is no longer as it was (versions, machine, commit), one text each: then the figures
            may differ from those of an uninterrupted run.
    """

    def __init__(self, folder: Path, settings: dict[str, Any], differences: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.settings = settings
        self.differences = differences
        self.checkpoint = folder / "checkpoint"
        self.samples = folder / "samples"
        self.tensorboard = folder / "tensorboard"
        self.figures = folder / "figures.jsonl"
        self.timing = folder / "timing.jsonl"

    @classmethod
    def start(cls, folder: Path, settings: Mapping[str, Any], *, resume: bool) -> RunFolder:
        """What a training command calls: a run that was begun goes on with `resume`, else a new one starts.

        A run killed before its folder was there has nothing to resume and starts anew.
        """
        return cls.open_to_resume(folder, settings) if resume and folder.exists() else cls.create(folder, settings)

    @classmethod
    def refuse(cls, folder: Path, settings: Mapping[str, Any], *, resume: bool) -> None:
        """What `start` would refuse, and nothing written.

        Raises:
            InputError: the folder is there already, or with `resume` it holds no run of these settings.
        """
        if resume and folder.exists():
            cls.open_to_resume(folder, settings)
        elif folder.exists():
            raise InputError(f"{folder} is there already: go on with --resume, or choose another --out")

    @classmethod
    def create(cls, folder: Path, settings: Mapping[str, Any]) -> RunFolder:
        """A new run; the folder appears with its run.json or not at all.

        Args:
            settings: plain JSON values.

        Raises:
            InputError: the folder is there already.
        """
        cls.refuse(folder, settings, resume=False)
        plain = _plain(settings)
        work = folder.with_name(f".{folder.name}.unfinished")
        shutil.rmtree(work, ignore_errors=True)
        for name in ("checkpoint", "samples", "tensorboard"):
            (work / name).mkdir(parents=True)
        began = datetime.now(UTC).isoformat(timespec="seconds")
        values = {"settings": plain, **_surroundings(), "started": began}
        write_bytes(work / "run.json", (json.dumps(values, indent=2, allow_nan=False) + "\n").encode())
        work.replace(folder)
        return cls(folder, plain)

    @classmethod
    def open_to_resume(cls, folder: Path, settings: Mapping[str, Any]) -> RunFolder:
        """A run that was begun with the same settings.

        Raises:
            InputError: no run there, or one with other settings; the message names the first that differs.
        """
        path = folder / "run.json"
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            old = values["settings"]
        except (OSError, ValueError, RecursionError, KeyError, TypeError) as error:
            raise InputError(
                f"{folder} holds no run to resume (no readable run.json): start without --resume"
            ) from error
        plain = _plain(settings)
        for key, was, now in _different(old, plain):
            raise InputError(
                f"{folder} was begun with {key} = {was} but is now asked to go on with {now}: "
                f"give the same settings, or start a new run in another --out"
            )
        changed = _different({key: values.get(key) for key in _surroundings()}, _surroundings())
        return cls(folder, plain, tuple(f"{key} was {was}, is {now}" for key, was, now in changed))

    def write_row(self, row: Mapping[str, Any]) -> None:
        """Append figures; only values that a resumed run repeats to the bit."""
        _append(self.figures, row)

    def write_timing(self, row: Mapping[str, Any]) -> None:
        """Append what differs from run to run: times, memory."""
        _append(self.timing, row)

    def rows(self) -> list[dict[str, Any]]:
        """The figures so far, a row a tick."""
        return [row for _, row in _lines(self.figures)]

    def timing_rows(self) -> list[dict[str, Any]]:
        return [row for _, row in _lines(self.timing)]

    def cut_after(self, step: int) -> None:
        """Drop the rows beyond a step, and a last line that was never finished: resuming writes them again."""
        for path in (self.figures, self.timing):
            kept = [line for line, row in _lines(path) if row["step"] <= step]
            write_bytes(path, b"".join(kept))


def _surroundings() -> dict[str, Any]:
    return {"commit": commit(), "versions": versions(), "machine": machine()}


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(dict(settings), allow_nan=False))
    return plain


def _different(old: Any, new: Any, key: str = "") -> Iterator[tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in [*old, *(name for name in new if name not in old)]:
            yield from _different(old.get(name), new.get(name), f"{key}.{name}" if key else name)
    elif old != new:
        yield key, old, new


def _append(path: Path, row: Mapping[str, Any]) -> None:
    with path.open("ab") as file:
        file.write((json.dumps(row, allow_nan=False) + "\n").encode())
        file.flush()
        os.fsync(file.fileno())


def _lines(path: Path) -> Iterator[tuple[bytes, dict[str, Any]]]:
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.endswith(b"\n"):  # Else it was never finished.
                yield line, _row(line, f"{path}, line {number},")


def _row(line: bytes, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
        if isinstance(row, dict) and isinstance(row.get("step"), int):
            return row
    except (ValueError, RecursionError):
        pass
    raise InputError(f"{where} is damaged: it must be one JSON object with a step; take the line out")
