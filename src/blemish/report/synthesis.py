"""The report of `gan evaluate`: how good synthetic tiles are, in figures and pictures, on one self-contained page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from blemish.core.arrays import Float64
from blemish.core.taxonomy import Taxonomy
from blemish.picture.write import write_bytes
from blemish.report.chart import Series, bar_chart

BINS = 16


@dataclass(frozen=True)
class Figure:
    """One picture (`data:` URI) with what is to be seen on it."""

    title: str
    picture: str
    caption: str = ""
    second: str = ""  # The same with outlines, shown on demand; empty = none.


@dataclass(frozen=True)
class SynthesisPage:
    """Everything that the page tells.

    Args:
        figures: as `evaluation.json` holds them.
        distances: to the nearest training crop, of synthetic crops and of real held-out ones.
        pairs: the nearest pairs as a picture; None = none.
    """

    title: str
    taxonomy: Taxonomy
    figures: Mapping[str, Any]
    sheets: Sequence[Figure]
    drawn: Sequence[Figure]
    redrawn: Sequence[Figure]
    distances: tuple[Float64, Float64]
    pairs: Figure | None
    facts: Mapping[str, str]
    unlike_real: Sequence[str] = ()  # Classes that a segmenter takes for something else than real ones, in words.


def write_page(page: SynthesisPage, folder: Path) -> Path:
    """Write `index.html` into a folder and return its path."""
    text = (
        _environment()
        .get_template("synthesis.html.j2")
        .render(
            page=page,
            figures=page.figures,
            names=page.figures["names"],
            short={what: name.split(" (")[0] for what, name in page.figures["names"].items()},
            summary=summary(page.figures),
            rows={scope: list(rows_of(page.figures, scope)) for scope in ("crops", "tiles")},
            histogram=histogram(*page.distances),
        )
    )
    target = folder / "index.html"
    write_bytes(target, text.encode())
    return target


def rows_of(figures: Mapping[str, Any], scope: str) -> list[tuple[str, str, Mapping[str, Any]]]:
    """(what, against what, figures) for a table: overall first, then classes; pooled rows bring their note."""
    overall = figures[scope]["overall"]
    rows = [
        ("all classes", "held-out", overall["held_out"]),
        ("all classes", "train", overall["train"]),
        ("real train instead", "held-out", overall["real_train_against_held_out"]),
    ]
    for name, both in figures[scope]["classes"].items():
        rows += [(name, "held-out", both["held_out"]), (name, "train", both["train"])]
    return rows


def summary(figures: Mapping[str, Any]) -> list[str]:
    """What the figures say, in plain words, good or bad."""
    row = figures["crops"]["overall"]["held_out"]
    reference = figures["crops"]["overall"]["real_train_against_held_out"]
    said = []
    lacking = [name for name, both in figures["crops"]["classes"].items() if not both["held_out"]["synthetic"]]
    if lacking:
        said.append(f"No synthetic defect of {', '.join(lacking)} is in the set: nothing here is about them.")
    if row["kid"]["mean"] is not None:
        beside = ""
        if reference["kid"]["mean"] is not None:
            beside = f"; real training crops lie at {reference['kid']['mean']:.3f} ± {reference['kid']['std']:.3f}"
        said.append(
            f"{figures['names']['kid']} of crops round defects: {row['kid']['mean']:.3f} ± {row['kid']['std']:.3f} "
            f"from {row['real']} real ones that the generator never saw (0 is best{beside})."
        )
    told = row["classifier"]
    if told["accuracy"] is not None:
        verdict = "it can only guess" if told["low"] <= 0.5 else "it sees a difference"
        said.append(
            f"A simple classifier tells real from synthetic crops in {told['accuracy']:.0%} of the cases (95 % "
            f"interval {told['low']:.0%} to {told['high']:.0%}; 50 % is best): {verdict}."
        )
    copies = figures["memorisation"]
    if copies["share"] is not None:
        verdict = "there are copies" if copies["share"] > copies["most_by_chance"] else "no copies are shown"
        said.append(
            f"{copies['share']:.1%} of the synthetic crops lie closer to a training crop than 99 % of real held-out "
            f"ones of their class do. By chance it would be {copies['expected']:.1%}, and seldom over "
            f"{copies['most_by_chance']:.1%}: {verdict}."
        )
    change = figures["change"]
    if change is not None and change["beyond"] is not None:
        said.append(
            f"Beyond {change['ring_px']} px from the masks, {change['untouched_beyond']} of {change['tiles']} written "
            f"tiles are their background, byte for byte; the largest change is {change['most_beyond']} gray levels."
        )
    return said


def histogram(synthetic: Float64, held_out: Float64) -> str:
    """Distances to the nearest training crop as bars, in % of each side; empty text without any."""
    both = np.concatenate([synthetic, held_out])
    if len(both) == 0 or both.max() <= 0:
        return ""
    edges = np.linspace(0, float(both.max()), BINS + 1)
    series = []
    for name, values in (("real, held out", held_out), ("synthetic", synthetic)):
        counts = np.histogram(values, edges)[0] / max(len(values), 1) * 100
        series.append(Series(name, tuple(float(value) for value in counts)))
    title = "% of crops by distance to the nearest training crop"
    return bar_chart([f"{edge:.0f}" for edge in edges[:-1]], series, title=title)


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("blemish.report"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["figure"] = lambda value, digits=3: "–" if value is None else f"{value:.{digits}f}"
    environment.filters["spread"] = _spread
    environment.filters["percent"] = lambda value: "–" if value is None else f"{value:.0%}"
    return environment


def _spread(value: Mapping[str, float | None], digits: int = 3) -> str:
    if value["mean"] is None or value["std"] is None:
        return "–"
    return f"{value['mean']:.{digits}f} ± {value['std']:.{digits}f}"
