"""Write simulated scans as a folder of pictures with index labels, the form in which an engineer would bring real ones.

scans/<serial>.png         8-bit gray
labels/<serial>.png        palette index of the defect class
backgrounds/<serial>.png   palette index of the background class
taxonomy.toml              the taxonomy preset "pouch-cell"
simulation.json            version, seed, settings, every cell's corners, every defect with its box and contrast
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tomli_w
from tqdm import tqdm

from blemish.core.errors import InputError
from blemish.core.taxonomy import Taxonomy, rgb
from blemish.core.whole_folder import whole_folder
from blemish.picture.write import write_bytes, write_png
from blemish.simulate.line import DEFAULT, VERSION, LineSettings, SimulatedScan, simulate_cell

FAINT = 2.0  # A defect below this multiple of the local texture's deviation is called faint.


@dataclass(frozen=True)
class ScanCounts:
    """What a folder of simulated scans holds."""

    cells: int
    clean_cells: int
    defects: dict[str, int]  # Of each class, by name.
    faint: int  # Defects of a contrast under 2.
    small: int  # Defects under their class's least size.

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def write_scans(folder: Path, cells: int, seed: int, settings: LineSettings = DEFAULT) -> ScanCounts:
    """Simulate cells 0 to `cells` - 1 of the line `seed` into a new folder, which appears whole or not at all.

    Raises:
        InputError: no cells, or the folder is there already.
    """
    if cells < 1:
        raise InputError(f"at least 1 cell must be simulated, got {cells}: give --cells a positive number")
    if folder.exists():
        raise InputError(f"{folder} is there already: choose another --out, or remove it")
    taxonomy = Taxonomy.preset("pouch-cell")
    rows = []
    with whole_folder(folder) as work:
        for index in tqdm(range(cells), desc="simulate", unit="cell"):
            scan = simulate_cell(seed, index, settings=settings)
            _write(work, scan, taxonomy)
            rows.append(
                {
                    "serial": scan.serial,
                    "corners_xy": scan.corners_xy,
                    "defects": [asdict(d) for d in scan.defects],
                }
            )
        write_bytes(work / "taxonomy.toml", tomli_w.dumps(taxonomy.to_dict()).encode())
        story = {"version": VERSION, "seed": seed, "settings": asdict(settings), "cells": rows}
        write_bytes(work / "simulation.json", json.dumps(story, indent=1).encode())
    return _count(rows, taxonomy)


def _write(work: Path, scan: SimulatedScan, taxonomy: Taxonomy) -> None:
    defect_palette = [(0, 0, 0), *(rgb(d.colour) for d in taxonomy.defects)]
    write_png(work / "scans" / f"{scan.serial}.png", scan.picture)
    write_png(work / "labels" / f"{scan.serial}.png", scan.label_map.defect, defect_palette)
    background_palette = [rgb(b.colour) for b in taxonomy.backgrounds]
    write_png(work / "backgrounds" / f"{scan.serial}.png", scan.label_map.background, background_palette)


def _count(rows: list[dict[str, Any]], taxonomy: Taxonomy) -> ScanCounts:
    defects = [defect for row in rows for defect in row["defects"]]
    longest = [max(d["box"]["width"], d["box"]["height"]) for d in defects]
    least = [taxonomy.defect(d["class_index"]).least_size_px for d in defects]
    return ScanCounts(
        cells=len(rows),
        clean_cells=sum(not row["defects"] for row in rows),
        defects={
            name: sum(d["class_index"] == i for d in defects) for i, name in enumerate(taxonomy.defect_names, start=1)
        },
        faint=sum(d["contrast"] < FAINT for d in defects),
        small=sum(size < limit for size, limit in zip(longest, least, strict=True)),
    )
