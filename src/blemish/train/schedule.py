"""Learning rates as pure functions of the step: nothing to save, nothing to resume."""

from __future__ import annotations

import math

from torch.optim import Optimizer


def constant(step: int, *, rate: float, warmup_steps: int = 0) -> float:
    """The rate, reached in a straight line over the first steps.

    Example:
        >>> [constant(step, rate=1.0, warmup_steps=4) for step in (0, 1, 3, 100)]
        [0.25, 0.5, 1.0, 1.0]
    """
    return rate * min(1.0, (step + 1) / warmup_steps) if warmup_steps else rate


def cosine(step: int, *, rate: float, steps: int, warmup_steps: int = 0, final_frac: float = 0.0) -> float:
    """Up in a straight line over the warm-up, then down along half a cosine to `final_frac` of the rate at the end.

    Example:
        >>> [round(cosine(step, rate=1.0, steps=10), 3) for step in (0, 5, 10)]
        [1.0, 0.5, 0.0]
    """
    if step < warmup_steps:
        return constant(step, rate=rate, warmup_steps=warmup_steps)
    done = min(1.0, (step - warmup_steps) / max(1, steps - warmup_steps))
    return rate * (final_frac + (1 - final_frac) * 0.5 * (1 + math.cos(math.pi * done)))


def set_rate(optimizer: Optimizer, rate: float) -> None:
    """Give every parameter group this learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate
