"""Defects drawn on their scan for people: an outline round each, its code and size beside it, a title above.

Colour never speaks alone: every outline has its class code beside it, and the title says what each code means.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from blemish.core.arrays import UInt8
from blemish.core.records import Box, Defect
from blemish.core.taxonomy import Taxonomy, rgb
from blemish.picture.font import font_for
from blemish.picture.normalise import to_channels

LEAST_SIDE_PX = 900  # A smaller picture is enlarged by a whole factor, so that text fits beside its defects,
MOST_SCALE = 16  # up to this one.
MOST_LABELS = 120  # Text beside the largest; the others keep their outline.
JPEG_QUALITY = 90
MOST_JPEG_PX = 65_500  # Of a side.
_DARK, _WHITE = (20, 20, 20), (255, 255, 255)

Area = tuple[float, float, float, float]  # Left, top, right, bottom.


@dataclass(frozen=True)
class _Style:
    """Sizes that stay legible when the whole picture is shown on a screen."""

    scale: int  # Enlargement of the picture.
    stroke_px: int
    font: ImageFont.FreeTypeFont
    text_px: int

    @classmethod
    def of(cls, height: int, width: int, words: Sequence[str]) -> _Style:
        scale = min(MOST_SCALE, max(1, -(-LEAST_SIDE_PX // max(height, width))))
        longest = scale * max(height, width)
        text_px = max(15, longest // 110)
        return cls(scale, max(2, longest // 1500), font_for(words, text_px), text_px)


def draw_overlay(
    picture: UInt8, defects: Sequence[Defect], taxonomy: Taxonomy, title: str, also: Sequence[Defect] = ()
) -> UInt8:
    """The scan with its defects marked.

    Args:
        picture: uint8 H W or H W C.
        defects: of this scan, in its pixels.
        title: written above the picture, wrapped where it is long.
        also: less likely ones, of this scan too: with a thin line, their text in brackets.

    Returns:
        uint8 RGB: the picture, enlarged by a whole factor where it is small, below a strip with the title.
    """
    height, width = picture.shape[:2]
    style = _Style.of(height, width, [title, *taxonomy.defect_names])
    canvas = np.repeat(np.repeat(to_channels(picture, 3), style.scale, axis=0), style.scale, axis=1)
    for some, stroke_px in ((also, (style.stroke_px + 1) // 2), (defects, style.stroke_px)):
        for defect in some:
            _outline(canvas, defect, rgb(taxonomy.defect(taxonomy.defect_index(defect.code)).colour), style, stroke_px)
    image = Image.fromarray(canvas)
    _write_labels(image, [*defects, *also], taxonomy, style, bracketed={id(defect) for defect in also})
    strip = _title_strip(image.width, title, [*defects, *also], taxonomy, style)
    return np.concatenate([strip, np.asarray(image)])


def jpeg_bytes(picture: UInt8) -> bytes:
    """An RGB picture as JPEG with full colour resolution, so that thin coloured lines stay sharp.

    One that is longer than a JPEG can be is reduced.
    """
    shrink = max(picture.shape[:2]) / MOST_JPEG_PX
    if shrink > 1:
        height, width = (max(1, int(side / shrink)) for side in picture.shape[:2])
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return buffer.getvalue()


def size_text(defect: Defect) -> str:
    """Length and width as people read them.

    Example:
        >>> from blemish.core.records import Box
        >>> size_text(Defect("A", "groove", 0.9, Box(0, 0, 9, 2), (), 18, 9.0, 2.0, (4.0, 0.5)))
        '9 x 2 px'
    """
    if defect.length_mm is None or defect.width_mm is None:
        return f"{defect.length_px:.0f} x {defect.width_px:.0f} px"
    return f"{defect.length_mm:.1f} x {defect.width_mm:.1f} mm"


def _outline(canvas: UInt8, defect: Defect, colour: tuple[int, int, int], style: _Style, stroke_px: int) -> None:
    """A line just outside the defect, which stays visible, with a dark rim that shows on any background."""
    reach = 2 * style.stroke_px + 2
    box, scale = defect.box, style.scale
    corner = np.array([box.x * scale - reach, box.y * scale - reach])
    filled = np.zeros((box.height * scale + 2 * reach, box.width * scale + 2 * reach), np.uint8)
    points = (np.array(defect.outline_xy) - (box.x, box.y)) * scale + reach + scale // 2
    cv2.fillPoly(filled, [points.astype(np.int32)], 1)
    grow = 2 * (style.stroke_px + scale // 2) + 1
    grown = cv2.dilate(filled, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (grow, grow)))
    contours, _ = cv2.findContours(grown, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    lines = [contour + corner.astype(np.int32) for contour in contours]
    cv2.polylines(canvas, lines, True, _DARK, stroke_px + 2, cv2.LINE_AA)
    cv2.polylines(canvas, lines, True, colour, stroke_px, cv2.LINE_AA)


def _write_labels(
    image: Image.Image, defects: Sequence[Defect], taxonomy: Taxonomy, style: _Style, bracketed: Collection[int]
) -> None:
    draw = ImageDraw.Draw(image)
    largest = sorted(defects, key=lambda d: (id(d) in bracketed, -d.area_px))[:MOST_LABELS]
    taken = [_area(defect.box, style) for defect in largest]
    for defect in largest:
        text = f"{defect.code}  {size_text(defect)}"
        text = f"({text})" if id(defect) in bracketed else text
        place = _free_place(_area(defect.box, style), _text_size(text, style), image.size, taken)
        taken.append(place)
        colour = rgb(taxonomy.defect(taxonomy.defect_index(defect.code)).colour)
        _text_box(draw, place, text, colour, style)


def _text_box(draw: ImageDraw.ImageDraw, place: Area, text: str, colour: tuple[int, int, int], style: _Style) -> None:
    """White text on dark, with a bar in the class's colour at its left."""
    left, top, _, bottom = place
    draw.rectangle(place, fill=_DARK)
    draw.rectangle((left, top, left + style.text_px // 4, bottom), fill=colour)
    draw.text((left + style.text_px // 2, (top + bottom) / 2), text, fill=_WHITE, font=style.font, anchor="lm")


def _text_size(text: str, style: _Style) -> tuple[float, float]:
    left, _, right, _ = style.font.getbbox(text)
    return right - left + style.text_px, style.text_px * 1.35


def _area(box: Box, style: _Style) -> Area:
    """A box on the canvas, with room for its outline."""
    rim = 2 * style.stroke_px + style.scale // 2
    left, top = box.x * style.scale - rim, box.y * style.scale - rim
    return left, top, (box.x + box.width) * style.scale + rim, (box.y + box.height) * style.scale + rim


def _free_place(around: Area, size: tuple[float, float], canvas_wh: tuple[int, int], taken: Sequence[Area]) -> Area:
    """Beside the defect, inside the picture, off other labels and defects where that can be had."""
    left, top, right, bottom = around
    width, height = size
    wanted = (
        (right, top), (left - width, top), (left, top - height), (left, bottom),
        (right, bottom - height), (left - width, bottom - height), (right - width, top - height),
        (right - width, bottom), (right, top - height), (right, bottom), (left - width, bottom),
    )  # fmt: skip
    places = [_inside((x, y, x + width, y + height), canvas_wh) for x, y in wanted]
    return min(places, key=lambda place: sum(_overlap(place, other) for other in taken))


def _inside(place: Area, canvas_wh: tuple[int, int]) -> Area:
    left, top, right, bottom = place
    x = min(max(left, 0.0), max(canvas_wh[0] - (right - left), 0.0))
    y = min(max(top, 0.0), max(canvas_wh[1] - (bottom - top), 0.0))
    return x, y, x + right - left, y + bottom - top


def _overlap(one: Area, other: Area) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return width * height if width > 0 and height > 0 else 0.0


def _title_strip(width: int, title: str, defects: Sequence[Defect], taxonomy: Taxonomy, style: _Style) -> UInt8:
    """The title, then each class that was found: its colour, code, name and number."""
    lines = _wrapped(title, width - 2 * style.text_px, style)
    counts = Counter(defect.code for defect in defects)
    legend = [
        (f"{kind.code} {kind.name}: {counts[kind.code]}", rgb(kind.colour))
        for kind in taxonomy.defects
        if counts[kind.code]
    ]
    rows = _legend_rows(legend, width, style)
    line_px = round(style.text_px * 1.5)
    strip = Image.new("RGB", (width, line_px * (len(lines) + len(rows)) + style.text_px // 2), _DARK)
    draw = ImageDraw.Draw(strip)
    for number, line in enumerate(lines):
        draw.text((style.text_px // 2, (number + 0.6) * line_px), line, fill=_WHITE, font=style.font, anchor="lm")
    for number, row in enumerate(rows, start=len(lines)):
        for x, text, colour in row:
            y = number * line_px + style.text_px * 0.2
            _text_box(draw, (x, y, x + _text_size(text, style)[0], y + style.text_px * 1.35), text, colour, style)
    return np.asarray(strip)


def _legend_rows(
    legend: Sequence[tuple[str, tuple[int, int, int]]], width: int, style: _Style
) -> list[list[tuple[float, str, tuple[int, int, int]]]]:
    rows: list[list[tuple[float, str, tuple[int, int, int]]]] = []
    x = float(width)
    for text, colour in legend:
        needed = _text_size(text, style)[0] + style.text_px
        if x + needed > width:
            rows.append([])
            x = style.text_px / 2
        rows[-1].append((x, text, colour))
        x += needed
    return rows


def _wrapped(text: str, width: int, style: _Style) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and style.font.getbbox(longer)[2] > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
