"""A trained default generator as a `core.protocols.Generator`: torch networks under the common painter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from blemish.bundle.painting import Options, Painter, Palette
from blemish.core.arrays import Float32
from blemish.core.taxonomy import Taxonomy
from blemish.gan.composed.networks import BACKGROUND_NOISE, CODE, NOISE, ComposedGenerator

ARCHITECTURE = "composed"


class ComposedTorchGenerator(Painter):
    """The moving-average weights of a run of the default preset.

    Args:
        network: in evaluation mode.
        card: beside the weights; holds how it paints and the lighting of the real tiles.
        hash: SHA-256 of the weights.
    """

    def __init__(self, network: ComposedGenerator, taxonomy: Taxonomy, card: Mapping[str, Any], *, hash: str) -> None:  # noqa: A002
        super().__init__(
            taxonomy,
            network.channels,
            palette_of(network, card["lights"]),
            Options(**card["painting"]),
            _runner(network.defect),
            _runner(network.background),
        )
        self.network, self.card, self.hash = network, dict(card), hash

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor], card: Mapping[str, Any], where: str, device: str, sha256: str) -> Self:
        """From the tensors and the card of a run."""
        taxonomy = Taxonomy.from_dict(card["taxonomy"], where)
        plan = card["architecture"]
        network = ComposedGenerator(
            len(taxonomy.defects),
            len(taxonomy.backgrounds),
            int(plan["width"]),
            int(plan["channels"]),
            every_scale=bool(plan["every_scale"]),
            wear=bool(plan.get("wear", False)),  # Generators of before know nothing of it.
        )
        network.load_state_dict(tensors)
        network.to(device).eval().requires_grad_(False)
        return cls(network, taxonomy, card, hash=sha256)

    @property
    def preset(self) -> str:
        return str(self.card["preset"])


def palette_of(network: ComposedGenerator, lights: Any) -> Palette:
    """What the generator remembers, as arrays.

    Args:
        lights: L M 2C numbers.
    """
    codes = tuple(
        network.codes[index, : int(count)].cpu().numpy().astype(np.float32)
        for index, count in enumerate(network.held.clamp(max=network.codes.shape[1]))
    )
    return Palette(codes, np.asarray(lights, np.float32), CODE, NOISE, BACKGROUND_NOISE)


def _runner(branch: nn.Module) -> Any:
    def run(*planes: Float32) -> Float32:
        device = next(branch.parameters()).device
        with torch.inference_mode():
            made: Tensor = branch(*(torch.from_numpy(each).to(device) for each in planes))
        return made.float().cpu().numpy()

    return run
