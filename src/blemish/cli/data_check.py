"""`blemish data check` and `blemish data stats`: is a data set sound, and what does it hold?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blemish.cli.console import fail, guarded, say, show
from blemish.core.errors import DatasetError
from blemish.data.check import CheckReport, check_dataset
from blemish.data.dataset import Dataset
from blemish.data.stats import as_table, dataset_stats
from blemish.data.stats_plot import draw_stats
from blemish.picture.write import write_png

DatasetFolder = Annotated[Path, typer.Argument(metavar="DATASET", help="Folder of a data set.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]


@guarded
def check(dataset: DatasetFolder, as_json: AsJson = False) -> None:
    """Look for damage, contradictions and leaks between splits; exit code 2 if anything is wrong."""
    report = check_dataset(Dataset(dataset, altered=True))
    show(report.to_dict(), _text(report), as_json)
    if not report.is_sound:
        fail(f"{dataset}: {report.summary}")


@guarded
def stats(
    dataset: DatasetFolder,
    picture: Annotated[
        Path | None, typer.Option("--picture", metavar="FILE.png", help="Draw counts, sizes and places as well.")
    ] = None,
    fast: Annotated[bool, typer.Option("--fast", help="Read the manifest only: no sizes, no places.")] = False,
    as_json: AsJson = False,
) -> None:
    """Tiles per class, groups, parts, pixels, sizes and places of defects."""
    if picture is not None and picture.suffix.lower() != ".png":
        raise DatasetError(f"--picture must end in .png, got {picture}")
    opened = Dataset(dataset)
    found = dataset_stats(opened, fast=fast)
    if picture is not None:
        write_png(picture, draw_stats(found, opened.taxonomy))
        say(f"wrote {picture}")
    show(found.to_dict(), as_table(found), as_json)


def _text(report: CheckReport) -> str:
    lines = [f"wrong  {f.kind}: {f.where}: {f.what}" for f in report.wrong]
    lines += [f"note   {f.kind}: {f.where}: {f.what}" for f in report.notes]
    for counts, listed in ((report.wrong_counts, report.wrong), (report.note_counts, report.notes)):
        for kind, count in counts.items():
            shown = sum(finding.kind == kind for finding in listed)
            if count > shown:
                lines.append(f"and {count - shown} more of kind '{kind}'")
    return "\n".join([*lines, report.summary])
