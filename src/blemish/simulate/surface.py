"""What a cell without defects looks like before it is lit: about 120 to 160 gray, its table dark.

The laminate is brushed along the table and finely embossed; the cup's rounded edge catches the light; the seal is
knurled by the sealing bar and ends in a bright cut; the tabs are rolled metal, their feet in a dark insulating film.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from blemish.core.arrays import Float32, UInt8
from blemish.simulate import fields
from blemish.simulate.layout import Layout, Rect

Window = tuple[slice, slice]
_COARSE = 0.25  # Scale of the planes that hold only soft shading.
_TO_UNIT = np.float32(1 / 255)


def paint_cell(generator: np.random.Generator, layout: Layout, body: UInt8) -> Float32:
    """One clean cell on its table, evenly lit.

    Args:
        body: coverage of the cell, uint8 H W (`Layout.body`).

    Returns:
        float32 H W in gray levels, not clipped.
    """
    height, width = layout.size_hw
    picture = _laminate(generator, height, width)
    tone = np.float32(generator.uniform(118, 158)) * _relief(generator, layout)
    picture *= cv2.resize(tone, (width, height), interpolation=cv2.INTER_LINEAR)
    _seal(generator, picture, layout)
    for tab in layout.tabs:
        _roll(generator, picture, layout, tab)
    for film in layout.films:
        _insulate(generator, picture, layout, film)
    _lay_on_table(generator, picture, layout, body)
    return picture


def _laminate(generator: np.random.Generator, height: int, width: int) -> Float32:
    """Texture of the film about 1: long and short brush marks, and an orange-peel emboss lit from above."""
    long_marks = cv2.blur(cv2.blur(fields.normal(generator, height, width // 8 + 2), (25, 1)), (15, 1))
    short_marks = cv2.blur(fields.bytes_like(generator, height, width // 4 + 2), (5, 1))
    grain = cv2.GaussianBlur(fields.normal(generator, height // 2 + 2, width // 2 + 2), (0, 0), 1.3)
    peel = grain[1:, 1:] - grain[:-1, :-1]
    texture = np.ones((height, width), np.float32)
    strengths = (generator.uniform(0.012, 0.024), 0.012, generator.uniform(0.014, 0.022))
    for marks, strength in zip((long_marks, short_marks, peel), strengths, strict=True):
        full = cv2.resize(fields.unit(fields.f32(marks)), (width, height), interpolation=cv2.INTER_LINEAR)
        texture = cv2.scaleAdd(full, float(strength), texture, dst=texture)  # type: ignore[assignment]
    return texture


def _relief(generator: np.random.Generator, layout: Layout) -> Float32:
    """Coarse shading about 1: the cup's edge, the stack that shows through, and waves in the film."""
    cup = layout.cover(layout.cup, scale=_COARSE).astype(np.float32) * _TO_UNIT
    stack = layout.cover(layout.cup.grown(-24), scale=_COARSE).astype(np.float32) * _TO_UNIT
    height, width = cup.shape
    relief = 1 + _lit(cup, 2.2, 0.55) + _lit(stack, 1.2, 0.05)
    relief += np.float32(0.035) * (cup - 1)
    waves = fields.smooth(generator, height, width // 3 + 1, 14)
    relief += np.float32(0.014) * fields.enlarge(waves, height, width)
    relief += np.float32(0.012) * fields.smooth(generator, height, width, 60)
    return relief


def _lit(step: Float32, sigma_px: float, strength: float) -> Float32:
    """Shading of a rounded step by a light above the picture and a little to its left."""
    height_map = cv2.GaussianBlur(step, (0, 0), sigma_px)
    down = cv2.Sobel(height_map, cv2.CV_32F, 0, 1, ksize=3, scale=0.25)
    right = cv2.Sobel(height_map, cv2.CV_32F, 1, 0, ksize=3, scale=0.25)
    return fields.f32(strength * (down + 0.55 * right))


def _seal(generator: np.random.Generator, picture: Float32, layout: Layout) -> None:
    """The knurl of the sealing bar between outline and cup, and the bright line where the film was cut."""
    seal = cv2.subtract(layout.cover(layout.outline.grown(-9)), layout.cover(layout.cup.grown(14)))
    pitch_xy = generator.uniform(9.5, 12.5), generator.uniform(7.5, 9.5)
    phase = generator.uniform(0, 6.3, 2)
    depth = np.float32(generator.uniform(0.035, 0.06))
    for rows, columns in border(layout):
        x = np.cos(_range(columns) * (2 * np.pi / pitch_xy[0]) + phase[0])
        y = np.cos(_range(rows) * (2 * np.pi / pitch_xy[1]) + phase[1])
        knurl = np.outer(depth * y, x).astype(np.float32) - np.float32(0.03)
        knurl *= seal[rows, columns].astype(np.float32) * _TO_UNIT
        picture[rows, columns] *= knurl + np.float32(1)
    _draw_ring(picture, layout, layout.outline.grown(-1.5), gray=generator.uniform(18, 38))
    _draw_ring(picture, layout, layout.outline.grown(-8), gray=-generator.uniform(6, 12))


def _draw_ring(picture: Float32, layout: Layout, rect: Rect, gray: float) -> None:
    plane = np.zeros(layout.size_hw, np.uint8)
    cv2.polylines(plane, [np.rint(layout.ring(rect) * 16).astype(np.int32)], True, 255, 2, cv2.LINE_AA, 4)
    for rows, columns in border(layout):
        line = plane[rows, columns].astype(np.float32) * np.float32(gray / 255)
        picture[rows, columns] += line


def _roll(generator: np.random.Generator, picture: Float32, layout: Layout, tab: Rect) -> None:
    """A tab: bright metal with rolling marks along the table."""
    window = _window(layout, tab)
    here = picture[window]
    height, width = here.shape
    marks = cv2.blur(fields.normal(generator, height, width // 4 + 2), (21, 1))
    marks = fields.enlarge(fields.unit(np.asarray(marks)), height, width)
    metal = np.float32(generator.uniform(165, 198)) * (1 + np.float32(0.03) * marks)
    metal *= 1 + np.float32(0.03) * fields.smooth(generator, height, width, 40)
    _blend(here, metal, layout.cover(tab)[window])


def _insulate(generator: np.random.Generator, picture: Float32, layout: Layout, film: Rect) -> None:
    """The insulating film round a tab's foot: dark, smooth, with a lighter rim."""
    window = _window(layout, film)
    here = picture[window]
    plain = np.float32(generator.uniform(72, 96)) + 2 * fields.smooth(generator, here.shape[0], here.shape[1], 12)
    _blend(here, plain * np.float32(1.25), layout.cover(film)[window])
    _blend(here, plain, layout.cover(film.grown(-2.5))[window])


def _lay_on_table(generator: np.random.Generator, picture: Float32, layout: Layout, body: UInt8) -> None:
    """The dark table round the cell: turned marks, suction holes, and the cell's own shadow."""
    height, width = layout.size_hw
    coarse = cv2.resize(body, None, fx=_COARSE, fy=_COARSE, interpolation=cv2.INTER_AREA)
    shadow = fields.f32(cv2.GaussianBlur(np.roll(coarse, (2, 2), (0, 1)), (0, 0), 2.5))
    tone = 1 + np.float32(0.08) * fields.smooth(generator, coarse.shape[0], coarse.shape[1], 14)
    tone *= np.float32(generator.uniform(30, 46)) * (1 - np.float32(0.55 / 255) * shadow)
    tone = fields.f32(cv2.resize(tone, (width, height), interpolation=cv2.INTER_LINEAR))
    pitch, first = generator.uniform(58, 72), fields.f32(generator.uniform(0, 58, 2))
    for rows, columns in border(layout):
        marks = fields.bytes_like(generator, rows.stop - rows.start, columns.stop - columns.start)
        table = 1 + np.float32(0.06) * fields.unit(fields.f32(cv2.blur(marks, (1, 9))))
        table *= tone[rows, columns]
        _suction_holes(table, rows, columns, pitch, first)
        _blend(table, picture[rows, columns], body[rows, columns])
        picture[rows, columns] = table


def _suction_holes(table: Float32, rows: slice, columns: slice, pitch: float, first: Float32) -> None:
    plane = np.zeros(table.shape, np.uint8)
    for x in np.arange(first[0], columns.stop, pitch):
        for y in np.arange(first[1], rows.stop, pitch):
            if x > columns.start - 8 and y > rows.start - 8:
                centre = round((x - columns.start) * 16), round((y - rows.start) * 16)
                cv2.circle(plane, centre, 5 * 16, 255, -1, cv2.LINE_AA, 4)
    table *= 1 - np.float32(0.6 / 255) * plane.astype(np.float32)


def border(layout: Layout) -> Iterator[Window]:
    """Four windows that do not overlap and together hold all but the inside of the cup."""
    height, width = layout.size_hw
    slack = 34 + abs(layout.warp.tilt) * width / 2
    cup = layout.cup
    top, bottom = min(int(cup.top + slack), height // 2), max(int(cup.bottom - slack), height // 2)
    left, right = min(int(cup.left + slack), width // 2), max(int(cup.right - slack), width // 2)
    yield slice(0, top), slice(0, width)
    yield slice(bottom, height), slice(0, width)
    yield slice(top, bottom), slice(0, left)
    yield slice(top, bottom), slice(right, width)


def _window(layout: Layout, rect: Rect) -> Window:
    height, width = layout.size_hw
    ring = layout.ring(rect)
    x0, y0 = np.maximum(np.floor(ring.min(axis=0)).astype(int) - 2, 0)
    x1, y1 = np.ceil(ring.max(axis=0)).astype(int) + 3
    return slice(int(y0), min(int(y1), height)), slice(int(x0), min(int(x1), width))


def _blend(under: Float32, over: Float32, coverage: UInt8) -> None:
    """Put one picture over another where it covers, in place."""
    alpha = coverage.astype(np.float32) * _TO_UNIT
    under += alpha * (over - under)


def _range(places: slice) -> Float32:
    return np.arange(places.start, places.stop, dtype=np.float32)
