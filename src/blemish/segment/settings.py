"""The settings of a training, and the presets they start from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from types import MappingProxyType
from typing import Any, Literal, get_args

from blemish.core.errors import InputError
from blemish.data.augment import Augmentation
from blemish.segment.losses import LossSettings, loss_named
from blemish.segment.networks import DEFAULT
from blemish.train.schedule import constant, cosine

Sampling = Literal["uniform", "balanced"]
Schedule = Literal["constant", "cosine"]
Keep = Literal["last", "best"]

DEFAULT_STEPS = 2000
PAPER_EPOCHS = 1000
# Of the samples of a class, where there are synthetic tiles and neither a person nor a ladder says otherwise: the best
# of 0.25, 0.5 and 0.75 on magnetic-tile (docs/results-earlier.md).
SYNTHETIC_SHARE = 0.25
SYNTHETIC_UNTIL = 0.6  # As on the ladder: the last steps see real tiles only (docs/adr/0010).
BALANCED_UNTIL = 0.5  # As on the ladder; without it small defects are not found in few steps (docs/adr/0005).
CROP_PX = 256  # Of larger tiles, as in the figures of the simulated line: a quarter of the pixels (docs/adr/0010).
LOSS, PAPER_LOSS = "focal+dice", "ce"  # Focal and Dice stand above cross-entropy on every set's ladder (docs/adr/0005).


def loss_of(
    preset: str,
    name: str | None = None,
    class_weights: Sequence[float] = (),
    balanced_until: float | None = None,
) -> LossSettings:
    """The loss of a preset, with what was asked in its place.

    Args:
        name: of `losses.LOSSES`.
        class_weights: () = all alike.
        balanced_until: None = `BALANCED_UNTIL`, but 0 beside class weights and in the preset of the paper.

    Raises:
        InputError: no such loss, or weights that are none.

    Example:
        >>> loss_of("paper").cross_entropy, loss_of("default").dice, loss_of("default", "ce").balanced_until
        (1.0, 1.0, 0.5)
    """
    papers = preset == "paper"
    if balanced_until is None:
        balanced_until = 0.0 if papers or class_weights else BALANCED_UNTIL
    return loss_named(name or (PAPER_LOSS if papers else LOSS), class_weights, balanced_until)


_PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "default": {},
        "paper": {
            "learning_rate": 0.001,
            "weight_decay": 0.0,
            "schedule": "constant",
            "warmup_frac": 0.0,
            "sampling": "uniform",
            "loss": loss_of("paper"),
        },
    }
)


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """How an inspector's network is trained; all of it decides the weights, and all of it is in the card."""

    preset: str = "default"
    network: str = DEFAULT
    steps: int = DEFAULT_STEPS
    batch: int = 16
    learning_rate: float = 0.002
    weight_decay: float = 1e-4  # Decoupled from the gradient (AdamW); 0 makes it Adam.
    schedule: Schedule = "cosine"
    warmup_frac: float = 0.1  # Share of the steps in which the learning rate rises from 0.
    sampling: Sampling = "balanced"
    clean_share: float | None = None  # Of the samples, with balanced sampling; None = clean counts as one more class.
    uniform_from: float = 1.0  # Share of the steps after which every real tile is drawn equally often.
    augmentation: Augmentation = field(default_factory=Augmentation.paper_segment)
    crop_px: int | None = None  # None = whole tiles.
    crop_on_defect_frac: float = 0.8  # Share of the crops of a tile with defects that are cut round one of them.
    loss: LossSettings = field(default_factory=lambda: loss_of("default"))
    synthetic_share: float = 0.0  # Of the samples of every class that has synthetic tiles; uniform: of all samples.
    synthetic_until: float = 1.0  # Share of the steps in which they are drawn; after that, real tiles only.
    ema_half_life_steps: int = 500
    keep: Keep = "last"  # Which moving average is written: the last, or the best by validation IoU.
    patience: int | None = None  # Validations without a better IoU after which training ends; None = all steps.
    val_steps: int = 250  # Validation after every so many steps, and after the last.
    val_tiles: int = 128  # At most so many tiles of the val split, spread evenly over it.
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "ema_half_life_steps", "val_steps", "val_tiles"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be 1 or more, got {getattr(self, name)}")
        for name in ("warmup_frac", "crop_on_defect_frac", "synthetic_share", "synthetic_until", "uniform_from"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} must be 0 to 1, got {getattr(self, name)}")
        if (
            not 0 < self.learning_rate < math.inf
            or not 0 <= self.weight_decay < math.inf
            or (self.crop_px is not None and self.crop_px < 16)
        ):
            raise InputError(
                f"the learning rate must be above 0, the weight decay 0 or more and a crop 16 px or more, got "
                f"{self.learning_rate}, {self.weight_decay} and {self.crop_px}"
            )
        if self.patience is not None and (self.patience < 1 or self.keep != "best"):
            raise InputError(
                f"patience must be 1 or more, and goes with keep best, got {self.patience} and {self.keep}"
            )
        for name, known in (("sampling", Sampling), ("schedule", Schedule), ("keep", Keep)):
            if getattr(self, name) not in get_args(known):
                raise InputError(f"{name} must be {' or '.join(get_args(known))}, got '{getattr(self, name)}'")

    def rate(self, step: int) -> float:
        """The learning rate of step 0, 1, ...

        Example:
            >>> TrainSettings(steps=100, warmup_frac=0.0).rate(50)
            0.001
        """
        warmup = round(self.warmup_frac * self.steps)
        if self.schedule == "constant":
            return constant(step, rate=self.learning_rate, warmup_steps=warmup)
        return cosine(step, rate=self.learning_rate, steps=self.steps, warmup_steps=warmup)

    def validates_after(self, done: int) -> bool:
        """Whether validation comes after `done` steps."""
        return done == self.steps or done % self.val_steps == 0

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; of what came later nothing is said where it is off, so that older runs go on."""
        values = asdict(self)
        if self.augmentation.optics is None:
            del values["augmentation"]["optics"]
        if self.augmentation.spoilt is None:
            del values["augmentation"]["spoilt"], values["augmentation"]["spoilt_frac"]
        if not self.loss.lovasz:
            del values["loss"]["lovasz"]
        for name in ("clean_share", "uniform_from", "patience"):
            if getattr(self, name) == TrainSettings.__dataclass_fields__[name].default:
                del values[name]
        return values


def settings_of(preset: str, changes: Mapping[str, Any]) -> TrainSettings:
    """The settings of a preset with some changed; a change of None leaves what the preset says.

    `paper`: learning rate 0.001 held, batch 16, Adam, every tile equally often (paper, section III.C); its 1,000 epochs
    become steps by `steps_of`. The paper does not name the optimiser. With uniform sampling no crop is cut round a
    defect unless `crop_on_defect_frac` is among the changes: that would be balancing by another name.

    Raises:
        InputError: no such preset, an unknown name among the changes, a value out of its range.

    Example:
        >>> settings_of("paper", {"steps": 10, "sampling": None}).sampling
        'uniform'
    """
    if preset not in _PRESETS:
        raise InputError(f"no preset '{preset}': there are {', '.join(_PRESETS)}")
    unknown = sorted(set(changes) - {f.name for f in fields(TrainSettings)})
    if unknown:
        raise InputError(f"a training has no setting '{unknown[0]}'")
    values = {**_PRESETS[preset], **{name: value for name, value in changes.items() if value is not None}}
    if values.get("sampling") == "uniform":
        values.setdefault("crop_on_defect_frac", 0.0)
    return TrainSettings(preset=preset, **values)


def crop_of(asked: int | None, tile_px: int, preset: str = "") -> int | None:
    """The side of the crops to learn from; None = whole tiles.

    Args:
        asked: 0 = whole tiles; None = whole ones up to `CROP_PX` and with the preset of the paper, else crops of it.

    Example:
        >>> crop_of(None, 512), crop_of(None, 224), crop_of(0, 512), crop_of(None, 512, "paper"), crop_of(192, 512)
        (256, None, None, None, 192)
    """
    if asked is not None:
        return asked or None
    return CROP_PX if tile_px > CROP_PX and preset != "paper" else None


def steps_of(epochs: int, tiles: int, batch: int) -> int:
    """Steps in which as many samples are drawn as `epochs` times the tiles.

    Example:
        >>> steps_of(1000, 291, 16)
        18188
    """
    if epochs < 1 or tiles < 1:
        raise InputError(f"epochs and tiles must be 1 or more, got {epochs} and {tiles}")
    return -(-epochs * tiles // batch)
