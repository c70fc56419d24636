"""Train a GAN on a data set, from the first learning rate of its preset down to one that does not diverge.

What diverged, where and why, and what was used instead, is in run.json (`learning_rate`) and in the generator's card.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from blemish.core.errors import DatasetError, InputError, TrainingError
from blemish.data.dataset import Dataset
from blemish.gan.draw import train_tiles
from blemish.gan.health import DivergedError
from blemish.gan.kinds import Kind, kind_of
from blemish.gan.model import GENERATOR, card_of
from blemish.gan.networks import STRIDE
from blemish.gan.presets import Settings
from blemish.picture.write import write_bytes
from blemish.train.checkpoint import save_weights
from blemish.train.loader import BatchLoader
from blemish.train.loop import LoopSettings, Outcome, run_loop
from blemish.train.precision import Precision, default_precision
from blemish.train.run_folder import RunFolder


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """What `train` is asked for; `to_dict` is what run.json keeps and a resumed run must repeat."""

    settings: Settings
    steps: int
    seed: int = 0
    precision: Precision = "fp32"
    tick_steps: int = 50
    checkpoint_steps: int = 500
    sample_steps: int = 500

    @classmethod
    def of(cls, settings: Settings, tiles: int, *, seed: int, precision: Precision | None = None) -> TrainingPlan:
        """The plan for a number of train tiles: checkpoints and samples about twenty times, ticks a hundred times."""
        steps = settings.steps_for(tiles)
        rarely, often = max(1, min(1000, steps // 20)), max(1, min(100, steps // 100))
        return cls(
            settings=settings,
            steps=steps,
            seed=seed,
            precision=precision or default_precision(),
            tick_steps=often,
            checkpoint_steps=rarely,
            sample_steps=rarely,
        )

    def to_dict(self, dataset: Dataset) -> dict[str, Any]:
        return {
            **self.settings.to_dict(),
            "kind": "gan",
            "data": dataset.hash,
            "channels": dataset.channels,
            "steps": self.steps,
            "seed": self.seed,
            "precision": self.precision,
            "ticks": [self.tick_steps, self.checkpoint_steps, self.sample_steps],
        }


@dataclass(frozen=True)
class Trained:
    """A finished training."""

    outcome: Outcome
    generator: Path
    learning_rate: dict[str, Any]  # asked, used, diverged (each with its step and reason), doubt: as in run.json.


def train(dataset: Dataset, folder: Path, plan: TrainingPlan, *, resume: bool = False, threads: int = 2) -> Trained:
    """Train, or go on with a run that was stopped.

    Raises:
        InputError: the data set's tiles are smaller than what is trained on.
        TrainingError: every learning rate of the preset diverged, the last one to a loss that is not finite; the
            message names its step and reason. A last one that exploded or died otherwise goes on, with a `doubt`.
        DatasetError: no real train tile, or none with a defect.
        Interrupted: stopped by the user.
    """
    refuse_small_tiles(dataset, plan.settings)
    refuse_defectless(dataset)
    kind = kind_of(plan.settings)
    run = RunFolder.start(folder, plan.to_dict(dataset), resume=resume)
    record = _read_record(run) or {
        "asked": plan.settings.learning_rates[0],
        "used": None,
        "diverged": [],
        "doubt": None,
    }
    for rate in plan.settings.learning_rates[len(record["diverged"]) :]:
        # A checkpoint folder for each rate: what diverged is never gone on with.
        run.checkpoint = folder / "checkpoint" / f"rate-{rate:g}"
        _write_record(run, record | {"used": rate})
        trainer = kind.trainer(dataset, plan, rate)
        try:
            outcome = _loop(
                kind, dataset, run, plan, trainer, resume=resume or bool(record["diverged"]), threads=threads
            )
        except TrainingError as error:
            record = _note_divergence(run, record, rate, trainer.last_step, error)
            continue
        _write_record(run, record | {"used": rate, "doubt": _doubt(trainer)})
        record = _read_record(run)
        own = kind.finish(dataset, plan, trainer)
        save_weights(folder / GENERATOR, trainer.average.module, card_of(run.settings, dataset.taxonomy, record) | own)
        return Trained(outcome, folder / GENERATOR, record)
    last = record["diverged"][-1]
    raise TrainingError(
        f"every learning rate diverged; the last, {last['learning_rate']:g}, in step {last['step']}: {last['reason']}; "
        f"give a lower --learning-rate and another --out"
    )


def refuse_small_tiles(dataset: Dataset, settings: Settings) -> None:
    """Refuse crops larger than the tiles: they would be mostly mirror images.

    Raises:
        InputError: naming the largest size that fits.
    """
    tile_px = dataset.info.tile_px
    if settings.size_px > tile_px:
        raise InputError(
            f"the tiles of {dataset.folder} are {tile_px} px but the training is for {settings.size_px} px: "
            f"give a size of {tile_px // STRIDE * STRIDE} at most, or import with larger tiles"
        )


def refuse_defectless(dataset: Dataset) -> None:
    """Refuse a train split without a defect.

    Raises:
        DatasetError: saying so, or that there is no real train tile at all.
    """
    if not any(record.classes for record in train_tiles(dataset)):
        raise DatasetError(f"{dataset.folder} has no real train tile with a defect: there is nothing to learn from")


def _doubt(trainer: Any) -> dict[str, Any] | None:
    """What would have stopped the last rate, had there been a lower one."""
    finding = trainer.health.finding
    return None if finding is None else {"step": finding[0], "reason": finding[1]}


def _loop(
    kind: Kind, dataset: Dataset, run: RunFolder, plan: TrainingPlan, trainer: Any, *, resume: bool, threads: int
) -> Outcome:
    settings = plan.settings
    loop = LoopSettings(
        steps=plan.steps,
        seed=plan.seed,
        tick_steps=plan.tick_steps,
        checkpoint_steps=plan.checkpoint_steps,
        sample_steps=plan.sample_steps,
    )
    loader = BatchLoader(kind.draw(dataset, plan), batch=settings.batch, threads=threads)
    return run_loop(run, trainer, loader, loop, resume=resume, title=f"gan {settings.preset}, rate {trainer.rate:g}")


def _note_divergence(
    run: RunFolder, record: dict[str, Any], rate: float, step: int, error: TrainingError
) -> dict[str, Any]:
    """Keep the attempt's figures and samples aside, then write it down; killed in between, it diverges again alike."""
    reason = error.reason if isinstance(error, DivergedError) else str(error)
    aside = run.folder / "diverged" / f"rate-{rate:g}"
    shutil.rmtree(aside, ignore_errors=True)
    shutil.copytree(run.samples, aside / "samples")
    if run.figures.exists():
        shutil.copy2(run.figures, aside / run.figures.name)
    record = record | {"diverged": [*record["diverged"], {"learning_rate": rate, "step": step, "reason": reason}]}
    _write_record(run, record)
    shutil.rmtree(run.checkpoint, ignore_errors=True)
    tqdm.write(f"learning rate {rate:g} diverged in step {step}: {reason}", file=sys.stderr)
    return record


def _read_record(run: RunFolder) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((run.folder / "run.json").read_text(encoding="utf-8"))
    record: dict[str, Any] = values.get("learning_rate", {})
    return record


def _write_record(run: RunFolder, record: Mapping[str, Any]) -> None:
    path = run.folder / "run.json"
    values = json.loads(path.read_text(encoding="utf-8")) | {"learning_rate": dict(record)}
    write_bytes(path, (json.dumps(values, indent=2, allow_nan=False) + "\n").encode())
