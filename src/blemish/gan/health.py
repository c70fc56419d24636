"""When a training counts as diverged: the written rule (docs/adr/0004), and the state it needs.

non-finite   a loss is not a finite number.
exploded     the fused MSE stays above 4: worse than the farthest that two pictures in [-1, 1] can be apart.
dead         what the moving average paints for the watched labels differs by less than 0.2 % of what the real pictures
             of these labels do: the network no longer looks at its label. Networks of plain ReLU die so when a step
             was too large; the trained weights may still burst now and then, their average stays flat.

The last two are judged from step 100 on: the fused MSE on an average over about 50 steps, the response (the share by
which the painted pictures differ) every 50 steps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from blemish.core.errors import TrainingError

FIRST_STEP = 100
WATCH_STEPS = 50  # The response is measured after every so many steps.
EXPLODED_MSE = 4.0
DEAD_RESPONSE = 0.002
_KEPT = 0.98  # Of the average at each step.


class DivergedError(TrainingError):
    """The training diverged by the written rule, at `step`."""

    def __init__(self, step: int, reason: str) -> None:
        super().__init__(f"training diverged in step {step}: {reason}")
        self.step = step
        self.reason = reason


class Health(nn.Module):
    """Running average of the fused MSE, and what was found; buffers, so that a resumed run judges alike.

    Args:
        strict: an exploded or dead training is stopped. False = there is no lower rate left to try, so it is only
            noted (`finding`) and goes on; a non-finite loss stops it all the same.
    """

    fused_mse: Tensor
    found: Tensor

    def __init__(self, *, strict: bool = True) -> None:
        super().__init__()
        self.strict = strict
        self.register_buffer("fused_mse", torch.zeros((), dtype=torch.float64))
        self.register_buffer("found", torch.full((2,), -1.0, dtype=torch.float64))  # Step, and what was measured.

    def check(self, step: int, losses: Mapping[str, float]) -> None:
        """Take in the losses of a step.

        Args:
            losses: `g_fused` among them, and `response` in the steps that measure it.

        Raises:
            DivergedError: by the rule above.
        """
        for name, value in losses.items():
            if not math.isfinite(value):
                raise DivergedError(step, f"loss '{name}' is {value}")
        now = torch.tensor(losses["g_fused"], dtype=torch.float64, device=self.fused_mse.device)
        self.fused_mse.copy_(now if step == 0 else self.fused_mse.lerp(now, 1 - _KEPT))
        if step + 1 < FIRST_STEP:
            return
        if float(self.fused_mse) > EXPLODED_MSE:
            self._diverged(step, float(self.fused_mse))
        elif losses.get("response", math.inf) < DEAD_RESPONSE:
            self._diverged(step, losses["response"])

    @property
    def finding(self) -> tuple[int, str] | None:
        """Where and why a training that went on would have been stopped; None = nowhere."""
        step, measured = self.found.tolist()
        return None if step < 0 else (int(step), _reason(measured))

    def _diverged(self, step: int, measured: float) -> None:
        if self.strict:
            raise DivergedError(step, _reason(measured))
        if self.finding is None:
            self.found.copy_(torch.tensor([step, measured], dtype=torch.float64))


def _reason(measured: float) -> str:
    if measured > EXPLODED_MSE:
        return f"the fused MSE exploded to {measured:.3g} (limit {EXPLODED_MSE:g})"
    return (
        f"the generator is dead, its pictures differ by {measured:.2g} of what real ones do (limit {DEAD_RESPONSE:g})"
    )


def response(painted: Tensor, real: Tensor) -> Tensor:
    """How much the pictures painted for several labels differ, as a share of what the real ones do; 0 = dead.

    The root of the mean, over pixels, of the variance across the batch; for a batch of one, across its pixels. Do not
    mask the pictures: masks differ too.

    Args:
        painted, real: float N C H W.

    Example:
        >>> x = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1)
        >>> round(response(0.1 * x, x).item(), 3)
        0.1
    """

    def spread(pictures: Tensor) -> Tensor:
        pictures = pictures.detach().float()
        return (pictures.var(dim=0).mean() if len(pictures) > 1 else pictures.var()).sqrt()

    return spread(painted) / spread(real).clamp(min=1e-6)
