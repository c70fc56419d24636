"""A CSV of run lengths, a row a picture and class, as Kaggle's competitions write them (Severstal's steel).

Pixels are counted from 1, column by column: `1 3 10 5` are the pixels 1 to 3 and 10 to 14. Which column is which is
read from what stands in it: file names of pictures, pairs of numbers, and the class, which may also follow the file
name (`a.jpg_4`). A row without run lengths says that its picture does not show that class.
"""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from blemish.core.arrays import UInt8, UInt16
from blemish.core.errors import InputError, LabelError
from blemish.data.readers.base import ONE_CLASS, Drawn, LeftOut, Match, Plan, ReadOptions, SourcePicture
from blemish.data.readers.listing import Entry, Listing
from blemish.data.readers.paired import split_of
from blemish.data.readers.pairing import Folder
from blemish.data.readers.spellings import Spellings
from blemish.picture.read import read_picture

_FILE = re.compile(r"(.+\.(?:png|jpe?g|bmp|tiff?))(?:_(\w+))?", re.IGNORECASE)
_RUNS = re.compile(r"\d+\s+\d+(?:\s+\d+\s+\d+)*")
_NOTHING = ("", "-1", "nan")
_MOST_CLASSES = 64
Runs = tuple[tuple[int, int], ...]  # First pixel from 1, and how many.


@dataclass(frozen=True)
class Row:
    """What one line says."""

    line: int
    file: str
    label: str
    runs: Runs


@dataclass(frozen=True)
class CsvRuns:
    """One CSV file of run lengths, pictures anywhere below."""

    name: str = "runs"

    def recognise(self, folder: Folder, options: ReadOptions) -> Match | None:
        found = folder.listing.pictures and _files(folder.listing)
        return Match(0.9, "a CSV file of file names and run lengths") if found else None

    def plan(self, folder: Folder, options: ReadOptions) -> Plan:
        listing = folder.listing
        file = _only_file(listing)
        by_name: defaultdict[str, list[Entry]] = defaultdict(list)
        for entry in listing.pictures:
            by_name[entry.name].append(entry)
        spellings = Spellings(options.taxonomy)
        labels: defaultdict[Entry, list[tuple[str, Row]]] = defaultdict(list)
        left_out: list[LeftOut] = []
        bad: dict[Entry, str] = {}
        for row in read_runs(listing.path(file)):
            where = f"{listing.path(file)}, line {row.line}"
            try:
                picture = _picture_of(row.file, by_name, where)
            except LabelError as error:
                left_out.append(LeftOut(file.relative, str(error), is_picture=False))
                continue
            try:
                labels[picture].append((_label(row, options, where), row))
            except LabelError as error:
                bad.setdefault(picture, str(error))  # Whole: its other rows alone would say too little.
        for label, row in (pair for own in labels.values() for pair in own):
            spellings.add([label] if row.runs else [])
        sources = [_source(listing, entry, own, spellings, file) for entry, own in labels.items() if entry not in bad]
        left_out += [LeftOut(entry.relative, reason) for entry, reason in bad.items()]
        told = {entry.relative for entry in labels} | {entry.relative for entry in bad}
        left_out += [
            LeftOut(
                entry.relative,
                f"picture {entry.relative} is not in {file.relative}: add it, leave it out with --skip-bad, or say "
                f"with --unlabelled-clean that such pictures show good parts",
                unlabelled=True,
            )
            for entry in listing.pictures
            if entry.relative not in told
        ]
        return Plan(self.name, tuple(sources), tuple(left_out), options.taxonomy, empty_is_clean=True)


def read_runs(path: Path) -> list[Row]:
    """All rows of a file.

    Raises:
        InputError: not readable, or no column of file names, or none of run lengths.
        LabelError: a row whose file name or run lengths are none.
    """
    columns, lines = _table(path)
    placed = _columns(columns, [values for _, values in lines])
    if placed is None:
        raise InputError(
            f"{path} must have a column of picture files and one of run lengths (pixel and count in turn), got "
            f"{', '.join(columns)[:200] or 'nothing'}"
        )
    return [_row(path, number, values, *placed) for number, values in lines if any(values.values())]


def draw_runs(
    labels: Sequence[tuple[str, Row]], read: Callable[[], UInt8 | UInt16], spellings: Spellings, where: str
) -> Drawn:
    """What the rows of one picture say, as masks.

    Raises:
        LabelError: run lengths that lead out of the picture.
    """
    pixels = read()  # Decoded: the size in the header is that before any turn.
    height, width = pixels.shape[0], pixels.shape[1]
    planes: dict[str, np.ndarray[tuple[int], np.dtype[np.bool_]]] = {}
    for label, row in labels:
        if not row.runs:
            continue
        plane = planes.setdefault(label, np.zeros(height * width, np.bool_))
        for first, count in row.runs:
            if first - 1 + count > height * width:
                raise LabelError(
                    f"{where}, line {row.line}: pixels {first} to {first - 1 + count} lead out of the picture of "
                    f"{width} x {height} px"
                )
            plane[first - 1 : first - 1 + count] = True
    masks = {label: plane.reshape((height, width), order="F") for label, plane in planes.items()}
    return spellings.drawn(masks, (height, width), where)


def _source(
    listing: Listing, picture: Entry, labels: Sequence[tuple[str, Row]], spellings: Spellings, file: Entry
) -> SourcePicture:
    read = partial(read_picture, listing.path(picture))
    draw = partial(draw_runs, labels, read, spellings, str(listing.path(file)))
    return SourcePicture(picture.id, picture.relative, read, draw, file.relative, split=split_of(picture))


_Table = tuple[list[str], list[tuple[int, dict[str, str]]]]  # Column names, and line numbers with values.


def _table(path: Path) -> _Table:
    try:
        text = path.read_text(encoding="utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        columns = list(reader.fieldnames or ())
        lines = [(reader.line_num, {name: (row.get(name) or "").strip() for name in columns}) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot read {path} as CSV: {error}") from error
    return columns, lines


def _columns(names: Sequence[str], rows: Sequence[Mapping[str, str]]) -> tuple[str, str, str | None] | None:
    """The columns of file names, of run lengths and of classes (None = there is none); None where one is missing."""

    def all_are(name: str, is_one: Callable[[str], object]) -> bool:
        there = [row[name] for row in rows if row[name].lower() not in _NOTHING]
        return bool(there) and all(is_one(value) for value in there)

    file = next((name for name in names if all_are(name, _FILE.fullmatch)), None)
    runs = next((name for name in names if all_are(name, _RUNS.fullmatch)), None)
    if file is None or runs is None:
        return None
    rest = [name for name in names if name not in (file, runs) and all_are(name, lambda value: len(value) <= 64)]
    label = next((name for name in rest if len({row[name] for row in rows}) <= _MOST_CLASSES), None)
    return file, runs, label


def _row(path: Path, line: int, values: Mapping[str, str], file: str, runs: str, label: str | None) -> Row:
    found = _FILE.fullmatch(values[file])
    if found is None:
        raise LabelError(f"{path}, line {line}: a picture's file is missing")
    told = values[label] if label is not None else found.group(2) or ""
    text = "" if values[runs].lower() in _NOTHING else values[runs]
    numbers = [int(number) for number in text.split()]
    pairs = tuple(zip(numbers[::2], numbers[1::2], strict=True))
    if any(first < 1 or count < 1 for first, count in pairs):
        raise LabelError(f"{path}, line {line}: run lengths must count pixels from 1, got {text[:40]!r}")
    return Row(line, found.group(1), told, pairs)


def _label(row: Row, options: ReadOptions, where: str) -> str:
    """The class: numbers by the user's names, from 1; words as they stand; the only one where none is told."""
    if not row.label:
        return ONE_CLASS if options.taxonomy is None else options.taxonomy.defects[0].name
    if not row.label.isdecimal():
        return row.label
    number = int(row.label)
    if options.taxonomy is None:
        return f"class-{number}"
    if not 1 <= number <= len(options.taxonomy.defects):
        raise LabelError(
            f"{where}: class {number} is none of {', '.join(options.taxonomy.defect_names)}, which count from 1: name "
            f"all classes with --classes"
        )
    return options.taxonomy.defect(number).name


def _picture_of(name: str, by_name: Mapping[str, Sequence[Entry]], where: str) -> Entry:
    """The picture of that name, or of that end of a path."""
    parts = tuple(part for part in name.replace("\\", "/").split("/") if part not in ("", "."))
    there = by_name.get(parts[-1], ()) if parts else ()
    fitting = [entry for entry in there if (*entry.folders, entry.name)[-len(parts) :] == parts]
    if len(fitting) == 1:
        return fitting[0]
    names = " and ".join(entry.relative for entry in fitting[:2]) or "none"
    raise LabelError(f"{where}: expected one picture {name[:80]!r}, found {names}: add it or take it out of the file")


def _files(listing: Listing) -> list[Entry]:
    """The CSV files that hold run lengths."""
    found = []
    for entry in listing.with_extension(".csv"):
        try:
            columns, lines = _table(listing.path(entry))
        except InputError:
            continue
        if _columns(columns, [values for _, values in lines]) is not None:
            found.append(entry)
    return found


def _only_file(listing: Listing) -> Entry:
    files = _files(listing)
    if not files:
        raise InputError(f"{listing.root} cannot be read as 'runs': no CSV file in it holds files and run lengths")
    if len(files) > 1:
        names = " and ".join(entry.relative for entry in files[:2])
        raise InputError(f"{listing.root} has {len(files)} files of run lengths, {names}: leave the one that is true")
    return files[0]
