"""Where a cell's networks begin, and where they run."""

from __future__ import annotations

from pathlib import Path

import torch

from blemish.bench.scale import Scale
from blemish.segment.model import WEIGHTS_FOLDER
from blemish.segment.start import PHOTOGRAPHS, start_named
from blemish.train import lite0
from blemish.train.checkpoint import CARD, WEIGHTS, load_weights


def device() -> str:
    """`cuda` where there is one, else `cpu`: of judging, gating and generating, as training chooses for itself."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def start_of(scale: Scale) -> Path | None:
    """The folder that every rung's weights begin from; None = from scratch."""
    return start_named(scale.start, scale.network)


def start_hash(scale: Scale) -> str | None:
    """SHA-256 of the start weights, whatever folder they lie in; None = from scratch.

    Raises:
        BundleError: no finished run there, or altered weights.
    """
    folder = start_of(scale)
    if folder is None:
        return None
    if folder == PHOTOGRAPHS:
        return lite0.SHA256
    weights = folder if (folder / CARD).is_file() else folder / WEIGHTS_FOLDER
    return str(load_weights(weights)[1]["sha256"][WEIGHTS])
