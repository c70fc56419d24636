import math
import re
from dataclasses import replace

import numpy as np
import pytest

from blemish.core.records import Box
from blemish.core.taxonomy import Taxonomy
from blemish.metrics.findings import Case, Findings, Tally, View
from blemish.metrics.pixel import Confusion
from blemish.metrics.precision_recall import ScoreCounts
from blemish.metrics.tile_class import TileAccuracy
from blemish.report import evaluation as report
from blemish.report.chart import Curve
from blemish.report.evaluation import Evaluated, page_of, write_evaluation_page
from blemish.report.evaluation_pictures import SHOWN_PX, case_pictures, classes_in
from blemish.report.evaluation_words import cautions, headline, sentences

KINDS = Taxonomy.from_dict(
    {"name": "kinds", "pixel_mm_xy": [0.5, 0.5], "defects": [{"name": "dent"}, {"name": "stain"}]}
)


def case(part: str, index: int, severity: float, called: int = 0) -> Case:
    random = np.random.default_rng(int(severity))
    truth, answer = np.zeros((100, 100), np.uint8), np.zeros((100, 100), np.uint8)
    truth[40:50, 30:60], answer[80:90, 10:20], truth[:5] = index, 2, 255
    picture = random.integers(0, 255, (100, 100), np.uint8)
    view = View(picture, truth, answer, Box(30, 40, 30, 10))
    return Case(part, f"{part}-x0", index, called, Box(130, 40, 30, 10), 300, 0.25, severity, view)


def an_evaluation() -> Evaluated:
    table, scores = Confusion(2), ScoreCounts(2)
    truth = np.array([[1, 2, 0, 0]], np.uint8)
    table.add(truth, np.array([[1, 0, 0, 2]], np.uint8))
    scores.add(truth, np.stack([np.array([[0.1, 0.5, 0.9, 0.2]], np.float32)] * 3))
    total = Tally(scans=4, true=6, found=3, false=2, defective=3, escaped=1, blind=1, good=1, overkilled=1, unknown=1)
    sizes = np.zeros((2, 7, 2), np.int64)
    sizes[0, 2], sizes[1, 4] = (4, 2), (2, 1)
    found = Findings(
        total=total,
        called=np.array([[0, 2, 0], [1, 2, 1], [1, 0, 1]]),
        sizes=sizes,
        answers_on_other=1,
        answers_ignored=0,
        lots={"l<1>": total},
        lots_by="folder of the scan",
        groups={"g1": total, "g2": Tally(scans=1)},
        misses={1: (case("small <b>", 1, 10, called=2), case("smaller", 1, 5)), 2: (case("largest", 2, 90),)},
        alarms={1: (case("alarm", 1, 7),)},
    )
    accuracy = TileAccuracy(2, 3, 1, 0, np.eye(3, dtype=np.int64))
    curves = (Curve("mean", ((0.0, 0.1), (10.0, 0.4))),)
    return Evaluated("r on d", KINDS, 4, table, accuracy, (3, 2), (6, 2), found, scores, curves, {"segmenter": "r"})


def test_the_worst_miss_of_all_comes_first_and_classes_stay_together():
    page = page_of(an_evaluation())
    assert [(each.name, [c.title for c in each.cases]) for each in page.misses] == [
        ("B stain", ["largest"]),
        ("A dent", ["small <b>", "smaller"]),
    ]
    assert [each.total for each in page.misses] == [1, 2]


def test_a_caption_tells_what_it_was_called_where_and_how_large():
    lines = page_of(an_evaluation()).misses[1].cases[0].lines
    assert lines[0] == "called B stain; probability of A at most 0.25"
    assert lines[1] == "30 px (15.0 mm) long, 300 px (75.0 mm²) in area"
    assert lines[2] == "tile small <b>-x0"


def test_a_page_that_is_full_leaves_cases_out_and_counts_them(monkeypatch, tmp_path):
    whole = page_of(an_evaluation())
    size = sum(len(uri) for _, _, uri in whole.misses[0].cases[0].panels)
    monkeypatch.setattr(report, "MOST_PICTURE_BYTES", int(size * 2.5))
    page = page_of(an_evaluation())
    assert [len(each.cases) for each in page.misses] == [1, 1]
    text = write_evaluation_page(an_evaluation(), tmp_path).read_text()
    assert "(1 shown, 1 more left out)" in text
    assert len(text) < size * 2.5 + 60_000


def test_words_tell_counts_and_the_weakest_class():
    found = an_evaluation().findings
    assert headline(found.total) == "1 of 3 defective parts escape, 1 of 1 good parts are stopped"
    told = " ".join(sentences(found, KINDS, 0.25)).replace("\u00a0", " ")
    assert "finds 3 of 6 true defects (50 %) and misses 3, 1 of them called another class" in told
    assert "Of the 2 defective parts that are stopped, 1 are stopped only by a false alarm" in told
    assert "Weakest is A dent: 2 of 4 found" in told
    assert "0.250" in told


def test_few_groups_absent_classes_and_unknown_parts_are_warned_of():
    found = an_evaluation().findings
    few, absent, dependent, unknown = (text for text in cautions(found, KINDS, (2, 0)))
    assert "A dent (2)" in few
    assert "the 3 defective parts are of 1 groups: the true uncertainty is larger" in dependent
    assert "nothing is known of them: B stain" in absent
    assert "1 of 5 parts" in unknown
    assert cautions(replace(found, total=Tally(), groups={}), KINDS, (5, 5)) == ()
    alone = replace(found, total=Tally(defective=1), groups={"g": Tally(defective=1)})
    assert cautions(alone, KINDS, (5, 5)) == ()


def test_nothing_at_all_is_said_as_nothing(tmp_path):
    given = an_evaluation()
    nothing = replace(
        given.findings, total=Tally(scans=1), called=np.zeros((3, 3), np.int64), sizes=np.zeros((2, 7, 2), np.int64),
        lots={}, lots_by="", misses={}, alarms={},
    )  # fmt: skip
    empty = replace(given, findings=nothing, confusion=Confusion(2), scores=ScoreCounts(2), learning=())
    text = write_evaluation_page(empty, tmp_path).read_text()
    assert "No part is defective, no part is good" in text
    assert "tells no lots apart" in text
    assert "There is no true defect" in text
    assert "nan" not in re.sub(r"data:[^\"]+", "", text)
    assert math.isnan(empty.confusion.mean_iou())


def test_the_three_pictures_are_of_one_size_and_only_the_label_shows_the_label():
    view = case("p", 1, 3).view
    picture, label, answer = case_pictures(view, KINDS)
    assert picture.shape == label.shape == answer.shape
    assert max(picture.shape) == SHOWN_PX
    colour = np.array([0xE6, 0x19, 0x4B])
    has = [bool((np.abs(p.astype(int) - colour).sum(axis=2) < 20).any()) for p in (picture, label, answer)]
    assert has == [False, True, False]
    assert classes_in(view.truth, KINDS) == "A dent, ignored (hatched)"


@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_shows_the_worst_miss_first_and_asks_for_nothing(open_page, tmp_path, width):
    page, asked = open_page(write_evaluation_page(an_evaluation(), tmp_path), width)
    assert asked == []
    assert page.locator("#misses figcaption b").first.inner_text() == "largest"
    assert page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0 && i.alt)")
    assert page.locator("#misses figure").count() == 3
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the worst misses"


def test_every_case_is_on_the_printed_page(open_page, tmp_path):
    page, _ = open_page(write_evaluation_page(an_evaluation(), tmp_path))
    page.emulate_media(media="print")
    assert page.locator("nav").is_hidden()
    assert page.locator("#alarms figure").is_visible()


def test_a_page_that_asks_for_something_is_found_out(open_page, tmp_path):
    (tmp_path / "bad.html").write_text('<img src="http://127.0.0.1:9/x.png">')
    assert open_page(tmp_path / "bad.html")[1] == ["http://127.0.0.1:9/x.png"]
