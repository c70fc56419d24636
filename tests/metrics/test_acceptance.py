from dataclasses import replace

import pytest

from blemish.core.errors import InputError
from blemish.core.records import Verdict
from blemish.metrics.acceptance import Decision, Reference, ReferencePart, Run
from blemish.metrics.acceptance_outcome import Targets, accept
from blemish.metrics.attribute_study import Appraiser
from blemish.metrics.limits import Proof
from blemish.report.acceptance_words import headline

OK, NG, REVIEW = Verdict.OK, Verdict.NG, Verdict.REVIEW


def reference(bad: int, good: int, **more) -> Reference:
    defective = [ReferencePart(f"b{n}", False, ("dent",) if n % 2 else ("stain", "dent"), 1.0 + n) for n in range(bad)]
    return Reference((*defective, *(ReferencePart(f"g{n}", True) for n in range(good))), **more)


def run(name: str, given: Reference, **other: Verdict) -> Run:
    """Right but for these parts."""
    verdicts = {p.serial: other.get(p.serial, OK if p.is_ok else NG) for p in given.parts}
    return Run(name, {s: Decision(v, {"A dent": 0.9} if v == NG else {}) for s, v in verdicts.items()})


def test_enough_parts_without_failures_prove_both_limits():
    given = reference(149, 99)
    assert accept(given, [run("one", given)], Targets()).proof == Proof.PROVED
    fewer = reference(148, 99)
    assert accept(fewer, [run("one", fewer)], Targets()).proof == Proof.NOT_PROVED


def test_one_failed_run_fails_the_whole():
    given = reference(160, 120)
    bad = run("two", given, **{f"b{n}": OK for n in range(20)})
    found = accept(given, [run("one", given), bad], Targets())
    assert [(item.run, item.name, item.proof) for item in found.items][1] == ("two", "escape", Proof.FAILED)
    assert found.proof == Proof.FAILED


def test_review_is_no_escape_and_no_overkill_but_stage_one_overkill():
    given = reference(2, 2)
    (found,) = accept(given, [run("one", given, b0=REVIEW, g0=REVIEW, g1=NG)], Targets()).rates
    assert (found.escape.count, found.overkill.count, found.stage_one_overkill.count, found.review.count) == (
        0,
        1,
        2,
        2,
    )


def test_parts_without_partner_are_listed_and_the_counts_add_up():
    given = reference(2, 1)
    one = run("one", given)
    one = Run("one", {**{s: d for s, d in one.decisions.items() if s != "b1"}, "x9": Decision(OK)})
    matching = accept(given, [one], Targets()).matching
    assert matching.without_result == ("b1",)
    assert matching.without_reference == ("x9",)
    assert len(matching.judged) + len(matching.without_result) == len(given.parts)


def test_a_class_that_was_not_named_counts_though_the_part_was_stopped():
    given = reference(4, 0)  # b0 and b2 show stain and dent; the system names dents only.
    found = {c.name: c for c in accept(given, [run("one", given, b1=OK)], Targets()).classes}
    assert (found["dent"].escape.count, found["dent"].escape.total, found["dent"].not_named.count) == (1, 4, 1)
    assert (found["stain"].escape.count, found["stain"].not_named.count, found["stain"].not_named.total) == (0, 2, 2)


@pytest.mark.parametrize("wanted", ["A", "dent", "A dent", " Dent "])
def test_a_class_is_named_by_code_or_name(wanted):
    assert Decision(NG, {"A dent": 0.5}).names(wanted)
    assert not Decision(NG, {"B white dent": 0.5}).names(wanted)
    assert Decision(NG, {"B white dot": 0.5}).names("white dot")


def test_sizes_are_binned_in_order_and_every_part_counts_once():
    given = reference(10, 0)
    found = accept(given, [run("one", given, b0=OK)], Targets()).sizes
    assert sum(each.escape.total for each in found) == 10
    assert [each.escape.count for each in found] == [1, 0, 0, 0]
    assert accept(reference(3, 0), [run("one", reference(3, 0))], Targets()).sizes == ()


def test_flips_and_borderline_parts_say_why():
    people = (Appraiser("anna", ({"g0": True, "g1": False}, {"g0": True, "g1": True})),)
    given = reference(1, 2, appraisers=people)
    found = accept(given, [run("one", given), run("two", given, b0=REVIEW)], Targets())
    assert found.flips == (("b0", ("NG", "REVIEW")),)
    assert {part.serial: part.why for part in found.borderline} == {
        "b0": ("the system's verdict changes from run to run", "the system says REVIEW"),
        "g1": ("the appraisers do not agree",),
    }


def test_without_appraisers_the_study_holds_the_system_alone():
    given = reference(2, 2)
    study = accept(given, [run("one", given)], Targets()).study
    assert [s.name for s in study.scores] == ["the system"]
    assert (study.within, study.pairs, study.together) == ((), (), None)


def test_no_common_part_names_serials_of_both():
    given = reference(1, 0)
    with pytest.raises(InputError, match=r"\(b0\) is in the results \(z\)"):
        accept(given, [Run("one", {"z": Decision(OK)})], Targets())


def test_parts_that_the_reference_names_with_their_folders_get_a_remedy():
    given = Reference((ReferencePart("line-3/b0", False),))
    with pytest.raises(InputError, match="data reference --names file"):
        accept(given, [Run("one", {"b0": Decision(OK)})], Targets())


def test_the_same_results_twice_are_no_repetition():
    given = reference(1, 1)
    with pytest.raises(InputError, match="given twice"):
        accept(given, [run("one", given), run("one", given)], Targets())


@pytest.mark.parametrize("targets", [{"escape": 0.0}, {"overkill": 2.0}, {"confidence": 1.0}])
def test_targets_that_nothing_can_prove_are_refused(targets):
    with pytest.raises(InputError, match="such as"):
        Targets(**targets)


def test_nothing_is_proved_while_parts_of_the_reference_have_no_result():
    given = reference(449, 120)
    some = {p.serial for p in given.parts if p.is_ok} | {f"b{n}" for n in range(149)}
    easy = run("one", given)
    lost = Run("one", {serial: decision for serial, decision in easy.decisions.items() if serial in some})
    found = accept(given, [lost], Targets())
    assert {item.proof for item in found.items} == {Proof.PROVED}
    assert found.proof == Proof.NOT_PROVED
    assert headline(found) == "Not accepted yet: 300 of 569 reference parts have no result in every run"


def test_one_file_of_results_by_two_names_is_no_repetition():
    given = reference(1, 1)
    one, other = (replace(run(name, given), file="/out/results.jsonl") for name in ("out", "out/results.jsonl"))
    with pytest.raises(InputError, match="given twice"):
        accept(given, [one, other], Targets())
