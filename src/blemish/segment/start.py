"""Start weights: a network begins where another one of the same architecture ended, not from scratch.

A defect is a small share of a tile, and from scratch a network first learns to say "none" everywhere and may stay
there for long; one that has learned edges, dots and lines elsewhere does not (docs/adr/0005 and 0006). The package
brings weights that were learned on procedural surfaces; `python -m blemish.segment.start RUN FOLDER` packs such a run.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from blemish.core.errors import InputError
from blemish.core.records import TileRecord
from blemish.data.dataset import Dataset
from blemish.data.seen_before import seen_of
from blemish.segment.lite0_unet import Lite0UNet
from blemish.segment.model import TorchSegmenter
from blemish.segment.networks import LITE0
from blemish.segment.pixel_network import PixelNetwork
from blemish.simulate.procedural import NAME as PROCEDURAL
from blemish.train.checkpoint import CARD, save_weights
from blemish.train.lite0 import SHA256, load_lite0

SCRATCH, AUTO = "scratch", "auto"
PHOTOGRAPHS = Path("photographs")  # In the place of a folder: the encoder of `lite0-unet` as ImageNet taught it.
_PACKAGED = Path(__file__).parent / "weights"
_OWN = ("mean", "std")  # Normalisation belongs to the data at hand.
_HEAD = "head."


@dataclass(frozen=True)
class Started:
    """Where a network's weights began: the hash of the weights taken over, and how many tensors fitted."""

    sha256: str
    taken: int
    fresh: int  # The last layer, where the classes differ.

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def start_from(network: PixelNetwork, folder: Path, classes: Sequence[str] | None = None) -> Started:
    """Copy into a network all weights of a finished run that have the same name and shape; the others stay fresh.

    Weights of a gray network start an RGB one too, and the other way round: the first layer answers to a gray picture
    as the other did. The last layer is taken only where the classes are the same in the same order: that of procedural
    weights never is.

    Args:
        folder: of a run, or what `start_named` gives.
        classes: names of those that the network is to tell; None = those of the run.

    Raises:
        BundleError: no finished run in the folder, or damaged weights.
        InputError: a run of another architecture, of which less than half would fit.
    """
    if folder == PHOTOGRAPHS:
        return _from_photographs(network)
    source = _source(folder, classes)
    own = network.state_dict()
    named = [name for name in own if name.rsplit(".", 1)[-1] not in _OWN]
    found = {name: _fitted(source[name], own[name]) for name in named if name in source}
    fitting = {name: tensor for name, tensor in found.items() if tensor is not None}
    if len(fitting) * 2 < len(named):
        raise InputError(
            f"{folder} holds another network: {len(fitting)} of {len(named)} tensors fit; "
            f"give a run of the same --network and channels with --start-from"
        )
    with torch.no_grad():
        for name, tensor in fitting.items():
            own[name].copy_(tensor)
    digest = hashlib.sha256(save({name: source[name].contiguous() for name in sorted(fitting)})).hexdigest()
    return Started(digest, len(fitting), len(named) - len(fitting))


def _from_photographs(network: PixelNetwork) -> Started:
    if not isinstance(network, Lite0UNet):
        raise InputError(f"only {LITE0} has an encoder that learned from photographs: give --network {LITE0}")
    taken = network.begin_with(load_lite0())
    return Started(SHA256, taken, len(network.state_dict()) - len(_OWN) - taken)


def card_of(start: Path | None) -> dict[str, Any]:
    """The card of the weights that a training begins with; empty of scratch and of photographs.

    Raises:
        BundleError: no finished run in the folder, or damaged weights.
    """
    return {} if start is None or start == PHOTOGRAPHS else TorchSegmenter.load(start).card


def seen_by(start: Path | None, records: Sequence[TileRecord]) -> int:
    """How many of these tiles start weights learned from, of the few that their card names (`data.seen_before`).

    Raises:
        BundleError: no finished run in the folder, or damaged weights.
    """
    return seen_of(records, card_of(start).get("learned_from", ()))


def refuse_seen(start: Path | None, dataset: Dataset, records: Sequence[TileRecord]) -> None:
    """Raise where start weights learned from tiles that are to judge what is begun with them.

    Raises:
        InputError: they did, as far as their card tells (`data.seen_before`).
        BundleError: no finished run in the folder, or damaged weights.
    """
    if seen_by(start, records) or str(card_of(start).get("data_hash", "")).startswith(dataset.hash):
        raise InputError(
            f"{start} learned from tiles of {dataset.folder} that the folds judge: what begins with its weights has "
            f"seen them; give --start-from procedural or scratch, or a run that learned from other data"
        )


def packaged_start(network: str) -> Path | None:
    """The folder of the start weights that the package brings for a network; None where it brings none.

    Example:
        >>> packaged_start("hardnet-tiny") is None
        True
    """
    folder = _PACKAGED / network
    return folder if network and (folder / CARD).is_file() else None


def start_named(name: str, network: str) -> Path | None:
    """What `--start-from` means: `scratch` (None), `procedural` (the packaged weights), `photographs`, or a run.

    `auto` is photographs for `lite0-unet`, procedural where weights are packaged for the network, else scratch.

    Raises:
        InputError: no weights are packaged for this network.

    Example:
        >>> start_named("scratch", "hardnet-small") is None
        True
    """
    if name == SCRATCH:
        return None
    if name == AUTO:
        return PHOTOGRAPHS if network == LITE0 else packaged_start(network)
    if name != PROCEDURAL:
        return Path(name)
    folder = packaged_start(network)
    if folder is None:
        raise InputError(
            f"no procedural start weights are packaged for {network}: make them with "
            f"segment pretrain --network {network} --out RUN, and give --start-from RUN"
        )
    return folder


def pack_start(run: Path, folder: Path) -> Path:
    """Write the weights of a pretraining run in half precision, with its card and the command that made it.

    Raises:
        BundleError: no finished run.
    """
    trained = TorchSegmenter.load(run)
    settings = trained.card.get("settings", {})
    command = (
        f"blemish segment pretrain --out RUN --network {settings['network']} --steps {settings['steps']} "
        f"--batch {settings['batch']} --size {settings['size_px']} --learning-rate {settings['learning_rate']} "
        f"--teacher {settings.get('teacher_weight', 0)} --precision {settings['precision']} --seed {settings['seed']}"
    )
    began = json.loads((run / "run.json").read_text(encoding="utf-8"))["commit"]
    made = {"command": command, "commit": began, "stored_as": "float16"}
    save_weights(folder, trained.network.half(), {**trained.card, **made})
    return folder


def _source(folder: Path, classes: Sequence[str] | None) -> dict[str, Tensor]:
    segmenter = TorchSegmenter.load(folder)
    tensors, taxonomy = segmenter.network.state_dict(), segmenter.taxonomy
    if taxonomy.name != PROCEDURAL and (classes is None or list(classes) == list(taxonomy.defect_names)):
        return tensors
    return {name: tensor for name, tensor in tensors.items() if not name.startswith(_HEAD)}


def _fitted(source: Tensor, own: Tensor) -> Tensor | None:
    """The source in the shape of its place: a first layer of one channel spread over three, one of three added up."""
    if source.shape == own.shape:
        return source
    if source.ndim == 4 and source.shape[1] == 1 and own.shape == (source.shape[0], 3, *source.shape[2:]):
        return source.expand_as(own) / 3
    if source.ndim == 4 and source.shape[1] == 3 and own.shape == (source.shape[0], 1, *source.shape[2:]):
        return source.sum(1, keepdim=True)  # A gray picture has three equal channels.
    return None


if __name__ == "__main__":
    print(pack_start(Path(sys.argv[1]), Path(sys.argv[2])))
