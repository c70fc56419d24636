"""The paper's generator: two encoder branches paint defect and background apart, a fusion joins them (Tables 1 and 2).

47 convolutions and 30,815,043 parameters at width 64 with one channel. Pictures are float32 in [-1, 1]; the output is
linear and is clipped only when it is written. Every size that is a multiple of 16 px works.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from blemish.core.errors import InputError

STRIDE = 16  # Sizes must be a multiple of it: the fusion halves four times.
BRANCH_STRIDE = 4  # A branch alone halves twice.


class Painted(NamedTuple):
    """What the generator makes of a label: three pictures float32 N C H W, about [-1, 1], not clipped."""

    defect: Tensor  # The defect branch: the defect alone, 0 elsewhere.
    background: Tensor  # The background branch, or the clean picture that was given in its place.
    fused: Tensor


class EncoderBranch(nn.Module):
    """One branch of the encoder: a label plane becomes a picture (paper, Table 1; 17 convolutions).

    Example:
        >>> EncoderBranch(width=4)(torch.zeros(2, 1, 32, 48)).shape
        torch.Size([2, 1, 32, 48])
    """

    def __init__(
        self,
        width: int = 64,  # Channels of the first group; the others are 2, 4 and 8 times this.
        channels: int = 1,  # 1 gray, 3 RGB.
    ) -> None:
        super().__init__()
        w = width
        self.down = nn.Sequential(
            DownGroup(1, w, pool=True),  #          w H/2 W/2
            DownGroup(w, 2 * w, pool=False),  #    2w H/2 W/2
            DownGroup(2 * w, 4 * w, pool=True),  # 4w H/4 W/4
            DownGroup(4 * w, 8 * w, pool=False),  # 8w H/4 W/4
        )
        self.up = nn.Sequential(
            UpGroup(8 * w, 4 * w, stride=1),  # 4w H/4 W/4
            UpGroup(4 * w, 2 * w, stride=2),  # 2w H/2 W/2
            UpGroup(2 * w, w, stride=1),  #      w H/2 W/2
            UpGroup(w, w, stride=2),  #          w H   W
        )
        self.picture = nn.Conv2d(w, channels, 1)
        he_initialise(self, linear=[self.picture, *(group[0] for group in self.up)])  # type: ignore[index]

    def forward(self, label: Tensor) -> Tensor:
        check_shape(label, channels=1, divisible_by=BRANCH_STRIDE)
        features: Tensor = self.up(self.down(label))  # N w H W
        picture: Tensor = self.picture(features)  # N C H W
        return picture


class Fusion(nn.Module):
    """Joins a defect picture and a background picture (the paper's "generator", Table 2; 13 convolutions).

    Example:
        >>> picture = torch.zeros(1, 1, 32, 48)
        >>> Fusion(width=4)(picture, picture).shape
        torch.Size([1, 1, 32, 48])
    """

    def __init__(
        self,
        width: int = 64,  # Channels of the first group; the others are 2, 4 and 8 times this.
        channels: int = 1,  # 1 gray, 3 RGB.
    ) -> None:
        super().__init__()
        w = width
        self.defect_tower = tower(channels, w)
        self.background_tower = tower(channels, w)
        self.join = Concatenate()  # 16w H/16 W/16
        self.up = nn.Sequential(
            *(nn.ConvTranspose2d(16 * w, 8 * w, 4, stride=2, padding=1), nn.ReLU()),  # 8w H/8 W/8
            *(nn.ConvTranspose2d(8 * w, 4 * w, 4, stride=2, padding=1), nn.ReLU()),  #  4w H/4 W/4
            *(nn.ConvTranspose2d(4 * w, 2 * w, 4, stride=2, padding=1), nn.ReLU()),  #  2w H/2 W/2
            *(nn.ConvTranspose2d(2 * w, w, 4, stride=2, padding=1), nn.ReLU()),  #       w H   W
        )
        # An even filter at stride 1 cannot be centred: one zero before, two after, on both axes.
        self.pad = nn.ZeroPad2d((1, 2, 1, 2))
        self.picture = nn.Conv2d(w, channels, 4)
        he_initialise(self, linear=[self.picture])

    def forward(self, defect: Tensor, background: Tensor) -> Tensor:
        check_shape(defect, channels=self.picture.out_channels, divisible_by=STRIDE)
        joined = self.join(self.defect_tower(defect), self.background_tower(background))  # N 16w H/16 W/16
        picture: Tensor = self.picture(self.pad(self.up(joined)))  # N C H W
        return picture


class PaperGenerator(nn.Module):
    """Both branches and the fusion: 47 convolutions, deterministic (one label, one picture).

    Example:
        >>> planes = torch.zeros(1, 1, 32, 32)
        >>> PaperGenerator(width=4)(planes, planes).fused.shape
        torch.Size([1, 1, 32, 32])
    """

    def __init__(
        self,
        width: int = 64,  # 64 is the paper's; smaller for trials.
        channels: int = 1,  # 1 gray, 3 RGB.
    ) -> None:
        super().__init__()
        self.defect_branch = EncoderBranch(width, channels)
        self.background_branch = EncoderBranch(width, channels)
        self.fusion = Fusion(width, channels)

    def forward(self, defect_plane: Tensor, background_plane: Tensor, clean: Tensor | None = None) -> Painted:
        """Paint a label.

        Args:
            defect_plane: float32 N 1 H W in [0, 1], class index / K; H and W multiples of 16.
            background_plane: float32 N 1 H W in [0, 1], class index / (M-1).
            clean: float32 N C H W in [-1, 1], clean pictures that stand in for the background branch, which is then
                not run; None = the branch paints the background (the paper).
        """
        check_shape(defect_plane, channels=1, divisible_by=STRIDE)
        defect = self.defect_branch(defect_plane)
        background = self.background_branch(background_plane) if clean is None else clean
        return Painted(defect, background, self.fusion(defect, background))


class DownGroup(nn.Sequential):
    """[conv 3x3, ReLU] x 2, then a 2x2 max-pool where the size halves."""

    def __init__(self, channels_in: int, channels_out: int, *, pool: bool) -> None:
        layers: list[nn.Module] = [
            *(nn.Conv2d(channels_in, channels_out, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(channels_out, channels_out, 3, padding=1), nn.ReLU()),
        ]
        super().__init__(*layers, *([nn.MaxPool2d(2)] if pool else []))


class UpGroup(nn.Sequential):
    """Transposed conv 3x3, conv 3x3, ReLU (no ReLU between the two: Table 1)."""

    def __init__(self, channels_in: int, channels_out: int, *, stride: int) -> None:
        super().__init__(
            nn.ConvTranspose2d(channels_in, channels_out, 3, stride=stride, padding=1, output_padding=stride - 1),
            nn.Conv2d(channels_out, channels_out, 3, padding=1),
            nn.ReLU(),
        )


class Concatenate(nn.Module):
    """The features of both towers behind each other, as a layer so that a description lists it (Table 2)."""

    def forward(self, defect: Tensor, background: Tensor) -> Tensor:
        return torch.cat([defect, background], dim=1)


def tower(channels: int, width: int) -> nn.Sequential:
    """One tower of the fusion: four [conv 4x4 stride 2, ReLU], a picture becomes N 8w H/16 W/16."""
    sizes = [channels, width, 2 * width, 4 * width, 8 * width]
    groups = itertools.pairwise(sizes)
    return nn.Sequential(*(layer for a, b in groups for layer in (nn.Conv2d(a, b, 4, stride=2, padding=1), nn.ReLU())))


def he_initialise(network: nn.Module, linear: list[nn.Module]) -> None:
    """Weights that keep the signal's size through 30 layers without normalisation (He et al. 2015); our choice.

    PyTorch's own start shrinks it about 2.4 times a layer, so that the output is constant at birth. The gain is 1 where
    no ReLU follows (`linear`). Biases stay PyTorch's, uniform: with zero biases a plane of zeros would pass nothing on.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            area = float(math.prod(layer.kernel_size))
            if isinstance(layer, nn.ConvTranspose2d):
                area /= math.prod(layer.stride)  # Only this share of the filter meets an output pixel.
            gain = 1.0 if layer in linear else 2.0
            nn.init.normal_(layer.weight, std=math.sqrt(gain / (layer.in_channels * area)))


def check_shape(planes: Tensor, *, channels: int, divisible_by: int) -> None:
    """Refuse a batch that is not N C H W with H and W positive multiples of a number.

    Raises:
        InputError: naming the shape and the remedy.
    """
    if planes.ndim != 4 or planes.shape[1] != channels:
        raise InputError(f"the network expects N {channels} H W, got shape {tuple(planes.shape)}")
    height, width = planes.shape[2:]
    if height % divisible_by or width % divisible_by or not height or not width:
        raise InputError(
            f"the network expects height and width to be multiples of {divisible_by} px, got {height} x {width}: "
            f"cut or pad the tiles to such a size"
        )
