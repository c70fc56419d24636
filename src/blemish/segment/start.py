"""Start weights: a network begins where another one of the same architecture ended, say one trained on simulated tiles.

A defect is a small share of a tile, and from scratch a network first learns to say "none" everywhere and may stay
there for long; one that has learned edges, dots and lines elsewhere does not (docs/adr/0005).
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from blemish.core.errors import InputError
from blemish.segment.hardnet import FCHarDNet
from blemish.segment.model import TorchSegmenter

_OWN = ("mean", "std")  # Normalisation belongs to the data at hand.


@dataclass(frozen=True)
class Started:
    """Where a network's weights began: the hash of the weights taken over, and how many tensors fitted."""

    sha256: str
    taken: int
    fresh: int  # Of another shape: the last layer, where the number of classes differs.

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def start_from(network: FCHarDNet, folder: Path) -> Started:
    """Copy into a network all weights of a finished run that have the same name and shape; the others stay fresh.

    Raises:
        BundleError: no finished run in the folder.
        InputError: a run of another architecture, of which less than half would fit.
    """
    source = TorchSegmenter.load(folder).network.state_dict()
    own = network.state_dict()
    named = [name for name in own if name.rsplit(".", 1)[-1] not in _OWN]
    fitting = [name for name in named if name in source and source[name].shape == own[name].shape]
    if len(fitting) * 2 < len(named):
        raise InputError(
            f"{folder} holds another network: {len(fitting)} of {len(named)} tensors fit; "
            f"give a run of the same --network and channels with --start-from"
        )
    with torch.no_grad():
        for name in fitting:
            own[name].copy_(source[name])
    digest = hashlib.sha256(save({name: source[name].contiguous() for name in sorted(fitting)})).hexdigest()
    return Started(digest, len(fitting), len(named) - len(fitting))
