"""The training loop that both networks share: one readable function, one clock, one row of figures a tick.

Steps count from 0; "after step N" in rows, checkpoints and file names means that N steps are done. Killed at any moment
and resumed, a run gives the same figures, weights and samples as one that was left alone (with the same number of
threads: sums differ in the last bit otherwise): a batch is a function of
(seed, step, index), torch's own randomness is seeded anew for every step, and what a tick has added up is saved too.
"""

from __future__ import annotations

import math
import resource
import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from blemish.core.alone import alone_in
from blemish.core.errors import InputError, TrainingError
from blemish.core.seeds import derive_seed
from blemish.train.checkpoint import last_state, load_state, save_state
from blemish.train.loader import Batch
from blemish.train.run_folder import RunFolder
from blemish.train.stopping import Interrupted, StopSignals


class Trainer(Protocol):
    """What a network brings to the loop.

    Initialise its weights after `torch.manual_seed(derive_seed(seed, "init"))`: a run that is killed before its first
    checkpoint starts over from there.
    """

    modules: dict[str, nn.Module]  # Everything whose state is saved, moving averages included.
    optimizers: dict[str, Optimizer]

    def step(self, step: int, batch: dict[str, Tensor]) -> Mapping[str, float | Tensor]:
        """Forward, backward and optimizer of step 0, 1, ...; returns its losses by name (`d_main`, `d_r1`, `g_main`).

        A loss that is not computed in every step is averaged over the steps that have it.
        """
        ...

    def sample(self, step: int, folder: Path) -> None:
        """Write a picture of the state after `step` steps into the folder, under a name that holds the step."""
        ...


class Loader(Protocol):
    """Where batches come from: `BatchLoader`, or `ProcessLoader`."""

    batch: int  # Samples a step.

    def batches(self, first_step: int, last_step: int) -> Generator[Batch, None, None]:
        """The batches of steps first_step .. last_step - 1, in order."""
        ...


@dataclass(frozen=True, kw_only=True)
class LoopSettings:
    """How long, and how often what happens; the last step is always a tick, a checkpoint and a sample."""

    steps: int
    seed: int
    tick_steps: int = 50  # A row of figures.
    checkpoint_steps: int = 500
    sample_steps: int = 500

    def __post_init__(self) -> None:
        for name in ("steps", "tick_steps", "checkpoint_steps", "sample_steps"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be 1 or more, got {getattr(self, name)}")


@dataclass(frozen=True)
class Outcome:
    """A training that reached its last step, or ended early."""

    steps: int
    last_row: dict[str, Any]  # The last row of figures: step and mean losses.
    seconds: float  # In all, over resumes.
    resumed_at: int  # Steps that were done when this process began; 0 = from the start.


def run_loop(
    run: RunFolder,
    trainer: Trainer,
    loader: Loader,
    settings: LoopSettings,
    *,
    resume: bool,
    title: str,
    enough: Callable[[int], bool] = lambda done: False,
) -> Outcome:
    """Train to the last step, or go on from the last checkpoint.

    Ctrl-C and SIGTERM end it after the step at hand, with a checkpoint.

    Args:
        resume: go on from the run's newest checkpoint; a run killed before its first one starts over.
        title: what the progress bar says.
        enough: whether training ends early, after so many steps; asked after every step, and of saved state only.

    Raises:
        TrainingError: a loss or a weight is not finite; the message names step, loss and last good checkpoint.
        Interrupted: stopped by the user (a KeyboardInterrupt: exit code 130).
    """
    with alone_in(run.folder, "trained"):
        return _run(run, trainer, loader, settings, resume, title, enough)


def _run(
    run: RunFolder,
    trainer: Trainer,
    loader: Loader,
    settings: LoopSettings,
    resume: bool,
    title: str,
    enough: Callable[[int], bool],
) -> Outcome:
    begin, means = _restore(run, trainer) if resume else (0, TickMeans())
    clock = _Clock(run, begin, loader.batch)
    writer = _tensorboard(run)
    done, end = begin, begin if begin and enough(begin) else settings.steps
    with (
        writer,
        StopSignals() as stop,
        tqdm(total=settings.steps, initial=begin, desc=title, unit="step", file=sys.stderr, dynamic_ncols=True) as bar,
        closing(loader.batches(begin, end)) as batches,
    ):
        for step, batch in enumerate(batches, start=begin):
            torch.manual_seed(derive_seed(settings.seed, "step", step))
            means.add(_checked(trainer.step(step, batch), step, run))
            done = step + 1
            last = done == settings.steps or enough(done)
            stopping = stop.asked and not last
            bar.update()
            if last or done % settings.tick_steps == 0:
                _tick(run, writer, means.close(done), clock.tick(done), settings.steps)
            if last or done % settings.sample_steps == 0:
                trainer.sample(done, run.samples)
            if last or done % settings.checkpoint_steps == 0 or stopping:
                # The last thing of a step: whatever it promises to be there, is.
                save_state(run.checkpoint, trainer.modules, trainer.optimizers, done, {"means": means.to_dict()})
            if stopping:
                raise Interrupted(f"{title}: stopped after step {done} and saved: go on with --resume")
            if last:
                break
    rows = run.rows() or [{"step": done}]  # A run that had ended, whose figures were taken away.
    return Outcome(done, rows[-1], clock.seconds, begin)


@dataclass
class TickMeans:
    """Sums of the losses since the last tick."""

    sums: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, losses: Mapping[str, float]) -> None:
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1

    def close(self, step: int) -> dict[str, Any]:
        """The row of the tick that ends after `step` steps; the next one starts empty."""
        row = {"step": step} | {name: self.sums[name] / self.counts[name] for name in self.sums}
        self.sums, self.counts = {}, {}
        return row

    def to_dict(self) -> dict[str, Any]:
        return {"sums": self.sums, "counts": self.counts}


class _Clock:
    """Seconds of training, going on from where the run was left."""

    def __init__(self, run: RunFolder, begin: int, batch: int) -> None:
        rows = [row for row in run.timing_rows() if "seconds" in row]
        self.before = float(rows[-1]["seconds"]) if rows else 0.0
        self.began = time.perf_counter()
        self.batch = batch
        self.ticked = (begin, self.began)

    @property
    def seconds(self) -> float:
        return self.before + time.perf_counter() - self.began

    def tick(self, step: int) -> dict[str, Any]:
        now = time.perf_counter()
        tiles = (step - self.ticked[0]) * self.batch
        rate = tiles / max(now - self.ticked[1], 1e-9)
        self.ticked = (step, now)
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux counts in KiB.
        seconds = round(self.seconds, 2)
        return {"step": step, "seconds": seconds, "tiles_per_s": round(rate, 2), "peak_rss_mb": round(peak_mb)}


def _restore(run: RunFolder, trainer: Trainer) -> tuple[int, TickMeans]:
    begin, extra = 0, {"means": TickMeans().to_dict()}
    if last_state(run.checkpoint) is not None:
        begin, extra = load_state(run.checkpoint, trainer.modules, trainer.optimizers)
    run.cut_after(begin)
    for difference in run.differences:
        tqdm.write(f"note: {difference}: figures may differ from those of an uninterrupted run", file=sys.stderr)
    run.write_timing({"step": begin, "resumed": True, "differences": list(run.differences)})
    return begin, TickMeans(**extra["means"])


def _checked(losses: Mapping[str, float | Tensor], step: int, run: RunFolder) -> dict[str, float]:
    values = {name: float(loss) for name, loss in losses.items()}
    for name, value in values.items():
        if not math.isfinite(value):
            good = last_state(run.checkpoint)
            raise TrainingError(
                f"training stopped: loss '{name}' is {value} in step {step}; last good checkpoint: "
                f"{good or 'none yet'}; lower the learning rate and start again in another --out"
            )
    return values


def _tick(run: RunFolder, writer: SummaryWriter, row: dict[str, Any], timing: dict[str, Any], steps: int) -> None:
    run.write_row(row)
    run.write_timing(timing)
    _draw_curves(writer, row, timing)
    figures = {**row, **timing}
    shown = "  ".join(f"{name} {value:.4g}" for name, value in figures.items() if name != "step")
    tqdm.write(f"step {row['step']}/{steps}  {shown}", file=sys.stderr)


def _tensorboard(run: RunFolder) -> SummaryWriter:
    """A new event file with the rows so far: what a killed run wrote beyond its checkpoint is gone."""
    for old in run.tensorboard.glob("events.*"):
        old.unlink()
    writer = SummaryWriter(str(run.tensorboard))
    for row in [*run.rows(), *run.timing_rows()]:
        _draw_curves(writer, row)
    return writer


def _draw_curves(writer: SummaryWriter, *rows: dict[str, Any]) -> None:
    for row in rows:
        for name, value in row.items():
            if name != "step" and isinstance(value, int | float) and not isinstance(value, bool):
                writer.add_scalar(name, value, row["step"])
