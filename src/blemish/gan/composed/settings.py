"""The settings of the default preset."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from blemish.core.errors import InputError

SIZE_STRIDE = 16


@dataclass(frozen=True)
class ComposedWeights:
    """How much each loss counts (docs/adr/0011)."""

    reconstruction: float = 20.0
    fine_detail: float = 20.0
    grain: float = 10.0
    adversarial: float = 0.5  # At 1.0, with half the weights above, blowholes were explained to 0.14; so to 0.45.
    perception: float = 1.0  # Mean and deviation of a photograph network's features, as the real defect has them.
    features: float = 2.0  # Of the discriminator, between a real defect and its reconstruction.
    code: float = 1.0  # A painted defect must say the code that it was painted from.
    code_prior: float = 0.02


@dataclass(frozen=True)
class Parts:
    """The parts that an ablation turns off one at a time."""

    composition: bool = True  # Off: the whole crop is painted, nothing is kept of the surface.
    every_scale: bool = True  # Off: the latent matrix enters at full size only.
    codes: bool = True  # Off: no appearance code, the label alone says what is painted.
    noise: bool = True
    segmenting: bool = True  # Off: the discriminator knows only real and synthetic.
    area_weighted: bool = True  # Off: every painted pixel counts alike.
    balanced: bool = True  # Off: tiles with a defect are drawn evenly, whatever their class.
    wear: bool = True  # Off: only the depth of the defect branch can take the surface's texture away.
    other_surfaces: bool = True  # Off: beneath a real defect lies its own surface only, closed from round it.


@dataclass(frozen=True, kw_only=True)
class ComposedSettings:
    """Everything that decides how the default GAN is trained, besides data, seed and precision.

    Raises:
        InputError: a value out of its range, naming it.
    """

    preset: str = "default"
    steps: int | None = 1200
    epochs: float | None = None  # Train tiles drawn, over their number; instead of `steps`.
    batch: int = 8
    size_px: int = 64  # Of the crops round defects; the last ones are twice as large.
    width: int = 12
    ring_px: int = 6
    learning_rates: tuple[float, ...] = (0.001, 0.0002)  # The next one is used where the one before diverged.
    adam_betas: tuple[float, float] = (0.5, 0.99)
    half_life_tiles: float = 1_500.0  # Of the moving average, in tiles seen.
    whole_frac: float = 0.1  # Share of the steps, the last ones, on crops twice as large.
    background_every: int = 4  # The background branch learns in one step of so many; 0 = not at all.
    weights: ComposedWeights = ComposedWeights()
    parts: Parts = Parts()

    def __post_init__(self) -> None:
        for name in ("batch", "width", "size_px"):
            if getattr(self, name) <= 0:
                raise InputError(f"{name} must be above 0, got {getattr(self, name)}")
        if self.size_px % SIZE_STRIDE:
            raise InputError(f"size must be a multiple of {SIZE_STRIDE} px, got {self.size_px}")
        if not 0 <= self.ring_px <= 64 or not 0 <= self.whole_frac < 1 or self.background_every < 0:
            raise InputError(
                f"ring_px must be 0 to 64, whole_frac 0 to under 1 and background_every 0 or more, got "
                f"{self.ring_px}, {self.whole_frac} and {self.background_every}"
            )
        if self.epochs is not None and not 0 < self.epochs < math.inf:
            raise InputError(f"epochs must be above 0, got {self.epochs}")
        if self.steps is not None and self.steps < 1:
            raise InputError(f"steps must be 1 or more, got {self.steps}")
        if not self.learning_rates or not all(0 < rate < math.inf for rate in self.learning_rates):
            raise InputError(f"learning rates must be above 0, got {list(self.learning_rates)}")

    def steps_for(self, tiles: int) -> int:
        """Steps of training on so many tiles."""
        if self.epochs is not None:
            return max(1, round(self.epochs * tiles / self.batch))
        return self.steps or 1200

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)
