"""A trained network as a `Segmenter`: numpy in, numpy out; and how it is written to and read from a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from blemish.core.arrays import Float32, UInt8
from blemish.core.errors import BundleError, InputError
from blemish.core.taxonomy import Taxonomy
from blemish.segment.networks import build
from blemish.segment.pixel_network import PixelNetwork
from blemish.train.checkpoint import CARD, load_weights, save_weights
from blemish.train.precision import Precision, channels_last

WEIGHTS_FOLDER = "weights"  # In a run's folder.
KIND = "segmenter"
NORMALISATION = "uint8 0..255 divided by 255, then (picture - mean) / std inside the network"


class TorchSegmenter:
    """What each pixel shows, by a torch network.

    Args:
        network: set to evaluation here.
        card: of its weights; empty for one that was never written.
        precision: `bf16` is autocast; float32 is what exports are compared with.
        device: where the network is moved.

    Example:
        >>> segmenter = TorchSegmenter(build("hardnet-small", 1, 3), Taxonomy.of_names("two", ["a", "b"]))
        >>> segmenter.probabilities(np.zeros((2, 40, 50, 1), np.uint8)).shape
        (2, 3, 40, 50)
    """

    def __init__(
        self,
        network: PixelNetwork,
        taxonomy: Taxonomy,
        *,
        card: dict[str, Any] | None = None,
        precision: Precision = "fp32",
        device: torch.device | str = "cpu",
    ) -> None:
        if network.outputs != len(taxonomy.defects) + 1:
            raise BundleError(
                f"the network has {network.outputs} outputs, its taxonomy {len(taxonomy.defects)} defects"
            )
        self.device = torch.device(device)
        self.network = channels_last(network.to(self.device)).eval()
        self.precision = precision
        self.card = card or {}
        self._taxonomy = taxonomy

    @classmethod
    def load(cls, folder: Path, *, precision: Precision = "fp32", device: torch.device | str = "cpu") -> TorchSegmenter:
        """The network of a run's folder (or of the folder that holds its weights).

        Raises:
            BundleError: no weights there, altered or damaged ones, or weights of something else.
        """
        weights = folder if (folder / CARD).is_file() else folder / WEIGHTS_FOLDER
        if not folder.is_dir():
            raise BundleError(f"there is no folder {folder}: give a run of segment train, or a bundle")
        if not (weights / CARD).is_file():
            raise BundleError(f"{folder} holds no trained weights: let segment train finish first (--resume)")
        tensors, card = load_weights(weights)
        if card.get("kind") != KIND:
            raise BundleError(f"{weights} holds a {card.get('kind', 'file of no kind')}, expected a {KIND}")
        try:
            taxonomy = Taxonomy.from_dict(card["taxonomy"], str(weights / CARD))
            network = build(card["architecture"], card["channels"], card["outputs"])
            network.load_state_dict(tensors)
        except (KeyError, TypeError, RuntimeError, InputError) as error:
            reason = " ".join(str(error).split())[:200]
            raise BundleError(f"{weights}: card and weights do not fit together ({reason}): train again") from error
        return cls(network, taxonomy, card=card, precision=precision, device=device)

    @property
    def taxonomy(self) -> Taxonomy:
        return self._taxonomy

    @property
    def channels(self) -> int:
        return self.network.channels

    def probabilities(self, pictures: UInt8) -> Float32:
        """float32 N (K+1) H W for uint8 N H W C (`core.protocols.Segmenter`).

        Raises:
            InputError: another dtype, number of axes or channels.
        """
        if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[3] != self.channels:
            raise InputError(
                f"pictures must be uint8 N H W {self.channels}, got {pictures.dtype} {list(pictures.shape)}: "
                f"convert them with picture.normalise"
            )
        with torch.inference_mode(), torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            logits = self.network(to_input(torch.from_numpy(np.require(pictures, None, ["C", "W"])).to(self.device)))
        probabilities: Float32 = logits.float().softmax(dim=1).contiguous().cpu().numpy()
        return probabilities


def to_input(pictures: Tensor) -> Tensor:
    """float32 N C H W in [0, 1], channels-last, of uint8 N H W C."""
    return pictures.permute(0, 3, 1, 2).to(torch.float32) / 255


def save_segmenter(run: Path, network: PixelNetwork, card: dict[str, Any]) -> Path:
    """Write a network's weights and card into a run's folder; returns the folder that holds them.

    Args:
        card: at least `architecture` (a name of `segment.networks`) and `taxonomy` (`Taxonomy.to_dict`).
    """
    folder = run / WEIGHTS_FOLDER
    sizes = {
        "kind": KIND,
        "channels": network.channels,
        "outputs": network.outputs,
        "stride": network.stride,
        "parameters": sum(p.numel() for p in network.parameters()),
        "normalisation": NORMALISATION,
        "mean": network.mean.flatten().tolist(),
        "std": network.std.flatten().tolist(),
    }
    save_weights(folder, network, {**card, **sizes})
    return folder
