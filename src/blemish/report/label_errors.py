"""The page of suspected label errors: worst first, picture, label and answer side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import jinja2

from blemish.picture.write import write_bytes


@dataclass(frozen=True)
class ShownError:
    """One suspicion with its three pictures (`data:` URIs): as it is, with the label, with the answer."""

    rank: int
    score: float
    kind: str
    words: str
    tile: str
    confidence: float
    pictures: tuple[str, ...]


@dataclass(frozen=True)
class LabelErrorsPage:
    """Everything that the page tells."""

    dataset: str
    tiles: int
    kinds: Mapping[str, int]
    legend: tuple[tuple[str, str], ...]  # Class, colour.
    shown: tuple[ShownError, ...]


def write_label_errors_page(page: LabelErrorsPage, folder: Path) -> Path:
    """Write `index.html` into a folder and return its path."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("blemish.report"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    target = folder / "index.html"
    write_bytes(target, environment.get_template("label_errors.html.j2").render(page=page).encode())
    return target
