"""One part scanned again: the same defects are matched, and what the camera does to sizes and places is small."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from blemish.bench.repeatability import Repeated, by_labels, by_line, match, repeat, summary
from blemish.bundle.bundle import Bundle
from blemish.core.records import Box, Defect, Part, Verdict, View
from blemish.core.taxonomy import Taxonomy
from blemish.inspect.defects import Limits
from blemish.inspect.run import Inspection, inspect_part
from blemish.picture.write import write_png
from blemish.simulate.line import LineSettings
from blemish.simulate.rescan import draw_layings, rescan_cell

TINY = Path(__file__).parents[1] / "fixtures" / "tiny-bundle"
POUCH = Taxonomy.preset("pouch-cell")
LIMITS = Limits(dict.fromkeys(POUCH.codes, 0.5), dict.fromkeys(POUCH.codes, 20))
SETTINGS = replace(LineSettings.small(1000, 600), clean_share=0.0, defects_per_cell=4.0)


def a_defect(x_mm, y_mm, length_mm=10.0, code="A"):
    return Defect(
        code, "", 1.0, Box(0, 0, 1, 1), (), 1, 1.0, 1.0, (0.0, 0.0),
        area_mm2=2 * length_mm, length_mm=length_mm, width_mm=2.0, place_mm_xy=(x_mm, y_mm),
    )  # fmt: skip


def test_by_the_true_labels_a_part_keeps_its_verdict_and_its_defects_their_sizes():
    part = repeat(rescan_cell(6, 0, draw_layings(6, 0, 5), settings=SETTINGS), by_labels(POUCH, LIMITS))
    figures = summary([part])
    assert (figures["verdict_flips"], figures["verdicts"]) == (0, {"PC6-00000": {"NG": 5}})
    assert figures["defects"] == figures["defects_found_in_every_scan"] >= 1
    spread = figures["spread_of_those"]
    assert 0 < spread["place_std_mm"]["largest"] < 1.0  # A pixel is 0.5 mm, and the jitter 0.8 px.
    assert 0 < spread["area_std_frac"]["largest"] < 0.05


def test_places_spread_far_more_where_the_part_is_not_registered():
    layings = draw_layings(6, 0, 5)
    scans = list(rescan_cell(6, 0, layings, settings=SETTINGS))
    moved = np.std([scan.corners_xy[0] for scan in scans], axis=0) * 0.5
    part = repeat(scans, by_labels(POUCH, LIMITS))
    assert max(seen.place_spread_mm for seen in part.defects) < 0.5 * np.hypot(*moved)


def test_the_line_judges_a_scan_as_it_judges_a_file(tmp_path):
    inspection = Inspection.of_bundle(Bundle.open(TINY), threads=1)
    scan = next(iter(rescan_cell(6, 0, draw_layings(6, 0, 1), settings=SETTINGS)))
    file = tmp_path / f"{scan.serial}.png"
    write_png(file, scan.picture)
    result = inspect_part(Part(scan.serial, (View("", file),)), inspection)
    judged = by_line(inspection)(scan)
    assert (judged.verdict, judged.defects) == (result.verdict, result.defects)


def test_the_nearest_of_the_same_class_is_the_same_defect():
    first = [a_defect(10, 10), a_defect(13, 10), a_defect(10, 10, code="B")]
    second = [a_defect(12.6, 10), a_defect(10.3, 10), a_defect(90, 10)]
    found = match([first, second])
    assert [(seen.code, seen.times) for seen in found] == [("A", 2), ("A", 2), ("B", 1), ("A", 1)]
    assert [place[0] for place in found[0].place_mm_xy] == [10, 10.3]
    assert [place[0] for place in found[1].place_mm_xy] == [13, 12.6]


def test_spread_is_by_hand_and_flips_are_those_that_differ_from_most():
    lengths = [10.0, 11.0, 12.0]
    seen = match([[a_defect(5 + i, 7, length)] for i, length in enumerate(lengths)])
    part = Repeated("p", (Verdict.NG, Verdict.OK, Verdict.NG), seen)
    figures = summary([part])
    assert (figures["verdict_flips"], figures["parts_with_a_flip"]) == (1, 1)
    assert figures["spread_of_those"]["length_std_mm"]["p50"] == pytest.approx(1.0)
    assert figures["spread_of_those"]["length_range_mm"]["p50"] == pytest.approx(2.0)
    assert figures["spread_of_those"]["place_std_mm"]["p50"] == pytest.approx(1.0)


def test_a_defect_not_seen_in_every_scan_is_left_out_of_the_spread():
    part = Repeated("p", (Verdict.NG, Verdict.OK), match([[a_defect(5, 5)], []]))
    figures = summary([part])
    assert (figures["defects"], figures["defects_found_in_every_scan"]) == (1, 0)
    assert figures["spread_of_those"]["place_std_mm"] is None
