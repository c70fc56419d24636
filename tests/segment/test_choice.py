from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import norm

from blemish.core.errors import InputError
from blemish.segment.choice import (
    NEVER,
    UNKNOWN,
    Chosen,
    Hand,
    Wish,
    by_recall,
    halfway,
    ranks_of,
    with_also,
    with_hand,
)
from blemish.segment.choice_by_cost import SPREAD, Costs, by_cost, cost_of


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


def expected_cost(candidates, chosen, costs: Costs) -> float:
    """The mean cost that `by_cost` makes least, from the definition: normal scores as log odds, classes apart."""
    not_review, not_ng = np.ones(len(candidates.parts.names)), np.ones(len(candidates.parts.names))
    for kind, one in enumerate(chosen, start=1):
        scores = candidates.part_scores(kind, one.pixel, one.least_area_px).astype(float)
        odds = logit(np.clip(scores, 1e-9, 1 - 1e-9))
        for left, threshold in ((not_review, one.review), (not_ng, one.ng)):
            if threshold < NEVER:
                left *= 1 - np.where(scores >= 0, norm.cdf((odds - logit(threshold)) / SPREAD), 0.0)
    bad = candidates.parts.defective
    rate = bad.mean() if costs.defect_rate is None else costs.defect_rate
    weight = np.where(bad, rate / bad.sum(), (1 - rate) / (~bad).sum())
    paid = not_review * bad * costs.escape + (1 - not_ng) * ~bad * costs.overkill
    return float((weight * (paid + (not_ng - not_review) * (costs.review or 0.0))).sum())


def test_the_pair_of_one_class_is_that_of_brute_force(drawn):
    candidates, costs, folds = drawn(2), Costs(9, 4, 1), (0, 1, 2)
    one, other = by_cost(candidates, folds, costs, 0.3)
    steps = [*expit(np.arange(logit(0.3), 6, 0.1)), NEVER]
    pairs = [replace(one, review=float(r), ng=float(n)) for r in steps for n in steps if r <= n]
    least = min(expected_cost(candidates, (pair, other), costs) for pair in pairs)
    assert expected_cost(candidates, (one, other), costs) == pytest.approx(least, rel=0.01)


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
    paid = expected_cost(candidates, by_cost(candidates, folds, costs, 0.3), costs)
    random = np.random.default_rng(3)
    for _ in range(300):
        pairs = [sorted(random.uniform(0.3, 1, 2)) for _ in range(2)]
        other = [Chosen(code, 0.3, *pair, int(random.integers(1, 20))) for code, pair in zip("AB", pairs, strict=True)]
        assert paid <= expected_cost(candidates, other, costs) * 1.01  # Thresholds are tried in steps.


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


def test_a_threshold_by_hand_opens_no_review_that_nobody_asked_for():
    (one,) = with_hand([Chosen("A", 0.3, 0.5, 0.5)], Hand(ng={"A": 0.7}))
    assert (one.review, one.ng) == (0.7, 0.7)


def test_halfway_is_round_where_that_still_separates():
    assert halfway(0.3, 0.4) == 0.35
    assert 0.5 < halfway(0.5, 0.50001) <= 0.50001


@pytest.mark.parametrize("cost", [float("inf"), 0.0, -1.0, float("nan")])
def test_costs_are_numbers_above_nought(cost):
    with pytest.raises(InputError, match="must be a number above 0"):
        Costs(cost, 1)


def test_a_class_that_is_never_found_is_ng_from_where_it_is_sure_only(made):
    parts = [(0, [1], []), (1, [1], []), *((place % 2, [], [(1, 0.6, 40, False)]) for place in range(6))]
    (one,) = by_recall(made(parts, codes=("A",)), (0, 1), Wish(0.9, sure=0.9), 0.3)
    assert (one.review, one.ng, one.note) == (UNKNOWN, NEVER, "none of 2 labelled defects is found at all")
    assert ranks_of(made(parts, codes=("A",)), [one]).tolist() == [0, 0] + [1] * 6


def test_review_by_hand_alone_moves_a_lower_ng_up_to_it():
    (one,) = with_hand([Chosen("A", 0.3, 0.4, 0.6)], Hand(review={"A": 0.7}))
    assert (one.review, one.ng) == (0.7, 0.7)


def test_never_ng_is_never_also_at_a_score_of_one(made):
    parts = [(0, [1], [(1, 1.0, 40, True)]), (1, [], [(1, 0.9, 40, False)])]
    assert ranks_of(made(parts, codes=("A",)), [Chosen("A", 0.3, 0.5, NEVER)]).tolist() == [1, 1]


def test_costs_say_where_a_class_is_not_called(made):
    """Class B: its parts are all called by A, and one good part looks like it."""
    parts = [(place % 2, [1, 2], [(1, 0.99, 40, True), (2, 0.5, 40, True)]) for place in range(8)]
    parts += [(place % 2, [], [(2, 0.6, 40, False), (1, 0.31, 4, False)]) for place in range(8)]
    first, second = by_cost(made(parts), (0, 1), Costs(10, 10), 0.3)
    assert first.note == ""
    assert second.note == "calling it costs more than it saves"
    assert ranks_of(made(parts), [first, second]).tolist() == [2] * 8 + [0] * 8


def test_also_is_where_the_regions_of_defective_parts_name_their_class_best(made):
    parts = [
        (0, [1], [(1, 0.9, 40, True), (1, 0.3, 40, False), (1, 0.35, 40, False)]),
        (0, [1], [(1, 0.7, 40, True)]),
        (1, [1], [(1, 0.5, 40, True)]),
        (1, [], [(1, 0.8, 40, False)] * 9),  # A good part is not NG, so what is false there is not told.
    ]
    strict = (Chosen("A", 0.3, 0.95, 0.95),)
    (one,) = with_also(made(parts, codes=("A",)), (0, 1), strict)
    assert one.also == pytest.approx((0.5 + 0.35) / 2)
    (low,) = with_also(made(parts, codes=("A",)), (0, 1), (Chosen("A", 0.3, 0.4, 0.9),))
    assert low.also is None  # `review` tells as much.
    (none,) = with_also(made([(0, [1], []), (0, [], [(1, 0.5, 40, False)])], codes=("A",)), (0,), strict)
    assert none.also is None


@pytest.mark.parametrize("seed", range(5))
def test_no_other_score_names_better(drawn, seed):
    candidates = drawn(seed=seed)
    strict = [Chosen(code, 0.3, 1.0, 1.0) for code in candidates.codes]
    for kind, one in enumerate(with_also(candidates, (0, 1, 2), strict), start=1):
        best = candidates.best_scores(kind, 0.3, 1)
        regions = candidates.regions
        false = (regions.kind == kind) & (regions.level == np.float32(0.3)) & regions.false
        wrong = regions.score[false & candidates.parts.defective[regions.part]]
        tried = [f_score(best, wrong, least) for least in np.unique(regions.score)]
        assert f_score(best, wrong, one.also) == pytest.approx(max(tried))


def f_score(best, wrong, least):
    told = (best >= least).sum()
    return 2 * told / (len(best) + told + (wrong >= least).sum())
