import math
import os
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from blemish.core.labels import LabelMap
from blemish.core.records import PartResult, Verdict
from blemish.core.taxonomy import Taxonomy
from blemish.metrics.part import wilson
from blemish.picture.labels import label_picture
from blemish.report.chart import Curve, Series, bar_chart, line_chart, standalone
from blemish.report.embed import jpeg_uri, png_uri
from blemish.report.story import (
    InspectedCell,
    Judged,
    Labelled,
    Pair,
    PartFigures,
    Story,
    UnseenTile,
    outcome,
    write_story,
)

CELL = Taxonomy.preset("pouch-cell")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def a_story(before: float = 0.2, after: float = 0.3) -> Story:
    grey = png_uri(np.full((32, 32), 128, np.uint8))
    tile = Labelled(grey, grey)
    result = PartResult("PC-<b>1</b>", Verdict.NG, reasons=("one groove",))
    return Story(
        taxonomy=CELL,
        real_tiles=(22, 2, 23, 46, 4, 3),
        synthetic_tiles=(24, 44, 23, 0, 42, 43),
        pairs=tuple(
            Pair(d.name, None if d.code == "D" else tile, tile, "for a reason of its own") for d in CELL.defects
        ),
        unseen_tiles=(UnseenTile("A groove", tile, (("real tiles", grey),)),),
        judged=(
            Judged("fixed parameters", (0.3,) * 6, 0.3, 0.5),
            Judged("real tiles", (before, math.nan, *(before,) * 4), before, 0.6),
            Judged("real + synthetic", (after,) * 6, after, 0.7),
        ),
        curves=(Curve("real tiles", ((0, 0.0), (100, before))), Curve("real + synthetic", ((0, 0.0), (100, after)))),
        on_the_line="real tiles",
        cell=InspectedCell(result, grey, grey, (("A groove", grey),)),
        parts=PartFigures((result,), (True,), wilson(0, 1), wilson(0, 0), wilson(0, 1)),
        settings={"tile": "256 px"},
        seconds={"simulate": 1.5},
        notes=("a note",),
    )


def test_the_page_loads_nothing_from_elsewhere_and_escapes_names(tmp_path):
    page = write_story(a_story(), tmp_path).read_text()
    assert not re.search(r"(src|href)=[\"'](?!data:|#)", page)
    assert "PC-&lt;b&gt;1" in page
    assert "<b>1</b>" not in page


def test_a_loss_is_told_as_a_loss():
    assert "is lower: 0.100 against 0.200 (-0.100)" in outcome(a_story(0.2, 0.1))
    assert "is higher" in outcome(a_story(0.2, 0.4))
    assert "nothing can be said" in outcome(a_story(math.nan, 0.1))


def test_an_undefined_overkill_is_said_not_shown_as_zero(tmp_path):
    assert "not defined (no such part)" in write_story(a_story(), tmp_path).read_text()


def test_bars_have_heights_in_proportion_and_nan_has_none():
    svg = ElementTree.fromstring(bar_chart(["a", "b", "c"], [Series("s", (10.0, 5.0, math.nan))], title="t"))
    heights = [float(r.get("height")) for r in svg.iter("rect") if r.get("rx")]
    assert len(heights) == 2
    assert heights[0] == pytest.approx(2 * heights[1], rel=0.01)


def test_a_chart_of_nothing_is_still_a_chart():
    assert ElementTree.fromstring(line_chart([Curve("empty", ())], title="t", x_name="steps")).tag == "svg"


def test_a_chart_in_a_file_of_its_own_is_an_svg_with_its_colours():
    svg = standalone(line_chart([Curve("one", ((0, 0.0), (10, 0.5)))], title="t", x_name="steps"))
    assert ElementTree.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"
    assert ".grid{stroke" in svg


def test_a_label_is_painted_in_the_taxonomys_colours():
    label_map = LabelMap(np.array([[0, 1, 255]], np.uint8), np.array([[1, 0, 0]], np.uint8))
    assert label_picture(label_map, CELL)[0].tolist() == [[16, 16, 16], [230, 25, 75], [255, 255, 255]]


def test_a_wide_picture_is_made_smaller():
    assert len(jpeg_uri(np.zeros((200, 4000), np.uint8), widest_px=400)) < 4000


def test_a_real_browser_shows_every_picture_wide_and_narrow(tmp_path):
    if CHROMIUM is None:
        message = "chromium is not installed: the report was not looked at"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    from playwright.sync_api import sync_playwright

    page_file = write_story(a_story(), tmp_path)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        for width in (1280, 390):
            page = browser.new_page(viewport={"width": width, "height": 900})
            page.goto(Path(page_file).as_uri())
            assert page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.locator("section").count() == 6
        browser.close()


def test_a_class_without_synthetic_tiles_says_why(tmp_path):
    page = write_story(a_story(), tmp_path).read_text()
    assert page.count("none drawn: for a reason of its own") == 1
    assert page.count("no real training tile") == 0
