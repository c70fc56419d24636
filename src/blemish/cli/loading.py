"""What several commands read or choose: an inspector or a generator of any kind, a JSON object, a device."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blemish.cli.precisions import trained_in
from blemish.core.errors import InputError

if TYPE_CHECKING:
    from blemish.bundle.generator import BundlePainter
    from blemish.core.protocols import Segmenter
    from blemish.gan.composed.model import ComposedTorchGenerator
    from blemish.gan.model import TorchGenerator


def load_segmenter(source: Path, precision: str | None = "fp32") -> Segmenter:
    """A trained run, a bundle, or the JSON file of a fixed-parameter baseline, told apart by what is there.

    Raises:
        BundleError: none of them, or a damaged one.
    """
    if source.is_file():
        from blemish.segment.baseline import FixedParameters

        return FixedParameters.from_dict(read_json(source))
    if (source / "card.json").is_file() and read_json(source / "card.json").get("kind") == "inspector":
        from blemish.bundle.bundle import Bundle

        return Bundle.open(source).segmenter()
    from blemish.segment.model import TorchSegmenter

    return TorchSegmenter.load(source, precision=trained_in(precision) or "fp32")


def load_painter(
    run: Path, device: str, *, threads: int | None = None
) -> TorchGenerator | ComposedTorchGenerator | BundlePainter:
    """Of a run, or of a generator's bundle, which needs no torch.

    Args:
        threads: of a bundle; None = all that this process may use.
    """
    from blemish.bundle.generator import GeneratorBundle, is_generator_bundle

    if is_generator_bundle(run):
        if device not in ("auto", "cpu"):
            raise InputError(f"{run} is a bundle and draws on the CPU: leave --device {device} out")
        return GeneratorBundle.open(run).painter(threads=threads)
    from blemish.gan.model import load_generator

    return load_generator(run, chosen_device(device))


def chosen_device(device: str) -> str:
    """What `--device` means: "cpu" or "cuda".

    Raises:
        InputError: neither, nor auto; or cuda where there is none.
    """
    import torch

    if device not in ("auto", "cpu", "cuda"):
        raise InputError(f"--device must be auto, cpu or cuda, got '{device}'")
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: this machine has no CUDA device that torch can use; leave it out")
    return "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"


def read_json(path: Path) -> dict[str, Any]:
    """One JSON object.

    Raises:
        InputError: not readable, or something else.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is not readable JSON ({error})") from error
    if not isinstance(values, dict):
        raise InputError(f"{path} must hold one JSON object")
    return values
