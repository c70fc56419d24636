"""The rungs of the ladder: same network, same steps, same tiles to judge by; only what the rung adds differs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from blemish.bench.scale import Scale
from blemish.data.augment import Augmentation
from blemish.segment.losses import LOSSES, LossSettings
from blemish.segment.settings import TrainSettings

TRAINING = ("real", "augment", "balance", "loss")  # BASE is the best of these.
COPY_PASTE = "copy_paste"
SIMPLE = (*TRAINING, COPY_PASTE)  # What an engineer would do in an afternoon.
OURS = ("gan", "gan_copy_paste")
MORE_REAL = "more_real"  # The ceiling: tiles of another, larger set added as real ones.
SETS: Mapping[str, tuple[str, ...]] = MappingProxyType(  # The synthetic sets that a rung adds to BASE.
    {
        "copy_paste": ("copy_paste",),
        "gan_paper": ("gan_paper",),
        "gan": ("gan",),
        "gan_copy_paste": ("gan", "copy_paste"),
    }
)


@dataclass(frozen=True)
class Trial:
    """A change of how an inspector learns, on BASE; what gains on the selection ladder may become a default."""

    words: str
    changes: Mapping[str, Any]  # Of `TrainSettings`.
    loss: str = ""  # A name of `LOSSES` in the place of BASE's loss.


TRIALS: Mapping[str, Trial] = MappingProxyType(
    {
        "dice": Trial("cross-entropy and Dice", {}, loss="ce+dice"),
        "lovasz": Trial("cross-entropy and Lovasz-Softmax", {}, loss="ce+lovasz"),
        "clean_half": Trial("half of the samples are clean tiles", {"sampling": "balanced", "clean_share": 0.5}),
        "even_end": Trial(
            "classes are drawn evenly, and every tile equally often in the last 30 % of the steps",
            {"sampling": "balanced", "uniform_from": 0.7},
        ),
        "no_average": Trial("the last weights, not their moving average", {"ema_half_life_steps": 1}),
        "constant_rate": Trial("the learning rate does not fall", {"schedule": "constant"}),
    }
)
RUNGS = (*TRAINING, *SETS, MORE_REAL, *TRIALS)


def training_of(rung: str, base: str, scale: Scale, seed: int) -> TrainSettings:
    """The settings of a cell: one of the first four rungs, BASE with a share of synthetic tiles, or BASE changed.

    Args:
        base: what the rungs above the first four stand on; those do not look at it.
    """
    if rung in TRAINING:
        return _without_synthetic(rung, scale, seed)
    on_base = _without_synthetic(base, scale, seed)
    if rung in TRIALS:
        return _tried(on_base, TRIALS[rung], scale)
    if rung not in SETS:
        return on_base
    return replace(on_base, synthetic_share=scale.share_of(rung), synthetic_until=scale.synthetic_until)


def _tried(on_base: TrainSettings, trial: Trial, scale: Scale) -> TrainSettings:
    loss = replace(LOSSES[trial.loss], balanced_until=scale.balanced_until) if trial.loss else on_base.loss
    return replace(on_base, loss=loss, **trial.changes)


def _without_synthetic(name: str, scale: Scale, seed: int) -> TrainSettings:
    """Each adds to the one before it."""
    real = TrainSettings(
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
        val_steps=max(1, scale.steps // 4),  # For the curve only: nothing is chosen by it.
        val_tiles=64,
        keep="last",
        seed=seed,
    )
    augmented = replace(real, augmentation=Augmentation.paper_segment())
    balanced = replace(augmented, sampling="balanced", crop_on_defect_frac=0.8)
    focal = replace(LOSSES["focal+dice"], balanced_until=scale.balanced_until)
    return {
        "real": real,
        "augment": augmented,
        "balance": balanced,
        "loss": replace(balanced, loss=focal),
    }[name]
