"""The tables of an evaluation's page, as text in cells; one chart of recall by size."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from blemish.core.arrays import Int64
from blemish.core.taxonomy import Taxonomy
from blemish.metrics.findings import SIZE_STEPS_PX, Findings, Tally
from blemish.metrics.part import wilson
from blemish.metrics.pixel import Confusion
from blemish.metrics.precision_recall import ScoreCounts
from blemish.metrics.tile_class import TileAccuracy
from blemish.report.chart import Series, bar_chart
from blemish.report.evaluation_words import percent

MOST_GROUPS = 15
NONE = "no defect"


@dataclass(frozen=True)
class Cell:
    """Text, and how strongly the cell is shaded (0 to 1) with what it means."""

    text: str
    shade: float = 0.0
    is_right: bool = False  # Of a confusion table: on the diagonal.


@dataclass(frozen=True)
class Table:
    """A head and rows; the first cell of a row names it. `note` says what a reader must know."""

    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


def class_table(
    confusion: Confusion, scores: ScoreCounts, found: Findings, taxonomy: Taxonomy, class_tiles: Sequence[int]
) -> Table:
    """Each class by its defects, then its pixels."""
    rows, iou = [], confusion.iou()
    for index in range(1, len(taxonomy.defects) + 1):
        recall = found.class_recall(index)
        cells = (
            named(taxonomy, index),
            str(class_tiles[index - 1]),
            str(recall.total),
            str(recall.count),
            percent(recall.value),
            f"{percent(recall.low)} to {percent(recall.high)}" if recall.total else "–",
            str(int(found.called[index, 1:].sum()) - recall.count),
            str(int(found.called[index, 0])),
            str(int(found.called[0, index])),
            _figure(float(iou[index - 1])),
            _figure(scores.average_precision(index)),
        )
        rows.append(tuple(Cell(text) for text in cells))
    head = ("class", "tiles", "true", "found", "recall", "95 % interval", "called other", "called nothing",
            "false alarms", "IoU", "AP")  # fmt: skip
    note = "True, found and false are regions on whole scans; IoU and AP (average precision) are of pixels, 1 is best."
    return Table(head, tuple(rows), note)


def region_table(found: Findings, taxonomy: Taxonomy) -> Table:
    """True defects by what they were called; the last row is what was called where nothing is."""
    counts = found.called
    rows = [
        (Cell(named(taxonomy, index)), *_shaded([int(c) for c in (*counts[index, 1:], counts[index, 0])], index - 1))
        for index in range(1, len(counts))
    ]
    rows.append((Cell("nothing there"), *(Cell(str(int(c))) for c in counts[0, 1:]), Cell("–")))
    note = (
        f"A true defect counts once: as its class where one pixel of it was called so. Not in the last row: "
        f"{found.answers_on_other} answers on a defect of another class, {found.answers_ignored} on ignored pixels."
    )
    return Table(("true", *_names(taxonomy), "nothing"), tuple(rows), note)


def tile_table(accuracy: TileAccuracy, taxonomy: Taxonomy) -> Table:
    """Tiles by true and called class."""
    return _confusion(accuracy.table, taxonomy)


def pixel_table(confusion: Confusion, taxonomy: Taxonomy) -> Table:
    """Pixels by true and called class."""
    return _confusion(confusion.counts, taxonomy)


def size_table(found: Findings, taxonomy: Taxonomy) -> Table:
    """Found of all true defects, by the longest side and class."""
    bins = _bins(found)
    rows = []
    for index in range(1, len(taxonomy.defects) + 1):
        cells = [_found_of(found.sizes[index - 1, place]) for place in bins]
        rows.append((Cell(named(taxonomy, index)), *cells))
    rows.append((Cell("all"), *(_found_of(found.sizes[:, place].sum(axis=0)) for place in bins)))
    head = ("longest side", *(size_words_of_bin(place, taxonomy) for place in bins))
    return Table(head, tuple(rows), "Found of true defects.")


def size_chart(found: Findings, taxonomy: Taxonomy) -> str:
    """Recall of all classes together, by longest side; empty without defects."""
    bins = _bins(found)
    if not bins:
        return ""
    both = [found.sizes[:, place].sum(axis=0) for place in bins]
    recall = tuple(100 * float(hit) / float(true) if true else math.nan for true, hit in both)
    labels = [size_words_of_bin(place, taxonomy) for place in bins]
    return bar_chart(labels, [Series("recall, %", recall)], title="recall by size of the true defect, per cent")


def lot_table(found: Findings) -> Table:
    """Every lot, the one with most misses first."""
    ordered = sorted(found.lots.items(), key=lambda entry: (entry[1].found - entry[1].true, entry[0]))
    return _tally_table("lot", dict(ordered), "")


def group_table(found: Findings) -> Table:
    """The groups with most misses and false alarms."""
    wrong = {name: tally.true - tally.found + tally.false for name, tally in found.groups.items()}
    order = sorted(wrong, key=lambda name: (-wrong[name], name))
    shown = [name for name in order if wrong[name]][:MOST_GROUPS]
    more = sum(wrong[name] > 0 for name in order) - len(shown)
    without = sum(not value for value in wrong.values())
    note = f"{len(order)} groups: {len(shown)} shown, {more} more with misses or false alarms, {without} without any."
    return _tally_table("group", {name: found.groups[name] for name in shown}, note)


def named(taxonomy: Taxonomy, index: int) -> str:
    """Code and name of a class."""
    return f"{taxonomy.defect(index).code} {taxonomy.defect(index).name}"


def size_words_of_bin(place: int, taxonomy: Taxonomy) -> str:
    """The limits of a bin of `SIZE_STEPS_PX`; in mm too where a pixel is square and its size known.

    Example:
        >>> size_words_of_bin(1, Taxonomy.of_names("x", ["dent"])), size_words_of_bin(6, Taxonomy.preset("pouch-cell"))
        ('8 to 15 px', '256 px or more (128 mm or more)')
    """
    mm = taxonomy.pixel_mm_xy
    scale = mm[0] if mm is not None and mm[0] == mm[1] else None
    low = SIZE_STEPS_PX[place]
    if place + 1 == len(SIZE_STEPS_PX):
        return f"{low} px or more" + (f" ({low * scale:g} mm or more)" if scale else "")
    high = SIZE_STEPS_PX[place + 1] - 1
    return f"{max(low, 1)} to {high} px" + (f" ({max(low, 1) * scale:g} to {high * scale:g} mm)" if scale else "")


def _bins(found: Findings) -> list[int]:
    """From the first to the last bin that holds a true defect."""
    held = [place for place in range(len(SIZE_STEPS_PX)) if found.sizes[:, place, 0].any()]
    return list(range(held[0], held[-1] + 1)) if held else []


def _found_of(counts: Int64) -> Cell:
    true, hit = int(counts[0]), int(counts[1])
    return Cell(f"{hit} of {true} ({percent(hit / true)})", 1 - hit / true) if true else Cell("–")


def _confusion(counts: Int64, taxonomy: Taxonomy) -> Table:
    """Rows are true, columns called; class 0 last, as it is the largest."""
    order = [*range(1, len(counts)), 0]
    names = [*_names(taxonomy), NONE]
    rows = [
        (Cell(name), *_shaded([int(counts[true, called]) for called in order], place))
        for place, (name, true) in enumerate(zip(names, order, strict=True))
    ]
    return Table(("true", *names), tuple(rows))


def _shaded(counts: Sequence[int], right: int) -> list[Cell]:
    total = sum(counts)
    return [Cell(f"{count:,}", count / total if total else 0.0, place == right) for place, count in enumerate(counts)]


def _tally_table(name: str, tallies: Mapping[str, Tally], note: str) -> Table:
    rows = []
    for key, tally in tallies.items():
        recall = wilson(tally.found, tally.true)
        cells = (
            key,
            str(tally.scans),
            _of(tally.escaped, tally.defective),
            _of(tally.overkilled, tally.good),
            _of(tally.found, tally.true),
            percent(recall.value),
            str(tally.false),
            _figure(tally.false_a_scan, 1),
        )
        rows.append((Cell(cells[0]), *(Cell(text) for text in cells[1:])))
    head = (name, "scans", "escaped", "overkill", "defects found", "recall", "false alarms", "a scan")
    return Table(head, tuple(rows), note)


def _of(count: int, total: int) -> str:
    return f"{count} of {total}" if total else "–"


def _names(taxonomy: Taxonomy) -> list[str]:
    return [named(taxonomy, index) for index in range(1, len(taxonomy.defects) + 1)]


def _figure(value: float, decimals: int = 3) -> str:
    return "–" if math.isnan(value) else f"{value:.{decimals}f}"
