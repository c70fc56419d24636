"""A CSV of run lengths as a table: which column is which, read from what stands in it, and its rows one by one."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from blemish.core.errors import InputError, LabelError

FILE = re.compile(r"(.+\.(?:png|jpe?g|bmp|tiff?))(?:_(\w{1,64}))?", re.IGNORECASE)
_RUNS = re.compile(r"\d{1,18}\s+\d{1,18}(?:\s+\d{1,18}\s+\d{1,18})*")
_WHOLE = re.compile(r"(\d{1,9})(?:\.0+)?")
_CLASS = re.compile(r"class|label|categor|defect", re.IGNORECASE)
_NOTHING = ("", "-1", "nan", "none", "null")
_MOST_CLASSES = 64
_SAMPLES = 200
_DELIMITERS = (",", ";", "\t")
_FIELD_LETTERS = 1 << 26


@dataclass(frozen=True)
class Row:
    """What one line says."""

    line: int
    file: str
    label: str  # A whole number is written without a decimal point; "" = the file tells no class.
    runs: tuple[tuple[int, int], ...]  # First pixel from 1, and how many.


@dataclass(frozen=True)
class BadRow:
    """A line that says nothing certain, and the picture that it is of, where it tells that much."""

    line: int
    file: str  # "" = not told.
    reason: str


@dataclass(frozen=True)
class Columns:
    """Where what stands; `label` None = behind the file's name, or nowhere."""

    delimiter: str
    names: tuple[str, ...]
    file: int
    runs: int
    label: int | None


def columns_of(path: Path) -> Columns | None:
    """The columns of a file of run lengths, from its first lines; None where it is none, or cannot be read.

    Raises:
        InputError: it is one, but has no header, or more than one column that may be the class.
    """
    for delimiter in _DELIMITERS:
        try:
            with closing(_lines(path, delimiter)) as lines:
                rows = [row for _, row in islice(lines, _SAMPLES)]
        except InputError:
            continue
        if len(rows) > 1 and len(rows[0]) > 1:
            found = _placed(path, delimiter, rows[0], [row for row in rows[1:] if len(row) == len(rows[0])])
            if found is not None:
                return found
    return None


def read_rows(path: Path, columns: Columns) -> Iterator[Row | BadRow]:
    """All rows, and in the place of a bad one what is wrong with it.

    Raises:
        InputError: not readable, or a quote that is not closed: it would swallow the rows behind it.
    """
    for line, values in islice(_lines(path, columns.delimiter, strict=True), 1, None):
        try:
            yield _row(columns, values, f"{path}, line {line}", line)
        except LabelError as error:
            found = next((one for value in values if (one := FILE.fullmatch(value))), None)
            yield BadRow(line, found.group(1) if found else "", str(error))


def _lines(path: Path, delimiter: str, *, strict: bool = False) -> Generator[tuple[int, list[str]], None, None]:
    """Line number and fields of every row that is not empty; letters that are not UTF-8 as Windows writes them."""
    before = csv.field_size_limit(_FIELD_LETTERS)  # The mask of a large picture is one long field.
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            reader = csv.reader(file, delimiter=delimiter, strict=strict)
            for row in reader:
                if strict and any("\n" in field or "\r" in field for field in row):
                    raise csv.Error(
                        f"a quote is not closed: a field goes on over several lines, up to {reader.line_num}"
                    )
                if any(row):
                    yield reader.line_num, [_text(field).strip() for field in row]
    except (OSError, csv.Error) as error:
        raise InputError(f"cannot read {path} as CSV: {error}") from error
    finally:
        csv.field_size_limit(before)


def _text(field: str) -> str:
    if field.isascii():
        return field
    return field.encode("utf-8", "surrogateescape").decode("utf-8", "_windows")


def _windows(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error("_windows", _windows)


def _placed(path: Path, delimiter: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> Columns | None:
    """Most of a column must be what it stands for: a slip in one row is named with its line later."""

    def most(place: int, is_one: Callable[[str], object]) -> bool:
        there = [row[place] for row in rows if row[place].lower() not in _NOTHING]
        return bool(there) and 2 * sum(bool(is_one(value)) for value in there) >= len(there)

    file = next((place for place in range(len(head)) if most(place, FILE.fullmatch)), None)
    runs = next((place for place in range(len(head)) if most(place, _RUNS.fullmatch)), None)
    if file is None or runs is None:
        return None
    if any(FILE.fullmatch(name) for name in head):
        raise InputError(f"{path}: the first line must name the columns, got {delimiter.join(head)[:80]!r}: add it")
    rest = [place for place in range(len(head)) if place not in (file, runs)]
    told = _class_columns(head, {place: [row[place] for row in rows] for place in rest})
    behind = most(file, lambda value: (found := FILE.fullmatch(value)) and found.group(2))
    if not behind and len(told) > 1:
        names = " and ".join(head[place] or "the first" for place in told[:2])
        raise InputError(f"{path}: the columns {names} may both be the class: take out all but the one that is")
    return Columns(delimiter, tuple(head), file, runs, told[0] if told and not behind else None)


def _class_columns(head: Sequence[str], columns: Mapping[int, Sequence[str]]) -> list[int]:
    """The places that may hold the class; where columns are called so, those alone, of one value too."""
    called = [place for place in columns if _CLASS.search(head[place])]
    if called:
        return [place for place in called if any(columns[place])]
    return [place for place, values in columns.items() if _may_be_classes(values)]


def _may_be_classes(values: Sequence[str]) -> bool:
    """Two to 64 different ones; no count of the rows, and nothing with a fraction."""
    there = [value for value in values if value.lower() not in _NOTHING]
    numbers = [_whole(value) for value in there]
    if len(there) > 2 and numbers == [str(int(numbers[0] or 0) + place) for place in range(len(there))]:
        return False
    named = all(number or not re.match(r"[-+]?[\d.]", value) for number, value in zip(numbers, there, strict=True))
    return named and 1 < len(set(there)) <= _MOST_CLASSES


def _whole(value: str) -> str:
    """A whole number without its decimal point, which tables with gaps write; "" where it is none."""
    found = _WHOLE.fullmatch(value)
    return str(int(found.group(1))) if found else ""


def _row(columns: Columns, values: Sequence[str], where: str, line: int) -> Row:
    if len(values) != len(columns.names):
        raise LabelError(f"{where} has {len(values)} fields, the header {len(columns.names)}: the row is not whole")
    found = FILE.fullmatch(values[columns.file])
    if found is None:
        raise LabelError(f"{where}: expected a picture's file, got {values[columns.file][:40]!r}")
    text = values[columns.runs]
    if text.lower() in _NOTHING:
        text = ""
    elif not _RUNS.fullmatch(text):
        raise LabelError(f"{where}: run lengths must be pixel and count in turn, got {text[:40]!r}")
    numbers = [int(number) for number in text.split()]
    runs = tuple(zip(numbers[::2], numbers[1::2], strict=True))
    if any(first < 1 or count < 1 for first, count in runs):
        raise LabelError(f"{where}: run lengths must count pixels from 1, got {text[:40]!r}")
    label = found.group(2) or "" if columns.label is None else values[columns.label]
    if columns.label is not None and runs and label.lower() in _NOTHING:
        raise LabelError(f"{where}: run lengths without a class")
    return Row(line, found.group(1), _whole(label) or label, runs)
