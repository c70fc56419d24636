"""Folders below a folder, as a person who looks into them sees them: through links too."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from blemish.core.errors import InputError

_OF_THE_DISK = "lost+found"  # What a file system keeps for itself; only its owner may look into it.


def folders_below(folder: Path, above: tuple[str, ...] = ()) -> Iterator[tuple[Path, list[Path]]]:
    """The folder and each below it, with all that is in it, sorted. A link that leads back up is not followed.

    Args:
        above: the real paths of the folders that this one lies in.

    Raises:
        InputError: a folder that cannot be looked into: what is in it would pass for not there.

    Example:
        >>> [(folder.name, inside) for folder, inside in folders_below(Path("scans"))]  # doctest: +SKIP
        [('scans', [Path('scans/a.png'), Path('scans/top')]), ('top', [Path('scans/top/b.png')])]
    """
    real = os.path.realpath(folder)
    if real in above:
        return
    try:
        inside = sorted(folder.iterdir())
    except OSError as error:
        raise InputError(f"cannot look into {folder} ({error.strerror or error}): allow it, or take it out") from error
    yield folder, inside
    for path in inside:
        if path.name != _OF_THE_DISK and path.is_dir():
            yield from folders_below(path, (*above, real))
