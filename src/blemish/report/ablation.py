"""The page, the table and the chart of an ablation, from its result file alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import jinja2

from blemish.picture.write import write_bytes
from blemish.report.ladder_chart import Bar, Gain, forest, on_its_own, seed_bars

Result = Mapping[str, Any]
HEAD = ("off", "KID", "consistency", "diversity", "drawn again", "admitted")


def write_ablation(result: Result, out: Path) -> list[Path]:
    """Write a page (`.html`), a table (`.md`) and a chart (`.svg`) beside a result, named like it.

    The chart shows the difference in mean IoU where inspectors were trained, else the KID.
    """
    chart = iou_chart(result) or kid_chart(result)
    files = {
        out.with_suffix(".html"): page(out.stem, result),
        out.with_suffix(".md"): table(out.stem, result),
        out.with_suffix(".svg"): on_its_own(chart),
    }
    for file, text in files.items():
        write_bytes(file, text.encode())
    return list(files)


def page(name: str, result: Result) -> str:
    """One self-contained HTML page."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("blemish.report"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template("ablation.html.j2").render(
        name=name,
        result=result,
        head=[*HEAD, *(["mean IoU", "against whole", *result["classes"]] if has_iou(result) else [])],
        rows=[(row["words"], cells_of(row, result)) for row in _all_rows(result)],
        iou=iou_chart(result),
        kid=kid_chart(result),
    )


def table(name: str, result: Result) -> str:
    """The table in Markdown."""
    head = [*HEAD, *(["mean IoU", "against whole", *result["classes"]] if has_iou(result) else [])]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    lines += [f"| {' | '.join(cells_of(row, result))} |" for row in _all_rows(result)]
    words = [f"- **{row['name']}**: {row['words']}" for row in _all_rows(result)]
    return f"# {name}\n\n{told(result)}\n\n" + "\n".join(lines) + "\n\n" + "\n".join(words) + "\n"


def told(result: Result) -> str:
    """What the figures are."""
    return (
        f"Fold {result['fold']} of {result['folds']}, {result['kid']} of crops round defects against "
        f"{result['real']['held_out']} held-out real ones (0 is best), BASE {result['base']}. Consistency: IoU of the "
        f"masks with what a segmenter of real tiles finds. Diversity: masked defects of a class apart, over real ones. "
        f"Drawn again: how far draws of one label lie apart, over what a real defect changes. Admitted: of the tiles "
        f"drawn, by the gate."
    )


def cells_of(row: Mapping[str, Any], result: Result) -> list[str]:
    """One line of the table as text; – where a figure is not defined, or was not measured."""
    kid, gate = row["kid"], row.get("gate")
    cells = [
        row["name"],
        "–" if kid["mean"] is None else f"{kid['mean']:.4f} ± {_number(kid['std'], 4)}",
        _number(row["consistency"]["mean"]),
        _number(row["diversity"], 2),
        _number(row.get("redrawn"), 2),
        "none" if row.get("why_none") else "–" if gate is None else f"{gate['admitted']} of {gate['drawn']}",
    ]
    if has_iou(result):
        cells += [_mean(row["mean_iou"]), _change(row["over_whole"])]
        cells += [_mean(row["iou"][name]) for name in result["classes"]]
    return cells


def has_iou(result: Result) -> bool:
    """Whether inspectors were trained."""
    return bool(result["real"]["mean_iou"])


def iou_chart(result: Result) -> str:
    """What mean IoU loses (left) or gains (right) when a part is off; empty where no inspector was trained."""
    if not has_iou(result):
        return ""
    gains = [
        Gain(row["name"], row["over_whole"]["mean"], *row["over_whole"]["interval"])
        for row in _all_rows(result)
        if row["over_whole"] is not None
    ]
    return forest(gains, title="mean IoU with a part off, less that of the whole preset") if gains else ""


def kid_chart(result: Result) -> str:
    """KID of every row; one a little below 0 is drawn as 0."""
    bars = []
    for row in _all_rows(result):
        mean = row["kid"]["mean"]
        bars.append(Bar(row["name"], () if mean is None else (max(mean, 0.0),)))
    return seed_bars(bars, title="KID of every row", note="0 is best", least_top=0.01)


def _all_rows(result: Result) -> list[Mapping[str, Any]]:
    return [*result["rows"], result["real"]]


def _number(value: float | None, decimals: int = 3) -> str:
    return "–" if value is None else f"{value:.{decimals}f}"


def _mean(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return _number(fmean(known) if known else None)


def _change(entry: Mapping[str, Any] | None) -> str:
    if entry is None or entry["mean"] is None:
        return "–"
    low, high = entry["interval"]
    return f"{entry['mean']:+.3f} ({low:+.3f} to {high:+.3f})"
