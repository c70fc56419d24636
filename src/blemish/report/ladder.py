"""The page, the table and the charts of a ladder, from its result file alone; its two halves are told one after the
other and never in one table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import jinja2

from blemish.picture.write import write_bytes
from blemish.report.chart import Curve, line_chart
from blemish.report.ladder_chart import Bar, Gain, forest, on_its_own, seed_bars

_MEANS = {  # Of a rung, and how the tables call it.
    "mean_iou": "mean IoU",
    "accuracy": "accuracy",
    "escape": "escape",
    "overkill": "overkill",
    "separation": "parts told apart",
    "recall": "regions found",
    "false_per_scan": "false / scan",
}
_LOWER_IS_BETTER = ("escape", "overkill", "false_per_scan")
Half = Mapping[str, Any]


@dataclass(frozen=True)
class Figure:
    """One cell of the table: the mean over seeds, and whether no rung is better; None = undefined."""

    value: float | None
    best: bool

    def __str__(self) -> str:
        return "–" if self.value is None else f"{self.value:.3f}"


@dataclass(frozen=True)
class Row:
    """One rung of the table."""

    name: str
    seeds: int
    figures: tuple[Figure, ...]  # Each class's IoU, then those of `_MEANS`.


def write_ladder(result: Mapping[str, Any], out: Path) -> list[Path]:
    """Write a page (`.html`), tables (`.md`) and charts (`-selection.svg`, `-published.svg`, `-shares.svg` where the
    curve of shares was run) beside a result.

    Args:
        out: the result file; the others are named like it.

    Returns:
        The files that were written.
    """
    halves = {name: result[name] for name in ("selection", "published") if name in result}
    files = {out.with_suffix(".html"): page(out.stem, halves), out.with_suffix(".md"): tables(out.stem, halves)}
    for name, half in halves.items():
        files[out.with_name(f"{out.stem}-{name}.svg")] = on_its_own(bars(half))
    if _shares(halves):
        files[out.with_name(f"{out.stem}-shares.svg")] = on_its_own(share_gains(_shares(halves)))
    for file, text in files.items():
        write_bytes(file, text.encode())
    return list(files)


def page(name: str, halves: Mapping[str, Half]) -> str:
    """One self-contained HTML page."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("blemish.report"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["change"] = change
    environment.filters["mean"] = lambda values: str(Figure(_mean(values), best=False))
    charts = {
        half_name: {
            "bars": bars(half),
            "over_base": _over_base(half),
            "parts": _parts_over_base(half),
            "classes": _by_class(half),
        }
        for half_name, half in halves.items()
    }
    selection = halves.get("selection", {})
    return environment.get_template("ladder.html.j2").render(
        name=name,
        halves=halves,
        means=list(_MEANS.values()),
        rows={half_name: rows_of(half) for half_name, half in halves.items()},
        charts=charts,
        learning=_learning(selection) if selection else "",
        shares=_shares(halves),
        share_charts=[share_curves(selection), share_gains(_shares(halves))] if _shares(halves) else [],
    )


def tables(name: str, halves: Mapping[str, Half]) -> str:
    """The tables of both halves in Markdown; the best of each column is bold."""
    parts = [f"# {name}"]
    for half_name, half in halves.items():
        head = ["rung", "seeds", *half["classes"], *_MEANS.values()]
        lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
        for row in rows_of(half):
            cells = [f"**{figure}**" if figure.best else str(figure) for figure in row.figures]
            lines.append(f"| {' | '.join([row.name, str(row.seeds), *cells])} |")
        told = f"\n\n{half['gain']['of']} over {half['gain']['over']}: {change(half['gain'])}" if half["gain"] else ""
        if half["gain"] and half["gain"].get("parts"):
            told += f"\n\nparts told apart, the same two: {change(half['gain']['parts'])}"
        careful = "".join(f"\n\nCareful: {caution}." for caution in half.get("cautions", []))
        parts.append(f"## {half_name}\n\n{half['ladder']}\n\n" + "\n".join(lines) + told + careful)
    return "\n\n".join(parts) + "\n"


def change(entry: Mapping[str, Any] | None) -> str:
    """A difference in words: its mean, interval, seeds and groups."""
    if entry is None or entry["mean"] is None:
        return "not judged"
    low, high = entry["interval"]
    seeds = f"{entry['seeds']} seed{'s' if entry['seeds'] != 1 else ''}"
    return f"{entry['mean']:+.3f} (95 % interval {low:+.3f} to {high:+.3f}, {seeds}, {entry['groups']} groups)"


def rows_of(half: Half) -> list[Row]:
    """The table of one half; the best of each column is marked, the ceiling (`more_real`) aside.

    Where rungs were trained in different precisions, on different machines, each says in which.
    """
    columns = [
        [_mean(rung["iou"][name]) for rung in half["rungs"]] for name in half["classes"]
    ] + [[_mean(rung.get(name, ())) for rung in half["rungs"]] for name in _MEANS]  # fmt: skip
    names = [*half["classes"], *_MEANS]
    best = [
        _best([v for v, rung in zip(column, half["rungs"], strict=True) if rung["name"] != "more_real"], name)
        for name, column in zip(names, columns, strict=True)
    ]
    mixed = len({name for rung in half["rungs"] for name in rung.get("precision", ())}) > 1
    return [
        Row(
            f"{rung['name']} ({' + '.join(rung['precision'])})" if mixed else rung["name"],
            len(rung["seeds"]),
            tuple(
                Figure(column[place], column[place] is not None and column[place] == top)
                for column, top in zip(columns, best, strict=True)
            ),
        )
        for place, rung in enumerate(half["rungs"])
    ]


def bars(half: Half) -> str:
    """Mean IoU of every rung, a line for each seed."""
    means = {rung["name"]: _mean(rung["mean_iou"]) for rung in half["rungs"]}
    top = max((v for name, v in means.items() if v is not None and name != "more_real"), default=None)
    return seed_bars(
        [
            Bar(
                rung["name"],
                tuple(v for v in rung["mean_iou"] if v is not None),
                marked=top is not None and means[rung["name"]] == top,
            )
            for rung in half["rungs"]
        ],
        title="mean IoU of every rung",
    )


def _over_base(half: Half) -> str:
    gains = [_gain(entry["of"], entry) for entry in half["over_base"]]
    return forest(gains, title=f"mean IoU over {half['base']}") if gains else ""


def _parts_over_base(half: Half) -> str:
    gains = [_gain(entry["of"], entry["parts"]) for entry in half["over_base"] if entry.get("parts")]
    return forest(gains, title=f"parts told apart, over {half['base']}") if gains else ""


def _by_class(half: Half) -> str:
    if not half["gain"]:
        return ""
    gain = half["gain"]
    rows = [_gain("mean IoU", gain), *(_gain(name, entry) for name, entry in gain["classes"].items())]
    return forest(rows, title=f"{gain['of']} over {gain['over']}, class by class")


def _gain(name: str, entry: Mapping[str, Any]) -> Gain:
    return Gain(name, entry["mean"], *entry["interval"])


def _learning(half: Half) -> str:
    """Mean IoU on the judging folds while training, the mean over folds and seeds."""
    curves = []
    for rung in half["rungs"]:
        points: dict[float, list[float]] = {}
        for cell in (cell for cell in half["cells"] if cell["rung"] == rung["name"]):
            for row in cell["curve"]:
                if "val_iou" in row:
                    points.setdefault(float(row["step"]), []).append(float(row["val_iou"]))
        curves.append(Curve(rung["name"], tuple((step, fmean(values)) for step, values in sorted(points.items()))))
    return line_chart(curves, title="mean IoU while training", x_name="training steps")


def _shares(halves: Mapping[str, Half]) -> Mapping[str, Any]:
    """The curve of shares of every rung that has one; the selection half alone can."""
    shares: Mapping[str, Any] = halves.get("selection", {}).get("shares", {})
    return shares


def share_curves(half: Half) -> str:
    """Mean IoU of every synthetic rung by its share of the samples; at 0 stands BASE."""
    curves = []
    for rung, curve in half["shares"].items():
        at_zero = [_mean(row["mean_iou"]) for row in half["rungs"] if row["name"] == curve["base"]]
        points = [(0.0, value) for value in at_zero] + [(row["share"], _mean(row["mean_iou"])) for row in curve["rows"]]
        curves.append(Curve(rung, tuple((float(x), y) for x, y in points if y is not None)))
    return line_chart(
        curves, title="mean IoU by the share of synthetic tiles", x_name="share of the samples", x_decimals=2
    )


def share_gains(shares: Mapping[str, Any]) -> str:
    """What every share gains over BASE, with its interval."""
    base = next(iter(shares.values()))["base"]
    gains = [
        _gain(f"{rung} {row['share']:g}", row["over_base"])
        for rung, curve in shares.items()
        for row in curve["rows"]
        if row["over_base"] and row["over_base"]["mean"] is not None
    ]
    return forest(gains, title=f"mean IoU over {base}, by the share of synthetic tiles")


def _best(values: Sequence[float | None], name: str) -> float | None:
    there = [value for value in values if value is not None]
    if not there:
        return None
    return min(there) if name in _LOWER_IS_BETTER else max(there)


def _mean(values: Sequence[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return fmean(there) if there else None
