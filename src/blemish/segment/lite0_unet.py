"""A U-Net whose encoder has learned from photographs: EfficientNet-Lite0.

Sources: O. Ronneberger, P. Fischer, T. Brox, "U-Net", MICCAI 2015, for the form; M. Tan and Q. V. Le, "EfficientNet",
ICML 2019, for the encoder, in its variant Lite0 (`train.lite0`), whose ImageNet weights come with a package. Measured
beside HarDNet in docs/adr/0019.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from blemish.segment.pixel_network import ConvNormReLU, PixelNetwork, enlarge, last_layer, side_by_side
from blemish.train.lite0 import Lite0, Lite0Encoder

STRIDE = 32
_LEAVE_AFTER = (0, 2, 4, 10, 15)  # The encoder's blocks whose output is kept: 1/2, 1/4, 1/8, 1/16 and 1/32.
_ENCODED = (16, 24, 40, 112, 320)  # Their channels.
_DECODED = (24, 32, 48, 96)  # Channels on the way back, at 1/2, 1/4, 1/8 and 1/16.
_DEVIATION = 0.5  # Of the photographs as they entered (`train.lite0`); the picture has 1.


class Lite0UNet(PixelNetwork):
    """A gray picture enters as three equal channels."""

    def __init__(
        self, channels: int, outputs: int, mean: Sequence[float] = (0.5,), std: Sequence[float] = (0.25,)
    ) -> None:
        super().__init__(channels, outputs, STRIDE, mean, std)
        self.encoder = Lite0Encoder()
        self.up = nn.ModuleList()
        width = _ENCODED[-1]
        for skip, out in zip(reversed(_ENCODED[:-1]), reversed(_DECODED), strict=True):
            joined = ConvNormReLU(width + skip, out, kernel=1)
            self.up.append(nn.Sequential(joined, ConvNormReLU(out, out), ConvNormReLU(out, out)))
            width = out
        self.head = last_layer(width, outputs)

    def logits(self, picture: Tensor) -> Tensor:
        *skips, x = self.encoder.maps((picture * _DEVIATION).expand(-1, 3, -1, -1), _LEAVE_AFTER)
        for skip, up in zip(reversed(skips), self.up, strict=True):
            x = up(side_by_side([enlarge(x, 2), skip]))
        return enlarge(self.head(x), 2)

    def begin_with(self, photographs: Lite0) -> int:
        """Take over what the encoder learned from photographs; returns the number of tensors."""
        own = self.encoder.state_dict()
        self.encoder.load_state_dict({name: photographs.state_dict()[name] for name in own})
        return len(own)
