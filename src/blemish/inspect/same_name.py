"""Pictures of one name in several folders: parts of their own, or views of one part. The folders tell them apart."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from blemish.core.errors import InputError
from blemish.inspect.sources import Naming

PARTS = "parts"
VIEWS = "views"


def named_by_folder(files: Sequence[Path], meaning: str) -> dict[Path, Naming]:
    """Which file belongs to which part, by the folders below the one that all files share.

    With `parts` the folders become part of the serial. With `views` each folder is a camera: the stem is the serial,
    and a part has a view in every folder, so that one whose picture is missing there is not whole.

    Args:
        files: of `sources.find_files`.
        meaning: `parts` or `views`.

    Returns:
        as `sources.read_serials`, by resolved path.

    Raises:
        InputError: another meaning, or two files that would still be the same part or view.

    Example:
        >>> files = [Path("test/crack/000.png"), Path("test/good/000.png")]
        >>> [naming.serial for naming in named_by_folder(files, "parts").values()]
        ['crack-000', 'good-000']
        >>> files = [Path("top/7.png"), Path("edge/7.png")]
        >>> [naming.view for naming in named_by_folder(files, "views").values()]
        ['top', 'edge']
    """
    if meaning not in (PARTS, VIEWS):
        raise InputError(f"--same-name must be {PARTS} or {VIEWS}, got '{meaning}'")
    paths = [path.absolute() for path in files]  # A link goes by its own name and place, not by its target's.
    shared = Path(os.path.commonpath([path.parent for path in paths]))
    taken: dict[Naming, Path] = {}
    for path in paths:
        naming = _naming(path.relative_to(shared), meaning)
        if naming in taken:
            raise InputError(
                f"{taken[naming]} and {path} would both be {_words(naming)}: rename one, or say with --serials which "
                f"part each belongs to"
            )
        taken[naming] = path
    namings = {path.resolve(): naming for naming, path in taken.items()}
    if len(namings) != len(taken):
        raise InputError("two of the pictures are links to one file: leave one of them out")
    return namings if meaning == PARTS else {**namings, **_missing(taken)}


def _naming(path: Path, meaning: str) -> Naming:
    folder = "-".join(path.parent.parts)
    if meaning == VIEWS:
        return Naming(path.stem, folder)
    return Naming(f"{folder}-{path.stem}" if folder else path.stem)


def _missing(there: Mapping[Naming, Path]) -> dict[Path, Naming]:
    """The views that no camera wrote: of every part in every folder."""
    views = {path.parent: naming.view for naming, path in there.items()}
    parts = {naming.serial: path.name for naming, path in there.items()}
    return {
        (folder / name).resolve(): Naming(serial, view)
        for serial, name in parts.items()
        for folder, view in views.items()
        if Naming(serial, view) not in there
    }


def _words(naming: Naming) -> str:
    return f"view '{naming.view}' of part '{naming.serial}'" if naming.view else f"part '{naming.serial}'"
