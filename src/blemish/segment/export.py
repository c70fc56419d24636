"""A trained network becomes a bundle, or is refused because it would not answer like the one it came from.

A traced network keeps what Python decided by the example's size. So a bundle is compared with PyTorch on tiles and on
one of another size, where what a trace froze wrongly shows; where there is a data set, also on its validation tiles.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import torch
from pydantic import ValidationError
from torch import nn

from blemish import __version__
from blemish.bundle.bundle import Bundle, BundleSegmenter, write_bundle
from blemish.bundle.card import Backend, Card, Precision, Scalar, default_thresholds, least_sizes
from blemish.core.arrays import UInt8
from blemish.core.errors import BundleError, InputError
from blemish.core.records import Box
from blemish.core.seeds import rng
from blemish.core.taxonomy import Taxonomy
from blemish.picture.tiling import cut, plan_tiles
from blemish.segment.export_networks import OPSET, Frozen, onnx_bytes, to_onnx, to_openvino
from blemish.segment.export_parity import (
    ALLOWED_DROP,
    TOLERANCES,
    Eager,
    Judged,
    Tiles,
    measured_parity,
    refuse_unlike,
    refuse_worse,
    validated,
)
from blemish.segment.model import TorchSegmenter
from blemish.segment.quantise import Calibration, quantised, quantised_onnx

RANDOM_TILES = 3


def export_module(
    network: nn.Module,
    *,
    out: Path,
    architecture: str,
    taxonomy: Taxonomy,
    channels: int,
    tile_px: int,
    stride: int,
    overlap_px: int | None = None,
    precision: Precision = "f32",
    backends: Sequence[Backend] = ("openvino",),
    calibration: Calibration | None = None,
    tolerance: float | None = None,
    tiles: Tiles | None = None,
    judged: Judged | None = None,
    allowed_drop: float = ALLOWED_DROP,
    thresholds: Mapping[str, float] | None = None,
    value_range: tuple[int, int] | None = None,
    data_hash: str = "",
    learned_from: Sequence[str] = (),
    metrics: Mapping[str, Scalar] | None = None,
    commit: str = "",
) -> Card:
    """Write a bundle of a network that turns float N C H W in [0, 1] into logits N K+1 H W.

    Args:
        overlap_px: least overlap of tiles; None = an eighth of a tile, up to whole strides.
        precision: what the bundle computes in; int8 needs a calibration.
        backends: what can run it; bf16 is OpenVINO's alone.
        calibration: pictures that the ranges of int8 are taken from.
        tolerance: of the difference from PyTorch's float32; None = 0.001 at most in f32, 0.01 on average in bf16, 0.02
            on average in int8.
        tiles: real tiles to compare probabilities on, gray or RGB; None = seeded random pictures.
        judged: validation tiles to compare the IoU of each class on; None = not compared, and the card says nothing.
        allowed_drop: of any class's IoU on the validation tiles.
        thresholds: by class code; None = one half.
        learned_from: of some training tiles, so that calibration knows them again (`data.seen_before`).

    Returns:
        the card, with the measured differences.

    Raises:
        ParityError: the answers differ by more than the tolerance, or a class's IoU falls by more than is allowed;
            nothing is written.
        BundleError: `out` is there already.
        InputError: a tile that is no multiple of the stride, an overlap that leaves no step, int8 without a
            calibration, bf16 for ONNX Runtime.
    """
    _refuse_impossible(precision, backends, calibration)
    if out.exists():
        raise BundleError(f"{out} is there already and a bundle is never changed: choose another --out")
    overlap = default_overlap(tile_px, stride) if overlap_px is None else overlap_px
    plan_tiles(1, 1, tile_px=tile_px, overlap_px=overlap, stride=stride)  # Refuses sizes that do not work out.
    draft = _draft(
        {
            "architecture": architecture,
            "taxonomy": taxonomy,
            "channels": channels,
            "tile_px": tile_px,
            "overlap_px": overlap,
            "stride": stride,
            "value_range": None if value_range is None else list(value_range),
            "thresholds": dict(thresholds or default_thresholds(taxonomy)),
            "least_sizes_px": least_sizes(taxonomy),
            "data_hash": data_hash,
            "learned_from": list(learned_from) or None,
            "metrics": dict(metrics or {}),
            "precision": precision,
            "calibration": calibration.what if calibration and precision == "int8" else None,
            "onnx_opset": OPSET if "onnx" in backends else None,
            "versions": _versions(commit),
        }
    )
    frozen = Frozen(network).eval()
    eager = Eager(frozen, taxonomy, channels, stride)
    networks = _networks(frozen, channels, stride, backends, calibration if precision == "int8" else None)
    compared = [(tiles or random_tiles(RANDOM_TILES, channels, tile_px, tile_px)).in_channels(channels)]
    compared.append(_of_another_size(compared[0], stride))
    exported = _opened(networks, draft)
    parity = measured_parity(eager, exported, compared, tolerance or TOLERANCES[precision])
    refuse_unlike(parity, precision)
    validation = None if judged is None else validated(eager, exported, judged, allowed_drop=allowed_drop)
    if validation is not None:
        refuse_worse(validation)
    finished = draft.model_copy(update={"parity": parity, "validation": validation})
    return write_bundle(out, networks.openvino, finished, onnx=networks.onnx)


def _draft(values: Mapping[str, Any]) -> Card:
    try:
        return Card.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(key) for key in first["loc"]) or "card"
        raise InputError(f"no bundle can be made: {place}: {first['msg']}, got {first['input']!r}") from error


def export_run(
    run: Path,
    *,
    out: Path,
    precision: Precision = "f32",
    backends: Sequence[Backend] = ("openvino",),
    calibration: Calibration | None = None,
    tolerance: float | None = None,
    tiles: Tiles | None = None,
    judged: Judged | None = None,
    allowed_drop: float = ALLOWED_DROP,
    overlap_px: int | None = None,
    tile_px: int | None = None,
) -> Card:
    """Write the bundle of a trained run; tile size, 16-bit range and data hash come from the run's card.

    Args:
        tile_px: another tile size than the run's data set has.

    Raises:
        BundleError: `run` holds no trained inspector.
        ParityError: as `export_module`.
    """
    trained = TorchSegmenter.load(run)
    card = trained.card
    span = card.get("value_range")
    return export_module(
        trained.network,
        out=out,
        architecture=str(card["architecture"]),
        taxonomy=trained.taxonomy,
        channels=trained.channels,
        tile_px=whole_strides(tile_px or int(card["tile_px"]), trained.network.stride),
        stride=trained.network.stride,
        overlap_px=overlap_px,
        precision=precision,
        backends=backends,
        calibration=calibration,
        tolerance=tolerance,
        tiles=tiles,
        judged=judged,
        allowed_drop=allowed_drop,
        value_range=None if span is None else (int(span[0]), int(span[1])),
        data_hash=str(card.get("data_hash", "")),
        learned_from=card.get("learned_from", ()),
        metrics={name: card[name] for name in ("kept", "step", "val_iou") if name in card},
        commit=str(card.get("commit", "")),
    )


def random_tiles(count: int, channels: int, height: int, width: int) -> Tiles:
    """Seeded pictures with shades, edges and noise."""
    pictures = [_random_picture(index, (height, width), channels) for index in range(count)]
    return Tiles(np.stack(pictures), f"{count} seeded random pictures")


def _random_picture(index: int, size_hw: tuple[int, int], channels: int) -> UInt8:
    draw = rng(0, "export", index, *size_hw)
    rows, columns = np.mgrid[0 : size_hw[0], 0 : size_hw[1]]
    shade = 128 + 60 * np.sin(rows / draw.uniform(20, 80)) * np.cos(columns / draw.uniform(20, 80))
    for _ in range(8):
        y, x = draw.integers(0, size_hw[0]), draw.integers(0, size_hw[1])
        radius = draw.uniform(2, max(3, min(size_hw) / 6))
        shade[(rows - y) ** 2 + (columns - x) ** 2 < radius**2] += draw.uniform(-90, 90)
    noisy = shade[:, :, None] + draw.normal(0, draw.uniform(1, 8), (*size_hw, channels))
    picture: UInt8 = np.clip(noisy, 0, 255).astype(np.uint8)
    return picture


@dataclass(frozen=True)
class _Networks:
    openvino: ov.Model | None
    onnx: bytes | None


def _refuse_impossible(precision: Precision, backends: Sequence[Backend], calibration: Calibration | None) -> None:
    if not backends:
        raise InputError("a bundle is for OpenVINO, for ONNX Runtime or for both, got neither")
    if precision == "bf16" and "onnx" in backends:
        raise InputError(
            "bf16 needs OpenVINO: ONNX Runtime convolves in float32 or int8 on CPUs; export with --format openvino"
        )
    if precision == "int8" and calibration is None:
        raise InputError("int8 takes its ranges from real tiles: give --dataset")


def _networks(
    frozen: nn.Module, channels: int, stride: int, backends: Sequence[Backend], calibration: Calibration | None
) -> _Networks:
    """The network for each backend, quantised for each by itself."""
    model: ov.Model | None = None
    onnx: Any = None
    if "openvino" in backends:
        model = to_openvino(frozen, channels, stride)
        model = model if calibration is None else quantised(model, calibration.pictures)
    if "onnx" in backends:
        onnx = to_onnx(frozen, channels, stride)
        onnx = onnx if calibration is None else quantised_onnx(onnx, calibration.pictures)
    return _Networks(model, None if onnx is None else onnx_bytes(onnx))


def _of_another_size(tiles: Tiles, stride: int) -> Tiles:
    """Neither height nor width of the trace's example: a cut of the first tile."""
    return Tiles(cut(tiles.pictures[0], Box(0, 0, stride, 4 * stride))[None], tiles.what)


def _opened(networks: _Networks, draft: Card) -> dict[Backend, BundleSegmenter]:
    """The bundle by each of its backends, written to a temporary folder and opened as on the line."""
    with tempfile.TemporaryDirectory(prefix="blemish-export-") as work:
        write_bundle(Path(work) / "bundle", networks.openvino, draft, onnx=networks.onnx)
        bundle = Bundle.open(Path(work) / "bundle")
    return {backend: bundle.segmenter(backend=backend) for backend in bundle.backends}


def default_overlap(tile_px: int, stride: int) -> int:
    """The least overlap of tiles where none is asked for: an eighth of a tile, up to whole strides."""
    return min(-(-tile_px // (8 * stride)) * stride, tile_px - stride)


def whole_strides(tile_px: int, stride: int) -> int:
    """The next tile size that is a multiple of the stride.

    Raises:
        InputError: no tile at all.
    """
    if tile_px < 1:
        raise InputError(f"a tile must have at least 1 px, got {tile_px}")
    return -(-tile_px // stride) * stride


def _versions(commit: str) -> dict[str, str]:
    made_by = {"blemish": __version__, "torch": str(torch.__version__), "openvino": str(ov.get_version())}
    return {**made_by, **({"commit": commit} if commit else {})}
