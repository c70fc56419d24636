"""The networks that `blemish segment` knows, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import torch

from blemish.core.errors import InputError
from blemish.segment.hardnet import FC_HARDNET_70, HARDNET_SMALL, FCHarDNet
from blemish.segment.lite0_unet import STRIDE, Lite0UNet
from blemish.segment.pixel_network import PixelNetwork

DEFAULT, SMALL, LITE0, AUTO = "fc-hardnet-70", "hardnet-small", "lite0-unet", "auto"


@dataclass(frozen=True)
class Architecture:
    """How a network is made, of channels, outputs, mean and std, and what its input sizes are multiples of."""

    make: Callable[..., PixelNetwork]
    stride: int


ARCHITECTURES: Mapping[str, Architecture] = MappingProxyType(
    {
        DEFAULT: Architecture(partial(FCHarDNet, FC_HARDNET_70), FC_HARDNET_70.stride),
        SMALL: Architecture(partial(FCHarDNet, HARDNET_SMALL), HARDNET_SMALL.stride),
        LITE0: Architecture(Lite0UNet, STRIDE),
    }
)


def network_named(name: str, preset: str = "") -> str:
    """The network that a name means: `auto` is the paper's with its preset or on a GPU, else the small one.

    On a CPU the paper's network, from scratch, finds nothing in an evening (docs/adr/0006); the small one takes a third
    of the time a step and begins with packaged weights.

    Example:
        >>> network_named("auto", "paper"), network_named("hardnet-small")
        ('fc-hardnet-70', 'hardnet-small')
    """
    if name != AUTO:
        return name
    return DEFAULT if preset == "paper" or torch.cuda.is_available() else SMALL


def architecture(name: str) -> Architecture:
    """By its name.

    Raises:
        InputError: no such network.
    """
    if name not in ARCHITECTURES:
        raise InputError(f"no network '{name}': there are {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[name]


def refuse_one_pixel(name: str, batch: int, side_px: int) -> None:
    """Raise where a step would leave batch norm one pixel to learn from: one sample, of one stride at the most.

    Raises:
        InputError: that, or no such network.
    """
    stride = architecture(name).stride
    if batch == 1 and side_px <= stride:
        raise InputError(
            f"{name} cannot learn from one sample of {side_px} px a step: give --batch 2 or more, or samples of more "
            f"than {stride} px"
        )


def build(
    name: str, channels: int, outputs: int, *, mean: Sequence[float] = (0.5,), std: Sequence[float] = (0.25,)
) -> PixelNetwork:
    """A network with fresh weights (drawn from torch's global seed).

    Args:
        channels: of the picture, 1 gray or 3 RGB.
        outputs: K + 1.
        mean: subtracted from the picture in [0, 1]; one value, or one per channel.
        std: what it is then divided by.

    Raises:
        InputError: no such network; channels or outputs out of range.

    Example:
        >>> build("hardnet-small", 1, 7).stride
        32
    """
    known = architecture(name)
    if channels not in (1, 3) or outputs < 2:
        raise InputError(f"a network has 1 or 3 channels and 2 or more outputs, got {channels} and {outputs}")
    return known.make(channels, outputs, mean=mean, std=std)
