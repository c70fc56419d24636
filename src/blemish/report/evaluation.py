"""The page of an evaluation: a verdict in words, the worst misses and false alarms, then tables and curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import jinja2

from blemish.core.taxonomy import Taxonomy
from blemish.metrics.findings import Case, Findings
from blemish.metrics.pixel import Confusion
from blemish.metrics.precision_recall import ScoreCounts
from blemish.metrics.tile_class import TileAccuracy
from blemish.picture.write import write_bytes
from blemish.report.chart import Curve, line_chart
from blemish.report.embed import jpeg_uri
from blemish.report.evaluation_pictures import case_pictures, classes_in
from blemish.report.evaluation_tables import (
    Table,
    class_table,
    group_table,
    lot_table,
    pixel_table,
    region_table,
    size_chart,
    size_table,
    tile_table,
)
from blemish.report.evaluation_words import Card, cards, cautions, headline, sentences, size_words

MOST_PICTURE_BYTES = 6_000_000  # Of embedded pictures on one page; cases beyond it are counted.
_CURVE_POINTS = 60
_Line = Callable[[Case, Taxonomy], str]  # What is said of a case.


@dataclass(frozen=True)
class Evaluated:
    """Everything that the page tells."""

    name: str  # What was judged, and by what, in a line.
    taxonomy: Taxonomy
    tiles: int
    confusion: Confusion
    accuracy: TileAccuracy
    class_tiles: tuple[int, ...]
    class_groups: tuple[int, ...]
    findings: Findings
    scores: ScoreCounts
    learning: tuple[Curve, ...]  # Validation IoU while training; empty = not known.
    facts: Mapping[str, str]


@dataclass(frozen=True)
class ShownCase:
    """One case with its pictures as `data:` URIs."""

    title: str
    lines: tuple[str, ...]
    panels: tuple[tuple[str, str, str], ...]  # What it is, what it shows in words, picture.


@dataclass(frozen=True)
class ShownClass:
    """The worst cases of one class, worst first."""

    name: str
    colour: str
    total: int  # Of which only some are shown.
    cases: tuple[ShownCase, ...]


@dataclass(frozen=True)
class Page:
    """What the template needs, in the order of the page."""

    name: str
    headline: str
    sentences: tuple[str, ...]
    cautions: tuple[str, ...]
    cards: tuple[Card, ...]
    misses: tuple[ShownClass, ...]
    alarms: tuple[ShownClass, ...]
    missed: int
    false: int
    classes: Table
    regions: Table
    tiles: Table
    pixels: Table
    tiles_left_out: str
    sizes: Table
    size_chart: str
    lots: Table | None
    lots_by: str
    groups: Table
    precision_recall: str
    learning: str
    facts: Mapping[str, str]


def write_evaluation_page(evaluated: Evaluated, folder: Path) -> Path:
    """Write `index.html` into a folder and return its path; nothing in it is loaded from elsewhere."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("blemish.report"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    target = folder / "index.html"
    write_bytes(target, environment.get_template("evaluation.html.j2").render(page=page_of(evaluated)).encode())
    return target


def page_of(evaluated: Evaluated) -> Page:
    """The page's contents."""
    found, taxonomy = evaluated.findings, evaluated.taxonomy
    budget = _Budget(MOST_PICTURE_BYTES)
    misses = _shown(found.misses, {i: found.missed(i) for i in found.misses}, taxonomy, budget, _miss_line)
    alarms = _shown(found.alarms, {i: int(found.called[0, i]) for i in found.alarms}, taxonomy, budget, _alarm_line)
    accuracy = evaluated.accuracy
    return Page(
        name=evaluated.name,
        headline=headline(found.total),
        sentences=sentences(found, taxonomy, evaluated.confusion.mean_iou()),
        cautions=cautions(found, taxonomy, evaluated.class_groups),
        cards=cards(found, evaluated.confusion.mean_iou()),
        misses=misses,
        alarms=alarms,
        missed=found.total.true - found.total.found,
        false=found.total.false,
        classes=class_table(evaluated.confusion, evaluated.scores, found, taxonomy, evaluated.class_tiles),
        regions=region_table(found, taxonomy),
        tiles=tile_table(accuracy, taxonomy),
        pixels=pixel_table(evaluated.confusion, taxonomy),
        tiles_left_out=(
            f"{accuracy.judged} tiles judged, {accuracy.right} right; left out: {accuracy.several} with several "
            f"classes, {accuracy.unknown} of unknown class"
        ),
        sizes=size_table(found, taxonomy),
        size_chart=size_chart(found, taxonomy),
        lots=lot_table(found) if found.lots else None,
        lots_by=found.lots_by,
        groups=group_table(found),
        precision_recall=_precision_recall(evaluated.scores, taxonomy),
        learning=line_chart(evaluated.learning, title="IoU while training", x_name="training steps")
        if evaluated.learning
        else "",
        facts=evaluated.facts,
    )


class _Budget:
    """How many bytes of pictures may still be embedded."""

    def __init__(self, total: int) -> None:
        self.left = total

    def take(self, uris: tuple[str, ...]) -> bool:
        size = sum(len(uri) for uri in uris)
        if size > self.left:
            return False
        self.left -= size
        return True


def _shown(
    worst: Mapping[int, tuple[Case, ...]],
    totals: Mapping[int, int],
    taxonomy: Taxonomy,
    budget: _Budget,
    line: _Line,
) -> tuple[ShownClass, ...]:
    """Classes by their worst case, the worst of all first; every class gets its first case before any a second."""
    order = sorted(worst, key=lambda index: -worst[index][0].severity)
    shown: dict[int, list[ShownCase]] = {index: [] for index in order}
    for place in range(max((len(cases) for cases in worst.values()), default=0)):
        for index in order:
            if place < len(worst[index]):
                case = _pictured(worst[index][place], taxonomy, budget, line)
                shown[index] += [case] if case else []
    return tuple(
        ShownClass(_named(taxonomy, index), taxonomy.defect(index).colour, totals[index], tuple(shown[index]))
        for index in order
    )


def _pictured(case: Case, taxonomy: Taxonomy, budget: _Budget, line: _Line) -> ShownCase | None:
    """A case with its pictures; None where the page has no room left for them."""
    uris = tuple(jpeg_uri(picture) for picture in case_pictures(case.view, taxonomy))
    if not budget.take(uris):
        return None
    words = ("as taken", classes_in(case.view.truth, taxonomy), classes_in(case.view.answer, taxonomy))
    lines = (line(case, taxonomy), size_words(case.box, case.area_px, taxonomy), f"tile {case.tile}")
    panels = tuple(zip(("picture", "label", "answer"), words, uris, strict=True))
    return ShownCase(case.part, lines, panels)


def _miss_line(case: Case, taxonomy: Taxonomy) -> str:
    called = f"called {_named(taxonomy, case.called)}" if case.called else "called nothing"
    return f"{called}; probability of {taxonomy.defect(case.index).code} at most {case.score:.2f}"


def _alarm_line(case: Case, taxonomy: Taxonomy) -> str:
    return f"no defect is there; called {taxonomy.defect(case.index).code} with score {case.score:.2f}"


def _named(taxonomy: Taxonomy, index: int) -> str:
    return f"{taxonomy.defect(index).code} {taxonomy.defect(index).name}"


def _precision_recall(scores: ScoreCounts, taxonomy: Taxonomy) -> str:
    curves = []
    for index in range(1, len(taxonomy.defects) + 1):
        recall, precision = scores.curve(index)
        step = max(1, len(recall) // _CURVE_POINTS)
        points = tuple(zip(recall[::step].tolist(), precision[::step].tolist(), strict=True))
        if points:
            curves.append(Curve(_named(taxonomy, index), points))
    title = "precision (up) against recall (across) of each class's pixels"
    return line_chart(curves, title=title, x_name="recall", x_decimals=2) if curves else ""
