"""What a network weighs: parameters, multiply-accumulates, layers. Counted by running it, not by formula."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from blemish.segment.pixel_network import PixelNetwork


@dataclass(frozen=True)
class Layer:
    """One convolution as it ran."""

    name: str
    kernel: int
    stride: int
    channels_in: int
    channels_out: int
    size_hw: tuple[int, int]  # Of its output.
    parameters: int  # Of the convolution; its batch norm has two more for each output channel.
    mac: int  # Multiply-accumulates for one picture.


@dataclass(frozen=True)
class Description:
    """A network at one picture size; `gmac` counts convolutions (1 MAC = 2 FLOP), `mib` is float32 parameters."""

    name: str
    size_px: int
    channels: int
    outputs: int
    stride: int
    convolutions: int
    parameters: int
    mib: float
    gmac: float
    layers: tuple[Layer, ...]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def to_text(self) -> str:
        """A table for people."""
        rows = [
            f"{layer.name:24}{layer.kernel}x{layer.kernel} s{layer.stride}  {layer.channels_in:4} ->"
            f" {layer.channels_out:4}  {layer.size_hw[0]:4} x {layer.size_hw[1]:<4}{layer.parameters:>9,}"
            f"{layer.mac / 1e6:>9.1f} MMAC"
            for layer in self.layers
        ]
        total = (
            f"{self.name}: {self.convolutions} convolutions, {self.parameters:,} parameters, {self.mib:.2f} MiB, "
            f"{self.gmac:.3f} GMAC at {self.size_px} x {self.size_px}, stride {self.stride}"
        )
        return "\n".join([*rows, total])


def describe(network: PixelNetwork, name: str, size_px: int) -> Description:
    """Run one black picture of `size_px` squared and write down every convolution in the order it ran."""
    layers: list[Layer] = []
    handles = [
        module.register_forward_hook(_recorder(place, layers))
        for place, module in network.named_modules()
        if isinstance(module, nn.Conv2d)
    ]
    was_training = network.training
    try:
        with torch.inference_mode():
            network.eval()(torch.zeros(1, network.channels, size_px, size_px))
    finally:
        network.train(was_training)
        for handle in handles:
            handle.remove()
    parameters = sum(p.numel() for p in network.parameters())
    return Description(
        name=name,
        size_px=size_px,
        channels=network.channels,
        outputs=network.outputs,
        stride=network.stride,
        convolutions=len(layers),
        parameters=parameters,
        mib=round(parameters * 4 / 2**20, 3),
        gmac=round(sum(layer.mac for layer in layers) / 1e9, 4),
        layers=tuple(layers),
    )


def _recorder(name: str, layers: list[Layer]) -> Any:
    def record(module: nn.Conv2d, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        height, width = output.shape[2:]
        parameters = sum(p.numel() for p in module.parameters())
        layers.append(
            Layer(
                name=name,
                kernel=module.kernel_size[0],
                stride=module.stride[0],
                channels_in=module.in_channels,
                channels_out=module.out_channels,
                size_hw=(height, width),
                parameters=parameters,
                mac=module.weight.numel() * height * width,
            )
        )

    return record
