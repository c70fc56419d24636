import math

from blemish.metrics.attribute_study import Appraiser, Grade, between, score, within

TRUTH = {str(n): n >= 16 for n in range(50)}  # As in AIAG's example: 16 bad and 34 good parts.


def appraiser(name: str, wrong: dict[int, set[int]], trials: int = 3) -> Appraiser:
    """Right but for these parts in each trial."""
    return Appraiser(
        name, tuple({s: ok != (int(s) in wrong.get(t, set())) for s, ok in TRUTH.items()} for t in range(trials))
    )


def test_decisions_of_one_trial_are_compared_whatever_other_trials_there_are():
    truth = {"0": False, "1": False, "2": True, "3": True}
    other_way = {serial: not ok for serial, ok in truth.items()}
    anna, ben = Appraiser("anna", (truth, other_way), (1, 2)), Appraiser("ben", (other_way,), (2,))
    (pair,), together = between([anna, ben])
    assert (pair.kappa.value, pair.kappa.judged) == (1.0, 4)
    assert (together.same.count, together.same.total) == (0, 4)


def test_parts_that_only_one_decided_on_are_no_agreement_of_all():
    anna, ben = Appraiser("anna", ({"1": True, "2": True}, {"1": True, "2": True})), Appraiser("ben", ({"1": False},))
    _, together = between([anna, ben])
    assert (together.same.count, together.same.total) == (0, 1)
    assert together.differing == ("1",)


def test_the_scores_of_aiags_first_appraiser():
    # MSA, 4th ed.: appraiser A is right throughout on 42 of 50 parts, misses 3 of 48, gives 5 false alarms of 102,
    # kappa 0.88. Which parts they are is ours.
    found = score(appraiser("A", {0: {0, 1, 2, 20}, 1: {21, 22}, 2: {23, 24}}), TRUTH)
    assert (found.effectiveness.count, found.effectiveness.total, found.effectiveness.rate) == (42, 50, 0.84)
    assert (found.miss.count, found.miss.total) == (3, 48)
    assert (found.false_alarm.count, found.false_alarm.total) == (5, 102)
    assert round(found.kappa.value, 2) == 0.88
    assert found.grades == (Grade.MARGINAL, Grade.UNACCEPTABLE, Grade.ACCEPTABLE)


def test_the_bounds_themselves_are_still_inside():
    at_bound = score(appraiser("A", {0: {20, 21, 22, 23, 24}}, trials=1), TRUTH)
    assert at_bound.effectiveness.rate == 0.9
    assert at_bound.grades[0] == Grade.ACCEPTABLE


def test_no_bad_part_gives_no_grade_for_misses():
    found = score(Appraiser("A", ({"20": True},)), TRUTH)
    assert math.isnan(found.miss.rate)
    assert found.grades[1] == Grade.UNKNOWN


def test_repeating_oneself_needs_no_reference():
    found = within(appraiser("A", {0: {0}, 1: {0}, 2: {0, 30}}))
    assert (found.same.count, found.same.total, found.differing) == (49, 50, ("30",))


def test_parts_with_a_decision_missing_count_for_sameness_but_not_for_kappa():
    found = within(
        Appraiser("A", ({"1": True, "2": False, "3": True}, {"1": True, "2": False}, {"1": True, "2": True}))
    )
    assert (found.same.total, found.kappa.judged) == (2, 2)


def test_appraisers_are_compared_trial_by_trial():
    pairs, together = between([appraiser("A", {0: {0}}), appraiser("B", {1: {0}}), appraiser("C", {})])
    assert [(pair.first, pair.second) for pair in pairs] == [("A", "B"), ("A", "C"), ("B", "C")]
    assert pairs[0].kappa.judged == 150
    assert pairs[0].kappa.value < pairs[1].kappa.value < 1
    assert together.differing == ("0",)
