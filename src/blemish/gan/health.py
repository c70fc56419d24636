"""When a training counts as diverged: the written rule (docs/adr/0004), and the state it needs.

non-finite   a loss is not a finite number.
exploded     the fused MSE stays above 4: worse than the farthest that two pictures in [-1, 1] can be apart.
dead         the fused pictures of a batch differ from each other by less than 0.2 % of what the real ones do: the
             network no longer looks at its label. Networks of plain ReLU die so when a step was too large.

The last two are judged on averages over about 50 steps, from step 100 on; the response's is a geometric mean, as a
dying network still bursts now and then.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from blemish.core.errors import TrainingError

FIRST_STEP = 100
EXPLODED_MSE = 4.0
DEAD_RESPONSE = 0.002
_KEPT = 0.98  # Of the average at each step.
_LEAST_RESPONSE = 1e-6  # So that one of 0 has a logarithm.


class DivergedError(TrainingError):
    """The training diverged by the written rule, at `step`."""

    def __init__(self, step: int, reason: str) -> None:
        super().__init__(f"training diverged in step {step}: {reason}")
        self.step = step
        self.reason = reason


class Health(nn.Module):
    """Running averages of the fused MSE and the log of the response; buffers, so that a resumed run judges alike.

    Args:
        strict: an exploded or dead training is stopped. False = there is no lower rate left to try, so it is only
            noted (`finding`) and goes on; a non-finite loss stops it all the same.
    """

    averages: Tensor
    found: Tensor

    def __init__(self, *, strict: bool = True) -> None:
        super().__init__()
        self.strict = strict
        self.register_buffer("averages", torch.zeros(2, dtype=torch.float64))
        self.register_buffer("found", torch.full((2,), -1.0, dtype=torch.float64))  # Step, and what was measured.

    def check(self, step: int, losses: Mapping[str, float]) -> None:
        """Take in the losses of a step.

        Args:
            losses: `g_fused` and `response` among them.

        Raises:
            DivergedError: by the rule above.
        """
        for name, value in losses.items():
            if not math.isfinite(value):
                raise DivergedError(step, f"loss '{name}' is {value}")
        log_response = math.log(max(losses["response"], _LEAST_RESPONSE))
        now = torch.tensor([losses["g_fused"], log_response], dtype=torch.float64, device=self.averages.device)
        self.averages.copy_(now if step == 0 else self.averages.lerp(now, 1 - _KEPT))
        fused, answer = float(self.averages[0]), math.exp(float(self.averages[1]))
        if step >= FIRST_STEP and (fused > EXPLODED_MSE or answer < DEAD_RESPONSE):
            self._diverged(step, fused if fused > EXPLODED_MSE else answer)

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


def response(fused: Tensor, picture: Tensor) -> Tensor:
    """How much the fused pictures of a batch differ from each other, as a share of what the real ones do; 0 = dead.

    The root of the mean, over pixels, of the variance across the batch; for a batch of one, across its pixels.

    Args:
        fused, picture: float N C H W.

    Example:
        >>> x = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1)
        >>> round(response(0.1 * x, x).item(), 3)
        0.1
    """

    def spread(pictures: Tensor) -> Tensor:
        pictures = pictures.detach().float()
        return (pictures.var(dim=0).mean() if len(pictures) > 1 else pictures.var()).sqrt()

    return spread(fused) / spread(picture).clamp(min=1e-6)
