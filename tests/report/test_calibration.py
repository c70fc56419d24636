import re

import pytest

from blemish.metrics.operating import PartTruth, curve, rates
from blemish.metrics.workload import PAPER_PEOPLE, paper_example
from blemish.report.calibration import asked_in_words, human_share, page, trade_off
from blemish.report.xy_chart import Line, Mark, xy_chart


def values(shows, ranks, scores):
    truth = PartTruth.of([str(i) for i in range(len(ranks))], shows)
    figures = {name: rate.to_dict() for name, rate in rates(ranks, truth, resamples=20).items()}
    told = curve(scores, truth, resamples=20).to_dict()
    found = {
        "found": 1, "ng": 0, "any_class": 1, "false": 2, "false_ng": 0, "told": 1, "told_false": 2,
        "recall": 0.5, "recall_ng": None, "recall_told": 0.5,
    }  # fmt: skip
    row = {
        "code": "A", "name": "<b>groove", "review": 0.4, "ng": 1.0, "least_area_px": 3, "note": "cannot reach 0.9",
        "labelled": 2, "groups": 2, "as_chosen": found, "cross_fitted": found,
    }  # fmt: skip
    bad = int(truth.defective.sum())
    return {
        "made_from": {"data_hash": "0" * 64},
        "asked": {"pixel": 0.3, "recall": {"recall": 0.9, "sure": 0.9}, "cost": None, "hand": {}},
        "parts": {"judged": len(ranks), "defective": bad, "good": len(ranks) - bad, "unknown_left_out": 1, "folds": 2,
                  "groups_defective": bad, "groups_good": len(ranks) - bad, "regions_left_out": 0},
        "classes": [row],
        "point": {"as_chosen": figures, "cross_fitted": figures},
        "mean_cost": None,
        "levels": [],
        "curves": {"moved_together": told, "one_for_all": told, "auroc_one_for_all": None},
        "pixels": None,
        "regions": None,
        "workload": None,
        "paper": {"people_before": PAPER_PEOPLE, **paper_example().to_dict()},
    }  # fmt: skip


BOTH = values([[True], [True], [False]], [0, 2, 1], [0.9, 0.2, 0.5])
BAD_ONLY = values([[True], [True]], [0, 2], [0.9, 0.2])


def test_the_page_tells_parts_classes_and_the_papers_example_and_loads_nothing():
    text = page("cells", BOTH)
    for said in ("50.0% (1 of 2)", "cannot reach 0.9", "never", "2.24", "9 % + 19 % = 28 %", "72 need no human"):
        assert said in text
    assert "&lt;b&gt;groove" in text
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", text)


def test_without_good_parts_the_page_says_that_overkill_does_not_exist():
    assert trade_off(BAD_ONLY) == ""
    text = page("steel", BAD_ONLY)
    assert "overkill does not exist" in text
    assert "– (no such part)" in text
    assert human_share(BAD_ONLY) == ""
    assert human_share(BOTH)


@pytest.mark.parametrize(("kept", "shown"), [("raw", 0), ("both", 1)])
def test_the_map_that_is_kept_is_the_one_that_is_drawn(kept, shown):
    row = {"error": 0.1, "log_loss": 0.5, "bins": [{"share": 1.0, "score": 0.5, "right": 0.4}]}
    regions = {"kept": kept, "temperature": 1.1, "offset": 0.2, "raw": row, "temperature_alone": row, "both": row}
    text = page("cells", {**BOTH, "regions": regions})
    assert text.count("mapped, cross-fitted") == shown
    assert text.count("<strong>0.500 (0.100)</strong>") == 1


def test_shares_near_nothing_and_near_all_are_not_rounded_away():
    work = {"parts_a_day": 1000, "defect_rate": 0.0005, "defect_rate_of": "given", "seconds_a_part": 10,
            "ok": 0.999984, "flagged": 1.6e-5, "flagged_good": 1e-5, "flagged_defective": 6e-6, "escaped": 1.6e-5,
            "hours": 1.0, "people": 1.0, "people_without": 2.0}  # fmt: skip
    text = page("cells", {**BOTH, "workload": work})
    for said in (
        "0.05% of them defective",
        "99.9984% need no human",
        "0.0016% are flagged",
        "0.0016% of all parts are",
    ):
        assert said in text
    assert "0.0% of all" not in text


def test_the_chosen_points_are_marked_on_the_curve():
    chart = trade_off(BOTH)
    assert "as chosen" in chart
    assert "cross-fitted" in chart
    assert chart.count("<polyline") == 2
    assert chart.count("<polygon") == 1


def test_a_point_that_is_not_finite_is_left_out():
    nan = float("nan")
    chart = xy_chart(
        [Line("a", ((0, 0), (nan, 1), (1, 1)), (0, 0, nan), (1, 1, 1))],
        title="t", x_name="x", y_name="y", marks=[Mark("m", (nan, 0))],
    )  # fmt: skip
    assert "nan" not in chart


def test_what_was_asked_is_told_in_words():
    cost = {"escape": 100, "overkill": 5, "review": None, "defect_rate": 0.05}
    said = asked_in_words({"recall": None, "cost": cost, "hand": {"ng": {"A": 0.5}}})
    assert said == "least cost: an escape 100, an overkill 5, no REVIEW; 5.0% defective parts; by hand: ng of A = 0.5"
