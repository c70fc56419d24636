"""A trained generator as a `core.protocols.Generator`: label maps in, pictures out.

`load_generator` reads the run of any preset; `TorchGenerator` is the paper's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from blemish.bundle.painting import refuse_mismatch
from blemish.core.arrays import UInt8
from blemish.core.errors import BundleError, TaxonomyError
from blemish.core.labels import LabelMap
from blemish.core.taxonomy import Taxonomy
from blemish.gan.composed.model import ARCHITECTURE, ComposedTorchGenerator
from blemish.gan.networks import PaperGenerator
from blemish.gan.planes import from_network, label_planes, stack_maps, to_network
from blemish.train.checkpoint import WEIGHTS, load_weights
from blemish.train.machine import commit, versions

KIND = "gan-generator"
GENERATOR = "generator"  # The folder, in a run, of the weights to generate with.


def load_generator(folder: Path, device: str = "cpu") -> TorchGenerator | ComposedTorchGenerator:
    """The generator of a run of any preset, or of the `generator` folder inside it.

    Raises:
        BundleError: no finished training there, weights altered, or a model of another kind.
    """
    tensors, card = _read(folder)
    try:
        if card["architecture"]["name"] == ARCHITECTURE:
            return ComposedTorchGenerator.of(tensors, card, str(folder), device, card["sha256"][WEIGHTS])
        return TorchGenerator.of(tensors, card, str(folder), device)
    except (KeyError, TypeError, ValueError, RuntimeError, TaxonomyError) as error:
        reason = " ".join(str(error).split())[:200]
        raise BundleError(f"{folder}: card and weights do not fit together ({reason}): train again") from error


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    if not folder.is_dir():
        raise BundleError(f"there is no folder {folder}: give a run of gan train, or a generator's bundle")
    inner = folder / GENERATOR
    if not inner.is_dir() and not (folder / "card.json").is_file():
        raise BundleError(f"{folder} holds no generator: give a finished run of gan train, or a generator's bundle")
    tensors, card = load_weights(inner if inner.is_dir() else folder)
    if card.get("kind") != KIND:
        raise BundleError(f"{folder} holds a '{card.get('kind')}', expected a {KIND}: give a folder of gan train")
    return tensors, card


def card_of(plan: Mapping[str, Any], taxonomy: Taxonomy, learning_rate: Mapping[str, Any]) -> dict[str, Any]:
    """What stands beside a generator's weights.

    Args:
        plan: the run's settings.
        learning_rate: asked, used, and what diverged.
    """
    return {
        "kind": KIND,
        "architecture": {"name": "paper", "width": plan["width"], "channels": plan["channels"]},
        "taxonomy": taxonomy.to_dict(),
        "normalisation": "pictures in [-1, 1]; defect index / K, background index / (M-1)",
        "preset": plan["preset"],
        "size_px": plan["size_px"],
        "steps": plan["steps"],
        "seed": plan["seed"],
        "learning_rate": dict(learning_rate),
        "data": plan["data"],
        "commit": commit(),
        "versions": versions(),
    }


class TorchGenerator:
    """Paints label maps with the moving-average weights of a run.

    The paper's network draws no noise: a label has one picture, whatever its seed.

    Args:
        network: in evaluation mode.
        hash: SHA-256 of the weights.
    """

    def __init__(self, network: PaperGenerator, taxonomy: Taxonomy, card: Mapping[str, Any], *, hash: str) -> None:  # noqa: A002
        self.network = network
        self.taxonomy = taxonomy
        self.card = dict(card)
        self.hash = hash

    @classmethod
    def of(cls, tensors: Mapping[str, Any], card: Mapping[str, Any], where: str, device: str) -> Self:
        """From the tensors and the card of a run."""
        plan = card["architecture"]
        network = PaperGenerator(int(plan["width"]), int(plan["channels"]))
        network.load_state_dict(tensors)
        network.to(device).eval().requires_grad_(False)
        return cls(network, Taxonomy.from_dict(card["taxonomy"], where), card, hash=card["sha256"][WEIGHTS])

    @property
    def channels(self) -> int:
        return self.network.fusion.picture.out_channels

    @property
    def preset(self) -> str:
        return str(self.card["preset"])

    def paint(self, label_maps: Sequence[LabelMap], seeds: Sequence[int], backgrounds: UInt8 | None = None) -> UInt8:
        """Pictures for labels; one at a time, so that a picture's bytes do not depend on its neighbours.

        Args:
            label_maps: N label maps of one size, a multiple of 16 px.
            seeds: one a picture; without effect here.
            backgrounds: uint8 N H W C of clean pictures. They take the place of what the background branch paints: the
                fusion gets them in [-1, 1] as its background. None = the branch paints the background (the paper).

        Returns:
            uint8 N H W C.

        Raises:
            InputError: sizes or numbers that do not go together, or a size that is no multiple of 16.
        """
        refuse_mismatch(label_maps, seeds, backgrounds, self.channels)
        pictures = [
            self._paint_one(label_map, None if backgrounds is None else backgrounds[i : i + 1])
            for i, label_map in enumerate(label_maps)
        ]
        return np.concatenate(pictures)

    @torch.inference_mode()
    def _paint_one(self, label_map: LabelMap, background: UInt8 | None) -> UInt8:
        device = next(self.network.parameters()).device
        defect, beneath = stack_maps([label_map.check(self.taxonomy)])
        planes = label_planes(defect.to(device), beneath.to(device), self.taxonomy)
        clean = None if background is None else to_network(torch.from_numpy(background).to(device))
        return from_network(self.network(planes.defect_input, planes.background_input, clean).fused)
