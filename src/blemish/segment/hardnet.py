"""FC-HarDNet: a segmentation network of harmonic dense blocks.

Source: P. Chao, C.-Y. Kao, Y.-S. Ruan, C.-H. Huang, Y.-L. Lin, "HarDNet: A Low Memory Traffic Network", ICCV 2019:
section 3 for the block, section 4 and the authors' published FC-HarDNet-70 for the sizes. One difference from the
published code: upsampling aligns pixel areas, not corner pixels, so that an answer does not depend on the tile's size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from blemish.core.errors import InputError


@dataclass(frozen=True)
class HarDNetPlan:
    """The sizes of one FC-HarDNet; the lists run over its blocks, from the finest to the coarsest."""

    stem: tuple[int, int, int, int]  # Channels of the four 3x3 convolutions before the blocks; they end at 1/4 size.
    layers: tuple[int, ...]  # Convolutions in each block.
    growth: tuple[int, ...]  # Channels of a block's layer that nothing deeper links to.
    widths: tuple[int, ...]  # Channels that leave each block of the encoder.
    multiplier: float = 1.7  # A layer is wider by this for each longer link that it ends.

    @property
    def stride(self) -> int:
        """Input sizes are padded to multiples of this: the coarsest block works at 1 / stride."""
        return 4 << (len(self.layers) - 1)


FC_HARDNET_70 = HarDNetPlan(
    stem=(16, 24, 32, 48),
    layers=(4, 4, 8, 8, 8),
    growth=(10, 16, 18, 24, 32),
    widths=(64, 96, 160, 224, 320),
)
HARDNET_SMALL = HarDNetPlan(  # For CPUs: a fifth of the work, and four blocks, so that the stride is 32.
    stem=(8, 12, 16, 24),
    layers=(4, 4, 4, 8),
    growth=(4, 8, 14, 20),
    widths=(24, 48, 96, 160),
)


@dataclass(frozen=True)
class Link:
    """One layer of a harmonic dense block: the layers it reads (0 = the block's input) and its channels."""

    sources: tuple[int, ...]
    channels_in: int
    channels_out: int


def harmonic_links(channels: int, growth: int, layers: int, multiplier: float) -> list[Link]:
    """The wiring of a harmonic dense block (ICCV 2019, section 3.1).

    Layer k reads layer k - 2^n for every n with 2^n dividing k, and has growth * multiplier^n channels for the
    largest such n, rounded to an even number.

    Example:
        >>> [(link.sources, link.channels_out) for link in harmonic_links(48, 10, 4, 1.7)]
        [((0,), 10), ((1, 0), 18), ((2,), 10), ((3, 2, 0), 28)]
    """
    widths = [channels]
    links = []
    for layer in range(1, layers + 1):
        powers = [2**n for n in range(layer.bit_length()) if layer % 2**n == 0]
        sources = tuple(layer - power for power in powers)
        out = growth * multiplier ** (len(powers) - 1)
        widths.append(int(int(out + 1) / 2) * 2)
        links.append(Link(sources, sum(widths[s] for s in sources), widths[layer]))
    return links


class ConvNormReLU(nn.Sequential):
    """Convolution without bias, batch norm, ReLU; the size stays, or is halved with stride 2."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(inplace=True),
        )


class HarmonicBlock(nn.Module):
    """A harmonic dense block; what leaves it are its odd layers and the last, side by side (its input is dropped)."""

    def __init__(self, channels: int, growth: int, layers: int, multiplier: float) -> None:
        super().__init__()
        links = harmonic_links(channels, growth, layers, multiplier)
        self.sources = [link.sources for link in links]
        self.kept = [k for k in range(1, layers + 1) if k % 2 == 1 or k == layers]
        self.channels_out = sum(links[k - 1].channels_out for k in self.kept)
        self.layers = nn.ModuleList(ConvNormReLU(link.channels_in, link.channels_out) for link in links)

    def forward(self, features: Tensor) -> Tensor:
        done = [features]
        for sources, layer in zip(self.sources, self.layers, strict=True):
            done.append(layer(side_by_side([done[s] for s in sources])))
        return side_by_side([done[k] for k in self.kept])


class FCHarDNet(nn.Module):
    """Logits of each class for each pixel, at the input's size.

    The encoder halves the size after each block; the decoder doubles it, joins the block of that size, halves the
    channels and runs a mirrored block. Convolutions start as PyTorch starts them, with a smaller spread than Kaiming's:
    with batch norm after them that only makes them turn faster (neu-seg, 300 steps, one seed: IoU of inclusion 0.30
    against 0.00). The head starts as Kaiming normal: near zero it needs hundreds of Adam steps to grow.
    """

    channels: int
    outputs: int
    stride: int
    mean: Tensor  # 1 C 1 1
    std: Tensor

    def __init__(
        self,
        plan: HarDNetPlan,  # Sizes.
        channels: int,  # Of the picture: 1 gray, 3 RGB.
        outputs: int,  # K + 1: no defect, then the K classes.
        mean: Sequence[float] = (0.5,),  # Subtracted from the picture in [0, 1], one value or one per channel,
        std: Sequence[float] = (0.25,),  # and what it is then divided by.
    ) -> None:
        super().__init__()
        self.channels, self.outputs, self.stride = channels, outputs, plan.stride
        self.register_buffer("mean", _per_channel(mean, channels, "mean"))
        self.register_buffer("std", _per_channel(std, channels, "std"))
        self.stem = _stem(channels, plan.stem)
        self.down, self.narrow = nn.ModuleList(), nn.ModuleList()
        width, skips = plan.stem[-1], []
        for growth, layers, out in zip(plan.growth, plan.layers, plan.widths, strict=True):
            block = HarmonicBlock(width, growth, layers, plan.multiplier)
            self.down.append(block)
            self.narrow.append(ConvNormReLU(block.channels_out, out, kernel=1))
            skips.append(block.channels_out)
            width = out
        self.up, self.join = nn.ModuleList(), nn.ModuleList()
        for place in reversed(range(len(plan.layers) - 1)):
            joined = (width + skips[place]) // 2
            self.join.append(ConvNormReLU(width + skips[place], joined, kernel=1))
            block = HarmonicBlock(joined, plan.growth[place], plan.layers[place], plan.multiplier)
            self.up.append(block)
            width = block.channels_out
        self.head = nn.Conv2d(width, outputs, 1)
        nn.init.kaiming_normal_(self.head.weight)

    def forward(self, picture: Tensor) -> Tensor:
        """Logits float N outputs H W for a picture float N channels H W in [0, 1], any H and W.

        Raises:
            InputError: another number of dimensions or channels.
        """
        check_picture(picture, self.channels)
        height, width = picture.shape[2:]
        features = self.stem(pad_to_stride((picture - self.mean) / self.std, self.stride))  # 1/4
        skips: list[Tensor] = []
        for block, narrow in zip(self.down, self.narrow, strict=True):
            if skips:
                features = F.avg_pool2d(features, 2)
            skips.append(block(features))
            features = narrow(skips[-1])  # 1/4, 1/8, ... 1/stride
        for skip, join, block in zip(reversed(skips[:-1]), self.join, self.up, strict=True):
            features = block(join(side_by_side([enlarge(features, 2), skip])))  # ... 1/8, 1/4
        return enlarge(self.head(features), 4)[:, :, :height, :width]


def side_by_side(features: Sequence[Tensor]) -> Tensor:
    """Feature maps of one size as one, channel after channel."""
    return features[0] if len(features) == 1 else torch.cat(list(features), dim=1)


def enlarge(features: Tensor, factor: int) -> Tensor:
    """Bilinear, pixel areas aligned."""
    return F.interpolate(features, scale_factor=float(factor), mode="bilinear", align_corners=False)


def pad_to_stride(picture: Tensor, stride: int) -> Tensor:
    """Grow to the right and below to multiples of the stride, by reflection; by the edge value where too small."""
    height, width = picture.shape[2:]
    right, below = -width % stride, -height % stride
    if right == 0 and below == 0:
        return picture
    fits = right < width and below < height
    return F.pad(picture, (0, right, 0, below), mode="reflect" if fits else "replicate")


def check_picture(picture: Tensor, channels: int) -> None:
    """Refuse what is not N C H W with the channels that the network was built for.

    Raises:
        InputError: names what was expected and found.
    """
    if picture.ndim != 4 or picture.shape[1] != channels:
        raise InputError(
            f"this network takes pictures as N {channels} H W, got {' '.join(map(str, picture.shape))}: "
            f"convert the pictures to {'gray' if channels == 1 else 'RGB'}, or build it with --channels"
        )


def _stem(channels: int, widths: tuple[int, int, int, int]) -> nn.Sequential:
    """Four 3x3 convolutions, the first and the third with stride 2."""
    ends = [channels, *widths]
    return nn.Sequential(*(ConvNormReLU(ends[i], ends[i + 1], stride=2 if i % 2 == 0 else 1) for i in range(4)))


def _per_channel(values: Sequence[float], channels: int, what: str) -> Tensor:
    if len(values) not in (1, channels) or (what == "std" and min(values) <= 0):
        raise InputError(
            f"{what} must be 1 or {channels} values, a std above 0; got {list(values)}: correct the normalisation"
        )
    return torch.tensor([float(v) for v in values]).expand(channels).reshape(1, channels, 1, 1).clone()
