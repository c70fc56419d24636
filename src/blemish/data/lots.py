"""Which lot a part is of, as far as the manifest tells: by the folder of its scan, else by the start of its serial."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from blemish.core.records import TileRecord

MOST_LOTS = 60  # More are no lots.
_SERIAL = re.compile(r"^(.*?)[-_. ]?\d+$")


@dataclass(frozen=True)
class Lots:
    """How lots are told apart, in words, and the lot of a record; `words` is empty where there are none."""

    words: str
    of: Callable[[TileRecord], str]


def lots_of(records: Sequence[TileRecord]) -> Lots:
    """The first way that gives 2 to 60 lots of these records.

    Example:
        >>> lots_of([]).words
        ''
    """
    for words, way in (("folder of the scan", _folder), ("start of the serial", _prefix)):
        if 2 <= len({way(record) for record in records}) <= MOST_LOTS:
            return Lots(words, way)
    return Lots("", lambda record: "")


def _folder(record: TileRecord) -> str:
    return str(PurePosixPath(record.source or record.id).parent)


def _prefix(record: TileRecord) -> str:
    """`PC0-00012` is of `PC0`, `L7_031` of `L7`."""
    name = PurePosixPath(record.part or record.id).name
    found = _SERIAL.match(name)
    return found.group(1) if found else name
