"""A moving average of a network's weights: steadier than the last step's, and what is used afterwards."""

from __future__ import annotations

import copy
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

M = TypeVar("M", bound=nn.Module)


class MovingAverage(Generic[M]):
    """Keeps `module`, a copy in evaluation mode whose parameters are the exponential average of the trained one's.

    Buffers (running statistics) are copied as they are. Save `average.module` among the trainer's modules; there is no
    other state.

    Args:
        module: the network that is trained.
        half_life_steps: after so many steps a weight's share in the average has halved. In the beginning it is shorter,
            a twentieth of the steps done, so that the random start is soon forgotten (as in EDM, Karras et al. 2022).
    """

    def __init__(self, module: M, *, half_life_steps: float) -> None:
        self.half_life_steps = half_life_steps
        self.module: M = copy.deepcopy(module).eval().requires_grad_(False)
        self._trained = module

    def decay(self, step: int) -> float:
        """The share that the average keeps when it is updated after step `step` (0 = the first)."""
        half_life = min(self.half_life_steps, (step + 1) / 20)
        return float(0.5 ** (1 / half_life)) if half_life > 0 else 0.0

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the trained network's weights as they are after this step."""
        share = 1 - self.decay(step)
        averaged: list[Tensor] = list(self.module.parameters())
        trained: list[Tensor] = list(self._trained.parameters())
        torch._foreach_lerp_(averaged, trained, share)
        for mine, theirs in zip(self.module.buffers(), self._trained.buffers(), strict=True):
            mine.copy_(theirs)
