import csv
import json
import re

import pytest

from blemish.core.records import Verdict
from blemish.metrics.acceptance import Decision, Reference, ReferencePart, Run
from blemish.metrics.acceptance_outcome import Acceptance, Item, Targets, accept
from blemish.metrics.attribute_study import Appraiser
from blemish.metrics.limits import limits_of
from blemish.report.acceptance import write_acceptance
from blemish.report.acceptance_words import bound_words, counted, headline, lead

PARTS = (
    ReferencePart("b<1>", False, ("dent",), 3.5),
    *(ReferencePart(f"b{n}", False, ("stain",), 4.0 + n, borderline=n == 2) for n in range(2, 30)),
    *(ReferencePart(f"g{n}", True) for n in range(30)),
)


def accepted(*, people: bool = False, runs: int = 1, escapes: int = 1) -> Acceptance:
    trial = {part.serial: part.is_ok for part in PARTS}
    names = (Appraiser("anna", (trial, {**trial, "b2": True})), Appraiser("ben", (trial, trial)))
    reference = Reference(PARTS, names if people else (), ("labels of the simulated line; no person decided",), "mm")
    wrong = {part.serial for part in PARTS[:escapes]}
    given = []
    for number in range(runs):
        decisions = {
            p.serial: Decision(
                Verdict.OK if p.is_ok or p.serial in wrong else Verdict.NG, {"B stain": 0.5} if not p.is_ok else {}
            )
            for p in PARTS[: len(PARTS) - 1]
        }
        if number:
            decisions["b5"] = Decision(Verdict.REVIEW)
        given.append(Run(f"run {number}", {**decisions, "stranger": Decision(Verdict.OK)}, ("card of 12",)))
    return accept(reference, given, Targets())


def text_of(found: Acceptance, folder) -> str:
    """The page's text as people read it."""
    text = re.sub(r"<style>.*?</style>|<[^>]+>", " ", write_acceptance(found, folder).read_text(), flags=re.DOTALL)
    return " ".join(text.replace("\u00a0", " ").split())


def test_the_headline_says_proved_not_proved_or_failed():
    missing = "1 of 59 reference parts have no result in every run"
    assert headline(accepted()) == f"Not accepted yet: escape and overkill are not proved; {missing}"
    assert headline(accepted(escapes=9)) == "Not accepted: escape is too high"
    assert lead(accepted())[0].replace("\u00a0", " ") == (
        "1 of 29 defective parts were called OK: escape 3.4 %, with 95 % confidence at most 15.4 %: "
        "at most 2 % is not proved."
    )
    # scipy.stats.beta.ppf(0.05, 9, 21): 0.1725.
    assert "at least 17.2 %: above the limit of 2 %." in lead(accepted(escapes=9))[0].replace("\u00a0", " ")


def test_parts_add_up_and_those_without_partner_are_named(tmp_path):
    assert counted(accepted()).startswith("59 parts in the reference = 58 judged + 1 without a result in every run.")
    text = text_of(accepted(), tmp_path)
    assert "without a result in every run: g29" in text
    assert "not in the reference: stranger" in text


def test_without_appraisers_the_study_says_so_and_shows_none(tmp_path):
    text = text_of(accepted(), tmp_path)
    assert "The reference: labels of the simulated line; no person decided." in text
    assert "Appraisers: none. The file holds no decisions of people" in text
    assert text.count("no appraiser decided anything") == 2
    figures = json.loads((tmp_path / "acceptance.json").read_text())
    assert (figures["appraisers"], figures["between"], figures["within"]) == ([], [], {})
    assert list(figures["study"]) == ["the system"]


def test_with_appraisers_their_agreement_is_shown(tmp_path):
    text = text_of(accepted(people=True), tmp_path)
    assert "anna (2 trials), ben (2 trials)" in text
    assert "anna and ben" in text
    assert "b2 the reference calls it borderline; the appraisers do not agree" in text


def test_repeatability_needs_a_second_run(tmp_path):
    assert "Not known: only one run was given" in text_of(accepted(), tmp_path / "one")
    text = text_of(accepted(runs=2), tmp_path / "two")
    assert "changed on 1 of 58 parts" in text
    assert "b5 NG, REVIEW" in text


def test_the_table_of_parts_holds_every_part_once(tmp_path):
    write_acceptance(accepted(runs=2), tmp_path)
    rows = list(csv.DictReader((tmp_path / "parts.csv").read_text().splitlines()))
    outcomes = {row["serial"]: row["outcome"] for row in rows}
    assert len(rows) == len(PARTS) + 1
    assert outcomes["b<1>"] == "escape"
    assert (outcomes["b5"], outcomes["g0"]) == ("review", "right")
    assert (outcomes["g29"], outcomes["stranger"]) == ("without result", "without reference")


def test_figures_are_json_without_nan(tmp_path):
    write_acceptance(accepted(), tmp_path)
    figures = json.loads((tmp_path / "acceptance.json").read_text(), parse_constant=pytest.fail)
    assert figures["outcome"] == "not proved"
    assert figures["runs"][0]["escape"]["count"] == 1


@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_shows_the_outcome_and_asks_for_nothing(open_page, tmp_path, width):
    page, asked = open_page(write_acceptance(accepted(people=True, runs=2), tmp_path), width)
    assert asked == []
    assert page.locator("h1").inner_text().startswith("Not accepted yet")
    assert page.locator("#wrong tbody th").first.inner_text() == "b<1>"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("section").count() == 9


def item_of(count: int, total: int, target: float) -> str:
    return bound_words(Item("run", "escape", limits_of(count, total), target)).replace("\u00a0", " ")


def test_a_limit_is_rounded_to_the_side_of_the_target_on_which_it_is():
    assert item_of(0, 1197, 0.0025) == "at most 0.25 %"
    assert item_of(0, 146, 0.02) == "at most 2.1 %"
    assert item_of(0, 149, 0.02) == "at most 2.0 %"
    assert item_of(0, 5000, 0.0005) == "at most 0.06 %"
    assert item_of(30, 100, 0.2) == "at least 22.4 %"
