"""A network that has seen photographs teaches one that has not: features to be imitated, beside the labels.

Procedural surfaces teach what a scratch looks like, but not how much else there is to see. EfficientNet-Lite0 learned
that from ImageNet; shown the same surfaces, its features are a target in every pixel (Romero et al., FitNets, ICLR
2015). Nothing of it is left in the weights that are shipped but what they learned.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from blemish.core.errors import InputError
from blemish.segment.hardnet import FCHarDNet
from blemish.segment.pixel_network import PixelNetwork
from blemish.train.lite0 import STAGE_CHANNELS, load_lite0


class Teacher(nn.Module):
    """The mean squared difference between a network's features and the teacher's, over four sizes.

    Both are compared after a 1x1 convolution of the network's own, which is learned and then thrown away; the teacher's
    channels have mean 0 and deviation 1 in every batch, so 1 is what a constant answer reaches.

    Args:
        network: its encoder blocks must work at 1/4, 1/8, 1/16 and 1/32 first; later ones are left alone.

    Raises:
        BundleError: the teacher's weights are not installed, or altered.
        InputError: no HarDNet, or one of fewer blocks.
    """

    def __init__(self, network: PixelNetwork) -> None:
        super().__init__()
        if not isinstance(network, FCHarDNet):
            raise InputError("a teacher is for HarDNet; this network knows its features already: give --teacher 0")
        if len(network.down) < len(STAGE_CHANNELS):
            raise InputError(
                f"a teacher needs {len(STAGE_CHANNELS)} encoder blocks, this network has {len(network.down)}"
            )
        taught = list(network.down)[: len(STAGE_CHANNELS)]
        self.matches = nn.ModuleList(
            nn.Conv2d(_channels_out(block), channels, 1) for block, channels in zip(taught, STAGE_CHANNELS, strict=True)
        )
        self._lite0 = (load_lite0(),)  # In a tuple: its weights belong to no checkpoint.
        self._seen: dict[int, Tensor] = {}
        for place, block in enumerate(taught):
            block.register_forward_hook(self._keep(place))

    def to(self, *args: Any, **kwargs: Any) -> Teacher:
        self._lite0[0].to(*args, **kwargs)
        return super().to(*args, **kwargs)

    def forward(self, pictures: Tensor) -> Tensor:
        """The loss for pictures (float32 N C H W in [0, 1]) that the network has just been shown in a forward pass."""
        with torch.no_grad():
            targets = self._lite0[0].stages(255 * pictures.expand(-1, 3, -1, -1))
        losses = []
        for place, (match, target) in enumerate(zip(self.matches, targets, strict=True)):
            wanted = F.batch_norm(target.float(), None, None, training=True)
            losses.append(F.mse_loss(match(self._seen.pop(place)).float(), wanted))
        return torch.stack(losses).mean()

    def _keep(self, place: int) -> Any:
        def keep(block: nn.Module, _: Any, features: Tensor) -> None:
            if block.training:
                self._seen[place] = features

        return keep


def _channels_out(block: nn.Module) -> int:
    channels = block.channels_out
    assert isinstance(channels, int)
    return channels
