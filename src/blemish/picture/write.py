"""Write pictures and planes as PNG: the same pixels give the same bytes, and a file is there whole or not at all."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from blemish.core.arrays import UInt8

MOST_NAME_BYTES = 200  # File systems take 255, bytes and not letters; unfinished files and numbers need some.


def png_bytes(picture: UInt8, palette: Sequence[tuple[int, int, int]] | None = None) -> bytes:
    """A picture (H W or H W 3) or, with a palette of RGB colours, a plane of indices, as PNG.

    Example:
        >>> png_bytes(np.zeros((2, 2), np.uint8))[:4]
        b'\\x89PNG'
    """
    image = Image.fromarray(np.ascontiguousarray(picture))
    if palette is not None:
        image = image.convert("L")
        image.putpalette(full_palette(palette))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()


def full_palette(colours: Sequence[tuple[int, int, int]]) -> list[int]:
    """256 RGB triples in a row: the colours given, gray levels after them, white for 255 (ignore)."""
    triples = [tuple(c) for c in colours] + [(i, i, i) for i in range(len(colours), 256)]
    triples[255] = (255, 255, 255)
    return [value for triple in triples for value in triple]


def shortened(name: str, most_bytes: int = MOST_NAME_BYTES) -> str:
    """The beginning of a file's name, as many bytes as file systems take with room for an ending.

    Example:
        >>> shortened("abc", 2), len(shortened("缺" * 300).encode())
        ('ab', 198)
    """
    return name.encode()[:most_bytes].decode("utf-8", "ignore")


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.part")
    try:
        unfinished.write_bytes(data)
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def write_png(path: Path, picture: UInt8, palette: Sequence[tuple[int, int, int]] | None = None) -> bytes:
    """Write `png_bytes` to a file and return them."""
    data = png_bytes(picture, palette)
    write_bytes(path, data)
    return data
