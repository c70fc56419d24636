"""TOML that people write: whatever is wrong with it is one kind of error."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any


def parse_toml(text: str) -> dict[str, Any]:
    """The values of a TOML text.

    Raises:
        ValueError: not TOML, tables nested too deep, or a number of thousands of digits.
    """
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def load_toml(path: Path) -> dict[str, Any]:
    """The values of a TOML file; a mark at its beginning that says UTF-8 is passed over.

    Raises:
        OSError: cannot be read.
        ValueError: as `parse_toml`, or not UTF-8.
    """
    return parse_toml(path.read_text(encoding="utf-8-sig"))
