"""Walk a folder once: its pictures and other files, without leaving it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from blemish.core.errors import InputError, PictureError
from blemish.picture.read import is_picture

_SKIPPED_FOLDERS = ("__MACOSX",)


@dataclass(frozen=True)
class Entry:
    """One file below the root, by the parts of its relative path."""

    folders: tuple[str, ...]
    stem: str
    extension: str  # Lower case, with its dot.
    name: str

    @property
    def relative(self) -> str:
        return "/".join((*self.folders, self.name))

    @property
    def id(self) -> str:
        """The relative path without extension."""
        return self.relative[: len(self.relative) - len(PurePosixPath(self.name).suffix)]


@dataclass(frozen=True)
class Listing:
    """The files below a root, in the order of their relative paths."""

    root: Path
    pictures: tuple[Entry, ...]
    others: tuple[Entry, ...]
    escaping: tuple[str, ...] = ()  # Links that lead out of the root.
    broken: tuple[str, ...] = ()  # Links to nothing.
    unreadable_names: tuple[str, ...] = ()  # Not UTF-8, shown with their bytes escaped.
    empty_folders: tuple[str, ...] = ()

    def path(self, entry: Entry) -> Path:
        return self.root.joinpath(*entry.folders, entry.name)

    def with_extension(self, extension: str) -> list[Entry]:
        """Other files than pictures by their extension, '.json' for one."""
        return [entry for entry in self.others if entry.extension == extension]


def list_folder(root: Path) -> Listing:
    """All files below a folder. Hidden files are passed over; links may not lead out of the root.

    Raises:
        InputError: no such folder, or no picture and no other file in it.
    """
    if not root.is_dir():
        raise InputError(f"expected a folder of pictures and labels, but {root} is not a folder: check the path")
    pictures: list[Entry] = []
    others: list[Entry] = []
    escaping: list[str] = []
    broken: list[str] = []
    unreadable: list[str] = []
    empty: list[str] = []
    inside = Path(os.path.realpath(root))
    for folder, subfolders, names in _walk(root):
        relative = folder.relative_to(root).parts
        if not names and not subfolders and relative:
            empty.append("/".join(relative))
        for name in [*names, *(s for s in subfolders if (folder / s).is_symlink())]:
            entry = Entry(relative, PurePosixPath(name).stem, PurePosixPath(name).suffix.lower(), name)
            path = folder / name
            if not _is_text(entry.relative):
                unreadable.append(ascii(entry.relative))
            elif path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(inside):
                escaping.append(entry.relative)  # realpath, for resolve raises where links go round in a circle.
            elif path.is_symlink() and not path.exists():
                broken.append(entry.relative)
            elif path.is_file():
                (pictures if is_picture(path) else others).append(entry)
    if not any((pictures, others, escaping, broken, unreadable)):
        raise InputError(f"{root} is empty: expected a folder of pictures and labels (PNG, JPEG, TIFF, BMP, JSON)")
    return Listing(
        root, tuple(pictures), tuple(others), tuple(escaping), tuple(broken), tuple(unreadable), tuple(empty)
    )


def refuse_escape(name: str) -> PictureError:
    """The error of a link that leads out of the folder."""
    return PictureError(f"{name} is a link that leads out of the folder: put the file itself there or leave it out")


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse_unreadable(error: OSError) -> None:
    """A folder that is passed over may hold the labels of pictures that are not."""
    raise InputError(f"cannot read folder {error.filename}: {error.strerror}; make it readable, or move it elsewhere")


def _walk(root: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    for folder, subfolders, names in os.walk(root, onerror=_refuse_unreadable):
        subfolders[:] = sorted(s for s in subfolders if not s.startswith(".") and s not in _SKIPPED_FOLDERS)
        yield Path(folder), subfolders, sorted(n for n in names if not n.startswith("."))
