"""Named sets of training settings: `default` is ours; `paper` is what the paper gives, and our reading elsewhere."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from types import MappingProxyType
from typing import Any, Literal

from blemish.core.errors import InputError
from blemish.gan.composed.settings import ComposedSettings
from blemish.gan.losses import LossWeights
from blemish.gan.networks import STRIDE

Sampling = Literal["uniform", "class-balanced"]


@dataclass(frozen=True, kw_only=True)
class GanSettings:
    """Everything that decides how a GAN is trained, besides data, seed and precision.

    Raises:
        InputError: a value out of its range, naming it.
    """

    preset: str
    learning_rates: tuple[float, ...]  # The first is asked for; each next one is used where the one before diverged.
    epochs: float  # Train tiles drawn, over their number; `steps` overrides.
    steps: int | None = None
    batch: int = 4
    size_px: int = 512
    width: int = 64  # Of generator and discriminator alike.
    sampling: Sampling = "uniform"
    adam_betas: tuple[float, float] = (0.5, 0.999)
    half_life_tiles: float = 5_000.0  # Of the moving average, in tiles seen.
    weights: LossWeights = LossWeights()  # noqa: RUF009 - frozen

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "width", "size_px"):
            if not 0 < getattr(self, name) < math.inf:
                raise InputError(f"{name} must be above 0, got {getattr(self, name)}")
        if self.size_px % STRIDE:
            raise InputError(f"size must be a multiple of {STRIDE} px, got {self.size_px}")
        if self.steps is not None and self.steps < 1:
            raise InputError(f"steps must be 1 or more, got {self.steps}")
        if not self.learning_rates or not all(0 < rate < math.inf for rate in self.learning_rates):
            raise InputError(f"learning rates must be above 0, got {list(self.learning_rates)}")
        if self.sampling not in ("uniform", "class-balanced"):
            raise InputError(f"sampling must be uniform or class-balanced, got '{self.sampling}'")

    def steps_for(self, tiles: int) -> int:
        """Steps of training on so many tiles."""
        return self.steps if self.steps is not None else max(1, round(self.epochs * tiles / self.batch))

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


Settings = GanSettings | ComposedSettings
DEFAULT = "default"

PRESETS: Mapping[str, Settings] = MappingProxyType(
    {
        DEFAULT: ComposedSettings(),
        # Given by the paper: learning rate, epochs, tile size, width, augmentation. The rest is ours (docs/adr/0004).
        "paper": GanSettings(preset="paper", learning_rates=(0.005, 0.0002, 0.00005), epochs=1000),
    }
)


def preset(name: str, **overrides: Any) -> Settings:
    """A preset, with some of its settings replaced (a value of None leaves the preset's).

    Raises:
        InputError: no such preset, a setting that it does not have, or a value out of its range.

    Example:
        >>> preset("paper", width=16, batch=None).learning_rates[0]
        0.005
    """
    if name not in PRESETS:
        raise InputError(f"no GAN preset '{name}': there is {', '.join(PRESETS)}")
    given = {key: value for key, value in overrides.items() if value is not None}
    unknown = sorted(given.keys() - {field.name for field in fields(PRESETS[name])})
    if unknown:
        raise InputError(f"the preset {name} has no setting '{unknown[0]}': leave --{unknown[0].replace('_', '-')} out")
    return replace(PRESETS[name], **given)
