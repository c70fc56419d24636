"""The font that words are drawn into pictures with: one that has every letter of them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from io import BytesIO

from PIL import ImageFont

_PACKAGED = files("blemish.picture") / "fonts" / "DejaVuSans.ttf"  # Latin, Greek, Cyrillic and more.
_OF_THE_MACHINE = (  # For the letters that it lacks; Pillow looks in the machine's font folders.
    "NotoSansCJK-Regular.ttc",
    "NotoSans-Regular.ttf",
    "malgun.ttf",
    "msyh.ttc",
    "meiryo.ttc",
    "AppleSDGothicNeo.ttc",
    "PingFang.ttc",
    "wqy-zenhei.ttc",
    "DroidSansFallbackFull.ttf",
)
_NO_LETTER = "\uffff"  # Drawn as every letter is that a font lacks.


def font_for(words: Iterable[str], size_px: int) -> ImageFont.FreeTypeFont:
    """The packaged font, or the first of the machine that has all letters of some words; the packaged one where none
    has.

    Example:
        >>> font_for(["Öl Fleck", "Beule groß", "µm² – é ñ ł Ж"], 15).getname()[0]
        'DejaVu Sans'
    """
    letters = "".join(sorted(set("".join(words)) - {" "}))
    packaged = _packaged(size_px)
    if has_all(packaged, letters):
        return packaged
    others = (_of_machine(name, size_px) for name in _OF_THE_MACHINE)
    return next((font for font in others if font is not None and has_all(font, letters)), packaged)


def has_all(font: ImageFont.FreeTypeFont, letters: str) -> bool:
    """Whether a font draws each of these letters as itself."""
    lacking = _drawn(font, _NO_LETTER)
    return all(_drawn(font, letter) != lacking for letter in letters if letter.isprintable() and not letter.isspace())


@cache
def _packaged(size_px: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(BytesIO(_PACKAGED.read_bytes()), size_px)


@cache
def _of_machine(name: str, size_px: int) -> ImageFont.FreeTypeFont | None:
    try:
        return ImageFont.truetype(name, size_px)
    except OSError:
        return None


def _drawn(font: ImageFont.FreeTypeFont, letter: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(letter)
    return mask.size, bytes(mask)
