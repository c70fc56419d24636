"""Reading what came from elsewhere: plain files, none larger than it can be, nothing that leads out of a folder."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from blemish.core.errors import BundleError


def read_plain(path: Path, most_bytes: int) -> bytes:
    """The bytes of a plain file.

    Raises:
        BundleError: a link, something that is no file, or a file of more bytes than that.
        OSError: not there or not readable.
    """
    if path.is_symlink():
        raise BundleError(f"{path} is a link, a bundle holds its files themselves: copy the bundle with its files")
    size = path.stat().st_size
    if not path.is_file():
        raise BundleError(f"{path} is not a file: copy or export the bundle again")
    if size > most_bytes:
        raise BundleError(f"{path} is larger than {most_bytes} bytes: it is no file of a bundle")
    return path.read_bytes()


def refuse_others(folder: Path, known: Collection[str]) -> None:
    """Nothing may lie in a bundle that its card does not know.

    Raises:
        BundleError: names the first such file.
    """
    others = sorted(path.name for path in folder.iterdir() if path.name not in known)
    if others:
        raise BundleError(f"{folder / others[0]} is not on the bundle's card: take it out, or export the bundle again")
