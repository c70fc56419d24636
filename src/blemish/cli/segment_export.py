"""`blemish segment export`: a trained run becomes a bundle for the line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blemish.cli.console import guarded, show
from blemish.core.errors import InputError

if TYPE_CHECKING:
    from blemish.bundle.card import Precision
    from blemish.segment.export import Tiles

COMPARED_TILES = 6


@guarded
def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a trained inspector.")],
    out: Annotated[Path, typer.Option("--out", metavar="BUNDLE", help="Folder of the bundle.")],
    precision: Annotated[str, typer.Option("--precision", help="What it computes in: f32 or bf16.")] = "f32",
    tolerance: Annotated[
        float | None,
        typer.Option(
            "--tolerance",
            metavar="PROB",
            help="Difference from PyTorch: largest in f32 (0.001), mean in bf16 (0.01).",
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="DATASET", help="Compare on its tiles, not on random pictures.")
    ] = None,
    tile: Annotated[
        int | None, typer.Option("--tile", metavar="PX", min=1, help="Side of tiles. (the data set's)")
    ] = None,
    overlap: Annotated[
        int | None, typer.Option("--overlap", metavar="PX", min=0, help="Least overlap. (an eighth of a tile)")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Freeze a trained inspector; refused if it would answer differently from PyTorch."""
    from blemish.segment.export import export_run

    if tolerance is not None and not tolerance > 0:
        raise InputError(f"--tolerance must be above 0, got {tolerance}")
    tiles = _tiles(data) if data is not None else None
    card = export_run(
        run,
        out=out,
        precision=bundle_precision(precision),
        tolerance=tolerance,
        tiles=tiles,
        tile_px=tile,
        overlap_px=overlap,
    )
    parity = card.parity
    assert parity is not None
    text = (
        f"{out}: {card.architecture}, {card.precision}, bundle {card.hash[:12]}; on {parity.pictures} it differs from "
        f"PyTorch by {parity.max_abs_diff:.2g} at most, {parity.mean_abs_diff:.2g} on average"
    )
    values = {"out": str(out), "hash": card.hash, "precision": card.precision, "parity": parity.model_dump()}
    show(values, text, as_json)


def bundle_precision(text: str) -> Precision:
    if text == "f32":
        return "f32"
    if text == "bf16":
        return "bf16"
    raise InputError(f"--precision must be f32 or bf16, got '{text}'")


def _tiles(folder: Path) -> Tiles:
    """A few tiles of a data set, of one size, spread over it."""
    import numpy as np

    from blemish.core.arrays import with_channels
    from blemish.data.dataset import Dataset
    from blemish.segment.export import Tiles

    dataset = Dataset(folder)
    step = max(1, len(dataset) // COMPARED_TILES)
    records = dataset.records[::step][:COMPARED_TILES]
    pictures = np.stack([with_channels(dataset.picture(record)) for record in records])
    return Tiles(pictures, f"{len(records)} tiles of data set {dataset.hash[:12]}")
