"""Thousands of unseen parts of the simulated line, each scanned, inspected as on the line, and forgotten.

A scan is a file only while it is inspected; what stays is its verdict, in a results folder as `blemish inspect` writes
it, and what is true of it, as `blemish accept` reads it.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tqdm import tqdm

from blemish.bundle.bundle import Bundle
from blemish.core.errors import InputError
from blemish.core.processes import in_order
from blemish.core.records import Part, PartResult, View
from blemish.core.taxonomy import Taxonomy
from blemish.data.labels_as_reference import LabelledPart, as_imported, of_plane
from blemish.inspect.recipe import read_recipe
from blemish.inspect.reference import reference_csv
from blemish.inspect.results import ResultFolder, reopen
from blemish.inspect.run import Inspection, inspect_part
from blemish.inspect.stored import JSON_LINES, read_parts
from blemish.metrics.acceptance import ReferencePart
from blemish.picture.write import write_bytes, write_png
from blemish.simulate.line import DEFAULT, VERSION, LineSettings, serial_of, simulate_cell

RESULTS, REFERENCE = "results", "reference.csv"
_TRUTH, _SETTINGS = "truth.jsonl", "line.json"


@dataclass(frozen=True, kw_only=True)
class Line:
    """Which parts come, and who inspects them.

    Args:
        recipe: None = the bundle's card judges.
        threads: of the inspection in each process; None = all that may be used.
    """

    bundle: Path
    recipe: Path | None = None
    seed: int
    settings: LineSettings = DEFAULT
    threads: int | None = None

    def inspection(self) -> Inspection:
        recipe = None if self.recipe is None else read_recipe(self.recipe)
        return Inspection.of_bundle(Bundle.open(self.bundle), recipe=recipe, threads=self.threads)


def run_line(line: Line, parts: int, folder: Path, *, processes: int = 1) -> Path:
    """Inspect parts 0 to `parts` - 1; a stopped run goes on, and is as one that was never stopped.

    A finished run of fewer parts is widened by those that follow. A folder begun before settings were kept beside its
    truth is gone on with as it is.

    Args:
        folder: takes the folder `results` and the file `reference.csv`. Parts of which nobody knows whether they are
            good (a defect under its least size, and no other) are inspected, and are not in the reference.
        processes: that simulate and inspect side by side.

    Returns:
        The reference file.

    Raises:
        InputError: no part, a folder with a finished run of as many parts or more, or one that was begun otherwise.
    """
    if parts < 1:
        raise InputError(f"at least 1 part must be inspected, got {parts}")
    folder.mkdir(parents=True, exist_ok=True)
    settings = _simulated_as(line)
    _refuse_other_line(folder / _SETTINGS, settings)
    inspected, truth = line.inspection().inspected, _read_truth(folder / _TRUTH)
    serials = [serial_of(line.seed, index) for index in range(parts)]
    finished = _finished(folder)
    if finished and finished < set(serials):  # A run of as many parts or more, or of others, is not touched.
        reopen(folder / RESULTS, inspected)
    results = ResultFolder(folder / RESULTS, inspected, resume=True)
    done = {result.serial for result in results.kept}
    if not done <= truth.keys() & set(serials):
        raise InputError(f"{folder} holds results of parts that are not among these: choose another folder")
    left = [index for index, serial in enumerate(serials) if serial not in done]
    write_bytes(folder / _SETTINGS, (json.dumps(settings, indent=1) + "\n").encode())
    write_bytes(folder / _TRUTH, "".join(map(_truth_line, truth.values())).encode())  # Without a torn last line.
    with results, (folder / _TRUTH).open("a", encoding="utf-8") as file:
        bar = tqdm(total=parts, initial=parts - len(left), desc="line", unit="part", disable=None)
        with bar, closing(_inspected(line, left, processes)) as coming:
            for part, result in coming:
                file.write(_truth_line(part))
                file.flush()  # Before the verdict: every part that has one has its truth.
                results.add(result)
                truth[part.serial] = part
                bar.update()
    return _write_reference(folder / REFERENCE, [truth[serial] for serial in serials], line)


def _inspected(
    line: Line, indices: list[int], processes: int
) -> Generator[tuple[LabelledPart, PartResult], None, None]:
    if processes > 1:
        yield from in_order(_one, indices, processes, _begin, line)
        return
    _begin(line)
    yield from map(_one, indices)


_LINE: dict[str, Any] = {}  # Of this process.


def _begin(line: Line) -> None:
    _LINE.update(line=line, inspection=line.inspection())


def _one(index: int) -> tuple[LabelledPart, PartResult]:
    """Scan a part, inspect it from its file, and forget it."""
    line: Line = _LINE["line"]
    scan = simulate_cell(line.seed, index, settings=line.settings)
    taxonomy = Taxonomy.preset("pouch-cell")
    with TemporaryDirectory(prefix="blemish-line-") as place:
        file = Path(place) / f"{scan.serial}.png"
        write_png(file, scan.picture)
        result = inspect_part(Part(scan.serial, (View("", file),)), _LINE["inspection"])
    return of_plane(scan.serial, *as_imported(scan.label_map, taxonomy), taxonomy), result


def _simulated_as(line: Line) -> dict[str, Any]:
    """What decides a scan beside its serial, as plain JSON values."""
    values: dict[str, Any] = json.loads(json.dumps({"version": VERSION, **asdict(line.settings)}))
    return values


def _refuse_other_line(file: Path, settings: dict[str, Any]) -> None:
    if not file.is_file():
        return
    there = json.loads(file.read_text(encoding="utf-8"))
    for name, value in settings.items():
        if there.get(name) != value:
            raise InputError(
                f"{file.parent} holds parts of a line simulated otherwise ({name} {there.get(name)}, now {value}): "
                f"choose another folder"
            )


def _finished(folder: Path) -> set[str]:
    """Serials of a finished run; empty where there is none."""
    file = folder / RESULTS / JSON_LINES
    return {part.serial for part in read_parts(file)} if file.is_file() else set()


def _truth_line(part: LabelledPart) -> str:
    return json.dumps(asdict(part)) + "\n"


def _read_truth(file: Path) -> dict[str, LabelledPart]:
    """By serial; what follows the last line end was not finished."""
    if not file.is_file():
        return {}
    lines = file.read_text(encoding="utf-8").split("\n")[:-1]
    parts = [LabelledPart(**{**values, "classes": tuple(values["classes"])}) for values in map(json.loads, lines)]
    return {part.serial: part for part in parts}


def _write_reference(file: Path, parts: list[LabelledPart], line: Line) -> Path:
    known = [ReferencePart(p.serial, p.is_ok, p.classes, p.size) for p in parts if p.is_ok is not None]
    said_by = f"labels of the simulated line, seed {line.seed}; no person decided"
    write_bytes(file, reference_csv(known, size_unit="mm", said_by=said_by).encode())
    return file
