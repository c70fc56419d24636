"""The page of a quality gate: how many tiles were admitted and rejected, and what they look like, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import jinja2

from blemish.picture.write import write_bytes


@dataclass(frozen=True)
class Shown:
    """One tile (`data:` URIs), and what is said of it."""

    picture: str
    outlined: str
    caption: str


@dataclass(frozen=True)
class ClassGallery:
    """Tiles of one class that one rule rejected, beside some that were admitted."""

    name: str
    colour: str
    rejected: int  # All of them; only some are shown.
    shown: tuple[Shown, ...]
    admitted: tuple[Shown, ...]


@dataclass(frozen=True)
class RuleGallery:
    """What one rule rejected."""

    rule: str
    asks: str  # What the rule asks for, in a sentence.
    classes: tuple[ClassGallery, ...]

    @property
    def rejected(self) -> int:
        return sum(each.rejected for each in self.classes)


@dataclass(frozen=True)
class LeftOut:
    """A class that failed its trial, and some of the tiles that were drawn for it."""

    name: str
    colour: str
    why: str
    shown: tuple[Shown, ...]


@dataclass(frozen=True)
class GatePage:
    """Everything that the page tells."""

    name: str  # Of the synthetic set.
    sentence: str  # The counts as a sum that adds up,
    filled: str  # and how much of the plan came of it.
    head: tuple[str, ...]  # Of the table of counts,
    counts: tuple[tuple[str, ...], ...]  # and its rows.
    limits: tuple[tuple[str, ...], ...]  # Class, contrast, correlation, IoU.
    off: Mapping[str, str]  # Rule -> why it is off.
    rules: tuple[RuleGallery, ...]
    not_filled: tuple[tuple[str, str, int], ...]  # Class, reason, planned tiles.
    left_out: tuple[LeftOut, ...] = ()


def write_gallery(page: GatePage, folder: Path) -> Path:
    """Write `index.html` into a folder and return its path."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("blemish.report"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    target = folder / "index.html"
    write_bytes(target, environment.get_template("gallery.html.j2").render(page=page).encode())
    return target
