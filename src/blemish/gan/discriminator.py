"""One discriminator for the paper's GAN. The paper names it and gives no layers: this choice is ours (docs/adr/0003).

A conditional PatchGAN: it sees the picture beside the latent matrix and says, for each cell of 16 x 16 px, whether that
cell looks real *for this label*. Four [conv 4x4 stride 2, LeakyReLU 0.2] and a last conv 3x3, spectral norm on each.

Why: a defect covers 0.2 to 5 % of a tile, so one verdict a picture would hardly move with it, while a cell that sees
78 px does; the latent planes make "this class here" part of the question, without which a defect-free picture passes
as real; spectral norm bounds the slope without batch statistics, so that a batch of any size (or of one) trains alike.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from blemish.gan.networks import STRIDE, check_shape

CELL_PX = STRIDE  # One logit covers this many pixels a side.


class PatchDiscriminator(nn.Module):
    """Picture and latent matrix -> one logit a cell; above 0 = real.

    Example:
        >>> judge = PatchDiscriminator(latent_planes=8, width=4)
        >>> judge(torch.zeros(1, 1, 32, 48), torch.zeros(1, 8, 32, 48)).shape
        torch.Size([1, 1, 2, 3])
    """

    def __init__(
        self,
        latent_planes: int,  # M + K
        width: int = 64,  # Channels of the first layer; the others are 2, 4 and 8 times this.
        channels: int = 1,  # 1 gray, 3 RGB.
    ) -> None:
        super().__init__()
        self.channels = channels
        w = width
        self.cells = nn.Sequential(
            *(spectral_norm(nn.Conv2d(channels + latent_planes, w, 4, 2, 1)), nn.LeakyReLU(0.2)),  # w  H/2  W/2
            *(spectral_norm(nn.Conv2d(w, 2 * w, 4, 2, 1)), nn.LeakyReLU(0.2)),  #                  2w  H/4  W/4
            *(spectral_norm(nn.Conv2d(2 * w, 4 * w, 4, 2, 1)), nn.LeakyReLU(0.2)),  #              4w  H/8  W/8
            *(spectral_norm(nn.Conv2d(4 * w, 8 * w, 4, 2, 1)), nn.LeakyReLU(0.2)),  #              8w  H/16 W/16
            spectral_norm(nn.Conv2d(8 * w, 1, 3, padding=1)),
        )

    def forward(self, picture: Tensor, latent: Tensor) -> Tensor:
        """Logits float32 N 1 H/16 W/16 of pictures N C H W in [-1, 1] for latent matrices N (M+K) H W of 0 and 1."""
        check_shape(picture, channels=self.channels, divisible_by=CELL_PX)
        logits: Tensor = self.cells(torch.cat([picture, latent], dim=1))
        return logits


def valid_share(valid: Tensor) -> Tensor:
    """The share of each logit's cell that counts: valid N 1 H W of 0 and 1 -> N 1 H/16 W/16."""
    return F.avg_pool2d(valid, CELL_PX)
