from dataclasses import replace

import numpy as np
import pytest

from blemish.core.errors import InputError
from blemish.segment.choice import NEVER, UNKNOWN, Chosen, Hand, Wish, by_recall, halfway, ranks_of, with_hand
from blemish.segment.choice_by_cost import Costs, best_pair, by_cost, cost_of


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


def test_cheapest_pair_is_that_of_brute_force():
    random = np.random.default_rng(1)
    for trial in range(30):
        count = 25
        scores = np.where(random.uniform(size=count) < 0.3, -1, random.uniform(0.31, 0.99, count).round(2))
        scores = scores.astype(np.float32)
        others = random.integers(0, 3, count)
        bad = random.uniform(size=count) < 0.5
        prices = bad * 9.0, np.full(count, 1.0), ~bad * 4.0
        review, ng, paid = best_pair(scores, others, *prices, bad, level=0.3)
        steps = [0.3, *(np.unique(scores[scores > 0]).astype(float) + 1e-4)]

        def total(r, n, scores=scores, others=others, prices=prices):
            ranks = np.maximum(others, (scores >= r).astype(int) + (scores >= n))
            return sum(np.choose(ranks, prices))

        assert paid == pytest.approx(min(total(r, n) for r in steps for n in steps if r <= n)), trial
        assert paid == pytest.approx(total(review, ng))


def test_of_thresholds_that_cost_alike_the_middle_one_is_taken():
    scores = np.array([0.95, 0.9, 0.85, 0.8, 0.7, 0.4], np.float32)  # Five bad parts, then a good one.
    bad = np.array([True, True, True, True, True, False])
    elsewhere = np.array([2, 2, 2, 2, 2, 0])  # Other classes call the bad ones: any threshold above 0.4 costs nothing.
    strange, own = np.zeros(6, np.bool_), np.array([True, True, False, False, False, False])
    prices = bad * 9.0, None, ~bad * 4.0
    assert best_pair(scores, elsewhere, *prices, strange, level=0.3)[::2] == (halfway(0.8, 0.85), 0)
    assert best_pair(scores, elsewhere, *prices, own, level=0.3)[::2] == (halfway(0.7, 0.8), 0)  # Its own are called.
    looked = best_pair(scores, elsewhere, bad * 9.0, np.full(6, 1.0), ~bad * 4.0, own, level=0.3)
    assert 0.9 > looked[1] >= looked[0] > 0.4


def test_costs_without_a_look_give_one_threshold(drawn):
    candidates = drawn()
    for one in by_cost(candidates, (0, 1, 2), Costs(10, 1), 0.3):
        assert one.review == one.ng


def test_a_choice_by_cost_is_no_dearer_than_any_of_many_others(drawn):
    candidates, costs, folds = drawn(2), Costs(20, 5, 1, 0.05), (0, 1, 2)
    chosen = by_cost(candidates, folds, costs, 0.3)
    paid = cost_of(ranks_of(candidates, chosen), candidates, folds, costs)
    random = np.random.default_rng(3)
    for _ in range(300):
        pairs = [sorted(random.uniform(0.3, 1, 2)) for _ in range(2)]
        other = [Chosen(code, 0.3, *pair, int(random.integers(1, 20))) for code, pair in zip("AB", pairs, strict=True)]
        assert paid <= cost_of(ranks_of(candidates, other), candidates, folds, costs) + 1e-12


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
