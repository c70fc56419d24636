"""The statistics of a data set as one picture: tiles per class, sizes and places of its defects (Pillow)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from blemish.core.arrays import UInt8
from blemish.core.records import Split
from blemish.core.taxonomy import Taxonomy, rgb
from blemish.data.stats import ClassStats, DatasetStats
from blemish.picture.font import font_for

WIDTH = 1200
_MARGIN, _LINE = 24, 18
_BARS, _ROW = 34, 190  # Height of one class in the bars, and of one class below them.
_INK, _FAINT, _PAPER = (30, 30, 30), (205, 205, 205), (255, 255, 255)
_SHADE = {Split.TRAIN: 0.0, Split.VAL: 0.4, Split.TEST: 0.65, Split.NONE: 0.0}  # Towards white.
_SYNTHETIC_STRIPE_PX = 6


def draw_stats(stats: DatasetStats, taxonomy: Taxonomy) -> UInt8:
    """uint8 H x 1200 x 3: bars of tiles per class, then for each class a histogram of sizes and a map of places."""
    bars = _MARGIN * 4 + _BARS * (len(stats.classes) + 1)
    measured = [entry for entry in stats.classes if entry.regions]
    image = Image.new("RGB", (WIDTH, bars + _ROW * len(measured) + _MARGIN), _PAPER)
    canvas = ImageDraw.Draw(image)
    title = f"{stats.tiles:,} tiles, {stats.clean:,} clean, {stats.groups:,} groups, {stats.parts:,} parts"
    _write(canvas, (_MARGIN, _MARGIN), f"{taxonomy.name}: {title}", 18)
    _draw_bars(canvas, stats, taxonomy)
    for place, entry in enumerate(measured):
        colour = rgb(taxonomy.defect(taxonomy.defect_index(entry.name)).colour)
        top = bars + _ROW * place
        _draw_sizes(canvas, entry, colour, top)
        _draw_places(image, entry, colour, top, stats.extent_px)
    return np.asarray(image)


def _draw_bars(canvas: ImageDraw.ImageDraw, stats: DatasetStats, taxonomy: Taxonomy) -> None:
    left, room = 230, WIDTH - 230 - 2 * _MARGIN - 60
    most = max([stats.clean, 1, *(entry.tiles for entry in stats.classes)])
    note = "tiles per class; from dark to light: train, val, test; striped: synthetic"
    _write(canvas, (_MARGIN, _MARGIN + 28), note, 13)
    rows = [(f"{d.code}  {d.name}", rgb(d.colour)) for d in taxonomy.defects] + [("clean", (120, 120, 120))]
    for place, (name, colour) in enumerate(rows):
        top = _MARGIN * 3 + _BARS * place
        _write(canvas, (_MARGIN, top + 4), name, 15)
        x, total = left, 0
        for count in stats.counts:
            tiles = count.clean if place == len(taxonomy.defects) else count.per_class[place]
            width = round(room * tiles / most)
            box = (x, top, x + width, top + _BARS - 10)
            if width:
                _draw_bar(canvas, box, _lighter(colour, _SHADE[count.split]), striped=count.origin == "synthetic")
            x, total = x + width, total + tiles
        _write(canvas, (x + 8, top + 4), f"{total:,}", 15)


def _draw_bar(
    canvas: ImageDraw.ImageDraw, box: tuple[int, int, int, int], colour: tuple[int, int, int], *, striped: bool
) -> None:
    canvas.rectangle(box, fill=colour, outline=_INK)
    if striped:
        for x in range(box[0] + _SYNTHETIC_STRIPE_PX, box[2], _SYNTHETIC_STRIPE_PX):
            canvas.line((x, box[1], x, box[3]), fill=_PAPER)


def _draw_sizes(canvas: ImageDraw.ImageDraw, entry: ClassStats, colour: tuple[int, int, int], top: int) -> None:
    """Regions by longest side, bins doubling from 1 px."""
    _write(canvas, (_MARGIN, top), f"{entry.code}  {entry.name}", 15)
    _write(canvas, (_MARGIN, top + 22), _size_text(entry), 13)
    counts = entry.histogram_px or ()
    left, base, height, step = _MARGIN, top + _ROW - 40, _ROW - 105, 48
    canvas.line((left, base, left + step * 13, base), fill=_FAINT)
    for place, count in enumerate(counts):
        x, tall = left + step * place, round(height * count / max(counts))
        if count:
            canvas.rectangle((x, base - tall, x + step - 6, base), fill=colour, outline=_INK)
            _write(canvas, (x, base - tall - 15), f"{count:,}", 11)
        _write(canvas, (x, base + 4), f"{2**place}", 11)
    _write(canvas, (left + step * len(counts), base + 4), "px, longest side", 11)


def _size_text(entry: ClassStats) -> str:
    text = f"{entry.tiles:,} tiles, {entry.groups:,} groups, {entry.regions or 0:,} regions"
    if entry.longest_px is not None:
        text += f"; median {entry.longest_px.quantiles[2]:g} px"
    if entry.longest_mm is not None:
        text += f" = {entry.longest_mm.quantiles[2]:.1f} mm"
    return text


def _draw_places(
    image: Image.Image, entry: ClassStats, colour: tuple[int, int, int], top: int, extent_px: tuple[int, int]
) -> None:
    """Where its regions lie on the scan, from white (none) to the class's colour (most)."""
    places = np.asarray(entry.places, np.float64)
    weight = (places / max(places.max(), 1))[:, :, None] ** 0.5  # So that single defects stay visible.
    shown = np.rint(255 - weight * (255 - np.array(colour))).astype(np.uint8)
    room = (400, _ROW - 50)
    scale = min(room[0] / extent_px[0], room[1] / extent_px[1])
    size = max(1, round(extent_px[0] * scale)), max(1, round(extent_px[1] * scale))
    corner = WIDTH - _MARGIN - room[0], top + 22
    image.paste(Image.fromarray(shown).resize(size, Image.Resampling.NEAREST), corner)
    canvas = ImageDraw.Draw(image)
    canvas.rectangle((corner[0] - 1, corner[1] - 1, corner[0] + size[0], corner[1] + size[1]), outline=_INK)
    _write(canvas, (corner[0], top), f"places on {extent_px[0]} x {extent_px[1]} px", 13)


def _lighter(colour: Sequence[int], share: float) -> tuple[int, int, int]:
    red, green, blue = (round(value + (255 - value) * share) for value in colour)
    return red, green, blue


def _write(canvas: ImageDraw.ImageDraw, corner: tuple[float, float], text: str, size_px: int) -> None:
    canvas.text(corner, text, fill=_INK, font=font_for([text], size_px))
