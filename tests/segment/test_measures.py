"""Measures by hand: a segmenter whose answers are known."""

import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from blemish.cli.main import app
from blemish.core.errors import InputError
from blemish.core.labels import LabelMap
from blemish.core.records import Box, Origin, Split, TileRecord, Verdict
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Sample
from blemish.segment.baseline import FixedParameters
from blemish.segment.measures import MeasureTally
from blemish.segment.part_figures import parts_of, proportion_text

TWO = Taxonomy.of_names("two", ["dent", "scratch"])
IN_MM = replace(TWO, pixel_mm_xy=(0.5, 2.0))


def planes(called, sure=0.9, size=40):
    """Probabilities: `sure` where a box (class, x, y, width, height) is called, the rest no defect."""
    probabilities = np.zeros((3, size, size), np.float32)
    for index, x, y, width, height in called:
        probabilities[index, y : y + height, x : x + width] = sure
    probabilities[0] = 1 - probabilities[1:].sum(axis=0)
    return probabilities


def tile(name, boxes, ignored=(), part=None):
    label = LabelMap.clean(40, 40)
    for index, x, y, width, height in [*boxes, *((255, *box) for box in ignored)]:
        label.defect[y : y + height, x : x + width] = index
    counts = tuple(int((label.defect == k).sum()) for k in (1, 2))
    unknown = int((label.defect == 255).sum())
    record = TileRecord(
        name, part or name, "", f"{name}.png", Box(0, 0, 40, 40), name, Split.TEST, Origin.REAL, counts, ()
    )
    return Sample(np.zeros((40, 40), np.uint8), label, replace(record, ignore_px=unknown))


@pytest.fixture
def measured():
    tally = MeasureTally(IN_MM, review_above=0.2)
    tally.see(tile("a", [(1, 5, 5, 20, 4)]), planes([(1, 5, 5, 26, 4)]))  # Six columns too long: 3 mm.
    tally.see(tile("b", [(1, 5, 5, 20, 4)]), planes([(1, 5, 5, 4, 4)]))  # A fifth: now its height, 8 mm, is its length.
    tally.see(tile("c", []), planes([(2, 20, 20, 5, 5)]))  # A false one.
    tally.see(tile("d", []), planes([(2, 20, 20, 5, 5)], sure=0.3))  # Unsure.
    tally.see(tile("e", [(2, 1, 1, 3, 30)]), planes([]))  # Missed.
    return tally.measures()


def test_a_called_region_that_reaches_into_what_is_ignored_is_never_false():
    tally = MeasureTally(TWO)
    tally.see(tile("open", [], ignored=[(30, 0, 10, 40)]), planes([(1, 20, 5, 15, 5), (2, 2, 20, 5, 5)]))
    found = tally.measures()
    assert found.regions_of_all(2).false == 1  # The scratch; the dent lies partly where the label is open.
    assert found.parts.unknown == 1


def test_a_called_region_that_goes_on_into_padding_is_false_as_it_is_on_its_scan():
    tally = MeasureTally(TWO)
    given = tile("padded", [], ignored=[(30, 0, 10, 40)])
    padded = replace(given, record=replace(given.record, ignore_px=0, padding_px=given.record.ignore_px))
    tally.see(padded, planes([(1, 20, 5, 15, 5)]))
    found = tally.measures()
    assert found.regions_of_all(2).false == 1
    assert (found.parts.overkill.count, found.parts.overkill.total) == (1, 1)


def test_regions_are_counted_at_every_overlap_and_false_ones_per_scan(measured):
    counts = [measured.regions_of_all(place) for place in range(len(measured.overlaps))]
    assert measured.overlaps == (0.0, 0.1, 0.3, 0.5)
    assert [(c.real, c.met, c.false) for c in counts] == [(3, 2, 1), (3, 2, 1), (3, 1, 1), (3, 1, 1)]
    assert measured.to_dict()["regions"][2]["false_per_scan"] == pytest.approx(1 / 5)
    assert measured.to_dict()["regions"][2]["classes"]["dent"]["recall"] == 0.5


def test_sizes_are_compared_in_mm_over_matched_defects(measured):
    lengths, areas = measured.lengths["dent"], measured.areas["dent"]
    assert (lengths.unit, areas.unit, lengths.count) == ("mm", "mm2", 2)
    assert lengths.bias == pytest.approx(((13 - 10) + (8 - 10)) / 2)
    assert areas.bias == pytest.approx(((104 - 80) + (16 - 80)) / 2)  # A pixel is 1 mm2.
    assert measured.lengths["scratch"].count == 0


def test_parts_escape_are_overkill_or_go_to_review(measured):
    parts = measured.parts
    assert (parts.escape.count, parts.escape.total) == (1, 3)  # e
    assert (parts.overkill.count, parts.overkill.total) == (1, 2)  # c
    assert (parts.review.count, parts.review.total) == (1, 5)  # d
    assert parts.review.low < 0.2 < parts.review.high


def test_aupro_is_given_with_its_limits(measured):
    assert [one["limit"] for one in measured.to_dict()["aupro"]] == [0.3, 0.05]
    assert 0 < measured.aupro[0].value < 1


def test_what_is_called_on_ignored_pixels_counts_nowhere():
    tally = MeasureTally(TWO, review_above=0.2)
    tally.see(tile("a", [], ignored=[(0, 0, 40, 20)]), planes([(1, 5, 5, 5, 5)]))
    found = tally.measures()
    assert found.regions_of_all(0).false == 0
    assert (found.parts.review.total, found.parts.unknown) == (0, 1)


def test_a_part_is_judged_by_the_worst_of_its_tiles():
    records = [tile(n, b, part=p).record for n, b, p in [("a", [(1, 1, 1, 3, 3)], "p"), ("b", [], "p"), ("c", [], "q")]]
    parts = parts_of(records, [Verdict.OK, Verdict.NG, Verdict.REVIEW])
    assert (parts.escape.count, parts.overkill.count, parts.review.count) == (0, 0, 1)
    assert proportion_text(parts.overkill).endswith("0 of 1)")


def test_nothing_seen_and_impossible_probabilities_are_refused():
    with pytest.raises(InputError, match="no tile was seen"):
        MeasureTally(TWO).measures()
    with pytest.raises(InputError, match="between 0 and 1, got 3"):
        MeasureTally(TWO, review_above=3)


def test_evaluate_prints_the_baseline_beside_the_inspector(shapes, tmp_path):
    tuned = FixedParameters.tuned(shapes.samples(), shapes.taxonomy, 1, trials=1, tiles_per_class=4)
    (tmp_path / "one.json").write_text(json.dumps(tuned.to_dict()))
    words = [
        "segment",
        "evaluate",
        str(tmp_path / "one.json"),
        str(shapes.folder),
        "--baseline",
        "--baseline-trials",
        "2",
    ]
    told = CliRunner().invoke(app, words)
    assert told.exit_code == 0, told.output
    assert "inspector                  machine vision" in told.stdout
    values = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert values["baseline"]["search"]["settings_tried"] == 2
    assert values["baseline"]["measures"]["regions"][0]["overlap"] == 0
    again = FixedParameters.from_dict(values["baseline"]["settings"])
    assert again.parameters.background_px % 2 == 1


def test_an_answer_under_the_least_size_finds_nothing_as_it_stops_no_part():
    large = replace(TWO, defects=tuple(replace(kind, least_size_px=10) for kind in TWO.defects))
    tally = MeasureTally(large)
    tally.see(tile("a", [(1, 5, 5, 20, 4)]), planes([(1, 5, 5, 2, 2)]))
    found = tally.measures()
    assert (found.regions_of_all(0).real, found.regions_of_all(0).met) == (1, 0)
    assert found.parts.escape.count == 1


def test_padding_beside_an_open_label_is_cut_where_it_begins():
    given = tile("both", [], ignored=[(20, 0, 20, 40)])  # Columns 20 to 29 are open, from 30 on it is padding.
    both = replace(given, record=replace(given.record, ignore_px=400, padding_px=400))
    tally = MeasureTally(TWO)
    tally.see(both, planes([(1, 10, 5, 15, 5)]))
    assert tally.measures().regions_of_all(0).false == 0
