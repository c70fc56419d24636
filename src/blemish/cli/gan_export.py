"""`blemish gan export`: a trained default generator becomes a bundle that draws without torch."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blemish.cli.console import guarded, show
from blemish.cli.precisions import painted_in
from blemish.core.errors import InputError

if TYPE_CHECKING:
    from blemish.gan.export import Scenes

COMPARED_TILES = 6


@guarded
def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of gan train, default preset.")],
    out: Annotated[Path, typer.Option("--out", metavar="BUNDLE", help="Folder of the bundle.")],
    precision: Annotated[str, typer.Option("--precision", help="What it computes in: f32 or bf16.")] = "f32",
    tolerance: Annotated[
        float | None,
        typer.Option(
            "--tolerance", metavar="LEVELS", help="Grey levels from torch: largest in f32 (1), mean in bf16 (1.5)."
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="DATASET", help="Compare on its labels, not on seeded ones.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Freeze a trained generator; refused if it would draw differently from torch."""
    from blemish.gan.export import export_run

    if tolerance is not None and not 0 < tolerance < math.inf:
        raise InputError(f"--tolerance must be a number above 0, got {tolerance}")
    scenes = _scenes(data) if data is not None else None
    card = export_run(run, out=out, precision=painted_in(precision), tolerance=tolerance, scenes=scenes)
    parity = card.parity
    assert parity is not None
    text = (
        f"{out}: {card.architecture}, {card.precision}, bundle {card.hash[:12]}; on {parity.pictures} it differs from "
        f"torch by {parity.max_levels} grey levels at most, in {parity.differing_frac:.3%} of the values painted"
    )
    values = {"out": str(out), "hash": card.hash, "precision": card.precision, "parity": parity.model_dump()}
    show(values, text, as_json)


def _scenes(folder: Path) -> Scenes:
    """Labels of a few defective tiles of a data set, spread over it, to be painted on their own pictures."""
    from blemish.core.arrays import with_channels
    from blemish.data.dataset import Dataset
    from blemish.gan.export import Scene, Scenes

    dataset = Dataset(folder)
    records = [record for record in dataset.records if record.classes]
    if not records:
        raise InputError(f"{folder} has no tile with a defect to compare on: leave --data out")
    chosen = records[:: max(1, len(records) // COMPARED_TILES)][:COMPARED_TILES]
    scenes = [Scene(dataset.label_map(record), with_channels(dataset.picture(record))) for record in chosen]
    return Scenes(scenes, f"{len(scenes)} labels of data set {dataset.hash[:12]}")
