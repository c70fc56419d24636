"""The losses of the paper's GAN (paper, section III.A and Eq. 1): three mean squared errors and the adversarial one.

Pictures are float32 in [-1, 1]. A pixel labelled 255 enters no loss: the squared errors leave it out, and before the
discriminator looks, it is blanked in the real and in the painted picture alike. The adversarial loss is the
non-saturating logistic one of Goodfellow et al. 2014, the "basic GAN" that the paper starts from.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from blemish.gan.networks import Painted
from blemish.gan.planes import LabelPlanes


@dataclass(frozen=True)
class LossWeights:
    """How much each loss counts. The paper gives none; these are ours (docs/adr/0004)."""

    defect: float = 100.0
    background: float = 100.0
    fused: float = 100.0
    adversarial: float = 1.0


def masked_mse(made: Tensor, real: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error over the pixels (and channels) where mask is 1; 0 is best.

    Args:
        made, real: float N C H W.
        mask: float N 1 H W of 0 and 1.

    Returns:
        A scalar; 0, with zero gradient, where the mask is empty.

    Example:
        >>> import torch
        >>> made, real = torch.tensor([1.0, 5.0]).view(1, 1, 1, 2), torch.zeros(1, 1, 1, 2)
        >>> masked_mse(made, real, torch.tensor([1.0, 0.0]).view(1, 1, 1, 2)).item()
        1.0
    """
    error = (made.float() - real) ** 2 * mask
    return error.sum() / (mask.sum() * made.shape[1]).clamp(min=1)


def defect_mse(painted: Painted, picture: Tensor, planes: LabelPlanes) -> Tensor:
    """The defect branch against the defect-only picture: the picture on a defect, 0 (mid gray) elsewhere."""
    return masked_mse(painted.defect, picture * planes.is_defect, planes.is_valid)


def background_mse(painted: Painted, picture: Tensor, planes: LabelPlanes) -> Tensor:
    """The background branch against the picture, counted only where no defect hides the background."""
    return masked_mse(painted.background, picture, planes.is_clean)


def fused_mse(painted: Painted, picture: Tensor, planes: LabelPlanes) -> Tensor:
    """The fused picture against the real one."""
    return masked_mse(painted.fused, picture, planes.is_valid)


def cell_mean(values: Tensor, share: Tensor) -> Tensor:
    """Mean over cells N 1 h w, each weighted by the share of its pixels that count; 0 where none does."""
    return (values * share).sum() / share.sum().clamp(min=1e-6)


def real_loss(logits: Tensor, share: Tensor) -> Tensor:
    """-log D(x): small where the logits are high; for the discriminator on real, the generator on painted pictures."""
    return cell_mean(F.softplus(-logits.float()), share)


def painted_loss(logits: Tensor, share: Tensor) -> Tensor:
    """-log(1 - D(G(z))): small where the logits are low; for the discriminator on painted pictures."""
    return cell_mean(F.softplus(logits.float()), share)
