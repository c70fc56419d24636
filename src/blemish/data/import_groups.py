"""Groups and splits from a CSV: `file`, `group`, and where there are `split` and `part`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from blemish.core.errors import InputError
from blemish.core.records import Origin, Split
from blemish.core.tables import read_table
from blemish.data.readers.base import SPLIT_WORDS
from blemish.data.readers.listing import Listing

_FILE_COLUMNS = ("file", "filename", "path", "picture", "image")
USUAL_NAME = "groups.csv"
EXPORTED = ("class", "group", "split", "part", "origin")  # Beside the file, the columns that `data export` writes.


@dataclass(frozen=True)
class GroupRow:
    """One line of the file."""

    file: str
    group: str
    split: Split
    part: str
    line: int
    origin: Origin | None = None  # As an export says; None = it does not.


@dataclass(frozen=True)
class GroupsFile:
    """The lines of a groups file, by the path that each names."""

    path: Path
    rows: Mapping[str, GroupRow]
    has_splits: bool

    def match(self, sources: Iterable[str]) -> Matched:
        """The row of each picture, by its whole path or by as much of its end as the file gives.

        Raises:
            InputError: a row names two pictures.
        """
        found: dict[str, GroupRow] = {}
        taken: dict[str, str] = {}
        for source in sources:
            row = self._row_of(source)
            if row is None:
                continue
            if row.file in taken:
                raise InputError(
                    f"{self.path}, line {row.line}: '{row.file}' names two pictures, {taken[row.file]} and {source}: "
                    f"write as much of the path as tells them apart"
                )
            found[source] = row
            taken[row.file] = source
        return Matched(found, len(self.rows) - len(taken))

    def _row_of(self, source: str) -> GroupRow | None:
        parts = PurePosixPath(source).parts
        for start in range(len(parts)):
            row = self.rows.get("/".join(parts[start:]))
            if row is not None:
                return row
        return None


@dataclass(frozen=True)
class Matched:
    """The rows found for pictures, and how many rows name no picture."""

    rows: Mapping[str, GroupRow]
    without_picture: int


def groups_beside(listing: Listing) -> Path | None:
    """The `groups.csv` that lies at the top of a folder."""
    for entry in listing.with_extension(".csv"):
        if not entry.folders and entry.name.lower() == USUAL_NAME:
            return listing.path(entry)
    return None


def is_of_an_export(path: Path | None) -> bool:
    """Whether a groups file is one that `data export` wrote: then an empty mask beside it is a clean tile's."""
    return path is not None and {*EXPORTED} <= {*read_table(path, "groups file")[0]}


def read_groups(path: Path) -> GroupsFile:
    """Read a groups file.

    Raises:
        InputError: not readable as CSV, no column for file or group, a file named twice, an unknown split, an empty
            group, or a group on two sides.
    """
    names, lines = read_table(path, "groups file")
    columns = {name.strip().lower(): name for name in names}
    file_column = next((columns[name] for name in _FILE_COLUMNS if name in columns), None)
    if file_column is None or "group" not in columns:
        raise InputError(
            f"{path} must have the columns file and group (and may have split and part), "
            f"got {', '.join(columns) or 'none'}"
        )
    rows: dict[str, GroupRow] = {}
    for number, values in lines:
        row = _row(path, number, values, columns, file_column)
        if row.file in rows:
            raise InputError(
                f"{path}, line {number}: '{row.file}' is there twice (first in line {rows[row.file].line})"
            )
        rows[row.file] = row
    _refuse_crossing(path, rows.values())
    return GroupsFile(path, rows, "split" in columns)


def _row(path: Path, number: int, values: Mapping[str, str], columns: Mapping[str, str], file_column: str) -> GroupRow:
    def cell(column: str) -> str:
        return (values.get(columns[column]) or "").strip() if column in columns else ""

    name = (values.get(file_column) or "").strip().replace("\\", "/").removeprefix("./")
    group, split = cell("group"), cell("split").lower()
    if not name or not group:
        raise InputError(f"{path}, line {number}: every row needs a file and a group, got {name!r} and {group!r}")
    if split and split not in SPLIT_WORDS:
        raise InputError(f"{path}, line {number}: split must be train, val or test, got {split!r}")
    origin = next((each for each in Origin if each == cell("origin").lower()), None)
    return GroupRow(name, group, SPLIT_WORDS.get(split, Split.NONE), cell("part"), number, origin)


def _refuse_crossing(path: Path, rows: Iterable[GroupRow]) -> None:
    sides: dict[str, GroupRow] = {}
    found: dict[str, set[Split]] = defaultdict(set)
    for row in rows:
        found[row.group].add(row.split)
        first = sides.setdefault(row.group, row)
        if len(found[row.group]) > 1:
            raise InputError(
                f"{path}: group '{row.group}' is in {first.split or 'no split'} (line {first.line}) and in "
                f"{row.split or 'no split'} (line {row.line}): a group never crosses a split"
            )
