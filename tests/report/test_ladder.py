import re

import pytest

from blemish.report.ladder import rows_of, share_curves, tables, write_ladder
from blemish.report.ladder_chart import Bar, Gain, forest, seed_bars

DIFFERENCE = {"mean": 0.1, "interval": [0.02, 0.18], "groups": 9, "seeds": 3}
UNKNOWN = {"mean": None, "interval": [None, None], "groups": 0, "seeds": 3}


def rung(name: str, *means: float) -> dict:
    iou = {"pit": list(means), "scratch": [None] * len(means)}
    undefined = [None] * len(means)
    figures = {"mean_iou": list(means), "iou": iou, "accuracy": list(means), "separation": list(means)}
    figures |= {"recall": list(means), "false_per_scan": list(means)}
    return {"name": name, "seeds": list(range(len(means))), **figures, "escape": [0.2, 0.1], "overkill": undefined}


def half(**more: object) -> dict:
    gain = {"of": "gan", "over": "real", **DIFFERENCE, "classes": {"pit": DIFFERENCE, "scratch": UNKNOWN}}
    gain["parts"] = {"mean": 0.04, "interval": [0.01, 0.07], "groups": 5, "seeds": 3}
    return {
        "ladder": "selection: folds",
        "classes": ["pit", "scratch"],
        "base": "real",
        "rungs": [rung("real", 0.3, 0.4), rung("gan", 0.5, 0.6), rung("more_real", 0.8, 0.9)],
        "over_base": [gain],
        "gain": gain,
        "verdicts": [{"of": "gan", "over": "real", "words": "synthetic tiles help pit", "caution": "1 seed"}],
        "cells": [{"rung": "gan", "curve": [{"step": 5, "val_iou": 0.2}, {"step": 10, "val_iou": 0.5}]}],
        "scale": {"steps": 10},
        "data": {"hash": "abc"},
        "made": {"command": "blemish bench", "commit": "", "date": "now", "machine": {"cpu": "x", "cores": 2}},
        **more,
    }


@pytest.fixture
def result() -> dict:
    shares = {"gan": {"base": "real", "best": 0.5, "rows": [
        {"share": 0.5, **rung("gan", 0.5, 0.6), "over_base": DIFFERENCE},
    ]}}  # fmt: skip
    said = {"more_real": {"effect": "helps"}, "synthetic": None, "words": "label more"}
    enough = {
        "base": "real",
        "synthetic": None,
        "one_in": 2,
        "groups": {"pit": {"few": 2, "all": 4}},
        "classes": {"pit": said},
    }
    return {"selection": half(shares=shares, enough=enough), "published": half(runs=1, ladder="published: test")}


def test_a_gain_by_parts_is_told_beside_that_in_pixels(result, tmp_path):
    page, text, *_ = write_ladder(result, tmp_path / "ladder.json")
    said = "+0.040 (95 % interval +0.010 to +0.070, 3 seeds, 5 groups)"
    assert f"Parts told apart: {said}" in page.read_text()
    assert "Parts told apart, difference from real" in page.read_text()
    assert f"parts told apart, the same two: {said}" in text.read_text()


def test_a_ladder_of_before_has_no_gain_by_parts(result, tmp_path):
    for name in ("selection", "published"):
        result[name] = half(**({"runs": 1} if name == "published" else {}))
        del result[name]["gain"]["parts"]
    page, text, *_ = write_ladder(result, tmp_path / "ladder.json")
    assert "Parts told apart, difference" not in page.read_text()
    assert "the same two" not in text.read_text()


def test_the_best_of_a_column_is_marked_without_the_ceiling():
    real, gan, ceiling = rows_of(half())
    assert [figure.best for figure in gan.figures] == [True, False, True, True, True, False, True, True, False]
    assert not any(figure.best for figure in (*real.figures[:4], *ceiling.figures[:4]))
    assert str(gan.figures[1]) == "–"


def test_a_half_of_an_older_version_has_no_separation_and_is_still_shown():
    before = half()
    new = ("separation", "recall", "false_per_scan")
    before["rungs"] = [{k: v for k, v in row.items() if k not in new} for row in before["rungs"]]
    assert {str(figure) for row in rows_of(before) for figure in row.figures[-3:]} == {"–"}


def test_what_to_be_careful_of_stands_on_the_page_and_beside_the_table(result, tmp_path):
    write_ladder(result | {"published": half(runs=1, cautions=["figures of real are left out"])}, tmp_path / "two.json")
    assert "Careful: figures of real are left out." in (tmp_path / "two.html").read_text()
    assert "Careful: figures of real are left out." in (tmp_path / "two.md").read_text()


def test_the_page_loads_nothing_and_keeps_the_halves_apart(result, tmp_path):
    files = write_ladder(result, tmp_path / "ladder-two.json")
    assert sorted(file.suffix for file in files) == [".html", ".md", ".svg", ".svg", ".svg"]
    page = (tmp_path / "ladder-two.html").read_text()
    assert not re.findall(r"(?:src|href)=\"(?!#)", page)
    assert page.index('id="selection"') < page.index('id="published"') < page.index('id="shares"')
    assert "Run 1 time so far" in page
    assert "synthetic tiles help pit" in page
    assert "label more" in page


def test_the_curve_of_shares_begins_at_base_and_every_share_has_its_interval(result, tmp_path):
    files = {file.name: file for file in write_ladder(result, tmp_path / "two.json")}
    alone = files["two-shares.svg"].read_text()
    assert "mean IoU over real, by the share of synthetic tiles" in alone
    assert "gan 0.5" in alone
    curve = share_curves(result["selection"])
    assert curve.count("<circle") == 2
    assert "share of the samples" in curve
    assert curve in files["two.html"].read_text()


def test_a_ladder_without_the_curve_of_shares_writes_no_picture_of_it(tmp_path):
    files = write_ladder({"selection": half()}, tmp_path / "alone.json")
    assert not [file for file in files if "shares" in file.name]


def test_the_published_half_says_what_to_be_careful_of(result, tmp_path):
    careful = [{"of": "gan", "over": "real", "words": "synthetic tiles hurt pit", "caution": "2 seeds"}]
    write_ladder(result | {"published": half(runs=1, verdicts=careful)}, tmp_path / "two.json")
    told = (tmp_path / "two.html").read_text().split('id="published"')[1]
    assert "Against real: synthetic tiles hurt pit." in told
    assert "Careful: 2 seeds." in told


def test_a_selection_alone_makes_a_page_too(result, tmp_path):
    write_ladder({"selection": half(gain=None, over_base=[], verdicts=[])}, tmp_path / "alone.json")
    assert 'id="published"' not in (tmp_path / "alone.html").read_text()


def test_tables_say_what_the_gain_compares(result):
    text = tables("two", result)
    assert "| gan | 2 | **0.550** | – |" in text
    assert "gan over real: +0.100 (95 % interval +0.020 to +0.180, 3 seeds, 9 groups)" in text


def test_charts_say_best_and_effect_in_words_and_shape():
    bars = seed_bars([Bar("real", (0.2,)), Bar("gan", (0.4,), marked=True), Bar("loss", ())], title="t")
    assert "0.400 best" in bars
    assert "not run" in bars
    gains = forest([Gain("a", 0.1, 0.05, 0.2), Gain("b", -0.1, -0.2, 0.1), Gain("c", None)], title="t")
    assert "+0.100" in gains
    assert "not judged" in gains
    assert [Gain("a", 0.1, 0.05, 0.2).effect, Gain("b", -0.1, -0.2, -0.1).effect, Gain("c", None).effect] == [
        "up", "down", "none",
    ]  # fmt: skip
