"""Charts of a ladder as SVG text: bars with the spread of their seeds, and differences with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _LEFT, _RIGHT, _ROW, _TOP, _FOOT = 720, 150, 96, 26, 12, 44
_BAR, _BEST, _UP, _DOWN, _NONE = "#8a94a6", "#2563eb", "#0a7d45", "#c8232c", "#8a94a6"


@dataclass(frozen=True)
class Bar:
    """One rung: the mean of its seeds, and each seed's figure; without figures the row says so."""

    name: str
    values: tuple[float, ...]
    marked: bool = False  # The best: said in words beside the bar too.


@dataclass(frozen=True)
class Gain:
    """A difference with its interval; None = it could not be computed."""

    name: str
    mean: float | None
    low: float | None = None
    high: float | None = None

    @property
    def effect(self) -> str:
        """`up` or `down` where the whole interval lies on one side of 0, else `none`."""
        if self.low is None or self.high is None:
            return "none"
        return "up" if self.low > 0 else "down" if self.high < 0 else "none"


def seed_bars(bars: Sequence[Bar], *, title: str, note: str = "line: one seed", least_top: float = 0.1) -> str:
    """Lying bars from 0 to the mean, a tick for each seed; the axis goes to `least_top` or farther.

    Example:
        >>> seed_bars([Bar("real", (0.3, 0.4))], title="mean IoU").count("<rect")
        1
    """
    top = max([least_top, *(value for bar in bars for value in bar.values)])
    parts = [_axis(0.0, top, len(bars))]
    for place, bar in enumerate(bars):
        y = _TOP + _ROW * place
        parts.append(_text(_LEFT - 8, y + 17, bar.name, "end"))
        if not bar.values:
            parts.append(_text(_LEFT + 4, y + 17, "not run", "start"))
            continue
        mean = sum(bar.values) / len(bar.values)
        colour = _BEST if bar.marked else _BAR
        width = _x(mean, 0.0, top) - _LEFT
        parts.append(f'<rect x="{_LEFT}" y="{y + 4}" width="{width:.1f}" height="17" fill="{colour}" rx="1"/>')
        parts += [_tick(_x(value, 0.0, top), y + 12, 7) for value in bar.values]
        says = f"{mean:.3f}" + (" best" if bar.marked else "")
        parts.append(_text(max(_x(value, 0.0, top) for value in bar.values) + 7, y + 17, says, "start"))
    return _frame(title, len(bars), "".join(parts), note)


def forest(gains: Sequence[Gain], *, title: str, note: str = "") -> str:
    """A dot for each difference and a line for its interval, round a line at 0.

    Example:
        >>> forest([Gain("gan", 0.1, 0.02, 0.18)], title="over balance").count("<circle")
        1
    """
    ends = [abs(v) for gain in gains for v in (gain.mean, gain.low, gain.high) if v is not None]
    top = max([0.05, *ends]) * 1.05
    zero = _x(0.0, -top, top)
    bottom = _TOP + _ROW * len(gains)
    parts = [
        _axis(-top, top, len(gains)),
        f'<path d="M{zero:.1f} {_TOP}V{bottom}" stroke="{_BAR}" stroke-width="1.5"/>',
    ]
    for place, gain in enumerate(gains):
        parts.append(_gain(gain, _TOP + _ROW * place, top))
    return _frame(title, len(gains), "".join(parts), note or "line: 95 % interval")


def on_its_own(svg: str) -> str:
    """As a file of its own: with its namespace, colours and type face, on white."""
    style = (
        "<style>text{font:12px system-ui,DejaVu Sans,sans-serif;fill:#1b2430}"
        ".small{font-size:9.5px;fill:#5b6675}.grid{stroke:#dde3ea}</style>"
        '<rect width="100%" height="100%" fill="#fff"/>'
    )
    head, rest = svg.split(">", 1)
    return f'{head} xmlns="http://www.w3.org/2000/svg">{style}{rest}'


def _gain(gain: Gain, y: float, top: float) -> str:
    label = _text(_LEFT - 8, y + 17, gain.name, "end")
    if gain.mean is None:
        return label + _text(_x(0.0, -top, top) + 6, y + 17, "not judged", "start")
    colour = {"up": _UP, "down": _DOWN, "none": _NONE}[gain.effect]
    x, end = _x(gain.mean, -top, top), gain.mean
    parts = [label, f'<circle cx="{x:.1f}" cy="{y + 12}" r="5" fill="{colour}"/>']
    if gain.low is not None and gain.high is not None:
        low, high, end = _x(gain.low, -top, top), _x(gain.high, -top, top), max(gain.high, gain.mean)
        parts.append(f'<path d="M{low:.1f} {y + 12}H{high:.1f}" stroke="{colour}" stroke-width="3"/>')
    return "".join([*parts, _text(_x(end, -top, top) + 9, y + 17, f"{gain.mean:+.3f}", "start")])


def _axis(low: float, high: float, rows: int) -> str:
    parts, bottom, decimals = [], _TOP + _ROW * rows, 2 if high - low > 0.2 else 3
    for step in range(5):
        value = low + (high - low) * step / 4
        x = _x(value, low, high)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{bottom}" class="grid"/>')
        shown = f"{value:.{decimals}f}" if low == 0 else f"{value:+.{decimals}f}"
        parts.append(_text(x, bottom + 16, shown, "middle", small=True))
    return "".join(parts)


def _tick(x: float, y: float, half: float) -> str:
    return f'<path d="M{x:.1f} {y - half}V{y + half}" stroke="#1b2430" stroke-width="1.5"/>'


def _x(value: float, low: float, high: float) -> float:
    return _LEFT + (value - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)


def _text(x: float, y: float, text: str, anchor: str, *, small: bool = False) -> str:
    kind = ' class="small"' if small else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{kind}>{escape(text)}</text>'


def _frame(title: str, rows: int, body: str, note: str) -> str:
    height = _TOP + _ROW * rows + _FOOT
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(title)}" class="chart">'
        f"<title>{escape(title)}</title>{body}{_text(_LEFT, height - 8, note, 'start', small=True)}</svg>"
    )
