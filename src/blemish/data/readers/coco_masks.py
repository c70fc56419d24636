"""The outlines and run lengths of COCO annotations, as masks.

A polygon is filled as Labelme's are, its border included. Run lengths go column by column and begin with the zeros;
packed into text they are numbers of five bits a letter, from the third on as differences to the last but one (COCO's
`maskApi.c`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from blemish.core.arrays import Bool
from blemish.core.errors import LabelError
from blemish.data.readers.json_labels import is_place

_LEAST_NUMBERS = 6  # Three corners.
_MOST_LETTERS = 7  # Of a number below 2^34.


@dataclass(frozen=True)
class Outline:
    """What one annotation covers: polygons, or run lengths."""

    polygons: tuple[tuple[float, ...], ...] = ()  # Each x, y, x, y, ... in pixels.
    size_hw: tuple[int, int] = (0, 0)  # Of the run lengths.
    runs: tuple[int, ...] = ()

    def reaches_beyond(self, size_hw: tuple[int, int]) -> bool:
        height, width = size_hw
        corners = [pair for polygon in self.polygons for pair in zip(polygon[::2], polygon[1::2], strict=True)]
        return any(not (0 <= x <= width and 0 <= y <= height) for x, y in corners)


def read_outline(values: Any, where: str) -> Outline:
    """Check an annotation's `segmentation`.

    Raises:
        LabelError: a box alone, a polygon of too few or odd numbers, run lengths that do not add up.
    """
    if not values:
        raise LabelError(f"{where} has a box and no outline: a box does not say which pixels are the defect, draw it")
    if isinstance(values, list):
        return Outline(tuple(_polygon(polygon, where) for polygon in values))
    if isinstance(values, dict):
        return _run_lengths(values, where)
    raise LabelError(f"{where}: segmentation must be polygons or run lengths, got {type(values).__name__}")


def draw_outline(outline: Outline, size_hw: tuple[int, int], where: str) -> Bool:
    """bool H W.

    Raises:
        LabelError: run lengths of another size than the picture's.
    """
    if outline.runs:
        if outline.size_hw != size_hw:
            raise LabelError(
                f"{where}: run lengths must be of {size_hw[1]}x{size_hw[0]} px like the picture, "
                f"got {outline.size_hw[1]}x{outline.size_hw[0]}"
            )
        flat = np.repeat(np.arange(len(outline.runs)) % 2 == 1, outline.runs)
        return flat.reshape(size_hw, order="F")
    mask = np.zeros(size_hw, bool)
    for polygon in outline.polygons:
        mask |= _filled(polygon, size_hw)
    return mask


def _filled(polygon: tuple[float, ...], size_hw: tuple[int, int]) -> Bool:
    """The pixels whose middles lie inside, as COCO's own tools draw; of one without any, those that it touches."""
    mask = np.zeros(size_hw, bool)
    x, y = np.array(polygon[::2]), np.array(polygon[1::2])
    x_next, y_next = np.roll(x, -1), np.roll(y, -1)
    first, last = (min(max(math.ceil(v - 0.5), 0), size_hw[0]) for v in (y.min(), y.max()))
    for row in range(first, last):
        middle = row + 0.5
        crossing = (y <= middle) != (y_next <= middle)
        share = (middle - y[crossing]) / (y_next[crossing] - y[crossing])
        ends = np.ceil(np.sort(x[crossing] + share * (x_next[crossing] - x[crossing])) - 0.5).astype(np.int64)
        for start, end in ends.clip(0, size_hw[1]).reshape(-1, 2):
            mask[row, start:end] = True
    if not mask.any():
        canvas = Image.new("L", (size_hw[1], size_hw[0]))
        ImageDraw.Draw(canvas).polygon(list(polygon), fill=1, outline=1)
        mask = np.asarray(canvas) > 0
    return mask


def unpacked(text: str) -> list[int]:
    """Run lengths from COCO's text.

    Raises:
        ValueError: a letter that stands for nothing, or a number cut short.

    Example:
        >>> unpacked("52203")
        [5, 2, 2, 2, 5]
    """
    runs: list[int] = []
    number = place = 0
    for letter in text:
        bits = ord(letter) - 48
        if not 0 <= bits < 64 or place >= _MOST_LETTERS:
            raise ValueError(f"{letter!r} has no meaning there")
        number |= (bits & 31) << (5 * place)
        place += 1
        if bits & 32:
            continue
        if bits & 16:
            number -= 1 << (5 * place)
        runs.append(number + (runs[-2] if len(runs) > 2 else 0))
        number = place = 0
    if place:
        raise ValueError("the last number is cut short")
    return runs


def _polygon(values: Any, where: str) -> tuple[float, ...]:
    if not isinstance(values, list) or len(values) < _LEAST_NUMBERS or len(values) % 2:
        count = len(values) if isinstance(values, list) else "no"
        raise LabelError(f"{where}: a polygon must have 6 or more numbers, x and y in turn, got {count}: draw it again")
    for value in values:
        if not is_place(value):
            raise LabelError(f"{where}: a polygon must have finite numbers near its picture, got {str(value)[:40]}")
    return tuple(map(float, values))


def _run_lengths(values: Mapping[str, Any], where: str) -> Outline:
    size, counts = values.get("size"), values.get("counts")
    if not (isinstance(size, list) and len(size) == 2 and all(_is_count(v) and v > 0 for v in size)):
        raise LabelError(f"{where}: run lengths must have a size of two numbers, got {str(size)[:40]}")
    if isinstance(counts, str):
        try:
            counts = unpacked(counts)
        except ValueError as error:
            raise LabelError(f"{where}: the packed run lengths cannot be read ({error}): export them again") from error
    if not isinstance(counts, Sequence) or not all(_is_count(run) for run in counts) or not counts:
        raise LabelError(f"{where}: run lengths must be numbers of 0 and more")
    height, width = size
    if sum(counts) != height * width:
        raise LabelError(f"{where}: run lengths must add up to {height} x {width} pixels, got {sum(counts)}")
    return Outline(size_hw=(height, width), runs=tuple(counts))


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
