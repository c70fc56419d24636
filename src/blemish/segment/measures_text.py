"""Measures as tables for people; with the machine-vision baseline beside the inspector, figure by figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from blemish.metrics.size_error import SizeError
from blemish.segment.evaluation import Evaluation
from blemish.segment.measures import ALL, Measures
from blemish.segment.part_figures import proportion_text

_SHOWN_OVERLAP = 0.3  # Of the table by class; the JSON has them all.


@dataclass(frozen=True)
class Column:
    """One segmenter in a table."""

    name: str
    found: Evaluation
    measures: Measures


def to_table(columns: Sequence[Column]) -> str:
    """IoU, region recall, false regions and AUPRO by class, then sizes and parts; a column group a segmenter."""
    return "\n".join([*_by_class(columns), "", *_by_overlap(columns), "", *_sizes(columns), "", *_parts(columns)])


def _by_class(columns: Sequence[Column]) -> list[str]:
    first = columns[0].measures
    place, limit = first.overlaps.index(_SHOWN_OVERLAP), first.aupro[0].limit
    each = f"{'IoU':>8}{'recall':>8}{'false':>8}{'AUPRO':>8}"
    lines = [
        f"recall and false regions per scan at overlap {_SHOWN_OVERLAP}; AUPRO up to a false positive rate of {limit}"
    ]
    if len(columns) > 1:
        lines.append(f"{'':<16}" + "".join(f"{column.name:>32}" for column in columns))
    lines.append(f"{'class':<16}" + each * len(columns))
    for index, name in enumerate(first.taxonomy.defect_names):
        cells = [
            _row(
                c.found.iou[name],
                c.measures.regions[index][place].recall,
                c.measures.regions[index][place].false / c.measures.scans,
                c.measures.aupro[0].classes[index],
            )
            for c in columns
        ]
        lines.append(f"{name:<16}" + "".join(cells))
    totals = [(c, c.measures.regions_of_all(place)) for c in columns]
    means = [
        _row(c.found.mean_iou, total.recall, total.false / c.measures.scans, c.measures.aupro[0].value)
        for c, total in totals
    ]
    return [*lines, f"{'mean or all':<16}" + "".join(means)]


def _by_overlap(columns: Sequence[Column]) -> list[str]:
    lines = ["all classes at several overlaps (0: one pixel) and limits"]
    for place, overlap in enumerate(columns[0].measures.overlaps):
        counts = [(c.measures.regions_of_all(place), c.measures.scans) for c in columns]
        cells = [
            f"recall {_number(n.recall)} ({n.met} of {n.real}), {n.false / scans:.2f} false" for n, scans in counts
        ]
        lines.append(f"overlap {overlap:<8}" + "".join(f"{cell:<44}" for cell in cells).rstrip())
    for place, one in enumerate(columns[0].measures.aupro):
        cells = [f"AUPRO {_number(c.measures.aupro[place].value)}" for c in columns]
        lines.append(f"limit {one.limit:<10}" + "".join(f"{cell:<44}" for cell in cells).rstrip())
    return lines


def _sizes(columns: Sequence[Column]) -> list[str]:
    lines = ["size error, found minus real, over matched defects"]
    for column in columns:
        lengths, areas = column.measures.lengths[ALL], column.measures.areas[ALL]
        lines += [f"{column.name}: length {_error(lengths)}", f"{'':<{len(column.name)}}  area {_error(areas)}"]
    return lines


def _parts(columns: Sequence[Column]) -> list[str]:
    lines = ["parts, with 95 % Wilson intervals"]
    for column in columns:
        parts, above = column.measures.parts, column.measures.review_above
        band = "no REVIEW band: give --review-above" if above is None else f"REVIEW from probability {above:g}"
        unknown = f"; {parts.unknown} of unknown state left out" if parts.unknown else ""
        lines.append(
            f"{column.name}: escape {proportion_text(parts.escape)}, overkill {proportion_text(parts.overkill)}, "
            f"review {proportion_text(parts.review)} ({band}){unknown}"
        )
    return lines


def _error(error: SizeError) -> str:
    if not error.count:
        return "none matched"
    spread = f"5 to 95 %: {error.low:+.1f} to {error.high:+.1f}"
    return (
        f"median {error.median:+.1f} {error.unit} ({spread}), bias {error.bias:+.1f}, {error.count} defects of median "
        f"{error.real_median:.1f} {error.unit}"
    )


def _row(*values: float) -> str:
    return "".join(f"{_number(value):>8}" for value in values)


def _number(value: float) -> str:
    return "none" if value != value else f"{value:.3f}"
