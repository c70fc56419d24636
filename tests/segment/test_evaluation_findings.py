"""Findings by hand: scans of two tiles, answers that are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from blemish.core.labels import LabelMap
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Sample
from blemish.metrics.findings import Findings
from blemish.segment.evaluation_findings import LEAST_VIEW_PX, MOST_VIEW_PX, FindingsCollector, cut_view

KINDS = Taxonomy.of_names("kinds", ["dent", "stain"])


def tile(scan: str, x: int, truth: list[int]) -> Sample:
    defect = np.array([truth] * 2, np.uint8)
    shown = tuple(int((defect == index).sum()) for index in (1, 2))
    record = TileRecord(
        f"{scan}-{x}", scan[:2], "", f"{scan}.png", Box(x, 0, len(truth), 2), scan[0], Split.TEST, Origin.REAL,
        shown, (), ignore_px=int((defect == 255).sum()),
    )  # fmt: skip
    return Sample(defect * 0 + 100, LabelMap(defect, np.zeros_like(defect)), record)


def answer(row: list[int], probability: float = 0.8) -> np.ndarray:
    """float32 3 2 W: this probability for the class that is called, the rest shared."""
    classes = np.array([row] * 2)
    planes = np.full((3, *classes.shape), (1 - probability) / 2, np.float32)
    np.put_along_axis(planes, classes[None], probability, axis=0)
    return planes


def findings(pairs: list[tuple[Sample, list[int]]], **more) -> Findings:
    collector = FindingsCollector(KINDS, [sample.record for sample, _ in pairs], **more)
    for sample, row in pairs:
        collector.add(sample, answer(row))
    return collector.findings()


PAIRS = [
    (tile("a1", 0, [0, 0, 1, 1]), [0, 0, 0, 0]),
    (tile("a1", 4, [1, 1, 1, 0]), [0, 0, 0, 0]),  # One dent of 5 px over the border, missed.
    (tile("b1", 0, [1, 1, 0, 0]), [2, 2, 0, 0]),  # Dent called stain.
    (tile("c1", 0, [0, 0, 0, 0]), [0, 1, 1, 0]),  # False alarm on a good part.
    (tile("d1", 0, [0, 0, 0, 0]), [0, 0, 0, 0]),
    (tile("e1", 0, [0, 255, 0, 0]), [0, 1, 0, 0]),  # Nobody knows.
]


def test_a_defect_over_a_tile_border_is_one_in_any_order_of_tiles():
    for order in (PAIRS, PAIRS[::-1]):
        found = findings(order)
        assert (found.total.true, found.total.found, found.total.scans) == (2, 0, 5)
        assert found.misses[1][0].box == Box(2, 0, 5, 2)


def test_regions_are_counted_by_what_they_were_called():
    found = findings(PAIRS)
    assert found.called.tolist() == [[0, 1, 0], [1, 0, 1], [0, 0, 0]]
    assert (found.answers_on_other, found.answers_ignored) == (1, 1)
    assert found.missed(1) == 2


def test_parts_escape_are_stopped_or_unknown():
    total = findings(PAIRS).total
    assert (total.defective, total.escaped, total.good, total.overkilled, total.unknown) == (2, 1, 2, 1, 1)
    assert total.blind == 1  # b1 is stopped by a wrong class only.


def test_sizes_lots_and_groups_add_up_to_the_total():
    found = findings(PAIRS)
    assert found.sizes.sum(axis=(0, 1)).tolist() == [2, 0]
    for tallies in (found.lots, found.groups):
        assert sum(tally.true for tally in tallies.values()) == found.total.true
        assert sum(tally.false for tally in tallies.values()) == found.total.false
        assert sum(tally.good for tally in tallies.values()) == found.total.good
    assert (found.groups["c"].overkilled, found.groups["d"].overkilled) == (1, 0)


def test_the_largest_misses_and_the_gravest_alarms_are_kept_worst_first():
    rows = {"a1": [1, 0, 0, 0, 0], "b1": [1, 1, 1, 0, 0], "c1": [1, 1, 0, 0, 0]}
    pairs = [(tile(name, 0, row), [0, 0, 0, 0, 0]) for name, row in rows.items()]
    assert [case.part for case in findings(pairs, of_a_class=2).misses[1]] == ["b1", "c1"]
    collector = FindingsCollector(KINDS, [sample.record for sample, _ in pairs])
    empty = [tile(name, 0, [0] * 5) for name in rows]
    for sample, probability in zip(empty, (0.6, 0.9, 0.7), strict=True):
        collector.add(sample, answer([1, 1, 0, 0, 0], probability))
    alarms = collector.findings().alarms[1]
    assert [case.part for case in alarms] == ["b1", "c1", "a1"]
    assert alarms[0].score == pytest.approx(0.9, abs=0.001)


def test_a_miss_tells_the_highest_probability_of_its_class():
    (case,) = findings([(tile("a1", 0, [1, 1, 0, 0]), [0, 2, 0, 0])]).misses[1]
    assert case.score == pytest.approx(0.1, abs=0.001)
    assert case.called == 2


@pytest.mark.parametrize("focus", [Box(0, 0, 3, 3), Box(990, 390, 10, 10), Box(100, 50, 700, 300)])
def test_a_view_stays_inside_the_scan_and_holds_its_region(focus):
    plane = np.zeros((400, 1000), np.uint8)
    plane[focus.y : focus.y + focus.height, focus.x : focus.x + focus.width] = 1
    view = cut_view(plane * 200, plane, plane * 0, focus)
    assert max(view.truth.shape) <= MOST_VIEW_PX
    assert min(view.truth.shape) >= LEAST_VIEW_PX
    inside = view.truth[view.focus.y : view.focus.y + view.focus.height, view.focus.x : view.focus.x + view.focus.width]
    assert inside.mean() > 0.9
    assert abs(int(view.truth.sum()) - inside.size) <= 0.1 * inside.size


def test_an_answer_where_nobody_knows_stops_no_part():
    total = findings([(tile("f1", 0, [1, 1, 0, 0, 0, 255, 0, 0]), [0, 0, 0, 0, 0, 1, 0, 0])]).total
    assert (total.defective, total.escaped, total.blind) == (1, 1, 0)


def test_an_open_label_along_the_edge_of_a_scan_excuses_what_reaches_into_it():
    open_edge = tile("g1", 0, [1, 1, 0, 0, 0, 0, 255, 255])
    found = findings([(open_edge, [0, 0, 0, 0, 2, 2, 2, 2])])
    assert (found.total.false, found.answers_ignored) == (0, 1)
    assert (found.total.escaped, found.total.blind) == (1, 0)  # An answer where nobody knows stops no part.


def test_padding_stays_off_the_scan_beside_an_open_label():
    given = tile("g1", 0, [0, 0, 0, 0, 255, 255, 255, 255])
    padded = replace(given, record=replace(given.record, ignore_px=4, padding_px=4))
    assert findings([(padded, [0, 0, 0, 2, 2, 2, 2, 2])]).total.false == 0  # Its half of the open label is shown.
    all_padding = replace(given, record=replace(given.record, ignore_px=0, padding_px=8))
    assert findings([(all_padding, [0, 0, 0, 2, 2, 2, 2, 2])]).total.false == 1
