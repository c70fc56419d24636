"""A trained network becomes an OpenVINO bundle, or is refused because it would not answer like the one it came from.

The network is traced: what Python decides by the picture's size is fixed by that. So a bundle is compared with PyTorch
on tiles and on a random picture of another size, where what a trace froze wrongly shows.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openvino as ov
import torch
from torch import Tensor, nn

from blemish import __version__
from blemish.bundle.bundle import Bundle, BundleSegmenter, write_bundle
from blemish.bundle.card import Card, Parity, Precision, Scalar, default_thresholds, least_sizes
from blemish.core.arrays import Float32, UInt8
from blemish.core.errors import BundleError, InputError, ParityError
from blemish.core.seeds import rng
from blemish.core.taxonomy import Taxonomy
from blemish.picture.tiling import plan_tiles
from blemish.segment.model import TorchSegmenter, to_input
from blemish.train.trace import traced

# Largest difference of a probability in float32, where only the order of sums differs; mean difference in bfloat16,
# which has 8 bits of precision, besides the share of decided pixels that must keep their class.
TOLERANCES: Mapping[Precision, float] = {"f32": 1e-3, "bf16": 1e-2}
LEAST_AGREEMENT = 0.99
DECIDED = 0.1  # A pixel is decided where PyTorch's best class leads the next by this much.
RANDOM_TILES = 3


@dataclass(frozen=True)
class Tiles:
    """Pictures to compare on: uint8 N H W C, and what they are, in words for the card."""

    pictures: UInt8
    what: str


class _Frozen(nn.Module):
    """uint8 N H W C in, probabilities out: scaling and softmax go into the bundle."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> Tensor:
        logits: Tensor = self.network(to_input(pictures))
        return logits.float().softmax(dim=1)


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
    tolerance: float | None = None,
    tiles: Tiles | None = None,
    thresholds: Mapping[str, float] | None = None,
    value_range: tuple[int, int] | None = None,
    data_hash: str = "",
    metrics: Mapping[str, Scalar] | None = None,
    commit: str = "",
) -> Card:
    """Write a bundle of a network that turns float N C H W in [0, 1] into logits N K+1 H W.

    Args:
        overlap_px: least overlap of tiles; None = an eighth of a tile, up to whole strides.
        precision: what the bundle computes in.
        tolerance: of the difference from PyTorch's float32; None = 0.001 at most in f32, 0.01 on average in bf16.
        tiles: real tiles to compare on; None = seeded random pictures.
        thresholds: by class code; None = one half.

    Returns:
        the card, with the measured differences.

    Raises:
        ParityError: the answers differ by more than the tolerance; nothing is written.
        BundleError: `out` is there already.
        InputError: a tile that is no multiple of the stride, or an overlap that leaves no step.
    """
    if out.exists():
        raise BundleError(f"{out} is there already and a bundle is never changed: choose another --out")
    overlap = _default_overlap(tile_px, stride) if overlap_px is None else overlap_px
    plan_tiles(1, 1, tile_px=tile_px, overlap_px=overlap, stride=stride)  # Refuses sizes that do not work out.
    draft = Card.model_validate(
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
            "metrics": dict(metrics or {}),
            "precision": precision,
            "versions": _versions(commit),
        }
    )
    frozen = _Frozen(network).eval()
    model = to_openvino(frozen, channels, stride)
    compared = [tiles or random_tiles(RANDOM_TILES, channels, tile_px, tile_px)]
    compared.append(random_tiles(1, channels, 3 * stride, stride))  # Neither height nor width of the trace's example.
    parity = _measured(frozen, model, draft, compared, tolerance or TOLERANCES[precision])
    _refuse_unlike(parity, precision)
    return write_bundle(out, model, draft.model_copy(update={"parity": parity}))


def export_run(
    run: Path,
    *,
    out: Path,
    precision: Precision = "f32",
    tolerance: float | None = None,
    tiles: Tiles | None = None,
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
        tile_px=_whole_strides(tile_px or int(card["tile_px"]), trained.network.stride),
        stride=trained.network.stride,
        overlap_px=overlap_px,
        precision=precision,
        tolerance=tolerance,
        tiles=tiles,
        value_range=None if span is None else (int(span[0]), int(span[1])),
        data_hash=str(card.get("data_hash", "")),
        metrics={name: card[name] for name in ("kept", "step", "val_iou") if name in card},
        commit=str(card.get("commit", "")),
    )


def to_openvino(frozen: nn.Module, channels: int, stride: int) -> ov.Model:
    """The network as OpenVINO's, with open sizes."""
    example = torch.zeros((1, 2 * stride, 3 * stride, channels), dtype=torch.uint8)
    return traced(frozen, [example], [[-1, -1, -1, channels]])


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


def _measured(frozen: nn.Module, model: ov.Model, draft: Card, compared: Sequence[Tiles], tolerance: float) -> Parity:
    """Run both on the same pictures; the bundle is written to a temporary folder and opened as on the line."""
    work = Path(tempfile.mkdtemp(prefix="blemish-export-"))
    try:
        write_bundle(work / "bundle", model, draft)
        exported = Bundle.open(work / "bundle").segmenter()
        differences = [_differences(frozen, exported, picture) for tiles in compared for picture in tiles.pictures]
    finally:
        shutil.rmtree(work, ignore_errors=True)
    decided = sum(difference.decided_px for difference in differences)
    agreed = sum(difference.agreed_px for difference in differences)
    return Parity(
        pictures=f"{compared[0].what}, and a random one of another size",
        computed_in=exported.precision,
        tolerance=tolerance,
        max_abs_diff=max(difference.largest for difference in differences),
        mean_abs_diff=float(np.mean([difference.mean for difference in differences])),
        argmax_agreement=agreed / decided if decided else 1.0,
    )


@dataclass(frozen=True)
class _Difference:
    largest: float
    mean: float
    decided_px: int
    agreed_px: int


def _differences(frozen: nn.Module, exported: BundleSegmenter, picture: UInt8) -> _Difference:
    with torch.inference_mode():
        expected: Float32 = frozen(torch.from_numpy(picture[None])).numpy()
    got = exported.probabilities(picture[None])
    apart = np.abs(expected - got)
    if not np.isfinite(apart).all():
        return _Difference(1.0, 1.0, apart[0, 0].size, 0)
    two_best = np.sort(expected, axis=1)[:, -2:]
    decided = two_best[:, 1] - two_best[:, 0] >= DECIDED
    agreed = decided & (expected.argmax(axis=1) == got.argmax(axis=1))
    return _Difference(float(apart.max()), float(apart.mean()), int(decided.sum()), int(agreed.sum()))


def _refuse_unlike(parity: Parity, precision: Precision) -> None:
    measure = "largest" if precision == "f32" else "mean"
    found = parity.max_abs_diff if precision == "f32" else parity.mean_abs_diff
    if found > parity.tolerance:
        raise ParityError(
            f"the bundle's probabilities must be within {parity.tolerance:g} of PyTorch's ({measure} difference, "
            f"{parity.pictures}), got {found:.3g}: nothing was written; raise --tolerance only if that is acceptable"
        )
    if parity.argmax_agreement < LEAST_AGREEMENT:
        raise ParityError(
            f"the bundle must name the same class as PyTorch on {LEAST_AGREEMENT:.0%} of the decided pixels "
            f"({parity.pictures}), got {parity.argmax_agreement:.2%}: nothing was written; export with --precision f32"
        )


def _default_overlap(tile_px: int, stride: int) -> int:
    return min(-(-tile_px // (8 * stride)) * stride, tile_px - stride)


def _whole_strides(tile_px: int, stride: int) -> int:
    if tile_px < 1:
        raise InputError(f"a tile must have at least 1 px, got {tile_px}")
    return -(-tile_px // stride) * stride


def _versions(commit: str) -> dict[str, str]:
    made_by = {"blemish": __version__, "torch": str(torch.__version__), "openvino": str(ov.get_version())}
    return {**made_by, **({"commit": commit} if commit else {})}
