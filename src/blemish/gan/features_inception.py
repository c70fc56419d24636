"""Inception-v3 as FID knows it: the TensorFlow network of 2015-12-05 with 1,008 classes, in PyTorch's names.

Written anew from Szegedy et al. (2016); names and layout are those of the weights that pytorch-fid and torch-fidelity
use (`pt_inception-2015-12-05`). Three things differ from torchvision's network of 1,000 classes: mean pooling does not
count the padding, the last block pools the maximum, and the weights. Pictures enter as (gray level - 128) / 128.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIDE_PX = 299
FEATURES = 2048
CLASSES = 1008

Kernel = tuple[int, int]
Step = tuple[str, int, Kernel, int]  # Name, channels out, kernel, stride.
Path = tuple[tuple[Step, ...], ...]  # Steps one after the other; a step of two is two side by side.

_1, _3, _5, _17, _71, _13, _31 = (1, 1), (3, 3), (5, 5), (1, 7), (7, 1), (1, 3), (3, 1)


def _chain(name: str, *steps: tuple[int, Kernel, int]) -> Path:
    """A path of convolutions called name_1, name_2, ..., or only `name` where it is one."""
    names = [name] if len(steps) == 1 else [f"{name}_{place}" for place in range(1, len(steps) + 1)]
    return tuple(((each, *step),) for each, step in zip(names, steps, strict=True))


def _split(name: str, channels: int, place: int) -> tuple[Step, ...]:
    return (f"{name}_{place}a", channels, _13, 1), (f"{name}_{place}b", channels, _31, 1)


def _mixed_a(pooled: int) -> list[Path]:
    return [
        _chain("branch1x1", (64, _1, 1)),
        _chain("branch5x5", (48, _1, 1), (64, _5, 1)),
        _chain("branch3x3dbl", (64, _1, 1), (96, _3, 1), (96, _3, 1)),
        _chain("branch_pool", (pooled, _1, 1)),
    ]


def _mixed_c(inner: int) -> list[Path]:
    return [
        _chain("branch1x1", (192, _1, 1)),
        _chain("branch7x7", (inner, _1, 1), (inner, _17, 1), (192, _71, 1)),
        _chain("branch7x7dbl", (inner, _1, 1), (inner, _71, 1), (inner, _17, 1), (inner, _71, 1), (192, _17, 1)),
        _chain("branch_pool", (192, _1, 1)),
    ]


def _mixed_e() -> list[Path]:
    double = ((("branch3x3dbl_1", 448, _1, 1),), (("branch3x3dbl_2", 384, _3, 1),), _split("branch3x3dbl", 384, 3))
    return [
        _chain("branch1x1", (320, _1, 1)),
        ((("branch3x3_1", 384, _1, 1),), _split("branch3x3", 384, 2)),
        double,
        _chain("branch_pool", (192, _1, 1)),
    ]


_MIXED_B = [_chain("branch3x3", (384, _3, 2)), _chain("branch3x3dbl", (64, _1, 1), (96, _3, 1), (96, _3, 2))]
_MIXED_D = [
    _chain("branch3x3", (192, _1, 1), (320, _3, 2)),
    _chain("branch7x7x3", (192, _1, 1), (192, _17, 1), (192, _71, 1), (192, _3, 2)),
]
# Name, channels in, paths, how it pools.
_BLOCKS: tuple[tuple[str, int, Sequence[Path], str], ...] = (
    ("Mixed_5b", 192, _mixed_a(32), "mean"),
    ("Mixed_5c", 256, _mixed_a(64), "mean"),
    ("Mixed_5d", 288, _mixed_a(64), "mean"),
    ("Mixed_6a", 288, _MIXED_B, "halve"),
    ("Mixed_6b", 768, _mixed_c(128), "mean"),
    ("Mixed_6c", 768, _mixed_c(160), "mean"),
    ("Mixed_6d", 768, _mixed_c(160), "mean"),
    ("Mixed_6e", 768, _mixed_c(192), "mean"),
    ("Mixed_7a", 768, _MIXED_D, "halve"),
    ("Mixed_7b", 1280, _mixed_e(), "mean"),
    ("Mixed_7c", 2048, _mixed_e(), "most"),
)


class Inception(nn.Module):
    """Gray levels N 3 299 299 in [0, 255] -> pooled features N 2048, class probabilities N 1008 (without the bias)."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Conv(3, 32, _3, 2, padded=False)
        self.Conv2d_2a_3x3 = Conv(32, 32, _3, 1, padded=False)
        self.Conv2d_2b_3x3 = Conv(32, 64, _3, 1)
        self.Conv2d_3b_1x1 = Conv(64, 80, _1, 1)
        self.Conv2d_4a_3x3 = Conv(80, 192, _3, 1, padded=False)
        for name, channels, paths, pooling in _BLOCKS:
            self.add_module(name, Mixed(channels, paths, pooling))
        self.fc = nn.Linear(FEATURES, CLASSES)

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> Inception:
        """With these weights (counters of batches may be missing), ready to be asked."""
        network = cls()
        counters = {name: t for name, t in network.state_dict().items() if name.endswith("num_batches_tracked")}
        network.load_state_dict({**counters, **tensors})
        return network.eval().requires_grad_(False)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3((pictures - 128) / 128)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(F.max_pool2d(x, 3, 2)))
        x = F.max_pool2d(x, 3, 2)
        for name, *_ in _BLOCKS:
            x = self.get_submodule(name)(x)
        features = x.mean((2, 3))
        return features, F.linear(features, self.fc.weight).softmax(1)


class Mixed(nn.Module):
    """Paths side by side, their channels one after the other; the last path begins with the pooling."""

    def __init__(self, channels: int, paths: Sequence[Path], pooling: str) -> None:
        super().__init__()
        self.paths = paths
        self.pooling = pooling
        for path in paths:
            inner = channels
            for step in path:
                for name, out, kernel, stride in step:
                    self.add_module(name, Conv(inner, out, kernel, stride, padded=stride == 1))
                inner = step[0][1]

    def forward(self, x: Tensor) -> Tensor:
        pooled = self._pooled(x)
        if self.pooling == "halve":
            return torch.cat([*(self._along(path, x) for path in self.paths), pooled], 1)
        ways = [self._along(path, x) for path in self.paths[:-1]]
        return torch.cat([*ways, self._along(self.paths[-1], pooled)], 1)

    def _pooled(self, x: Tensor) -> Tensor:
        if self.pooling == "halve":
            return F.max_pool2d(x, 3, 2)
        if self.pooling == "most":
            return F.max_pool2d(x, 3, 1, 1)
        return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)

    def _along(self, path: Path, x: Tensor) -> Tensor:
        for step in path:
            x = torch.cat([self.get_submodule(name)(x) for name, *_ in step], 1)
        return x


class Conv(nn.Module):
    """Convolution without a bias, batch normalisation, ReLU."""

    def __init__(
        self, channels_in: int, channels_out: int, kernel: Kernel, stride: int, *, padded: bool = True
    ) -> None:
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2) if padded else (0, 0)
        self.conv = nn.Conv2d(channels_in, channels_out, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(channels_out, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))
