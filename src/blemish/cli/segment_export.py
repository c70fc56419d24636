"""`blemish segment export`: a trained run becomes a bundle for the line."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blemish.cli.console import guarded, show
from blemish.cli.precisions import bundled_in
from blemish.core.errors import InputError

if TYPE_CHECKING:
    from blemish.bundle.card import Backend, Card, Validation
    from blemish.data.dataset import Dataset
    from blemish.segment.quantise import Calibration


@guarded
def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a trained inspector.")],
    out: Annotated[Path, typer.Option("--out", metavar="BUNDLE", help="Folder of the bundle.")],
    precision: Annotated[str, typer.Option("--precision", help="What it computes in: f32, bf16 or int8.")] = "f32",
    runs_by: Annotated[
        str, typer.Option("--format", help="What runs it: openvino, onnx (ONNX Runtime) or both.")
    ] = "openvino",
    dataset: Annotated[
        Path | None,
        typer.Option(
            "--dataset",
            "--data",
            metavar="DATASET",
            help="Judge on its val tiles, and for int8 take the ranges from its train tiles.",
        ),
    ] = None,
    allow_drop: Annotated[
        float, typer.Option("--allow-drop", metavar="IOU", min=0, help="Most that any class's IoU may fall.")
    ] = 0.005,
    tolerance: Annotated[
        float | None,
        typer.Option(
            "--tolerance",
            metavar="PROB",
            help="Difference from PyTorch: largest in f32 (0.001), mean in bf16 (0.01) and int8 (0.02).",
        ),
    ] = None,
    calibration: Annotated[
        int,
        typer.Option(
            "--calibration-tiles", metavar="N", min=1, help="Tiles that int8 takes its ranges from; 1000 at the most."
        ),
    ] = 300,
    tile: Annotated[
        int | None, typer.Option("--tile", metavar="PX", min=1, help="Side of tiles. (the data set's)")
    ] = None,
    overlap: Annotated[
        int | None, typer.Option("--overlap", metavar="PX", min=0, help="Least overlap. (an eighth of a tile)")
    ] = None,
    sign: Annotated[
        Path | None, typer.Option("--sign", metavar="PRIVATE_KEY", help="Sign it with this key (blemish[sign]).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Freeze a trained inspector; refused if it would answer differently from PyTorch."""
    from blemish.bundle.signature import refuse_bad_key, sign_bundle
    from blemish.data.dataset import Dataset
    from blemish.segment.export import export_run
    from blemish.segment.export_parity import Judged, Tiles

    if tolerance is not None and not 0 < tolerance < math.inf:
        raise InputError(f"--tolerance must be a number above 0, got {tolerance}")
    if not 0 <= allow_drop < math.inf:
        raise InputError(f"--allow-drop must be a number from 0 on, got {allow_drop}")
    if sign is not None:
        refuse_bad_key(sign)
    named, opened = bundled_in(precision), Dataset(dataset) if dataset is not None else None
    card = export_run(
        run,
        out=out,
        precision=named,
        backends=_backends(runs_by),
        calibration=_calibration(opened, run, calibration) if opened is not None and named == "int8" else None,
        tolerance=tolerance,
        tiles=Tiles.of(opened) if opened is not None else None,
        judged=Judged.of(opened) if opened is not None else None,
        allowed_drop=allow_drop,
        tile_px=tile,
        overlap_px=overlap,
    )
    if sign is not None:
        sign_bundle(out, card, sign)
    show(_values(out, card, sign), _text(out, card), as_json)


def _backends(text: str) -> tuple[Backend, ...]:
    if text == "openvino":
        return ("openvino",)
    if text == "onnx":
        return ("onnx",)
    if text == "both":
        return ("openvino", "onnx")
    raise InputError(f"--format must be openvino, onnx or both, got '{text}'")


def _values(out: Path, card: Card, sign: Path | None) -> dict[str, object]:
    return {
        "out": str(out),
        "hash": card.hash,
        "precision": card.precision,
        "files": sorted(card.files),
        "signed": sign is not None,
        "calibration": card.calibration,
        "parity": card.parity.model_dump() if card.parity else None,
        "validation": card.validation.model_dump() if card.validation else None,
    }


def _text(out: Path, card: Card) -> str:
    parity = card.parity
    assert parity is not None
    lines = [
        f"{out}: {card.architecture}, {card.precision}, bundle {card.hash[:12]}; on {parity.pictures} it differs from "
        f"PyTorch by {parity.max_abs_diff:.2g} at most, {parity.mean_abs_diff:.2g} on average"
    ]
    lines += validation_lines(card.validation) if card.validation else ["not judged: no --dataset"]
    same = ", ".join(sorted({f"{value:g}" for value in card.thresholds.values()}))
    lines.append(f"thresholds {same}, not chosen by anyone: segment calibrate chooses them, for a recipe")
    return "\n".join(lines)


def validation_lines(validation: Validation) -> list[str]:
    """IoU of each class by PyTorch and by the bundle, for people."""
    lines = [f"IoU on {validation.tiles} validation tiles (PyTorch, then {', then '.join(validation.iou)}):"]
    for name, before in validation.iou_torch.items():
        if before is None:
            lines.append(f"  {name}: no tile shows it, so nothing is known of its drop")
        else:
            values = [before, *(iou[name] or 0.0 for iou in validation.iou.values())]
            lines.append(f"  {name}: " + "  ".join(f"{value:.4f}" for value in values))
    return [*lines, f"largest drop {validation.largest_drop:.4f}, allowed {validation.allowed_drop:g}"]


def _calibration(dataset: Dataset, run: Path, count: int) -> Calibration:
    from blemish.segment.model import TorchSegmenter
    from blemish.segment.quantise import calibration_tiles

    network = TorchSegmenter.load(run).network
    return calibration_tiles(dataset, network.channels, network.stride, count=count)
