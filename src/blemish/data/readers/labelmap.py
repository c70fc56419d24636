"""A text file beside painted masks that says the class of each colour, a line each: `crack:250,50,83::` (CVAT)."""

from __future__ import annotations

import re
from pathlib import Path

from blemish.core.errors import TaxonomyError
from blemish.core.taxonomy import Taxonomy
from blemish.data.readers.listing import Listing

_LINE = re.compile(r"([^:#][^:]*):(\d{1,3}),(\d{1,3}),(\d{1,3}):[^:]*:[^:]*")
_NO_DEFECT = ("background", "_background_")
_MOST_BYTES = 100_000


def colours_told(listing: Listing) -> Taxonomy | None:
    """The taxonomy that the first such file of a folder makes; None where there is none.

    Black, and a class called background, are no defect.

    Raises:
        TaxonomyError: two classes of one name or colour.
    """
    for entry in listing.with_extension(".txt"):
        classes = _classes(listing.path(entry))
        if classes:
            return _taxonomy(classes, listing.root.name, entry.relative)
    return None


def _classes(path: Path) -> dict[str, str]:
    """Class -> colour; empty where one line is something else."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            return {}
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    found = [_LINE.fullmatch(line.strip()) for line in lines if line.strip() and not line.startswith("#")]
    told = [(row.group(1).strip(), tuple(map(int, row.groups()[1:]))) for row in found if row]
    if len(told) < len(found) or any(max(colour) > 255 for _, colour in told):
        return {}
    return {name: "#" + bytes(colour).hex() for name, colour in told}


def _taxonomy(classes: dict[str, str], name: str, where: str) -> Taxonomy:
    beneath = {n: colour for n, colour in classes.items() if n.lower() in _NO_DEFECT or colour == "#000000"}
    defects = [{"name": n, "colour": colour} for n, colour in classes.items() if n not in beneath]
    backgrounds = [{"name": n, "colour": colour} for n, colour in beneath.items()] or [{"name": "surface"}]
    if not defects:
        raise TaxonomyError(f"{where} names no class but a background: add the colours of the defects")
    return Taxonomy.from_dict({"name": name, "backgrounds": backgrounds, "defects": defects}, where=where)
