"""Seconds of a training step: the paper's preset against the default one, at equal batch and crop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from blemish.data.dataset import Dataset
from blemish.gan.composed.samples import watched_scenes
from blemish.gan.composed.settings import ComposedSettings
from blemish.gan.composed.trainer import ComposedTrainer
from blemish.gan.draw import train_tiles
from blemish.gan.kinds import kind_of
from blemish.gan.presets import GanSettings, Settings, preset
from blemish.gan.samples import watched_tiles
from blemish.gan.trainer import GanTrainer
from blemish.gan.training import TrainingPlan
from blemish.train.loader import Batch, stack
from blemish.train.precision import Precision, accelerator, default_precision
from gan_speed_parts import SEED, alternating, ratio, summary

RATE = 1e-5  # Small: nothing shall diverge while it is measured.
DEFAULT_STEPS = 4  # The background branch learns in one of four.
GPU_STEPS = 8


def training(
    dataset: Dataset, sizes_px: Sequence[int], batch: int, paper_width: int, default_width: int, rounds: int
) -> dict[str, Any]:
    """On the CPU: the smallest crop in every precision, larger ones in the one that training chooses here."""
    cases = {}
    for place, size_px in enumerate(sizes_px):
        chosen = dict.fromkeys(("fp32", _cpu_precision())) if place == 0 else {_cpu_precision(): None}
        for precision in chosen:
            of_case = rounds if place == 0 else min(rounds, 2)
            cases[f"{size_px}_px_{precision}"] = _case(
                dataset, size_px, batch, precision, paper_width, default_width, of_case
            )
    return {"batch": batch, "steps_a_round": {"paper": 1, "default": DEFAULT_STEPS}, "cases": cases}


def gpu_training(
    dataset: Dataset, sizes_px: Sequence[int], batches: Sequence[int], paper_width: int, default_width: int
) -> dict[str, Any]:
    """Tiles a second of training on the GPU, batches drawn beforehand; None where a batch does not fit its memory."""
    found: dict[str, Any] = {}
    for size_px in [size for size in sizes_px if size <= dataset.info.tile_px]:
        for batch in batches:
            for name, width in (("paper", paper_width), ("default", default_width)):
                settings = preset(name, batch=batch, size_px=size_px, width=width)
                found[f"{name}/{size_px}_px/batch_{batch}"] = _tiles_a_second(dataset, settings)
                torch.cuda.empty_cache()
    return {"precision": default_precision(), "tiles_a_second": found}


def _tiles_a_second(dataset: Dataset, settings: Settings) -> dict[str, Any] | None:
    try:
        step = stepping(dataset, settings, default_precision(), GPU_STEPS, cpu=False)
        step()
        seconds = alternating({f"{settings.preset} {settings.size_px} px, batch {settings.batch}": step}, 3, "training")
    except torch.cuda.OutOfMemoryError:
        return None
    return summary([settings.batch / each for each in next(iter(seconds.values()))], 1)


def _case(
    dataset: Dataset, size_px: int, batch: int, precision: Precision, paper_width: int, default_width: int, rounds: int
) -> dict[str, Any]:
    tasks = {
        name: stepping(dataset, preset(name, batch=batch, size_px=size_px, width=width), precision, steps, cpu=True)
        for name, width, steps in (("paper", paper_width, 1), ("default", default_width, DEFAULT_STEPS))
    }
    tasks["default"]()  # Warm; the paper's first step counts little beside its second.
    seconds = alternating(tasks, rounds, f"training step, {size_px} px {precision}")
    return {
        "size_px": size_px,
        "precision": precision,
        "seconds_a_step": {name: summary(values) for name, values in seconds.items()},
        "times_faster": ratio(seconds["paper"], seconds["default"]),
    }


def stepping(
    dataset: Dataset, settings: Settings, precision: Precision, steps: int, *, cpu: bool
) -> Callable[[], float]:
    """A task of `alternating`: some steps on batches drawn beforehand."""
    records, taxonomy, channels = train_tiles(dataset), dataset.taxonomy, dataset.channels
    plan = TrainingPlan(settings=settings, steps=10_000, seed=SEED, precision=precision)
    draw = kind_of(settings).draw(dataset, plan)
    batches: list[Batch] = [stack([draw(i, j) for j in range(settings.batch)]) for i in range(steps)]
    on = accelerator(precision, cpu=cpu)
    trainer: GanTrainer | ComposedTrainer
    if isinstance(settings, GanSettings):
        tiles = watched_tiles(dataset, records, settings.size_px)
        trainer = GanTrainer(
            settings, taxonomy, channels, on, learning_rate=RATE, seed=SEED, strict=False, watched=tiles
        )
    else:
        assert isinstance(settings, ComposedSettings)
        scenes = watched_scenes(dataset, records, settings)
        trainer = ComposedTrainer(
            settings, taxonomy, channels, on, learning_rate=RATE, seed=SEED, strict=False, watched=scenes
        )

    def work() -> float:
        for step, batch in enumerate(batches):
            trainer.step(step, batch)
        return len(batches)

    return work


def _cpu_precision() -> Precision:
    """What training chooses on this CPU."""
    return "fp32" if torch.cuda.is_available() else default_precision()
