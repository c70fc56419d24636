"""What a network is made of: layers, sizes, parameters and work, counted from one forward pass without any memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from blemish.core.taxonomy import Taxonomy
from blemish.gan.composed.discriminator import SegmentingDiscriminator
from blemish.gan.composed.networks import BACKGROUND_NOISE, CODE, NOISE, BackgroundBranch, DefectBranch, PixelNorm
from blemish.gan.composed.settings import ComposedSettings
from blemish.gan.discriminator import PatchDiscriminator
from blemish.gan.networks import Concatenate, PaperGenerator
from blemish.gan.presets import Settings

_KINDS: dict[type[nn.Module], str] = {
    nn.Conv2d: "convolution",
    nn.ConvTranspose2d: "transposed convolution",
    nn.ReLU: "relu",
    nn.LeakyReLU: "leaky relu",
    nn.MaxPool2d: "max pooling",
    nn.ZeroPad2d: "zero padding",
    Concatenate: "concatenate",
    PixelNorm: "pixel norm",
}


@dataclass(frozen=True)
class LayerRow:
    """One layer in the order of the forward pass."""

    name: str
    kind: str
    filter: str  # "64 x 3 x 3": output channels, height, width; "" where there is none.
    stride: int
    output_hwc: tuple[int, int, int]
    parameters: int
    gflop: float  # 1 MAC = 2 FLOP; a transposed convolution is counted per input position. Biases are left out.


@dataclass(frozen=True)
class Description:
    """A network at one picture size."""

    layers: tuple[LayerRow, ...]

    @property
    def convolutions(self) -> int:
        """Convolutions, transposed ones among them."""
        return sum(layer.kind.endswith("convolution") for layer in self.layers)

    @property
    def parameters(self) -> int:
        return sum(layer.parameters for layer in self.layers)

    @property
    def mib(self) -> float:
        """Size of the parameters in float32, in units of 1,048,576 bytes."""
        return self.parameters * 4 / 2**20

    @property
    def gflop(self) -> float:
        """One picture, forward."""
        return sum(layer.gflop for layer in self.layers)

    def to_dict(self) -> dict[str, Any]:
        return {
            "convolutions": self.convolutions,
            "parameters": self.parameters,
            "mib": round(self.mib, 2),
            "gflop": round(self.gflop, 2),
            "layers": [asdict(layer) for layer in self.layers],
        }


def describe_generator(width: int = 64, channels: int = 1, *, size_hw: tuple[int, int] = (512, 512)) -> Description:
    """The paper's generator.

    Raises:
        InputError: a size that is no multiple of 16.

    Example:
        >>> paper = describe_generator()
        >>> paper.convolutions, paper.parameters, round(paper.mib, 2), round(paper.gflop, 1)
        (47, 30815043, 117.55, 907.7)
    """
    plane = torch.empty(1, 1, *size_hw, device="meta")
    with torch.device("meta"):
        network = PaperGenerator(width, channels)
    return describe_layers(network, [plane, plane])


def describe_discriminator(
    latent_planes: int, width: int = 64, channels: int = 1, *, size_hw: tuple[int, int] = (512, 512)
) -> Description:
    """Our discriminator; `latent_planes` is M + K."""
    picture = torch.empty(1, channels, *size_hw, device="meta")
    with torch.device("meta"):
        network = PatchDiscriminator(latent_planes, width, channels)
    return describe_layers(network, [picture, torch.empty(1, latent_planes, *size_hw, device="meta")])


def describe_composed(
    settings: ComposedSettings, taxonomy: Taxonomy, channels: int = 1, *, size_hw: tuple[int, int] = (512, 512)
) -> tuple[Description, Description]:
    """The default generator at work, defect branch then background branch, and its discriminator.

    The encoder of appearance codes works in training only and is left out.

    Example:
        >>> ours, judge = describe_composed(ComposedSettings(), Taxonomy.preset("pouch-cell"))
        >>> ours.mib < 38.7
        True
    """
    m, k = len(taxonomy.backgrounds), len(taxonomy.defects)

    def planes(count: int) -> Tensor:
        return torch.empty(1, count, *size_hw, device="meta")

    condition = 1 + m + k + CODE
    with torch.device("meta"):
        defect = DefectBranch(
            condition, settings.width, channels, every_scale=settings.parts.every_scale, wear=settings.parts.wear
        )
        background = BackgroundBranch(m, settings.width, channels)
        judge = SegmentingDiscriminator(m + k + 1, settings.width, channels)
    layers = [
        *_named("defect", describe_layers(defect, [planes(channels), planes(condition), planes(NOISE)])),
        *_named("background", describe_layers(background, [planes(m), planes(2 * channels), planes(BACKGROUND_NOISE)])),
    ]
    return Description(tuple(layers)), describe_layers(judge, [planes(channels)])


def describe_preset(
    settings: Settings, taxonomy: Taxonomy, channels: int, *, size_hw: tuple[int, int]
) -> tuple[Description, Description]:
    """Generator and discriminator of any preset's settings."""
    if isinstance(settings, ComposedSettings):
        return describe_composed(settings, taxonomy, channels, size_hw=size_hw)
    return (
        describe_generator(settings.width, channels, size_hw=size_hw),
        describe_discriminator(taxonomy.channels, settings.width, channels, size_hw=size_hw),
    )


def _named(branch: str, description: Description) -> list[LayerRow]:
    return [replace(row, name=f"{branch}.{row.name}") for row in description.layers]


def describe_layers(network: nn.Module, inputs: Sequence[Tensor]) -> Description:
    """Every layer that a forward pass meets, in its order; its parameters add up to the network's."""
    rows: list[LayerRow] = []

    def hook(name: str) -> Any:
        return lambda layer, given, made: rows.append(_row(name, layer, given[0], made))

    handles = [m.register_forward_hook(hook(name)) for name, m in network.named_modules() if _kind(m) is not None]
    try:
        with torch.no_grad():
            network(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    return Description(tuple(rows))


def text_table(description: Description, title: str) -> str:
    """The layers as lines for people, the totals last."""
    lines = [
        title,
        f"{'layer':<34}{'kind':<24}{'filter':<15}{'stride':>6}  {'output':<17}{'parameters':>11}{'GFLOP':>9}",
    ]
    for row in description.layers:
        output = " x ".join(map(str, row.output_hwc))
        lines.append(
            f"{row.name:<34}{row.kind:<24}{row.filter:<15}{row.stride:>6}  {output:<17}"
            f"{row.parameters:>11,}{row.gflop:>9.3f}"
        )
    lines.append(
        f"{description.convolutions} convolutions, {description.parameters:,} parameters, "
        f"{description.mib:.2f} MiB, {description.gflop:.1f} GFLOP"
    )
    return "\n".join(lines)


def _kind(layer: nn.Module) -> str | None:
    # Spectral norm makes a subclass of the layer.
    return next((kind for known, kind in _KINDS.items() if isinstance(layer, known)), None)


def _row(name: str, layer: nn.Module, given: Tensor, made: Tensor) -> LayerRow:
    kind, filter_text, stride, flop = _kind(layer) or "", "", 1, 0
    _, channels, height, width = made.shape
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        positions = given if isinstance(layer, nn.ConvTranspose2d) else made
        flop = 2 * layer.weight.numel() * math.prod(positions.shape[2:])
        filter_text = f"{layer.out_channels} x {layer.kernel_size[0]} x {layer.kernel_size[1]}"
        stride = int(layer.stride[0])
    elif isinstance(layer, nn.MaxPool2d):
        filter_text, stride = f"{channels} x {layer.kernel_size} x {layer.kernel_size}", 2
    parameters = sum(parameter.numel() for parameter in layer.parameters())
    return LayerRow(name, kind, filter_text, stride, (height, width, channels), parameters, flop / 1e9)
