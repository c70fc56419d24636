"""`blemish data simulate`: scans of a simulated pouch line, with labels, to try everything else on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from blemish.cli.console import guarded, show
from blemish.core.errors import InputError
from blemish.simulate.folder import write_scans
from blemish.simulate.line import DEFAULT, VERSION, LineSettings

_PNG_BYTES_PER_PX = 0.75  # Measured on the default line: noise hardly shrinks.


@guarded
def simulate(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write; must not exist yet.")],
    cells: Annotated[int, typer.Option("--cells", metavar="N", min=1, help="Number of cells to scan.")] = 12,
    seed: Annotated[int, typer.Option("--seed", help="Line to simulate: one seed gives the same bytes.")] = 0,
    size: Annotated[
        str, typer.Option("--size", metavar="WIDTHxHEIGHT", help="Scan size in px; smaller scans show smaller cells.")
    ] = f"{DEFAULT.width_px}x{DEFAULT.height_px}",
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as one JSON object.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written, and write nothing.")] = False,
) -> None:
    """Simulate scans of pouch cells with exact labels; `blemish data import` reads the folder."""
    settings = settings_of(size)
    if dry_run:
        megabytes = cells * settings.width_px * settings.height_px * _PNG_BYTES_PER_PX / 1e6
        plan = {"cells": cells, "width_px": settings.width_px, "height_px": settings.height_px, "out": str(out)}
        show({**plan, "megabytes": round(megabytes)}, f"would write {cells} scans of {size} px to {out}", as_json)
        return
    counts = write_scans(out, cells, seed, settings)
    found = ", ".join(f"{name} {count}" for name, count in counts.defects.items())
    text = f"{counts.cells} scans in {out}, {counts.clean_cells} of them clean; defects: {found}; {counts.faint} faint"
    show({"version": VERSION, "seed": seed, "out": str(out), **counts.to_dict()}, text, as_json)


def settings_of(size: str) -> LineSettings:
    """The line for a size like 5400x2000 (the default line) or 640x480 (a smaller cell).

    Raises:
        InputError: not WIDTHxHEIGHT, or too small.

    Example:
        >>> settings_of("640x480").height_px
        480
    """
    match = re.fullmatch(r"(\d+)[xX×](\d+)", size.strip())
    if match is None:
        raise InputError(f"--size must look like 5400x2000 (width x height in px), got '{size}'")
    width, height = int(match[1]), int(match[2])
    return DEFAULT if (width, height) == (DEFAULT.width_px, DEFAULT.height_px) else LineSettings.small(width, height)
