"""The demo's report: from a lopsided set to an inspected cell, on one self-contained page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import jinja2

from blemish.core.records import PartResult
from blemish.core.taxonomy import Taxonomy
from blemish.metrics.part import Proportion
from blemish.picture.write import write_bytes
from blemish.report.chart import Curve, Series, bar_chart, line_chart


@dataclass(frozen=True)
class Labelled:
    """A tile and its label map in colours (`data:` URIs)."""

    picture: str
    label: str


@dataclass(frozen=True)
class Pair:
    """One class: a tile that the GAN drew, and a real one; None = there is none."""

    defect: str
    synthetic: Labelled | None
    real: Labelled | None
    why_none: str = ""  # Why the GAN drew none.


@dataclass(frozen=True)
class UnseenTile:
    """A tile of the unseen cells that shows a class, and what each inspector made of it."""

    defect: str
    truth: Labelled
    found: tuple[tuple[str, str], ...]  # Inspector, its label map in colours.


@dataclass(frozen=True)
class Judged:
    """One inspector on the unseen tiles."""

    name: str
    iou: tuple[float, ...]  # per class, NaN = absent
    mean_iou: float
    accuracy: float


@dataclass(frozen=True)
class InspectedCell:
    """The cell that is shown: its verdict and pictures (`data:` URIs)."""

    result: PartResult
    overlay: str
    truth: str
    close_ups: tuple[tuple[str, str], ...]  # caption, picture


@dataclass(frozen=True)
class PartFigures:
    """Verdicts on all unseen cells."""

    results: tuple[PartResult, ...]
    defective: tuple[bool, ...]
    escape: Proportion
    overkill: Proportion
    review: Proportion


@dataclass(frozen=True)
class Story:
    """Everything that the page tells."""

    taxonomy: Taxonomy
    real_tiles: tuple[int, ...]  # train tiles per class
    synthetic_tiles: tuple[int, ...]
    pairs: tuple[Pair, ...]
    judged: tuple[Judged, ...]  # the baseline, without, with
    unseen_tiles: tuple[UnseenTile, ...]
    curves: tuple[Curve, ...]
    on_the_line: str  # Name of the inspector that inspects the cells, chosen on the val tiles.
    cell: InspectedCell
    parts: PartFigures
    settings: Mapping[str, str]
    seconds: Mapping[str, float]
    notes: tuple[str, ...]


def write_story(story: Story, folder: Path) -> Path:
    """Write `index.html` into a folder and return its path."""
    page = (
        _environment()
        .get_template("story.html.j2")
        .render(
            story=story,
            names=[f"{d.code} {d.name}" for d in story.taxonomy.defects],
            counts_chart=_counts_chart(story),
            iou_chart=_iou_chart(story),
            curve_chart=line_chart(story.curves, title="mean IoU on the validation tiles", x_name="training steps"),
            outcome=outcome(story),
            total_seconds=sum(story.seconds.values()),
        )
    )
    target = folder / "index.html"
    write_bytes(target, page.encode())
    return target


def outcome(story: Story) -> str:
    """What the synthetic tiles did to the mean IoU, in words, better or worse."""
    before, after = story.judged[-2], story.judged[-1]
    change = after.mean_iou - before.mean_iou
    if math.isnan(change):
        return "The unseen tiles show no defect, so nothing can be said."
    word = "higher" if change > 0.005 else "lower" if change < -0.005 else "about the same"
    return (
        f"With the synthetic tiles the mean IoU on unseen cells is {word}: "
        f"{after.mean_iou:.3f} against {before.mean_iou:.3f} ({change:+.3f}), at equal training steps."
    )


def _counts_chart(story: Story) -> str:
    after = tuple(float(r + s) for r, s in zip(story.real_tiles, story.synthetic_tiles, strict=True))
    before = tuple(float(r) for r in story.real_tiles)
    series = [Series("real", before), Series("real + synthetic", after)]
    return bar_chart([f"{d.code} {d.name}" for d in story.taxonomy.defects], series, title="training tiles per class")


def _iou_chart(story: Story) -> str:
    labels = [*(f"{d.code} {d.name}" for d in story.taxonomy.defects), "mean"]
    series = [Series(j.name, (*j.iou, j.mean_iou)) for j in story.judged]
    return bar_chart(labels, series, title="IoU per class on unseen cells", decimals=2)


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("blemish.report"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["share"] = _share
    environment.filters["figure"] = lambda value: "–" if value is None or math.isnan(value) else f"{value:.3f}"
    environment.filters["mm"] = lambda value: "–" if value is None else f"{value:.1f}"
    return environment


def _share(value: Proportion) -> str:
    if math.isnan(value.value):
        return "not defined (no such part)"
    return f"{value.count} of {value.total} ({value.value:.0%}; 95 % interval {value.low:.0%} to {value.high:.0%})"
