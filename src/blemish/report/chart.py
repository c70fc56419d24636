"""Small charts as SVG text: they print, scale, follow the page's colours, and load nothing from elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

SERIES_COLOURS = ("#8a94a6", "#2563eb", "#d97706", "#059669", "#db2777", "#7c3aed", "#0891b2", "#65a30d")
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 720, 260, 56, 44, 14


@dataclass(frozen=True)
class Series:
    """One named row of numbers; NaN leaves its place empty."""

    name: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class Curve:
    """One named line of (x, y) points."""

    name: str
    points: tuple[tuple[float, float], ...]


def bar_chart(labels: Sequence[str], series: Sequence[Series], *, title: str, decimals: int = 0) -> str:
    """Bars side by side, one group a label, the number above each bar.

    Example:
        >>> bar_chart(["A"], [Series("real", (3.0,))], title="tiles").startswith("<svg")
        True
    """
    highest = max((v for s in series for v in s.values if not math.isnan(v)), default=0.0) or 1.0
    top, ticks = _axis(highest)
    group = (_WIDTH - _LEFT - 10) / max(len(labels), 1)
    bar = min(group * 0.8 / max(len(series), 1), 46)
    parts = [_grid(top, ticks, decimals)]
    for place, label in enumerate(labels):
        middle = _LEFT + group * (place + 0.5)
        parts.append(_text(middle, _HEIGHT - _BOTTOM + 16, label, "middle"))
        for number, row in enumerate(series):
            x = middle + (number - len(series) / 2) * bar
            parts.append(_bar(x, bar, row.values[place], top, SERIES_COLOURS[number % len(SERIES_COLOURS)], decimals))
    return _frame(title, [s.name for s in series], "".join(parts))


def line_chart(
    curves: Sequence[Curve],
    *,
    title: str,
    x_name: str,
    decimals: int = 2,
    x_decimals: int = 0,
    x_labels: Sequence[str] = (),
) -> str:
    """Curves over a common x axis; a curve of fewer than two points is drawn as its point.

    Args:
        x_labels: written under x = 0, 1, 2, ... in the place of numbers.
    """
    points = [p for curve in curves for p in curve.points if not math.isnan(p[1])]
    top, ticks = _axis(max((y for _, y in points), default=1.0) or 1.0)
    decimals = max(decimals, _decimals_of(ticks[1]))
    x_top = max((x for x, _ in points), default=1.0) or 1.0
    parts = [_grid(top, ticks, decimals)]
    marks = [(place / x_top, label) for place, label in enumerate(x_labels)]
    numbers = [(share, f"{x_top * share:,.{x_decimals}f}") for share in (0, 0.25, 0.5, 0.75, 1)]
    for fraction, label in marks or numbers:
        parts.append(_text(_x(fraction), _HEIGHT - _BOTTOM + 16, label, "middle"))
    parts.append(_text(_x(1), _HEIGHT - _BOTTOM + 32, x_name, "end"))
    for number, curve in enumerate(curves):
        colour = SERIES_COLOURS[number % len(SERIES_COLOURS)]
        path = " ".join(f"{_x(x / x_top):.1f},{_y(y, top):.1f}" for x, y in curve.points if not math.isnan(y))
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2.5" points="{path}"/>')
        for x, y in curve.points:
            if not math.isnan(y):
                parts.append(f'<circle cx="{_x(x / x_top):.1f}" cy="{_y(y, top):.1f}" r="2.5" fill="{colour}"/>')
    return _frame(title, [c.name for c in curves], "".join(parts))


def standalone(svg: str) -> str:
    """A chart as a file of its own: with its namespace, size, colours and type face, on white."""
    style = (
        "<style>text{font:12px system-ui,DejaVu Sans,sans-serif;fill:#1b2430}"
        ".small{font-size:9.5px;fill:#5b6675}.grid{stroke:#dde3ea}</style>"
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>'
    )
    head, rest = svg.split(">", 1)
    return f'{head} xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}">{style}{rest}'


def _axis(highest: float) -> tuple[float, list[float]]:
    """A round top a little above the highest value, and the ticks to it."""
    magnitude = 10 ** math.floor(math.log10(highest))
    step = next(s * magnitude for s in (0.1, 0.2, 0.25, 0.5, 1, 2) if s * magnitude * 5 >= highest)
    count = math.ceil(highest / step - 1e-9)
    return step * count, [step * i for i in range(count + 1)]


def _decimals_of(step: float) -> int:
    """So many that neighbouring ticks read differently.

    Example:
        >>> [_decimals_of(step) for step in (100.0, 0.25, 0.1, 0.002)]
        [0, 2, 1, 3]
    """
    return next((places for places in range(9) if math.isclose(round(step, places), step, rel_tol=1e-6)), 9)


def _grid(top: float, ticks: Sequence[float], decimals: int) -> str:
    parts = []
    for tick in ticks:
        y = _y(tick, top)
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH - 10}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        parts.append(_text(_LEFT - 6, y + 4, f"{tick:,.{decimals}f}", "end"))
    return "".join(parts)


def _bar(x: float, width: float, value: float, top: float, colour: str, decimals: int) -> str:
    if math.isnan(value):
        return _text(x + width / 2, _y(0, top) - 4, "–", "middle")
    y, base = _y(value, top), _y(0, top)
    place = f'x="{x + 1:.1f}" y="{y:.1f}" width="{width - 2:.1f}" height="{base - y:.1f}"'
    rectangle = f'<rect {place} fill="{colour}" rx="1"/>'
    return rectangle + _text(x + width / 2, y - 3, f"{value:,.{decimals}f}", "middle", small=True)


def _x(fraction: float) -> float:
    return _LEFT + fraction * (_WIDTH - _LEFT - 24)


def _y(value: float, top: float) -> float:
    return _HEIGHT - _BOTTOM - value / top * (_HEIGHT - _BOTTOM - _TOP)


def _text(x: float, y: float, text: str, anchor: str, *, small: bool = False) -> str:
    kind = ' class="small"' if small else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{kind}>{escape(text)}</text>'


def _frame(title: str, names: Sequence[str], body: str) -> str:
    legend, x = [], float(_LEFT)
    for number, name in enumerate(names):
        colour = SERIES_COLOURS[number % len(SERIES_COLOURS)]
        legend.append(f'<rect x="{x:.0f}" y="{_HEIGHT - 12}" width="10" height="10" fill="{colour}"/>')
        legend.append(_text(x + 15, _HEIGHT - 3, name, "start"))
        x += 34 + 7.2 * len(name)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}" class="chart">'
        f"<title>{escape(title)}</title>{body}{''.join(legend)}</svg>"
    )
