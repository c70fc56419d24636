"""Which files make which part: folders are searched, a serial is the file's stem unless a CSV says otherwise."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from blemish.core.errors import InputError
from blemish.core.folders import folders_below
from blemish.core.records import Part, View
from blemish.core.tables import read_table
from blemish.inspect.stored import INSPECTED
from blemish.picture.read import EXTENSIONS, is_picture

_TURNS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # Of the direction of writing.
OVERLAYS = "overlays"  # The folder of drawings in a results folder.


@dataclass(frozen=True)
class Naming:
    """What a serials CSV says of one file."""

    serial: str
    view: str = ""


def find_files(given: Sequence[Path]) -> list[Path]:
    """The files themselves; of a folder all pictures below it, sorted. A file given twice counts once.

    Overlays of results that lie below a folder are drawings of scans, and no scans: they are passed over.

    Raises:
        InputError: nothing given, a path that is not there, a folder without pictures, or a name that is not UTF-8 and
            could stand in no result.
    """
    if not given:
        raise InputError("nothing to inspect: give pictures or folders of pictures")
    found: dict[Path, None] = {}
    for path in given:
        if not path.exists():
            raise InputError(f"nothing to inspect at {path}: no such file or folder")
        inside = sorted(p for _, held in folders_below(path) for p in held if _is_scan(p)) if path.is_dir() else [path]
        if not inside:
            raise InputError(f"nothing to inspect in {path}: it holds no {', '.join(EXTENSIONS)}")
        found.update(dict.fromkeys(inside))
    for path in found:
        if printable(path) != str(path):
            raise InputError(f"the name of {printable(path)} is not UTF-8, so no result could name it: rename it")
        if hides_text(str(path)):
            raise InputError(f"the name {str(path)!a} holds control characters, which a screen obeys: rename it")
    return list(found)


def empty_folders(given: Sequence[Path]) -> list[Path]:
    """Folders below those given in which no picture is, nor in any below them; of results those are passed over."""
    walked = [each for path in given if path.is_dir() for each in folders_below(path)]
    full = {above for folder, held in walked if any(map(_is_scan, held)) for above in (folder, *folder.parents)}
    return [folder for folder, _ in walked if folder not in full and not _is_of_results(folder)]


def _is_of_results(folder: Path) -> bool:
    return any((at / INSPECTED).exists() for at in (folder, folder.parent))


def _is_scan(path: Path) -> bool:
    """A link that leads nowhere too: its part is REVIEW."""
    is_shadow = path.name.startswith("._")  # What macOS leaves beside each file on other disks.
    is_there = path.is_file() or (path.is_symlink() and not path.exists())
    return is_picture(path) and is_there and not is_shadow and not _is_overlay(path)


def _is_overlay(path: Path) -> bool:
    return path.parent.name == OVERLAYS and (path.parent.parent / INSPECTED).exists()


def printable(path: Path) -> str:
    r"""The path, with the bytes that are no UTF-8 written as \xNN."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def hides_text(text: str) -> bool:
    """Whether a text holds what moves a screen's cursor, breaks its line or turns its direction.

    Example:
        >>> hides_text("cell 7"), hides_text("a\\nOK  cell-7"), hides_text("Zelle\\u00a07")
        (False, True, False)
    """
    return any(unicodedata.category(sign) in ("Cc", "Zl", "Zp") or sign in _TURNS for sign in text)


def gather_parts(files: Sequence[Path], namings: Mapping[Path, Naming] | None = None) -> list[Part]:
    """Parts in the order of their first file; several files are views of one part only if the CSV says so.

    A part has all the views that the CSV gives it, those that are not among the files too: one that the camera never
    wrote makes its part REVIEW, also where it is the only one. Parts whose pictures are there but were not given are
    left to another command.

    Args:
        namings: of `read_serials`, by resolved path.

    Raises:
        InputError: two files with one serial that no CSV made views of one part, or views of one name; or a CSV that
            names none of the files.
    """
    if namings and not any(path.resolve() in namings for path in files):
        raise InputError(
            f"the serials name {len(namings)} files, among them {next(iter(namings))}, but none of the "
            f"{len(files)} to inspect, among them {files[0].resolve()}: write names as they are, relative to the CSV"
        )
    views: dict[str, list[View]] = {}
    named: dict[str, bool] = {}
    for path in files:
        naming = (namings or {}).get(path.resolve())
        serial = naming.serial if naming else path.stem
        others = views.setdefault(serial, [])
        if others and not (naming and named[serial]):
            raise InputError(
                f"{others[0].path} and {path} have the same serial '{serial}': say with --same-name "
                f"whether they are parts of their own or views of one, or with --serials which part each belongs to"
            )
        named[serial] = naming is not None
        others.append(View(naming.view if naming else "", path))
    given = {path.resolve() for path in files}
    rest = {path: naming for path, naming in (namings or {}).items() if path not in given}
    lost = {naming.serial for path, naming in rest.items() if not path.exists()}
    for path, naming in rest.items():
        if named.get(naming.serial) is False:
            raise InputError(
                f"{views[naming.serial][0].path} has the serial '{naming.serial}', which --serials gives to {path}: "
                f"name it there too, or leave it out"
            )
        if naming.serial in named or naming.serial in lost:
            views.setdefault(naming.serial, []).append(View(naming.view, path))
    return [Part(serial, _named_views(serial, own)) for serial, own in views.items()]


def read_serials(path: Path) -> dict[Path, Naming]:
    """A CSV with the columns `file`, `serial` and, if wanted, `view`; a relative file is looked for beside the CSV.

    Returns:
        by resolved path.

    Raises:
        InputError: not readable, a column missing, an empty field, or a file named twice.
    """
    names, rows = read_table(path)
    columns = set(names)
    if not {"file", "serial"} <= columns or columns - {"file", "serial", "view"} or len(columns) < len(names):
        raise InputError(
            f"{path} must have the columns file, serial and maybe view, each once, got {', '.join(sorted(names))}"
        )
    namings: dict[Path, Naming] = {}
    for line, row in rows:
        name, serial = row["file"].strip(), row["serial"].strip()
        if not name or not serial:
            raise InputError(f"{path}, line {line}: file and serial must both be given")
        if hides_text(serial + row.get("view", "")):
            raise InputError(f"{path}, line {line}: serial and view must hold no control characters, got {serial!a}")
        if hides_text(name):
            raise InputError(f"{path}, line {line}: a file's name must hold no control characters, got {name!a}")
        file = (path.parent / name).resolve()
        if file.is_dir():
            raise InputError(f"{path}, line {line}: '{name}' is a folder: one row a picture")
        if file in namings:
            raise InputError(f"{path}, line {line}: '{name}' is named twice")
        namings[file] = Naming(serial, row.get("view", "").strip())
    if not namings:
        raise InputError(f"{path} names no file: one row a picture, with file and serial")
    return namings


def _named_views(serial: str, views: list[View]) -> tuple[View, ...]:
    """One view needs no name; several without names go by their files' stems."""
    if len(views) == 1:
        return tuple(views)
    named = tuple(View(view.name or view.path.stem, view.path) for view in views)
    names = [view.name for view in named]
    for view in named:
        if names.count(view.name) > 1:
            raise InputError(f"part '{serial}' has two views called '{view.name}': give each its own in --serials")
    return named
