"""The ordered background and defect classes of a product: M backgrounds and K defects."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import count
from pathlib import Path
from typing import Any

from blemish.core.errors import TaxonomyError
from blemish.core.toml_files import load_toml, parse_toml

IGNORE = 255  # Defect plane: a pixel that enters no loss and no figure.
SURFACE = "surface"  # The one background of a set without background labels.

_LARGEST_PX = 1_000_000  # That a least size may be.
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
NAME = re.compile(r"[\w][\w .+-]{0,63}")
# Twelve colours that stay apart for most kinds of colour vision; reused with their code beside them.
_DEFECT_COLOURS = (
    "#e6194b", "#3cb44b", "#ffe119", "#4363d8", "#f58231", "#911eb4",
    "#46f0f0", "#f032e6", "#bcf60c", "#fabebe", "#008080", "#9a6324",
)  # fmt: skip
_BACKGROUND_COLOURS = ("#808080", "#101010", "#404060", "#c0c0c0")


@dataclass(frozen=True)
class BackgroundClass:
    """What a pixel shows beneath any defect: body, outside."""

    name: str
    colour: str = "#808080"  # "#rrggbb", as painted in a colour mask


@dataclass(frozen=True)
class DefectClass:
    """One kind of defect."""

    name: str
    code: str  # A, B, C, ...
    colour: str = "#e6194b"
    priority: int | None = None  # Two defects on one pixel: the higher wins; None = such a pixel is refused.
    least_size_px: int = 0  # Longest side on the whole scan; smaller defects become 255. 0 = off.
    aliases: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Its name and aliases in lower case, as they are looked up."""
        return (self.name.lower(), *(alias.lower() for alias in self.aliases))


@dataclass(frozen=True)
class Taxonomy:
    """The classes of one product, in order; a defect's index in a label map is its place here + 1.

    Raises:
        TaxonomyError: two classes share a name, code or colour, or the code of one is the name of another; no class at
            all; a bad colour, size or name.

    Example:
        >>> cell = Taxonomy.preset("pouch-cell")
        >>> len(cell.backgrounds), len(cell.defects), cell.defect_index("folding")
        (2, 6, 3)
    """

    name: str
    backgrounds: tuple[BackgroundClass, ...]
    defects: tuple[DefectClass, ...]
    pixel_mm_xy: tuple[float, float] | None = None  # Size of one pixel along x and y; None = not known.

    def __post_init__(self) -> None:
        if not 1 <= len(self.backgrounds) <= 16 or not 1 <= len(self.defects) <= 254:
            raise TaxonomyError(
                f"taxonomy '{self.name}' must have 1 to 16 backgrounds and 1 to 254 defects, "
                f"got {len(self.backgrounds)} and {len(self.defects)}: list them in the taxonomy file"
            )
        if self.pixel_mm_xy is not None and not all(0 < side < math.inf for side in self.pixel_mm_xy):
            raise TaxonomyError(f"pixel_mm_xy must be two positive sizes in mm, got {list(self.pixel_mm_xy)}")
        everything: list[BackgroundClass | DefectClass] = [*self.backgrounds, *self.defects]
        _unique("name", [b.name.lower() for b in self.backgrounds] + [name for d in self.defects for name in d.names])
        _unique("code", [d.code.lower() for d in self.defects])
        _unique("colour", [c.colour.lower() for c in everything])
        _refuse_mistakable_codes(self.defects)
        for entry in everything:
            if not _COLOUR.fullmatch(entry.colour):
                raise TaxonomyError(f"colour of '{entry.name}' must look like #12ab34, got '{entry.colour}'")
            if not NAME.fullmatch(entry.name):
                raise TaxonomyError(f"a class name must be 1 to 64 letters, digits, ' .+-_', got {entry.name!r}")
        for defect in self.defects:
            if not 0 <= defect.least_size_px <= _LARGEST_PX:
                raise TaxonomyError(
                    f"least_size_px of '{defect.name}' must be 0 to {_LARGEST_PX}, got {defect.least_size_px}"
                )

    @property
    def channels(self) -> int:
        """M + K, the planes of a latent matrix."""
        return len(self.backgrounds) + len(self.defects)

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(d.code for d in self.defects)

    @property
    def defect_names(self) -> tuple[str, ...]:
        return tuple(d.name for d in self.defects)

    def defect(self, index: int) -> DefectClass:
        """The defect of a label value 1..K."""
        return self.defects[index - 1]

    def defect_index(self, name: str) -> int:
        """The label value 1..K of a class given by name or alias, else by code (case does not matter).

        Raises:
            TaxonomyError: no such class; the message lists those there are.
        """
        wanted = name.strip().lower()
        for index, defect in enumerate(self.defects, start=1):
            if wanted in defect.names:
                return index
        for index, defect in enumerate(self.defects, start=1):
            if wanted == defect.code.lower():
                return index
        known = ", ".join(f"{d.code} {d.name}" for d in self.defects)
        raise TaxonomyError(f"taxonomy '{self.name}' has no defect '{name}': it has {known}")

    def background_index(self, name: str) -> int:
        """The background value 0..M-1 of a class given by name."""
        for index, background in enumerate(self.backgrounds):
            if name.strip().lower() == background.name.lower():
                return index
        known = ", ".join(b.name for b in self.backgrounds)
        raise TaxonomyError(f"taxonomy '{self.name}' has no background '{name}': it has {known}")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as written in TOML and in cards; `from_dict` reads them back."""
        defects = []
        for d in self.defects:
            row: dict[str, Any] = {"name": d.name, "code": d.code, "colour": d.colour}
            if d.priority is not None:
                row["priority"] = d.priority
            row["least_size_px"] = d.least_size_px
            row["aliases"] = list(d.aliases)
            defects.append(row)
        result: dict[str, Any] = {"name": self.name}
        if self.pixel_mm_xy is not None:
            result["pixel_mm_xy"] = list(self.pixel_mm_xy)
        result["backgrounds"] = [{"name": b.name, "colour": b.colour} for b in self.backgrounds]
        result["defects"] = defects
        return result

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], where: str = "taxonomy") -> Taxonomy:
        """Build from plain values; an unknown key is an error.

        Codes default to A, B, C, ... without those that a class is called (a class called "B" has the code B); colours
        to a fixed list; backgrounds to one, `surface`.

        Raises:
            TaxonomyError: a value of the wrong kind, or what the classes themselves refuse.
        """
        _known_keys(values, {"name", "pixel_mm_xy", "backgrounds", "defects"}, where)
        raw_backgrounds = values.get("backgrounds") or [{"name": SURFACE}]
        raw_defects = values.get("defects") or []
        if not isinstance(raw_backgrounds, Sequence) or not isinstance(raw_defects, Sequence):
            raise TaxonomyError(f"{where}: backgrounds and defects must be lists of tables")
        backgrounds = []
        for i, row in enumerate(raw_backgrounds):
            _known_keys(row, {"name", "colour"}, f"{where}, background {i}")
            backgrounds.append(BackgroundClass(_text(row, "name", where), str(row.get("colour", background_colour(i)))))
        for i, row in enumerate(raw_defects):
            _known_keys(row, {"name", "code", "colour", "priority", "least_size_px", "aliases"}, f"{where}, defect {i}")
        defects = []
        for i, (row, code) in enumerate(zip(raw_defects, _codes(raw_defects, where), strict=True)):
            defects.append(
                DefectClass(
                    name=_text(row, "name", where),
                    code=code,
                    colour=str(row.get("colour", defect_colour(i))),
                    priority=_integer(row.get("priority"), "priority", where),
                    least_size_px=_integer(row.get("least_size_px", 0), "least_size_px", where) or 0,
                    aliases=_aliases(row, where),
                )
            )
        return cls(
            name=_text(values, "name", where),
            backgrounds=tuple(backgrounds),
            defects=tuple(defects),
            pixel_mm_xy=_pixel_size(values.get("pixel_mm_xy"), where),
        )

    @classmethod
    def from_toml(cls, path: Path) -> Taxonomy:
        """Read a taxonomy file: either the keys of `to_dict` at the top, or a `[taxonomy]` table."""
        try:
            values = load_toml(path)
        except (OSError, ValueError) as error:
            raise TaxonomyError(f"cannot read taxonomy file {path}: {error}") from error
        return cls.from_dict(values.get("taxonomy", values), where=str(path))

    @classmethod
    def preset(cls, name: str) -> Taxonomy:
        """A taxonomy that ships with Blemish; `pouch-cell` is the paper's (section 2 of docs/architecture.md)."""
        source = resources.files("blemish.core") / "presets" / f"{name}.toml"
        if not re.fullmatch(r"[a-z0-9-]+", name) or not source.is_file():
            raise TaxonomyError(f"no taxonomy preset '{name}': there is pouch-cell; any other comes from a TOML file")
        return cls.from_dict(parse_toml(source.read_text(encoding="utf-8")), where=f"preset {name}")

    @classmethod
    def of_names(cls, name: str, defect_names: Sequence[str]) -> Taxonomy:
        """A plain taxonomy for a set that brings only names: one background, `surface`, default codes and colours.

        Example:
            >>> Taxonomy.of_names("t", ["surface", "crack"]).backgrounds[0].name  # A defect may be called so.
            'ground'
        """
        taken = {defect.lower() for defect in defect_names}
        beneath = next(n for n in (SURFACE, "ground", "beneath all defects") if n not in taken)
        rows = [{"name": defect} for defect in defect_names]
        return cls.from_dict({"name": name, "backgrounds": [{"name": beneath}], "defects": rows})


def default_code(place: int) -> str:
    """A, B, ..., Z, AA, AB, ... for places 0, 1, ...

    Example:
        >>> default_code(0), default_code(25), default_code(26)
        ('A', 'Z', 'AA')
    """
    return (default_code(place // 26 - 1) if place >= 26 else "") + chr(ord("A") + place % 26)


def defect_colour(place: int) -> str:
    """The default colour of the defect at this place; beyond the twelve, colours are spread by a golden step."""
    return _DEFECT_COLOURS[place] if place < len(_DEFECT_COLOURS) else f"#{(place * 0x9E3779) & 0xFFFFFF:06x}"


def background_colour(place: int) -> str:
    """The default colour of the background at this place."""
    return _BACKGROUND_COLOURS[place] if place < len(_BACKGROUND_COLOURS) else f"#{20 + place:02x}3050"


def rgb(colour: str) -> tuple[int, int, int]:
    """'#e6194b' as (230, 25, 75)."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _codes(rows: Sequence[Mapping[str, Any]], where: str) -> list[str]:
    """The code of each class: the one given, its name where that is one letter, else the next that no class bears."""
    names = [_text(row, "name", where) for row in rows]
    own = [str(row["code"]) if "code" in row else _letter(name) for row, name in zip(rows, names, strict=True)]
    taken = {text.lower() for row in rows for text in _aliases(row, where)} | {text.lower() for text in names + own}
    free = (code for code in map(default_code, count()) if code.lower() not in taken)
    return [code or next(free) for code in own]


def _letter(name: str) -> str:
    return name.upper() if re.fullmatch(r"[a-zA-Z]", name) else ""


def _aliases(row: Mapping[str, Any], where: str) -> tuple[str, ...]:
    value = row.get("aliases", ())
    if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(a, str) for a in value):
        raise TaxonomyError(f"{where}: 'aliases' must be a list of texts, like [\"pore\"], got {value!r}")
    return tuple(value)


def _refuse_mistakable_codes(defects: Sequence[DefectClass]) -> None:
    called = {name: defect for defect in defects for name in defect.names}
    for defect in defects:
        other = called.get(defect.code.lower(), defect)
        if other is not defect:
            raise TaxonomyError(
                f"'{defect.code}' is the code of '{defect.name}' and a name of '{other.name}', so that a label "
                f"'{defect.code}' could mean either: give '{defect.name}' another code, or import a data set again"
            )


def _unique(what: str, values: Sequence[str]) -> None:
    for value in values:
        if values.count(value) > 1:
            raise TaxonomyError(f"every class needs its own {what}, but '{value}' is there twice: change one")


def _known_keys(row: Any, known: set[str], where: str) -> None:
    if not isinstance(row, Mapping):
        raise TaxonomyError(f"{where}: expected a table, got {type(row).__name__}")
    unknown = sorted(set(row) - known)
    if unknown:
        raise TaxonomyError(f"{where}: unknown key '{unknown[0]}'; known are {', '.join(sorted(known))}")


def _text(row: Mapping[str, Any], key: str, where: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value:
        raise TaxonomyError(f"{where}: '{key}' must be a text, got {value!r}")
    return value


def _integer(value: Any, key: str, where: str) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise TaxonomyError(f"{where}: '{key}' must be a whole number, got {value!r}")


def _pixel_size(value: Any, where: str) -> tuple[float, float] | None:
    if value is None:
        return None
    sides = list(value) if isinstance(value, Sequence) else []
    if len(sides) == 2 and all(isinstance(side, int | float) and not isinstance(side, bool) for side in sides):
        return float(value[0]), float(value[1])
    raise TaxonomyError(f"{where}: pixel_mm_xy must be two numbers [x, y] in mm, got {value!r}")
