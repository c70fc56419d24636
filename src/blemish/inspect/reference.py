"""Reference decisions as a CSV file: what is held to be true of each part, and what appraisers decided.

serial       of the part
reference    OK or NG
class        its defect classes, several separated by ";"                           may be left out
size_mm      or size_px: of its largest defect                                      may be left out
borderline   yes where the reference itself is not sure                             may be left out
reference_by who or what says so: "panel of 3, May", "labels of data set cells"     may be left out
anna_1, anna_2, ben_1, ...   OK or NG: decision of an appraiser in a trial; empty = none
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from blemish.core.errors import InputError
from blemish.core.tables import read_table
from blemish.metrics.acceptance import Reference, ReferencePart
from blemish.metrics.attribute_study import Appraiser

SERIAL, REFERENCE = "serial", "reference"
OPTIONAL = ("class", "size_mm", "size_px", "borderline", "reference_by")
_TRIAL = re.compile(r"(.+)_([1-9]\d*)")
_ANSWERS = {"OK": True, "NG": False}


def read_reference(path: Path) -> Reference:
    """Read a reference CSV.

    Raises:
        InputError: not readable, a column missing or unknown, a serial that is empty or named twice, an answer that is
            not OK or NG, a size that is no positive number; names file and line.
    """
    columns, rows = read_table(path)
    trials, unit = _columns(columns, path)
    parts: dict[str, ReferencePart] = {}
    decided: dict[str, dict[str, bool]] = {column: {} for column in trials}
    said_by: dict[str, None] = {}
    for line, row in rows:
        where = f"{path}, line {line}"
        part = _part({key: value.strip() for key, value in row.items()}, unit, where)
        if part.serial in parts:
            raise InputError(f"{where}: serial '{part.serial}' is there twice: leave one row")
        parts[part.serial] = part
        if said := row.get("reference_by", "").strip():
            said_by[said] = None
        for column in trials:
            if row[column].strip():
                decided[column][part.serial] = _answer(row[column], column, where)
    if not parts:
        raise InputError(f"{path} holds no part: one row a part, with {SERIAL} and {REFERENCE}")
    return Reference(tuple(parts.values()), _appraisers(trials, decided), tuple(said_by), unit)


def reference_csv(parts: Iterable[ReferencePart], *, size_unit: str, said_by: str) -> str:
    """A reference CSV of these parts, without appraisers; open it, add their columns, and read it back."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([SERIAL, REFERENCE, "class", f"size_{size_unit}", "borderline", "reference_by"])
    for part in parts:
        size = "" if part.size is None else f"{part.size:g}"
        answer = "OK" if part.is_ok else "NG"
        border = "yes" if part.borderline else ""
        writer.writerow([part.serial, answer, ";".join(part.classes), size, border, said_by])
    return buffer.getvalue()


def _columns(names: Iterable[str], path: Path) -> tuple[list[str], str]:
    """The columns of trials, and the unit of sizes."""
    given = list(names)
    missing = [name for name in (SERIAL, REFERENCE) if name not in given]
    if missing or len(set(given)) != len(given):
        raise InputError(f"{path} must have the columns {SERIAL} and {REFERENCE}, each once, got {', '.join(given)}")
    trials = [name for name in given if name not in (SERIAL, REFERENCE, *OPTIONAL)]
    for name in trials:
        if not _TRIAL.fullmatch(name):
            raise InputError(
                f"{path}: unknown column '{name}': there may be {', '.join(OPTIONAL)}, and appraisers' decisions "
                f"named like anna_1, anna_2"
            )
    units = [name.removeprefix("size_") for name in given if name.startswith("size_") and name in OPTIONAL]
    if len(units) > 1:
        raise InputError(f"{path} has size_mm and size_px: leave one")
    return trials, units[0] if units else ""


def _part(row: Mapping[str, str], unit: str, where: str) -> ReferencePart:
    if not row[SERIAL]:
        raise InputError(f"{where}: the serial is empty")
    border = row.get("borderline", "").lower()
    if border not in ("", "yes", "no"):
        raise InputError(f"{where}: borderline must be yes, no or empty, got '{border}'")
    return ReferencePart(
        serial=row[SERIAL],
        is_ok=_answer(row[REFERENCE], REFERENCE, where),
        classes=tuple(name.strip() for name in row.get("class", "").split(";") if name.strip()),
        size=_size(row.get(f"size_{unit}", ""), where),
        borderline=border == "yes",
    )


def _answer(text: str, column: str, where: str) -> bool:
    answer = _ANSWERS.get(text.strip().upper())
    if answer is None:
        raise InputError(f"{where}: {column} must be OK or NG, got '{text.strip()}'")
    return answer


def _size(text: str, where: str) -> float | None:
    if not text:
        return None
    try:
        size = float(text)
    except ValueError:
        size = math.nan
    if not 0 < size < math.inf:
        raise InputError(f"{where}: a size must be a positive number or empty, got '{text}'")
    return size


def _appraisers(trials: Iterable[str], decided: Mapping[str, Mapping[str, bool]]) -> tuple[Appraiser, ...]:
    """Those who decided anything; their trials in the order of their numbers."""
    columns: dict[str, list[tuple[int, str]]] = {}
    for column in trials:
        found = _TRIAL.fullmatch(column)
        if found and decided[column]:
            columns.setdefault(found.group(1), []).append((int(found.group(2)), column))
    ordered = {name: sorted(own) for name, own in columns.items()}
    return tuple(
        Appraiser(name, tuple(decided[column] for _, column in own), tuple(number for number, _ in own))
        for name, own in ordered.items()
    )
