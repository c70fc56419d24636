"""What each form of an exported inspector loses against PyTorch: IoU of each class, all precisions, both backends.

    python benchmarks/export_parity.py RUN DATASET                    # judged by the set's val tiles
    python benchmarks/export_parity.py RUN DATASET --folds 3 --fold 0  # by a fold, for a run of the ladder

Nothing is refused here: what `segment export` would refuse is marked. Writes JSON, and the table to standard output.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from blemish.bench.provenance import write_result
from blemish.bundle.card import Backend, Card, Precision
from blemish.core.errors import InputError, ParityError
from blemish.data.dataset import Dataset
from blemish.data.folds import fold_view
from blemish.segment.export import export_run
from blemish.segment.export_parity import ALLOWED_DROP, Judged, Tiles
from blemish.segment.model import TorchSegmenter
from blemish.segment.quantise import DEFAULT_TILES, Calibration, calibration_tiles

OUT = Path("benchmarks/results/export-parity.json")
PRECISIONS: tuple[Precision, ...] = ("f32", "bf16", "int8")
BACKENDS: tuple[Backend, ...] = ("openvino", "onnx")


def main() -> None:
    arguments = _arguments()
    dataset = Dataset(arguments.dataset)
    if arguments.fold is not None:
        dataset = fold_view(dataset, n=arguments.folds, fold=arguments.fold)
    network = TorchSegmenter.load(arguments.run).network
    calibration = calibration_tiles(dataset, network.channels, network.stride, count=arguments.calibration_tiles)
    judged = Judged.of(dataset)
    rows = [row(arguments.run, p, b, calibration, judged) for p in PRECISIONS for b in BACKENDS]
    figures = {
        "architecture": TorchSegmenter.load(arguments.run).card["architecture"],
        "data_set": dataset.hash,
        "validation_tiles": len(judged.records),
        "calibration": calibration.what,
        "allowed_drop": ALLOWED_DROP,
        "iou_torch": next(r["iou_torch"] for r in rows if "iou_torch" in r),
        "rows": rows,
    }
    write_result(arguments.out, figures, seeds=[0])
    print(table(figures))


def row(run: Path, precision: Precision, backend: Backend, calibration: Calibration, judged: Judged) -> dict[str, Any]:
    """One export, judged; an impossible or unlike one says why."""
    with tempfile.TemporaryDirectory() as work:
        try:
            card = export_run(
                run,
                out=Path(work) / "bundle",
                precision=precision,
                backends=(backend,),
                calibration=calibration,
                tolerance=1.0,
                tiles=Tiles.of(judged.dataset),
                judged=judged,
                allowed_drop=1.0,
            )
        except (InputError, ParityError) as error:
            return {"precision": precision, "backend": backend, "refused": str(error)}
        size = sum((Path(work) / "bundle" / name).stat().st_size for name in card.files)
    return {"precision": precision, "backend": backend, **measured(card, backend), "size_mb": round(size / 1e6, 2)}


def measured(card: Card, backend: Backend) -> dict[str, Any]:
    parity, validation = card.parity, card.validation
    assert parity is not None
    assert validation is not None
    values = [value for value in validation.iou[backend].values() if value is not None]
    return {
        "computed_in": parity.computed_in,
        "iou_torch": validation.iou_torch,
        "iou": validation.iou[backend],
        "mean_iou": round(sum(values) / len(values), 6),
        "largest_drop": validation.largest_drop,
        "export_refuses": validation.largest_drop > ALLOWED_DROP,
        "max_abs_diff": parity.max_abs_diff,
        "mean_abs_diff": parity.mean_abs_diff,
        "argmax_agreement": parity.argmax_agreement,
    }


def table(figures: dict[str, Any]) -> str:
    """Markdown."""
    names = list(figures["iou_torch"])
    head = ["precision", "backend", *names, "mean", "largest drop", "MB"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    before = list(figures["iou_torch"].values())
    known = [value for value in before if value is not None]
    lines.append(_line(["PyTorch f32", "", *map(_iou, before), _iou(sum(known) / len(known)), "", ""]))
    for one in figures["rows"]:
        start = [one["precision"], one["backend"]]
        if "refused" in one:
            lines.append(_line([*start, *[""] * len(names), "", one["refused"], ""]))
            continue
        drop = f"{one['largest_drop']:.4f}" + (" (refused)" if one["export_refuses"] else "")
        lines.append(_line([*start, *map(_iou, one["iou"].values()), _iou(one["mean_iou"]), drop, str(one["size_mb"])]))
    return "\n".join(lines)


def _iou(value: float | None) -> str:
    return "absent" if value is None else f"{value:.4f}"


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--fold", type=int)
    parser.add_argument("--calibration-tiles", type=int, default=DEFAULT_TILES)
    parser.add_argument("--out", type=Path, default=OUT)
    return parser.parse_args()


if __name__ == "__main__":
    main()
