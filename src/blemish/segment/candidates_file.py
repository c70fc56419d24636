"""Candidates on disk, so that thresholds can be chosen again without running a network.

candidates/candidates.json   format, classes, levels, what they were made from
candidates/<table>.parquet   parts, regions, defects, met (which region meets which labelled defect), pixels
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from blemish.core.errors import InputError
from blemish.core.whole_folder import whole_folder
from blemish.picture.write import write_bytes
from blemish.segment.candidates import LEVELS, Candidates, Defects, Parts, Pixels, Regions

FORMAT = 1
HEAD = "candidates.json"


def write_candidates(folder: Path, candidates: Candidates) -> None:
    """Write a folder of candidates, whole or not at all; one that is there is replaced."""
    head = {
        "format": FORMAT,
        "levels": list(LEVELS),
        "codes": list(candidates.codes),
        "names": list(candidates.names),
        "made_from": dict(candidates.made_from),
        "left_out": candidates.left_out,
    }
    parts = candidates.parts
    columns = {"name": parts.names, "group": parts.groups, "fold": parts.fold, "clean": parts.clean}
    with whole_folder(folder, replace=True) as work:
        for name in ("regions", "defects", "pixels"):
            table = getattr(candidates, name)
            _write(work, name, {field.name: getattr(table, field.name) for field in fields(table)})
        _write(work, "parts", columns | {"shows": parts.shows.tolist()})
        _write(work, "met", {"region": candidates.met_region, "defect": candidates.met_defect})
        write_bytes(work / HEAD, (json.dumps(head, indent=1, allow_nan=False) + "\n").encode())


def made_from(folder: Path) -> dict[str, str] | None:
    """What the candidates of a folder were made from; None where there are none that this version reads."""
    try:
        head = json.loads((folder / HEAD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(head, dict) or head.get("format") != FORMAT or head.get("levels") != list(LEVELS):
        return None
    sources = head.get("made_from")
    return {str(key): str(value) for key, value in sources.items()} if isinstance(sources, dict) else None


def read_candidates(folder: Path) -> Candidates:
    """Read what `write_candidates` wrote.

    Raises:
        InputError: a file is missing or damaged.
    """
    try:
        head = json.loads((folder / HEAD).read_text(encoding="utf-8"))
        tables = {name: _read(folder, name) for name in ("parts", "regions", "defects", "met", "pixels")}
        parts = tables["parts"]
        return Candidates(
            codes=tuple(head["codes"]),
            names=tuple(head["names"]),
            parts=Parts(
                names=tuple(str(name) for name in parts["name"]),
                groups=tuple(str(group) for group in parts["group"]),
                fold=parts["fold"],
                shows=np.array(parts["shows"].tolist(), np.bool_).reshape(-1, len(head["codes"])),
                clean=parts["clean"],
            ),
            regions=Regions(**tables["regions"]),
            defects=Defects(**tables["defects"]),
            met_region=tables["met"]["region"],
            met_defect=tables["met"]["defect"],
            pixels=Pixels(**tables["pixels"]),
            made_from=head["made_from"],
            left_out=int(head["left_out"]),
        )
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise InputError(f"{folder} is damaged ({error}): delete it, then it is made anew") from error


def _write(folder: Path, name: str, columns: Mapping[str, Any]) -> None:
    pq.write_table(pa.table({key: pa.array(values) for key, values in columns.items()}), folder / f"{name}.parquet")


def _read(folder: Path, name: str) -> dict[str, Any]:
    table = pq.read_table(folder / f"{name}.parquet")
    return {column: table[column].to_numpy() for column in table.column_names}
