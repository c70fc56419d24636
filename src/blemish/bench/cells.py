"""A cell of the ladder: one rung on one view with one seed, trained, judged and kept under the hash of its inputs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from blemish.bench.curve import learning_curve
from blemish.bench.judging import judge, judged_as_now
from blemish.bench.kept import read_or_make
from blemish.bench.rungs import MORE_REAL, SETS, TRAINING, training_of
from blemish.bench.scale import Scale, key_of
from blemish.bench.start import device, start_hash, start_of
from blemish.bench.synthetic_sets import SyntheticSet
from blemish.bench.views import View
from blemish.core.errors import InputError
from blemish.data.dataset import Dataset
from blemish.segment.model import WEIGHTS_FOLDER, TorchSegmenter
from blemish.segment.start import refuse_seen
from blemish.segment.training import Pace, train
from blemish.train.machine import commit
from blemish.train.precision import PRECISIONS, Precision, default_precision

_VERSION = 2  # Raised when equal inputs would give another cell than before.


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What is trained and judged.

    Args:
        base: the rung of the first four that the others stand on; without effect for those four.
        any_precision: what another machine kept in another precision counts as made; its figures say which it was.
    """

    rung: str
    base: str
    view: View
    seed: int
    scale: Scale
    any_precision: bool = False

    @property
    def sets(self) -> tuple[SyntheticSet, ...]:
        """The synthetic sets that it learns from, to be made first."""
        return tuple(SyntheticSet(name, self.view, self.scale) for name in SETS.get(self.rung, ()))

    @property
    def label(self) -> str:
        return f"{self.rung}, {self.view.name}, seed {self.seed}{self.scale.told_apart if self.sets else ''}"

    def inputs(self, dataset: Dataset, precision: Precision | None = None) -> dict[str, Any]:
        """All that decides its figures, by contents.

        Args:
            precision: of its training and of its synthetic sets; None = the one that this machine trains in.
        """
        return {
            "version": _VERSION,
            "rung": self.rung,
            "base": None if self.rung in TRAINING else self.base,
            "data": dataset.hash,
            "view": self.view.inputs(),
            "seed": self.seed,
            "scale": self.scale.of_training(),
            "start": start_hash(self.scale),
            "precision": precision or default_precision(),
            "share": self.scale.share_of(self.rung) if self.sets else None,
            "until": self.scale.synthetic_until if self.sets else None,
            "sets": {made.name: key_of(made.inputs(dataset, precision)) for made in self.sets},
        }

    def file(self, dataset: Dataset, work: Path) -> Path:
        """Where it is kept, or will be: in this machine's precision first."""
        own = default_precision()
        order = [own, *(each for each in PRECISIONS if each != own and self.any_precision)]
        files = [work / "cells" / f"{self._name(dataset, precision)}.json" for precision in order]
        return next((file for file in files if file.is_file()), files[0])

    def is_there(self, dataset: Dataset, work: Path) -> bool:
        """Also where it was judged as one judged before, if its weights are gone: it cannot be judged again."""
        file = self.file(dataset, work)
        return file.is_file() and not _can_be_judged_again(self.read(dataset, work), _run_of(file, work))

    def read(self, dataset: Dataset, work: Path) -> dict[str, Any]:
        values: dict[str, Any] = json.loads(self.file(dataset, work).read_text(encoding="utf-8"))
        return values

    def make(self, dataset: Dataset, work: Path) -> dict[str, Any]:
        """Train and judge it, or read what was kept, judged again where one judges otherwise now."""
        file = self.file(dataset, work)
        return read_or_make(
            file,
            lambda: self._compute(dataset, work),
            lambda kept: self._judged_again(kept, dataset, _run_of(file, work)),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for another process."""
        own = {"rung": self.rung, "base": self.base, "seed": self.seed, "any_precision": self.any_precision}
        return {**own, "view": self.view.to_dict(), "scale": self.scale.to_dict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        own = {name: values[name] for name in ("rung", "base", "seed", "any_precision")}
        return cls(**own, view=View.from_dict(values["view"]), scale=Scale.from_dict(values["scale"]))

    def _name(self, dataset: Dataset, precision: Precision | None = None) -> str:
        return f"{self.rung}-{self.view.name}-seed-{self.seed}-{key_of(self.inputs(dataset, precision))}"

    def _compute(self, dataset: Dataset, work: Path) -> dict[str, Any]:
        start, view = start_of(self.scale), self.view.open(dataset)
        refuse_seen(start, dataset, view.select(self.view.judged))
        told = {made.name: made.make(dataset, work) for made in self.sets}
        synthetic = [Dataset(made.folder(dataset, work)) for made in self.sets]
        run = work / "runs" / self._name(dataset)
        settings = training_of(self.rung, self.base, self.scale, self.seed)
        done = train(
            view,
            run,
            settings,
            synthetic=synthetic,
            pace=Pace.of(settings.steps, threads=1),
            precision=default_precision(),
            resume=True,
            start=start,
        )
        for used_up in ("checkpoint", "tensorboard"):
            shutil.rmtree(run / used_up, ignore_errors=True)
        return {
            "rung": self.rung,
            "base": None if self.rung in TRAINING else self.base,
            "fold": self.view.fold,
            "seed": self.seed,
            **self._judged(dataset, run),
            "curve": learning_curve(run),
            "train_seconds": round(done.outcome.seconds, 1),
            "sets": told,
            "commit": commit(),
            "key": key_of(self.inputs(dataset)),
            "inputs": self.inputs(dataset),
        }

    def _judged(self, dataset: Dataset, run: Path) -> dict[str, Any]:
        view = self.view.open(dataset)
        return judge(TorchSegmenter.load(run, device=device()), view, view.select(self.view.judged)).to_dict()

    def _judged_again(self, kept: dict[str, Any], dataset: Dataset, run: Path) -> dict[str, Any] | None:
        if not _can_be_judged_again(kept, run):
            return None
        return {**kept, **self._judged(dataset, run), "judged_at": commit()}


def sets_to_make(cells: Sequence[Cell], dataset: Dataset, work: Path) -> list[SyntheticSet]:
    """The synthetic sets that cells learn from which are not kept yet, each once; none of a cell that is there."""
    missing = [cell for cell in cells if not cell.file(dataset, work).is_file()]
    return list({made.folder(dataset, work): made for cell in missing for made in cell.sets}.values())


def without_sets(cells: Sequence[Cell], dataset: Dataset, work: Path) -> dict[Cell, str]:
    """The cells that cannot be made, as a synthetic set of theirs could not be, each with the reason."""
    found = {}
    for cell in cells:
        reasons = [made.why_none(dataset, work) for made in cell.sets if not cell.file(dataset, work).is_file()]
        for reason in filter(None, reasons):
            found[cell] = reason
    return found


def _run_of(file: Path, work: Path) -> Path:
    """The training behind a kept cell, whatever it was trained in."""
    return work / "runs" / file.stem


def _can_be_judged_again(kept: Mapping[str, Any], run: Path) -> bool:
    return not judged_as_now(kept) and (run / WEIGHTS_FOLDER).is_dir()


def refuse_without_ceiling(rungs: tuple[str, ...], more_real: str) -> None:
    """`more_real` needs its tiles, and they need the rung.

    Raises:
        InputError: one without the other.
    """
    if (MORE_REAL in rungs) != bool(more_real):
        raise InputError(f"the rung {MORE_REAL} and --more-real DATASET go together: give both or neither")
