"""One discriminator that segments: each pixel is a background class, a defect class, or synthetic (OASIS, ICLR 2021).

To fool it a painted defect must look like its class just where its label says, so picture and label cannot drift
apart, and a class of few pixels counts as much as any other. Written from the paper's description.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from blemish.gan.networks import check_shape

CELL_PX = 2  # One answer for every 2 x 2 px.
STRIDE = 8


class SegmentingDiscriminator(nn.Module):
    """Picture -> logits of M + K + 1 classes at half size; the last is "synthetic". Spectral norm on each convolution.

    Example:
        >>> SegmentingDiscriminator(classes=4, width=4)(torch.zeros(1, 1, 32, 48))[0].shape
        torch.Size([1, 4, 16, 24])
    """

    def __init__(
        self,
        classes: int,  # M + K + 1
        width: int = 16,  # Channels at full size; 2, 4 and 6 times this at half, quarter and eighth.
        channels: int = 1,  # 1 gray, 3 RGB.
    ) -> None:
        super().__init__()
        w = width
        self.channels = channels
        self.at_half = nn.Sequential(*layer(channels, w), *layer(w, 2 * w, stride=2))
        self.at_quarter = nn.Sequential(*layer(2 * w, 4 * w, stride=2), *layer(4 * w, 4 * w))
        self.at_eighth = nn.Sequential(*layer(4 * w, 6 * w, stride=2), *layer(6 * w, 6 * w))
        self.up_quarter = nn.Sequential(*layer(10 * w, 4 * w))
        self.up_half = nn.Sequential(*layer(6 * w, 2 * w))
        self.say = spectral_norm(nn.Conv2d(2 * w, classes, 1))

    def forward(self, picture: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Logits float32 N (M+K+1) H/2 W/2 of pictures N C H W in [-1, 1], and the features of the way down."""
        check_shape(picture, channels=self.channels, divisible_by=STRIDE)
        half = self.at_half(picture)
        quarter = self.at_quarter(half)
        eighth = self.at_eighth(quarter)
        up = self.up_quarter(torch.cat([F.interpolate(eighth, scale_factor=2.0, mode="nearest"), quarter], 1))
        up = self.up_half(torch.cat([F.interpolate(up, scale_factor=2.0, mode="nearest"), half], 1))
        logits: Tensor = self.say(up)
        return logits.float(), [half, quarter, eighth]


def layer(channels_in: int, channels_out: int, *, stride: int = 1) -> list[nn.Module]:
    """conv with spectral norm (3x3, or 4x4 where it halves), LeakyReLU 0.2."""
    kernel, pad = (4, 1) if stride == 2 else (3, 1)
    return [spectral_norm(nn.Conv2d(channels_in, channels_out, kernel, stride, pad)), nn.LeakyReLU(0.2)]
