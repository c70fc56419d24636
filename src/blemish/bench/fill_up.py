"""A GAN from training to a synthetic data set, as the ladder and the demo both do it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from blemish.bench.start import device
from blemish.core.protocols import Generator
from blemish.core.records import Split
from blemish.data.dataset import Dataset
from blemish.gan.bank import build_bank, without_shapeless
from blemish.gan.gate import Gate
from blemish.gan.model import GENERATOR, load_generator
from blemish.gan.outcomes import read_outcomes, weak_words, without_weak
from blemish.gan.plan import Plan, plan_per_class
from blemish.gan.presets import Settings, preset
from blemish.gan.shape_model import DEFAULT_MIX, ShapeMix
from blemish.gan.synthesis import Job, Provenance, RealPictures, Synthesis, synthesise
from blemish.gan.training import Trained, TrainingPlan, train
from blemish.gan.trial import ClassTrial, try_classes, without_unfound

MakeGate = Callable[[Generator, Sequence[int]], Gate]


def paper_settings(*, width: int, size_px: int, batch: int, steps: int) -> Settings:
    """The preset `paper` at a reduced width and tile size, classes drawn evenly."""
    return preset("paper", width=width, size_px=size_px, batch=batch, steps=steps, sampling="class-balanced")


def train_gan(dataset: Dataset, run: Path, settings: Settings, *, seed: int, threads: int = 2) -> Trained:
    """Train on the train split; a stopped run goes on."""
    plan = TrainingPlan.of(settings, len(dataset.select(Split.TRAIN)), seed=seed)
    return train(dataset, run, plan, resume=True, threads=threads)


def fill_up(
    dataset: Dataset,
    run: Path,
    out: Path,
    *,
    per_class: int,
    seed: int,
    real_backgrounds: bool = False,
    gate: MakeGate | None = None,
    mix: ShapeMix = DEFAULT_MIX,
    by_surroundings: bool = False,
) -> tuple[Plan, Synthesis]:
    """Write synthetic tiles until every class has `per_class`; a stopped one goes on.

    Classes that came out weak, have no shape to draw, or fail the gate's trial are left out, as `gan generate` does;
    where all came out weak, or all fail, all are drawn.

    Args:
        real_backgrounds: put the generated defects on real clean tiles, not on generated backgrounds (the paper).
        gate: made for the generator and the classes that are drawn; None = every tile is admitted.
        mix: how often a shape is deformed, recombined or grown.
        by_surroundings: on real clean tiles, put a defect where it looks as it does round the real one.
    """
    wanted = plan_per_class(dataset.records, dataset.taxonomy, per_class, seed=seed)
    plan = without_shapeless(_learned(wanted, read_outcomes(run / GENERATOR)), dataset)
    return draw(
        dataset,
        run,
        out,
        plan,
        seed=seed,
        real_backgrounds=real_backgrounds,
        gate=gate,
        mix=mix,
        by_surroundings=by_surroundings,
        trial=True,
    )


def _learned(plan: Plan, outcomes: Mapping[str, Mapping[str, Any]]) -> Plan:
    weak = weak_words(outcomes)
    if all(row.name in weak for row in plan.classes if row.planned):
        return plan
    return without_weak(plan, outcomes)[0]


def draw(
    dataset: Dataset,
    run: Path,
    out: Path,
    plan: Plan,
    *,
    seed: int,
    real_backgrounds: bool = False,
    gate: MakeGate | None = None,
    mix: ShapeMix = DEFAULT_MIX,
    by_surroundings: bool = False,
    trial: bool = False,
) -> tuple[Plan, Synthesis]:
    """As `fill_up`, the tiles of a plan; returns what is left of it.

    Args:
        trial: leave out classes that fail the gate's trial; where all fail, all are drawn.
    """
    generator = load_generator(run, device())
    defects = sorted({index for item in plan.items for index in item.classes})
    bank = build_bank(dataset, defects, real_backgrounds=real_backgrounds, mix=mix, by_surroundings=by_surroundings)
    beneath = RealPictures.of(dataset) if real_backgrounds else None
    job = Job(generator, bank, Provenance(generator.hash, generator.preset, seed), beneath)
    judge = None if gate is None else gate(generator, defects)
    trials = try_classes(job, judge, plan) if trial and judge is not None else []
    if _all_fail(plan, trials):
        trials = []
    kept = without_unfound(plan, trials)[0]
    return kept, synthesise(job, kept, dataset, out, resume=True, gate=judge, trials=trials)


def _all_fail(plan: Plan, trials: Sequence[ClassTrial]) -> bool:
    return {row.index for row in plan.classes if row.planned} <= {trial.index for trial in trials if trial.fails}
