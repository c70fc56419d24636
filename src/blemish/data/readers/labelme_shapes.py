"""The shapes of a Labelme file as masks, drawn as Labelme's own export draws them.

A polygon that lies wholly inside another of its label and group is a hole in it (and one inside a hole is filled
again): Labelme knows no holes, a group is its only way to say that outlines belong together. What reaches beyond the
picture is cut off.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from blemish.core.arrays import Bool
from blemish.core.errors import LabelError, PictureError
from blemish.data.readers.json_labels import is_place, refuse_nothing
from blemish.picture.read import decode_picture

LINE_WIDTH_PX, POINT_RADIUS_PX = 10, 5  # Of Labelme's export of lines and points.
Point = tuple[float, float]


@dataclass(frozen=True)
class Shape:
    """One shape, checked: every point is two finite numbers, as many as its kind needs."""

    label: str
    kind: str
    points: tuple[Point, ...]
    group: str  # "" = none
    mask: str = ""  # Base64 of a PNG, of kind mask only.

    def reaches_beyond(self, size_hw: tuple[int, int]) -> bool:
        height, width = size_hw
        return any(not (0 <= x <= width and 0 <= y <= height) for x, y in self.points)


def read_shape(values: Any, where: str) -> Shape:
    """Check one entry of `shapes`.

    Raises:
        LabelError: no label, an unknown kind, a point that is no place (NaN, infinite), or too few or many of them.
    """
    if not isinstance(values, dict) or not isinstance(values.get("label"), str) or not values["label"].strip():
        raise LabelError(f"{where} must be a table with a label")
    kind = values.get("shape_type") or "polygon"
    if not isinstance(kind, str) or kind not in _KINDS:
        raise LabelError(f"{where} is of the unknown kind {str(kind)[:40]!r}: known are {', '.join(_KINDS)}")
    points = values.get("points")
    least, most, _ = _KINDS[kind]
    if not isinstance(points, list) or not least <= len(points) <= most:
        count = len(points) if isinstance(points, list) else "no"
        raise LabelError(f"{where} ({kind}) must have {_span(least, most)} points, got {count}: draw it again")
    mask = values.get("mask")
    if kind == "mask" and not isinstance(mask, str):
        raise LabelError(f"{where} is of kind mask but brings none: draw it again")
    group = values.get("group_id")
    return Shape(
        values["label"].strip(),
        kind,
        tuple(_point(point, where) for point in points),
        "" if group is None else str(group),
        mask if kind == "mask" and isinstance(mask, str) else "",
    )


def draw_shapes(shapes: Sequence[Shape], size_hw: tuple[int, int], where: str) -> dict[str, Bool]:
    """A mask of each label, bool H W.

    Raises:
        LabelError, PictureError: a mask shape that cannot be read or does not fit its box.
    """
    masks: dict[str, Bool] = {}
    grouped: dict[tuple[str, str], list[Bool]] = {}
    for number, shape in enumerate(shapes, start=1):
        mask = _drawn(shape, size_hw, f"{where}, shape {number}")
        refuse_nothing(mask, f"{where}, shape {number}")
        if shape.group and shape.kind == "polygon":
            grouped.setdefault((shape.label, shape.group), []).append(mask)
        else:
            masks[shape.label] = masks.get(shape.label, np.zeros(size_hw, bool)) | mask
    for (label, _), members in grouped.items():
        masks[label] = masks.get(label, np.zeros(size_hw, bool)) | with_holes(members)
    return masks


def with_holes(polygons: Sequence[Bool]) -> Bool:
    """The union of polygons, where one wholly inside an odd number of others is a hole."""
    ordered = sorted(polygons, key=lambda mask: -int(mask.sum()))
    result = np.zeros_like(ordered[0])
    for i, mask in enumerate(ordered):
        around = sum(1 for other in ordered[:i] if mask.any() and not (mask & ~other).any())
        result = result & ~mask if around % 2 else result | mask
    return result


def _drawn(shape: Shape, size_hw: tuple[int, int], where: str) -> Bool:
    if shape.kind == "mask":
        return _pasted(shape, size_hw, where)
    height, width = size_hw
    canvas = Image.new("L", (width, height))
    _KINDS[shape.kind][2](ImageDraw.Draw(canvas), list(shape.points))
    return np.asarray(canvas) > 0


def _polygon(draw: ImageDraw.ImageDraw, points: list[Point]) -> None:
    draw.polygon(points, fill=1, outline=1)


def _rectangle(draw: ImageDraw.ImageDraw, points: list[Point]) -> None:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    draw.rectangle((min(xs), min(ys), max(xs), max(ys)), fill=1, outline=1)


def _circle(draw: ImageDraw.ImageDraw, points: list[Point]) -> None:
    (x, y), (edge_x, edge_y) = points
    radius = math.hypot(edge_x - x, edge_y - y)
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=1, outline=1)


def _line(draw: ImageDraw.ImageDraw, points: list[Point]) -> None:
    draw.line(points, fill=1, width=LINE_WIDTH_PX)


def _points(draw: ImageDraw.ImageDraw, points: list[Point]) -> None:
    r = POINT_RADIUS_PX
    for x, y in points:
        draw.ellipse((x - r, y - r, x + r, y + r), fill=1, outline=1)


_MANY = 1_000_000
_KINDS: Mapping[str, tuple[int, int, Callable[[ImageDraw.ImageDraw, list[Point]], None]]] = {
    "polygon": (3, _MANY, _polygon),
    "rectangle": (2, 4, _rectangle),
    "oriented_rectangle": (4, 4, _polygon),
    "circle": (2, 2, _circle),
    "line": (2, 2, _line),
    "linestrip": (2, _MANY, _line),
    "point": (1, 1, _points),
    "points": (1, _MANY, _points),
    "mask": (2, 2, _rectangle),
}


def _pasted(shape: Shape, size_hw: tuple[int, int], where: str) -> Bool:
    """A mask shape: a PNG for the box between its two points, both ends included."""
    try:
        data = base64.b64decode(shape.mask)
    except (binascii.Error, ValueError) as error:
        raise LabelError(f"{where}: the mask is not base64 ({error}): draw it again") from error
    try:
        pixels = decode_picture(data, Path("mask"))
    except PictureError as error:
        raise LabelError(f"{where}: the mask is no readable PNG: draw it again") from error
    (x0, y0), (x1, y1) = ((int(x), int(y)) for x, y in shape.points)
    if pixels.shape[:2] != (y1 - y0 + 1, x1 - x0 + 1):
        raise LabelError(
            f"{where}: the mask must be {x1 - x0 + 1}x{y1 - y0 + 1} px like its box, "
            f"got {pixels.shape[1]}x{pixels.shape[0]}: draw it again"
        )
    shown = (pixels if pixels.ndim == 2 else pixels.max(axis=2)) > 0
    height, width = size_hw
    left, top, right, bottom = max(x0, 0), max(y0, 0), min(x1 + 1, width), min(y1 + 1, height)
    result = np.zeros(size_hw, bool)
    if left < right and top < bottom:
        result[top:bottom, left:right] = shown[top - y0 : bottom - y0, left - x0 : right - x0]
    return result


def _point(value: Any, where: str) -> Point:
    if not isinstance(value, list) or len(value) != 2 or not all(is_place(v) for v in value):
        raise LabelError(
            f"{where}: a point must be two finite numbers near its picture, got {str(value)[:60]}: draw it again"
        )
    return float(value[0]), float(value[1])


def _span(least: int, most: int) -> str:
    return str(least) if least == most else f"{least} or more" if most == _MANY else f"{least} to {most}"
