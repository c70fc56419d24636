"""`blemish data reference`: the labels of a data set as reference decisions for an acceptance test."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from blemish.cli.console import guarded, say, show
from blemish.core.errors import InputError


@guarded
def reference(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A data set, or what data simulate wrote.")],
    out: Annotated[Path, typer.Option("--out", metavar="CSV", help="The file to write.")],
    split: Annotated[str | None, typer.Option("--split", help="Only train, val or test of a data set.")] = None,
    names: Annotated[
        str, typer.Option("--names", help="part: as the data set has them; file: without folders, as inspect has them.")
    ] = "part",
    pictures: Annotated[
        Path | None,
        typer.Option(
            "--pictures",
            metavar="FOLDER",
            help="What the set was imported from: its pictures of these parts are listed beside the CSV, for "
            "inspect --serials.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write what the labels say of each part as a CSV for `blemish accept`; columns of appraisers can be added to it.

    A part is NG with any defect, OK if all of it is labelled good, and left out where nobody knows.
    """
    from blemish.core.records import Split
    from blemish.data.labels_as_reference import labelled_parts, pictures_of
    from blemish.inspect.reference import reference_csv
    from blemish.metrics.acceptance import ReferencePart
    from blemish.picture.write import write_bytes

    if split is not None and split not in (Split.TRAIN, Split.VAL, Split.TEST):
        raise InputError(f"--split must be train, val or test, got '{split}'")
    if names not in ("part", "file"):
        raise InputError(f"--names must be part or file, got '{names}'")
    listed = out.with_name(f"{out.stem}-files.csv")
    for path in (out, *([listed] if pictures is not None else [])):
        if path.exists():
            raise InputError(f"{path} is there already: choose another --out")
    labelled = labelled_parts(folder, None if split is None else Split(split))
    serial_of = _by_file([part.serial for part in labelled.parts]) if names == "file" else None
    known = [
        ReferencePart(serial_of[part.serial] if serial_of else part.serial, part.is_ok, part.classes, part.size)
        for part in labelled.parts
        if part.is_ok is not None
    ]
    side = None if split is None else Split(split)
    files = None if pictures is None else pictures_of(folder, pictures, side)
    said_by = f"{labelled.said_by}{f', {split} split' if split else ''}; no person decided"
    write_bytes(out, reference_csv(known, size_unit=labelled.size_unit, said_by=said_by).encode())
    if files is not None:
        rows = {path: serial_of[part] if serial_of else part for path, part in files.items()}
        write_bytes(listed, _files_csv(rows, {part.serial for part in known}).encode())
    counts = {
        "OK": sum(part.is_ok for part in known),
        "NG": sum(not part.is_ok for part in known),
        "unknown_left_out": len(labelled.parts) - len(known),
    }
    text = f"{counts['OK']} OK, {counts['NG']} NG; left out as nobody knows: {counts['unknown_left_out']}"
    show({"file": str(out), **counts}, text, as_json)
    say(f"written: {out}" + ("" if files is None else f", {listed}: inspect BUNDLE --serials {listed}"))


def _files_csv(rows: Mapping[Path, str], known: Collection[str]) -> str:
    """Every picture with its part's serial; parts of which nobody knows whether they are good are left out."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("file", "serial"))
    writer.writerows((path.absolute(), serial) for path, serial in rows.items() if serial in known)
    return text.getvalue()


def _by_file(serials: Sequence[str]) -> dict[str, str]:
    """Every part's name without the folders before it.

    Raises:
        InputError: two parts have one file name.
    """
    owner: dict[str, str] = {}
    for serial in serials:
        other = owner.setdefault(serial.rsplit("/", 1)[-1], serial)
        if other != serial:
            raise InputError(
                f"parts {other} and {serial} have the same file name: leave out --names file, and write with "
                f"--pictures FOLDER what inspect --serials takes"
            )
    return {serial: name for name, serial in owner.items()}
