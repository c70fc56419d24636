"""Is a picture file whole? Decoders fill what is missing with gray, or the rows before, and say nothing."""

from __future__ import annotations

import io
import zlib

from PIL import Image

_PNG_HEAD = b"\x89PNG\r\n\x1a\n"
_SCAN, _END = b"\xff\xda", b"\xff\xd9"  # JPEG markers; neither can stand inside the compressed pixels.
_SUBFILE, _REDUCED = 254, 1  # TIFF tag of what a page is, and its bit for a smaller copy of another page.


def png_fault(data: bytes) -> str:
    """What is wrong with the chunks of a PNG; empty = every one is there with its checksum, up to the last.

    Example:
        >>> png_fault(b"")
        'it does not begin as a PNG does'
    """
    if not data.startswith(_PNG_HEAD):
        return "it does not begin as a PNG does"
    place, kind, view = len(_PNG_HEAD), b"", memoryview(data)
    while place + 12 <= len(data) and kind != b"IEND":
        end = place + 8 + int.from_bytes(view[place : place + 4], "big")
        kind = bytes(view[place + 4 : place + 8])
        if zlib.crc32(view[place + 4 : end]) != int.from_bytes(view[end : end + 4], "big"):
            return f"chunk {kind.decode('latin-1')!r} has another checksum"
        place = end + 4
    return "" if kind == b"IEND" else "it has no end"


def jpeg_fault(data: bytes) -> str:
    """What is wrong with the end of a JPEG; empty = its last scan is closed."""
    return "" if data.rfind(_END) > data.rfind(_SCAN) else "its last scan has no end"


def fault(data: bytes, kind: str | None) -> str:
    """What shows that a file was not written to its end; empty where nothing does.

    Args:
        kind: "PNG", "JPEG", "TIFF" or "BMP"; of the last two the decoder finds what can be found.
    """
    if kind == "PNG":
        return png_fault(data)
    return jpeg_fault(data) if kind in ("JPEG", "MPO") else ""


def pages(data: bytes, kind: str | None) -> int:
    """How many pictures a file shows: pages of a TIFF but for smaller copies, frames of an animated PNG."""
    if kind not in ("PNG", "TIFF"):
        return 1  # What a camera puts behind a JPEG's own picture are previews and maps of it.
    with Image.open(io.BytesIO(data), formats=[kind]) as image:
        count = getattr(image, "n_frames", 1)
        if kind == "PNG" or count == 1:
            return int(count)
        shown = 0
        for page in range(count):
            image.seek(page)
            shown += not int(image.tag_v2.get(_SUBFILE, 0)) & _REDUCED  # type: ignore[attr-defined]
        return shown
