"""A CSV of run lengths, a row a picture and class, as Kaggle's competitions write them (Severstal's steel).

Pixels are counted from 1, column by column: `1 3 10 5` are the pixels 1 to 3 and 10 to 14. A row without run lengths
says that its picture does not show that class.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from blemish.core.arrays import UInt8, UInt16
from blemish.core.errors import InputError, LabelError
from blemish.data.readers.base import ONE_CLASS, Drawn, LeftOut, Match, Plan, ReadOptions, SourcePicture
from blemish.data.readers.csv_table import BadRow, Columns, Row, columns_of, read_rows
from blemish.data.readers.listing import Entry, Listing
from blemish.data.readers.paired import split_of
from blemish.data.readers.pairing import Folder
from blemish.data.readers.spellings import Spellings
from blemish.picture.read import read_picture


@dataclass(frozen=True)
class CsvRuns:
    """One CSV file of run lengths, pictures anywhere below."""

    name: str = "runs"

    def recognise(self, folder: Folder, options: ReadOptions) -> Match | None:
        match = Match(0.6, "a CSV file of file names and run lengths")  # Masks beside it come first.
        try:
            return match if folder.listing.pictures and _files(folder.listing) else None
        except InputError:
            return match  # It is one, and `plan` says what is wrong with it.

    def plan(self, folder: Folder, options: ReadOptions) -> Plan:
        listing = folder.listing
        file, columns = _only_file(listing)
        told = _read(listing, file, columns, options)
        spellings = Spellings(options.taxonomy)
        spellings.add(label for own in told.labels.values() for label, row in own if row.runs)
        sources = [_source(listing, picture, own, spellings, file) for picture, own in told.labels.items()]
        bad = [LeftOut(picture.relative, reason) for picture, reason in told.bad.items()]
        unlabelled = [
            LeftOut(
                picture.relative,
                f"picture {picture.relative} is not in {file.relative}: add it, leave it out with --skip-bad, or say "
                f"with --unlabelled-clean that such pictures show good parts",
                unlabelled=True,
            )
            for picture in listing.pictures
            if picture not in told.labels and picture not in told.bad
        ]
        left_out = (*told.lost, *bad, *unlabelled)
        return Plan(self.name, tuple(sources), left_out, options.taxonomy, empty_is_clean=True)


@dataclass
class _Told:
    """What a file says: of pictures, of pictures with a row that is bad, and of none that is there."""

    labels: dict[Entry, list[tuple[str, Row]]] = field(default_factory=dict)
    bad: dict[Entry, str] = field(default_factory=dict)
    lost: list[LeftOut] = field(default_factory=list)


def _read(listing: Listing, file: Entry, columns: Columns, options: ReadOptions) -> _Told:
    by_name: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in listing.pictures:
        by_name[entry.name].append(entry)
    told = _Told()
    for row in read_rows(listing.path(file), columns):
        where = f"{listing.path(file)}, line {row.line}"
        try:
            picture = _picture_of(row.file, by_name, where)
        except LabelError as error:
            told.lost.append(LeftOut(file.relative, row.reason if isinstance(row, BadRow) else str(error), False))
            continue
        try:
            if isinstance(row, BadRow):
                raise LabelError(row.reason)
            told.labels.setdefault(picture, []).append((_label(row, options, where), row))
        except LabelError as error:
            told.bad.setdefault(picture, str(error))
    for picture in told.bad:
        told.labels.pop(picture, None)  # Whole: its other rows alone would say too little.
    return told


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


def _label(row: Row, options: ReadOptions, where: str) -> str:
    """The class: numbers by the user's names, from 1; words as they stand; the only one where none is told.

    Raises:
        LabelError: a number that the user named no class for.
    """
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


def _files(listing: Listing) -> dict[Entry, Columns]:
    """The CSV files that hold run lengths; of each only the first lines are read."""
    found = {entry: columns_of(listing.path(entry)) for entry in listing.with_extension(".csv")}
    return {entry: columns for entry, columns in found.items() if columns is not None}


def _only_file(listing: Listing) -> tuple[Entry, Columns]:
    files = _files(listing)
    if not files:
        raise InputError(f"{listing.root} cannot be read as 'runs': no CSV file in it holds files and run lengths")
    if len(files) > 1:
        names = " and ".join(entry.relative for entry in list(files)[:2])
        raise InputError(f"{listing.root} has {len(files)} files of run lengths, {names}: leave the one that is true")
    return next(iter(files.items()))
