"""`blemish data merge` and `blemish data export`: data sets together, and for other tools."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from blemish.cli.console import guarded, show
from blemish.core.errors import DatasetError
from blemish.data.dataset import Dataset
from blemish.data.exporters.coco import export_coco
from blemish.data.exporters.labelme import export_labelme
from blemish.data.exporters.planes import export_colour, export_index
from blemish.data.merge import merge_datasets

Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write; must not exist yet.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the counts as one JSON object.")]


class ExportFormat(StrEnum):
    """The formats of `data export`."""

    INDEX = "index"
    COLOUR = "colour"
    LABELME = "labelme"
    COCO = "coco"


_EXPORTERS: dict[ExportFormat, Callable[[Dataset, Path], int]] = {
    ExportFormat.INDEX: export_index,
    ExportFormat.COLOUR: export_colour,
    ExportFormat.LABELME: export_labelme,
    ExportFormat.COCO: export_coco,
}


@guarded
def merge(
    datasets: Annotated[list[Path], typer.Argument(metavar="DATASET DATASET...", help="Two data sets or more.")],
    out: Out,
    drop_conflicts: Annotated[
        bool,
        typer.Option("--drop-conflicts", help="Leave out tiles whose group is frozen on another side, and count them."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make one data set of several; groups that are in test stay there."""
    report = merge_datasets([Dataset(folder) for folder in datasets], out, drop_conflicts=drop_conflicts)
    read = " + ".join(f"{count:,}" for count in report.read)
    text = (
        f"read {read} tiles, wrote {report.written:,} to {out}, left out {report.dropped:,}, renamed {report.renamed:,}"
    )
    show({"out": str(out), **asdict(report)}, text, as_json)


@guarded
def export(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="Folder of a data set.")],
    file_format: Annotated[ExportFormat, typer.Option("--format", help="What to write.")],
    out: Out,
    as_json: AsJson = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written, and write nothing.")] = False,
) -> None:
    """Write a data set for another tool; groups and splits go into groups.csv beside it."""
    opened = Dataset(dataset)
    if out.exists():
        raise DatasetError(f"{out} is there already: choose another --out")
    tiles = len(opened) if dry_run else _EXPORTERS[file_format](opened, out)
    text = f"{'would write' if dry_run else 'wrote'} {tiles:,} tiles as {file_format} to {out}"
    show({"out": str(out), "format": str(file_format), "tiles": tiles, "written": not dry_run}, text, as_json)
