from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import norm

from blemish.core.errors import InputError
from blemish.segment.choice import NEVER, UNKNOWN, Chosen, Hand, Wish, by_recall, halfway, ranks_of, with_hand
from blemish.segment.choice_by_cost import SPREAD, Costs, by_cost, cost_of, expected_cost


@pytest.fixture
def four(made):
    return made(
        [
            (0, [1], [(1, 0.9, 40, True)]),
            (0, [1], [(1, 0.7, 40, True)]),
            (1, [1], [(1, 0.5, 40, True), (1, 0.6, 5, False)]),
            (1, [1], []),
            (2, [], [(1, 0.8, 5, False)]),
            (2, [2], []),
        ]
    )


def test_recall_by_hand(four):
    first, second = by_recall(four, (0, 1, 2), Wish(0.5, sure=0.9), 0.3)
    assert first.least_area_px == 6  # The false regions have 5 px; half the smallest labelled defect is 20.
    assert (first.review, first.ng) == (0.6, 0.6)  # Halfway between 0.7 and 0.5; all that are left are real.
    assert first.note == ""
    assert (second.review, second.ng, second.note) == (UNKNOWN, UNKNOWN, "none of 1 labelled defects is found at all")


def test_a_wish_out_of_reach_is_said_and_the_most_is_given(four):
    first = by_recall(four, (0, 1, 2), Wish(0.95), 0.3)[0]
    assert first.note == "cannot reach 0.95: finds 3 of 4 at most"
    assert 0.3 < first.review < 0.5


def test_where_no_score_is_sure_a_class_is_never_ng(made):
    parts = [(0, [1], [(1, 0.6, 40, True)]), (1, [], [(1, 0.9, 40, False)])]
    (first,) = by_recall(made(parts, codes=("A",)), (0, 1), Wish(1.0, sure=0.9), 0.3)
    assert first.ng == NEVER
    assert "never NG" in first.note


def test_only_the_folds_that_are_given_are_looked_at(four):
    assert by_recall(four, (0,), Wish(1.0), 0.3)[0].note == ""
    assert "no labelled defect" in by_recall(four, (0,), Wish(1.0), 0.3)[1].note


@pytest.mark.parametrize("wish", [0.6, 0.8, 0.95])
def test_no_higher_threshold_of_the_same_area_reaches_the_wish(drawn, wish):
    candidates = drawn()
    for kind, one in enumerate(by_recall(candidates, (0, 1, 2), Wish(wish), 0.3), start=1):
        best = candidates.best_scores(kind, 0.3, one.least_area_px)
        reached = (best >= one.review).mean()
        if not one.note.startswith("cannot reach"):
            assert reached >= wish
            next_up = np.sort(best[best >= one.review])[0] + 1e-4
            assert (best >= next_up).mean() < wish
        assert one.review <= one.ng


def test_the_choice_of_one_class_is_that_of_brute_force(drawn):
    """Every pair of steps, the chances from scipy's normal distribution."""
    candidates, costs, folds = drawn(2), Costs(9, 4, 1), (0, 1, 2)
    one = by_cost(candidates, folds, costs, 0.3)[0]
    best = candidates.part_scores(1, 0.3, one.least_area_px)
    other = by_cost(candidates, folds, costs, 0.3)[1]
    beside = candidates.part_scores(2, 0.3, other.least_area_px)
    bad = candidates.parts.defective

    def called(scores, threshold):
        seen = np.clip(scores.astype(float), 1e-9, 1 - 1e-9)
        chance = norm.cdf((logit(seen) - logit(min(threshold, 1 - 1e-9))) / SPREAD)
        return np.where((scores >= 0) & (threshold < NEVER), chance, 0.0)

    def total(review, ng):
        ok = (1 - called(best, review)) * (1 - called(beside, other.review))
        not_ng = (1 - called(best, ng)) * (1 - called(beside, other.ng))
        paid = ok * bad * costs.escape + (not_ng - ok) * costs.review + (1 - not_ng) * ~bad * costs.overkill
        return paid.mean()

    steps = [*expit(np.arange(logit(0.3), 6, 0.1)), NEVER]
    least = min(total(r, n) for r in steps for n in steps if r <= n)
    assert total(one.review, one.ng) == pytest.approx(least, rel=0.02)
    assert expected_cost((one, other), candidates, folds, costs) == pytest.approx(total(one.review, one.ng), rel=0.02)


def test_a_threshold_keeps_away_from_the_worst_good_part(made):
    parts = [(fold, [1], [(1, score, 40, True)]) for fold, score in enumerate((0.97, 0.98, 0.99, 0.96))]
    parts += [(fold, [], [(1, score, 40, False)]) for fold, score in enumerate((0.4, 0.5, 0.6, 0.7))]
    (dear,) = by_cost(made(parts, codes=("A",)), (0, 1, 2, 3), Costs(1, 100), 0.3)
    (even,) = by_cost(made(parts, codes=("A",)), (0, 1, 2, 3), Costs(1, 1), 0.3)
    (cheap,) = by_cost(made(parts, codes=("A",)), (0, 1, 2, 3), Costs(100, 1), 0.3)
    assert 0.75 < cheap.ng < even.ng < dear.ng < 0.96


def test_a_class_that_costs_nothing_is_called_though_another_calls_its_parts(made):
    """Both classes lie on every bad part, as on the simulated line: a cell that shows one of them alone must be met."""
    parts = [(fold, [1, 2], [(1, 0.98, 40, True), (2, 0.97, 40, True)]) for fold in (0, 0, 1, 1)]
    parts += [(fold, [], [(1, 0.5, 40, False), (2, 0.6, 40, False)]) for fold in (0, 0, 1, 1)]
    for one in by_cost(made(parts), (0, 1), Costs(10, 30), 0.3):
        assert 0.75 < one.ng < 0.98


def test_costs_without_a_look_give_one_threshold(drawn):
    candidates = drawn()
    for one in by_cost(candidates, (0, 1, 2), Costs(10, 1), 0.3):
        assert one.review == one.ng


def test_a_choice_by_cost_is_no_dearer_than_any_of_many_others(drawn):
    candidates, costs, folds = drawn(2), Costs(20, 5, 1, 0.05), (0, 1, 2)
    paid = expected_cost(by_cost(candidates, folds, costs, 0.3), candidates, folds, costs)
    random = np.random.default_rng(3)
    for _ in range(300):
        pairs = [sorted(random.uniform(0.3, 1, 2)) for _ in range(2)]
        other = [Chosen(code, 0.3, *pair, int(random.integers(1, 20))) for code, pair in zip("AB", pairs, strict=True)]
        assert paid <= expected_cost(other, candidates, folds, costs) + 1e-9


def test_what_is_paid_is_of_the_scores_that_were_seen(four):
    chosen = (Chosen("A", 0.3, 0.55, 0.75), Chosen("B", 0.3, 0.5, 0.5))
    paid = cost_of(ranks_of(four, chosen), four, (0, 1, 2), Costs(10, 4, 1))
    assert paid == pytest.approx((1 + 1 + 10 + 4 + 10) / 6)  # Right, two looked at, an escape, an overkill, an escape.


@pytest.mark.parametrize(
    ("labelled", "level", "note"), [(2, 0.2, "no region of it was found"), (1, 0.3, "no labelled defect")]
)
def test_costs_choose_nothing_for_a_class_that_there_is_nothing_to_choose_by(made, labelled, level, note):
    """Class B: labelled, but found at another level only; or found, but never labelled."""
    parts = [(fold, [1], [(1, 0.9, 40, True)]) for fold in (0, 1)]
    parts += [(fold, [labelled], [(2, 0.4, 40, labelled == 2)]) for fold in (0, 1)]
    parts += [(fold, [], [(1, 0.35, 9, False)]) for fold in (0, 1)]
    candidates = made(parts)
    levels = np.where(candidates.regions.kind == 2, level, 0.3).astype(np.float32)
    candidates = replace(candidates, regions=replace(candidates.regions, level=levels))
    chosen = by_cost(candidates, (0, 1), Costs(100, 1), 0.3)[1]
    assert (chosen.review, chosen.ng) == (UNKNOWN, UNKNOWN)
    assert chosen.note.startswith(note)


def test_costs_need_good_parts(made):
    with pytest.raises(InputError, match="needs defective and good parts, got 2 and 0"):
        by_cost(made([(0, [1], [(1, 0.9, 9, True)]), (1, [1], [])], ("A",)), (0, 1), Costs(1, 1), 0.3)


def test_the_worst_region_decides_a_part(four):
    chosen = (Chosen("A", 0.3, 0.55, 0.75), Chosen("B", 0.3, 0.5, 0.5))
    assert ranks_of(four, chosen).tolist() == [2, 1, 1, 0, 2, 0]


def test_values_by_hand_replace_and_are_checked():
    chosen = [Chosen("A", 0.3, 0.6, 0.8, 5, "wished"), Chosen("B", 0.3, 0.6, 0.8)]
    first, second = with_hand(chosen, Hand(ng={"A": 0.5}, least_area_px={"A": 9}))
    assert (first.review, first.ng, first.least_area_px, first.note) == (0.5, 0.5, 9, "by hand")
    assert second == chosen[1]
    with pytest.raises(InputError, match="review not above ng"):
        with_hand(chosen, Hand(ng={"A": 0.5}, review={"A": 0.6}))
    with pytest.raises(InputError, match="no class Z: there are A, B"):
        with_hand(chosen, Hand(ng={"Z": 0.5}))


def test_halfway_is_round_where_that_still_separates():
    assert halfway(0.3, 0.4) == 0.35
    assert 0.5 < halfway(0.5, 0.50001) <= 0.50001
