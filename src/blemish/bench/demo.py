"""The whole story on the simulated line, stage by stage, from simulated cells to an inspected one.

A stage whose product is there is not repeated (products appear whole or not at all), so a stopped demo goes on.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import torch

from blemish.bench.curve import learning_curve
from blemish.bench.fill_up import fill_up, train_gan
from blemish.bench.gating import gate_for, only_learned
from blemish.bundle.bundle import Bundle
from blemish.core.errors import InputError
from blemish.core.protocols import Generator, Segmenter
from blemish.core.records import PartResult, Split
from blemish.data.dataset import Dataset
from blemish.data.importing import ImportOptions, import_folder
from blemish.gan.gate import Gate
from blemish.gan.plan import Plan
from blemish.gan.presets import DEFAULT, preset
from blemish.inspect.run import inspect_files
from blemish.picture.write import write_bytes
from blemish.segment.baseline import FixedParameters
from blemish.segment.evaluation import Evaluation, evaluate
from blemish.segment.export import export_run
from blemish.segment.model import TorchSegmenter
from blemish.segment.networks import build
from blemish.segment.settings import SYNTHETIC_SHARE, SYNTHETIC_UNTIL, TrainSettings
from blemish.segment.start import start_named
from blemish.segment.training import Pace, train
from blemish.simulate.folder import write_scans
from blemish.train.machine import machine
from blemish.train.precision import channels_last, default_precision

T = TypeVar("T")
FULL_MINUTES = 12.0
_FIXED_MINUTES = 3.5  # Simulating, importing, judging, inspecting: the same however short the training,
_SLOWER_MINUTES = 1.3  # and so much more where a step takes twice as long.
STEP_SECONDS = 0.112  # As `step_seconds_here` measures where all steps take `FULL_MINUTES`.


@dataclass(frozen=True, kw_only=True)
class DemoSettings:
    """Everything that decides the demo's numbers; all of it is in the report."""

    cells: int = 24
    seed: int = 7
    tile_px: int = 256
    per_class: int = 90  # Real + synthetic train tiles of each class.
    gan_width: int = 12
    gan_size_px: int = 64
    gan_batch: int = 8
    gan_steps: int = 500
    network: str = "hardnet-small"
    crop_px: int = 192
    batch: int = 8
    steps: int = 1000  # Of each of the two inspectors.
    synthetic_share: float = SYNTHETIC_SHARE  # As `segment train` mixes where nobody says otherwise.
    synthetic_until: float = SYNTHETIC_UNTIL
    gate: bool = True  # Synthetic tiles are drawn until they pass the rules that need no trained judge.
    start: str = "procedural"  # Start weights of both inspectors.

    @classmethod
    def for_minutes(cls, minutes: float, step_seconds: float = STEP_SECONDS) -> DemoSettings:
        """The steps that fit, all of them at most; the set, the networks and the sizes stay.

        Args:
            step_seconds: of an inspector's step here (`step_seconds_here`).

        Example:
            >>> DemoSettings.for_minutes(12).steps, DemoSettings.for_minutes(12, 2 * STEP_SECONDS).steps
            (1000, 424)
            >>> DemoSettings.for_minutes(4, 2 * STEP_SECONDS).steps  # Never none.
            20
        """
        slower = step_seconds / STEP_SECONDS
        fixed = _FIXED_MINUTES + _SLOWER_MINUTES * max(0.0, slower - 1)
        if minutes <= _FIXED_MINUTES:
            raise InputError(
                f"--minutes must be above {_FIXED_MINUTES}, which the rest of the demo takes: got {minutes}"
            )
        share = min(1.0, (minutes - fixed) / (slower * (FULL_MINUTES - _FIXED_MINUTES)))
        whole = cls()
        return cls(gan_steps=max(20, round(whole.gan_steps * share)), steps=max(20, round(whole.steps * share)))


def settings_here(work: Path, minutes: float) -> DemoSettings:
    """The steps that fit on this machine; once measured they stay, so that a stopped demo goes on with the same."""
    file = work / f"settings-{minutes:g}-minutes.json"
    if file.is_file():
        return DemoSettings(**json.loads(file.read_text(encoding="utf-8")))
    DemoSettings.for_minutes(minutes)  # Refuses what is too short before anything is measured.
    settings = DemoSettings.for_minutes(minutes, step_seconds_here())
    write_bytes(file, json.dumps(asdict(settings), indent=2).encode())
    return settings


def step_seconds_here() -> float:
    """Of one step of the demo's inspector: the faster of two, behind one that warms up."""
    settings, precision = DemoSettings(), default_precision()
    network = channels_last(build(settings.network, 1, 7))
    pictures = torch.zeros(settings.batch, 1, settings.crop_px, settings.crop_px)
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            loss = network(pictures).float().square().mean()
        loss.backward()
        seconds.append(time.perf_counter() - started)
    return min(seconds[1:])


@dataclass(frozen=True)
class Inspector:
    """One way to inspect, and how it does on the unseen cells."""

    name: str
    segmenter: Segmenter
    found: Evaluation


@dataclass(frozen=True)
class Products:
    """What the stages made, for the report."""

    settings: DemoSettings
    scans: Path
    dataset: Dataset
    synthetic: Dataset
    plan: Plan  # Of the synthetic tiles.
    baseline: Inspector
    before: Inspector
    after: Inspector
    before_run: Path
    after_run: Path
    on_the_line: Inspector  # Of the last two, the one with the higher mean IoU on the val tiles.
    results: tuple[PartResult, ...]
    seconds: dict[str, float]


class Stages:
    """Announces each stage, times it, and remembers the time of one that was done before."""

    def __init__(self, work: Path, total: int) -> None:
        self.total = total
        self.file = work / "seconds.json"
        self.seconds: dict[str, float] = json.loads(self.file.read_text()) if self.file.is_file() else {}
        self.begun = 0

    def run(self, name: str, stage: Callable[[], T]) -> T:
        """Run one stage; its time adds to what an earlier, stopped try took."""
        self.begun += 1
        print(f"[{self.begun}/{self.total}] {name}", file=sys.stderr, flush=True)
        started = time.perf_counter()
        try:
            return stage()
        finally:
            self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - started, 2)
            write_bytes(self.file, json.dumps(self.seconds).encode())


def run_demo(work: Path, settings: DemoSettings) -> Products:
    """Run every stage in a folder named by the settings, or go on where an earlier run was stopped."""
    key = hashlib.sha256(json.dumps(asdict(settings), sort_keys=True).encode()).hexdigest()[:8]
    folder = work / key
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / "settings.json", json.dumps(asdict(settings), indent=2).encode())
    stages = Stages(folder, 9)
    scans, data, synthetic = folder / "scans", folder / "set", folder / "synthetic"
    stages.run("simulate cells", lambda: None if scans.exists() else write_scans(scans, settings.cells, settings.seed))
    stages.run("cut, label and split", lambda: _imported(scans, data, settings))
    dataset = Dataset(data)
    stages.run("train the GAN", lambda: _train_gan(dataset, folder / "gan", settings))
    plan = stages.run("generate until balanced", lambda: _fill_up(dataset, folder / "gan", synthetic, settings))
    made = Dataset(synthetic)
    before, after = folder / "inspector-real", folder / "inspector-synthetic"
    stages.run("train the inspector on real tiles", lambda: _train(dataset, before, settings, []))
    stages.run("train the inspector on real and synthetic tiles", lambda: _train(dataset, after, settings, [made]))
    baseline, first, second = stages.run("judge on unseen cells", lambda: _judge(dataset, before, after, settings))
    chosen = max((before, after), key=_validation_iou)
    bundle = stages.run("export the inspector", lambda: _exported(chosen, folder / "bundle"))
    results = stages.run("inspect unseen cells", lambda: tuple(inspect_files(bundle, unseen(scans, dataset))))
    return Products(
        settings,
        scans,
        dataset,
        made,
        plan,
        baseline,
        first,
        second,
        before,
        after,
        first if chosen == before else second,
        results,
        dict(stages.seconds),
    )


def unseen(scans: Path, dataset: Dataset) -> list[Path]:
    """The scans of the test cells, by serial."""
    return sorted({scans / record.source for record in dataset.select(Split.TEST)})


def settings_table(settings: DemoSettings) -> dict[str, str]:
    """The settings in words."""
    facts = machine()
    return {
        "cells": f"{settings.cells} of 5400 x 2000 px, seed {settings.seed}",
        "tile": f"{settings.tile_px} px",
        "GAN": f"preset default, width {settings.gan_width}, crops of {settings.gan_size_px} px round defects",
        "GAN training": f"{settings.gan_steps} steps of {settings.gan_batch} crops",
        "inspector": f"{settings.network}, {settings.steps} steps of {settings.batch} crops of {settings.crop_px} px",
        "synthetic share": f"{settings.synthetic_share:.0%} of the samples of a class that has synthetic tiles, in the "
        f"first {settings.synthetic_until:.0%} of the steps",
        "start weights": settings.start,
        "under synthetic defects": "real clean tiles",
        "filled up to": f"{settings.per_class} tiles a class",
        "machine": f"{facts['cpu']}, {facts['cores']} cores",
    }


def _imported(scans: Path, data: Path, settings: DemoSettings) -> None:
    if not data.exists():
        options = ImportOptions(tile_px=settings.tile_px, split=(0.64, 0.12, 0.24), seed=settings.seed)
        import_folder(scans, data, options)


def _train_gan(dataset: Dataset, run: Path, settings: DemoSettings) -> None:
    chosen = preset(
        DEFAULT,
        width=settings.gan_width,
        size_px=settings.gan_size_px,
        batch=settings.gan_batch,
        steps=settings.gan_steps,
    )
    train_gan(dataset, run, chosen, seed=settings.seed)


def _fill_up(dataset: Dataset, run: Path, out: Path, settings: DemoSettings) -> Plan:
    def judged(generator: Generator, defects: Sequence[int]) -> Gate:
        return gate_for(only_learned(dataset), generator, defects, None)

    gate = judged if settings.gate else None
    plan, _ = fill_up(
        dataset, run, out, per_class=settings.per_class, seed=settings.seed, real_backgrounds=True, gate=gate
    )
    return plan


def _train(dataset: Dataset, run: Path, settings: DemoSettings, synthetic: list[Dataset]) -> None:
    chosen = TrainSettings(
        network=settings.network,
        steps=settings.steps,
        batch=settings.batch,
        crop_px=settings.crop_px,
        synthetic_share=settings.synthetic_share if synthetic else 0.0,
        synthetic_until=settings.synthetic_until if synthetic else 1.0,
        ema_half_life_steps=max(1, settings.steps // 30),
        val_steps=max(1, settings.steps // 5),
        val_tiles=96,
        seed=settings.seed,
    )
    start = start_named(settings.start, settings.network)
    train(dataset, run, chosen, synthetic=synthetic, pace=Pace.of(settings.steps), resume=True, start=start)


def _judge(
    dataset: Dataset, before: Path, after: Path, settings: DemoSettings
) -> tuple[Inspector, Inspector, Inspector]:
    learning = (dataset.sample(record) for record in dataset.select(Split.TRAIN))
    fixed = FixedParameters.tuned(learning, dataset.taxonomy, dataset.channels, settings.seed, tiles_per_class=12)
    judged_by = dataset.select(Split.TEST)

    def judged(name: str, segmenter: Segmenter) -> Inspector:
        return Inspector(name, segmenter, evaluate(segmenter, dataset, judged_by))

    return (
        judged("fixed-parameter vision", fixed),
        judged("real tiles", TorchSegmenter.load(before)),
        judged("real + synthetic", TorchSegmenter.load(after)),
    )


def _validation_iou(run: Path) -> float:
    """Mean IoU on the val tiles after the last step: what may be chosen by, as the test cells may not."""
    return next((row["val_iou"] for row in reversed(learning_curve(run)) if "val_iou" in row), 0.0)


def _exported(run: Path, out: Path) -> Bundle:
    if not out.exists():
        export_run(run, out=out)
    return Bundle.open(out)
