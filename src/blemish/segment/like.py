"""Folds that learn as an inspector did: its settings, read from its run, but for what a fold must not have.

Thresholds come from networks that never saw the tiles they are chosen on. They fit the inspector as far as those
networks learned as it did (docs/adr/0012).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from blemish.core.errors import InputError
from blemish.segment.settings import TrainSettings

FILE = "run.json"
_UNLIKE: dict[str, Any] = {
    "synthetic_share": 0.0,  # The generator has seen every group, those that a fold judges too.
    "synthetic_until": 1.0,
    "keep": "last",  # The best by the fold's own judging tiles would be chosen on what it is judged by.
    "patience": None,
}


@dataclass(frozen=True)
class Like:
    """How folds are trained, and where that differs from the inspector, in sentences."""

    settings: TrainSettings
    from_scratch: bool
    precision: str  # That it was trained in.
    start_sha256: str | None  # Of the weights that it began with, as `segment.start` tells them; None = from scratch.
    differs: tuple[str, ...]


def like_run(run: Path) -> Like:
    """The settings of a run of `segment train`.

    Raises:
        InputError: no such run, or settings that this version does not know.

    Example:
        >>> like_run(Path("nowhere"))
        Traceback (most recent call last):
        blemish.core.errors.InputError: nowhere is no run of segment train: no run.json in it
    """
    path = run / FILE
    if not path.is_file():
        raise InputError(f"{run} is no run of segment train: no {FILE} in it")
    try:
        told = json.loads(path.read_text(encoding="utf-8"))["settings"]
        own = {f.name: told[f.name] for f in fields(TrainSettings) if f.name in told}
        own["loss"] = told["loss"]  # Runs of a GAN have none.
        learned = TypeAdapter(TrainSettings).validate_python(own)
        precision, begun = str(told["precision"]), told.get("start")
        start_sha256 = None if begun is None else str(begun["sha256"])
    except (KeyError, TypeError, ValueError, ValidationError) as error:
        raise InputError(f"{path} holds no settings of segment train: give the folder of an inspector's run") from error
    differs = []
    if learned.synthetic_share:
        differs.append("the inspector learned from synthetic tiles too, its folds do not")
    if learned.keep == "best":
        differs.append("the inspector is the best of its validations, its folds are their last")
    own |= {**_UNLIKE, "val_steps": learned.steps}
    folds = TypeAdapter(TrainSettings).validate_python(own)
    return Like(folds, begun is None, precision, start_sha256, tuple(differs))
