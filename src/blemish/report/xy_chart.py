"""Curves over two shares as SVG text, with their intervals as bands and single points marked and named."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

COLOURS = ("#2563eb", "#8a94a6", "#d97706", "#059669")
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 720, 412, 60, 26, 14, 90
Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """Points in order, 0 to 1 on both axes; `low` and `high` are the interval of y at each of them, empty = none."""

    name: str
    points: tuple[Point, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    dots: bool = False  # Each point as a dot too.


@dataclass(frozen=True)
class Mark:
    """One point with its name, drawn above all lines."""

    name: str
    at: Point


def xy_chart(
    lines: Sequence[Line],
    *,
    title: str,
    x_name: str,
    y_name: str,
    marks: Sequence[Mark] = (),
    diagonal: bool = False,
) -> str:
    """Shares against shares, both axes from 0 to 100 %; a point that is not finite is left out.

    Args:
        diagonal: a thin line where x = y.

    Example:
        >>> xy_chart([Line("a", ((0.0, 1.0), (1.0, 0.0)))], title="t", x_name="x", y_name="y").count("<polyline")
        1
    """
    parts = [_axes(x_name, y_name)]
    if diagonal:
        parts.append(f'<path d="M{_x(0)} {_y(0)}L{_x(1)} {_y(1)}" stroke="#8a94a6" stroke-dasharray="5 4"/>')
    parts += [_band(line, COLOURS[place % len(COLOURS)]) for place, line in enumerate(lines)]
    parts += [_line(line, COLOURS[place % len(COLOURS)]) for place, line in enumerate(lines)]
    parts += [
        _symbol(_x(mark.at[0]), _y(mark.at[1]), place)
        for place, mark in enumerate(marks)
        if all(map(math.isfinite, mark.at))
    ]
    parts += _legend(lines, marks)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}" class="chart">'
        f"<title>{escape(title)}</title>{''.join(parts)}</svg>"
    )


def _axes(x_name: str, y_name: str) -> str:
    parts = []
    for step in range(6):
        share = step / 5
        x, y = _x(share), _y(share)
        parts.append(f'<line x1="{_x(0):.1f}" x2="{_x(1):.1f}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_y(0):.1f}" y2="{_y(1):.1f}" class="grid"/>')
        parts.append(_text(_LEFT - 6, y + 4, f"{share:.0%}", "end"))
        parts.append(_text(x, _y(0) + 16, f"{share:.0%}", "middle"))
    middle = (_y(0) + _y(1)) / 2
    turned = f'<text x="14" y="{middle:.0f}" text-anchor="middle" transform="rotate(-90 14 {middle:.0f})">'
    return "".join(parts) + _text(_x(1), _y(0) + 34, x_name, "end") + f"{turned}{escape(y_name)}</text>"


def _band(line: Line, colour: str) -> str:
    rows = [
        (x, low, high)
        for (x, _), low, high in zip(line.points, line.low, line.high, strict=False)
        if all(map(math.isfinite, (x, low, high)))
    ]
    if len(rows) < 2:
        return ""
    edge = [(x, high) for x, _, high in rows] + [(x, low) for x, low, _ in reversed(rows)]
    return f'<polygon fill="{colour}" fill-opacity="0.16" points="{_path(edge)}"/>'


def _line(line: Line, colour: str) -> str:
    points = [point for point in line.points if all(map(math.isfinite, point))]
    drawn = f'<polyline fill="none" stroke="{colour}" stroke-width="2.5" points="{_path(points)}"/>'
    if line.dots:
        drawn += "".join(f'<circle cx="{_x(x):.1f}" cy="{_y(y):.1f}" r="3.2" fill="{colour}"/>' for x, y in points)
    return drawn if points else ""


def _symbol(x: float, y: float, place: int, size: float = 7) -> str:
    """A red dot for the first mark, a violet diamond for the second: told apart without colour."""
    if place % 2 == 0:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size}" fill="#c8232c" stroke="#fff" stroke-width="1.5"/>'
    corners = f"M{x:.1f} {y - size:.1f}l{size} {size}l-{size} {size}l-{size} -{size}z"
    return f'<path d="{corners}" fill="#7c3aed" stroke="#fff" stroke-width="1.5"/>'


def _legend(lines: Sequence[Line], marks: Sequence[Mark]) -> list[str]:
    parts, x, y = [], float(_LEFT), _HEIGHT - 30.0
    for place, line in enumerate(lines):
        parts.append(f'<rect x="{x:.0f}" y="{y:.0f}" width="14" height="5" fill="{COLOURS[place % len(COLOURS)]}"/>')
        parts.append(_text(x + 19, y + 7, line.name, "start"))
        x += 40 + 6.6 * len(line.name)
    x, y = float(_LEFT), _HEIGHT - 8.0
    for place, mark in enumerate(marks):
        parts.append(_symbol(x + 7, y - 4, place, size=5))
        parts.append(_text(x + 19, y, mark.name, "start"))
        x += 40 + 6.6 * len(mark.name)
    return parts


def _path(points: Sequence[Point]) -> str:
    return " ".join(f"{_x(x):.1f},{_y(y):.1f}" for x, y in points)


def _x(share: float) -> float:
    return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)


def _y(share: float) -> float:
    return _HEIGHT - _BOTTOM - share * (_HEIGHT - _BOTTOM - _TOP)


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
