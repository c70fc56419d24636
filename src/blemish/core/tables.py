"""CSV files that people write: read strictly, so that one forgotten quote does not swallow the rows behind it."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from blemish.core.errors import InputError


def read_table(path: Path, what: str = "") -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """The columns as they are written, and each row with the number of its last line; what is missing is empty.

    Args:
        what: the kind of file, for the message, as in "cannot read groups file x.csv".

    Raises:
        InputError: not there, not UTF-8, a quote that is never closed, or a row of more fields than columns.
    """
    try:
        reader = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline=""), strict=True)
        columns = list(reader.fieldnames or ())
        rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot read {what}{' ' if what else ''}{path}: {error}") from error
    for line, row in rows:
        beyond = row.pop(None, [])  # Where the reader puts what has no column.
        if any(field.strip() for field in beyond):
            raise InputError(f"{path}, line {line}: more fields than {len(columns)} columns: quote what holds a comma")
    return columns, [(line, {name: value or "" for name, value in row.items()}) for line, row in rows]
