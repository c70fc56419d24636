"""The rungs of the ladder: same network, same steps, same tiles to judge by; only what the rung adds differs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from blemish.bench.fill_up import fill_up, train_paper_gan
from blemish.data.augment import Augmentation
from blemish.data.copy_paste import copy_paste_dataset
from blemish.data.dataset import Dataset
from blemish.segment.losses import LOSSES, LossSettings
from blemish.segment.settings import TrainSettings

SIMPLE = ("real", "augment", "balance", "loss")  # BASE is the best of those that were run.


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How large every rung's training is; the same for all of them, in steps and never in minutes."""

    network: str = "hardnet-small"
    crop_px: int | None = 224
    batch: int = 16
    steps: int = 1500
    learning_rate: float = 0.002
    balanced_until: float = 0.9  # `LossSettings.balanced_until`: without it nothing is found in so few steps.
    synthetic_share: float = 0.5
    per_class: int = 100  # Real + synthetic train tiles of each class.
    start: str = ""  # A finished run whose weights every rung begins with; empty = from scratch.
    gan_width: int = 16
    gan_size_px: int = 128
    gan_batch: int = 8
    gan_steps: int = 1500

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def of_rung(self, name: str) -> dict[str, Any]:
        """What decides the result of one rung: a simple one does not change with how synthetic tiles are made.

        Example:
            >>> sorted(Scale().of_rung("gan_paper").keys() - Scale().of_rung("copy_paste").keys())
            ['gan_batch', 'gan_size_px', 'gan_steps', 'gan_width']
        """
        made_by_gan = [key for key in self.to_dict() if key.startswith("gan_")]
        unused = [] if name.startswith("gan_") else made_by_gan
        if name in SIMPLE:
            unused = [*unused, "synthetic_share", "per_class"]
        return {key: value for key, value in self.to_dict().items() if key not in unused}


MakeSynthetic = Callable[[Dataset, Path, Scale, int], dict[str, Any]]  # writes a data set, tells how


def simple_settings(name: str, scale: Scale, seed: int) -> TrainSettings:
    """The training of a rung without synthetic tiles; each adds to the one before it."""
    base = TrainSettings(
        preset="ladder",
        network=scale.network,
        steps=scale.steps,
        batch=scale.batch,
        learning_rate=scale.learning_rate,
        crop_px=scale.crop_px,
        sampling="uniform",
        augmentation=Augmentation.none(),
        crop_on_defect_frac=0.0,
        loss=LossSettings(balanced_until=scale.balanced_until),
        ema_half_life_steps=max(1, scale.steps // 30),
        val_steps=max(1, scale.steps // 6),
        keep="last",
        seed=seed,
    )
    if name == "real":
        return base
    augmented = replace(base, augmentation=Augmentation.paper_segment())
    if name == "augment":
        return augmented
    balanced = replace(augmented, sampling="balanced", crop_on_defect_frac=0.8)
    if name == "balance":
        return balanced
    return replace(balanced, loss=replace(LOSSES["focal+dice"], balanced_until=scale.balanced_until))


def with_synthetic(base: TrainSettings, scale: Scale) -> TrainSettings:
    """BASE with a share of synthetic tiles among the samples drawn."""
    return replace(base, synthetic_share=scale.synthetic_share)


def make_copy_paste(view: Dataset, out: Path, scale: Scale, seed: int) -> dict[str, Any]:
    """Real defects pasted and blended on clean tiles."""
    return {"tiles": copy_paste_dataset(view, out, scale.per_class, seed)}


def make_gan_paper(view: Dataset, out: Path, scale: Scale, seed: int) -> dict[str, Any]:
    """The paper's network trained on the view's train tiles, and its synthetic tiles on generated backgrounds."""
    run = out.with_name(f"{out.name}-run")
    trained = train_paper_gan(
        view,
        run,
        width=scale.gan_width,
        size_px=scale.gan_size_px,
        batch=scale.gan_batch,
        steps=scale.gan_steps,
        seed=seed,
    )
    plan, made = fill_up(view, run, out, per_class=scale.per_class, seed=seed)
    return {
        "gan_seconds": round(trained.outcome.seconds, 1),
        "learning_rate": trained.learning_rate,
        "plan": plan.to_dict(),
        "synthesis": made.to_dict(),
    }


SYNTHETIC: dict[str, MakeSynthetic] = {"copy_paste": make_copy_paste, "gan_paper": make_gan_paper}
