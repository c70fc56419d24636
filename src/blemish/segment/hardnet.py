"""FC-HarDNet: a segmentation network of harmonic dense blocks.

Source: P. Chao, C.-Y. Kao, Y.-S. Ruan, C.-H. Huang, Y.-L. Lin, "HarDNet: A Low Memory Traffic Network", ICCV 2019:
section 3 for the block, section 4 and the authors' published FC-HarDNet-70 for the sizes. One difference from the
published code: upsampling aligns pixel areas, not corner pixels, so that an answer does not depend on the tile's size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from blemish.segment.pixel_network import ConvNormReLU, PixelNetwork, enlarge, last_layer, side_by_side


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


class FCHarDNet(PixelNetwork):
    """The encoder halves the size after each block; the decoder doubles it, joins the block of that size, halves the
    channels and runs a mirrored block. Convolutions start as PyTorch starts them, with a smaller spread than Kaiming's:
    with batch norm after them that only makes them turn faster (neu-seg, 300 steps, one seed: IoU of inclusion 0.30
    against 0.00).
    """

    def __init__(
        self,
        plan: HarDNetPlan,
        channels: int,
        outputs: int,
        mean: Sequence[float] = (0.5,),
        std: Sequence[float] = (0.25,),
    ) -> None:
        super().__init__(channels, outputs, plan.stride, mean, std)
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
        self.head = last_layer(width, outputs)

    def logits(self, picture: Tensor) -> Tensor:
        features = self.stem(picture)  # 1/4
        skips: list[Tensor] = []
        for block, narrow in zip(self.down, self.narrow, strict=True):
            if skips:
                features = F.avg_pool2d(features, 2)
            skips.append(block(features))
            features = narrow(skips[-1])  # 1/4, 1/8, ... 1/stride
        for skip, join, block in zip(reversed(skips[:-1]), self.join, self.up, strict=True):
            features = block(join(side_by_side([enlarge(features, 2), skip])))  # ... 1/8, 1/4
        return enlarge(self.head(features), 4)


def _stem(channels: int, widths: tuple[int, int, int, int]) -> nn.Sequential:
    """Four 3x3 convolutions, the first and the third with stride 2."""
    ends = [channels, *widths]
    return nn.Sequential(*(ConvNormReLU(ends[i], ends[i + 1], stride=2 if i % 2 == 0 else 1) for i in range(4)))
