"""Each rule by hand: a defect, a recipe, a verdict and its sentence."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blemish.core.records import Verdict, ViewResult
from blemish.inspect.recipe_rules import judge

ONE = [ViewResult("", "a.png")]
SEAL = "[zones.seal]\nboxes = [[0, 0, 100, 10]]"
IN_SEAL, IN_BODY = (50.0, 5.0), (50.0, 50.0)


def limit(*classes, **keys):
    return _table("limits", classes, keys)


def count(*classes, **keys):
    return _table("counts", classes, keys)


def _table(kind, classes, keys):
    lines = [f"{key} = {value!r}".replace("'", '"') for key, value in {"classes": list(classes), **keys}.items()]
    return "\n".join([f"[[{kind}]]", *lines])


def said(recipe, *defects, views=ONE):
    judged = judge(views, defects, recipe)
    return str(judged.verdict), list(judged.reasons)


def test_nothing_found_is_ok(recipe_of):
    assert said(recipe_of()) == ("OK", [])


def test_without_a_limit_any_defect_is_ng(recipe_of, defect_of):
    assert said(recipe_of(), defect_of("A")) == ("NG", ["A groove 14.2 x 1.0 mm: any is NG"])


@pytest.mark.parametrize(
    ("key", "fits", "over", "says"),
    [
        ("max_length_mm", 14.2, 14.1, "A groove 14.2 mm long in seal: limit 14.1 mm"),
        ("max_width_mm", 1.0, 0.9, "A groove 1.0 mm wide in seal: limit 0.9 mm"),
        ("max_area_mm2", 14.2, 10, "A groove 14.2 mm² large in seal: limit 10 mm²"),
        ("max_length_px", 30, 29, "A groove 30.0 px long in seal: limit 29 px"),
        ("max_width_px", 2, 1, "A groove 2.0 px wide in seal: limit 1 px"),
        ("max_area_px", 60, 59, "A groove 60.0 px large in seal: limit 59 px"),
        ("max_score", 0.9, 0.85, "A groove 0.9 sure in seal: limit 0.85"),
    ],
)
def test_a_limit_permits_what_it_equals_and_not_more(recipe_of, defect_of, key, fits, over, says):
    found = defect_of("A", place=IN_SEAL)
    assert said(recipe_of(SEAL, limit("A", **{key: fits})), found) == ("OK", [])
    assert said(recipe_of(SEAL, limit("A", **{key: over})), found) == ("NG", [says])
    assert said(recipe_of(SEAL, limit("A", **{key: over, "what": "REVIEW"})), found) == ("REVIEW", [says])


def test_a_value_just_over_its_limit_is_shown_with_enough_digits(recipe_of, defect_of):
    _, reasons = said(recipe_of(limit("A", max_length_mm=10)), defect_of("A", length_mm=10.004))
    assert reasons == ["A groove 10.004 mm long: limit 10 mm"]


def test_in_a_zone_its_own_limits_replace_those_without_a_zone(recipe_of, defect_of):
    for seal, body, verdicts in ((5, 20, ("NG", "OK")), (20, 5, ("OK", "NG"))):
        recipe = recipe_of(SEAL, limit("A", max_length_mm=body), limit("A", zone="seal", max_length_mm=seal))
        assert tuple(said(recipe, defect_of("A", place=place))[0] for place in (IN_SEAL, IN_BODY)) == verdicts


def test_a_limit_of_another_class_in_a_zone_replaces_nothing(recipe_of, defect_of):
    recipe = recipe_of(SEAL, limit("A", max_length_mm=5), limit("B", zone="seal", max_length_mm=50))
    assert said(recipe, defect_of("A", place=IN_SEAL))[0] == "NG"


def test_where_only_another_zone_has_limits_any_is_ng(recipe_of, defect_of):
    recipe = recipe_of(SEAL, limit("A", zone="seal", max_length_mm=50))
    assert said(recipe, defect_of("A", place=IN_BODY))[1] == ["A groove 14.2 x 1.0 mm: any is NG"]


def test_two_limits_of_one_place_both_hold(recipe_of, defect_of):
    recipe = recipe_of(limit("A", max_length_mm=5, what="REVIEW"), limit("A", max_length_mm=20))
    lengths = (4, 10, 30)
    assert [said(recipe, defect_of("A", length_mm=mm))[0] for mm in lengths] == ["OK", "REVIEW", "NG"]
    assert said(recipe, defect_of("A", length_mm=30))[1] == [
        "A groove 30.0 mm long: limit 20 mm",
        "A groove 30.0 mm long: limit 5 mm",
    ]


def test_a_limit_without_a_maximum_means_any(recipe_of, defect_of):
    recipe = recipe_of(SEAL, limit("A", max_length_mm=50), limit("A", zone="seal", what="REVIEW"))
    assert said(recipe, defect_of("A", place=IN_SEAL)) == ("REVIEW", ["A groove 14.2 x 1.0 mm in seal: any is REVIEW"])


def test_what_is_ok_in_a_zone_never_counts(recipe_of, defect_of):
    recipe = recipe_of(SEAL, limit("E", zone="seal", what="OK"), count("E", most=0))
    assert said(recipe, defect_of("E", place=IN_SEAL)) == ("OK", [])
    assert said(recipe, defect_of("E", place=IN_BODY))[0] == "NG"


def test_a_zone_holds_only_on_its_views(recipe_of, defect_of):
    recipe = recipe_of(SEAL + '\nviews = ["top"]', limit("A", max_length_mm=50), limit("A", zone="seal"))
    views = [ViewResult("top", "t.png"), ViewResult("edge", "e.png")]
    found = [defect_of("A", place=IN_SEAL, view=view) for view in ("top", "edge")]
    assert [said(recipe, each, views=views)[0] for each in found] == ["NG", "OK"]
    assert said(recipe, found[0], views=views)[1] == ["A groove 14.2 x 1.0 mm in seal on top: any is NG"]


def test_a_count_is_over_all_views_and_names_its_zone(recipe_of, defect_of):
    views = [ViewResult("top", "t.png"), ViewResult("edge", "e.png")]
    found = [defect_of("E", place=IN_SEAL, view=view) for view in ("top", "top", "edge")]
    assert said(recipe_of(SEAL, count("E", most=3)), *found, views=views) == ("OK", [])
    recipe = recipe_of(SEAL, count("E", zone="seal", most=2), limit("E", max_length_mm=99))
    assert said(recipe, *found, views=views) == ("NG", ["3 x E white dot in seal: at most 2"])
    moved = [*found[:2], replace(found[2], place_mm_xy=IN_BODY)]
    assert said(recipe, *moved, views=views) == ("OK", [])


def test_a_count_of_several_classes_adds_them(recipe_of, defect_of):
    recipe = recipe_of(count("A", "E", most=1, what="REVIEW"))
    assert said(recipe, defect_of("A"), defect_of("E")) == ("REVIEW", ["2 x A groove or E white dot: at most 1"])


def test_a_cluster_is_counted_where_it_is_close_and_on_one_view(recipe_of, defect_of):
    recipe = recipe_of(count("E", most=2, within_mm=10))
    row = [defect_of("E", place=(x, 0.0)) for x in (0.0, 10.0, 20.0)]
    assert said(recipe, *row) == ("NG", ["3 x E white dot within 10 mm: at most 2"])
    apart = [defect_of("E", place=(x, 0.0)) for x in (0.0, 10.1, 20.3)]
    assert said(recipe, *apart) == ("OK", [])
    views = [ViewResult("top", "t.png"), ViewResult("edge", "e.png")]
    split = [*row[:2], replace(row[2], view="edge")]
    assert said(recipe, *split, views=views) == ("OK", [])


def test_a_region_below_review_or_too_small_is_nothing(recipe_of, defect_of):
    assert said(recipe_of(), defect_of("A", score=0.39)) == ("OK", [])
    small = recipe_of().scores["A"].model_copy(update={"least_area_px": 61})
    recipe = recipe_of().model_copy(update={"scores": {**recipe_of().scores, "A": small}})
    assert said(recipe, defect_of("A")) == ("OK", [])


def test_an_unsure_region_that_would_be_ng_is_review(recipe_of, defect_of):
    recipe = recipe_of(SEAL, limit("A", zone="seal", max_length_mm=10))
    unsure = defect_of("A", score=0.43, place=IN_SEAL)
    assert said(recipe, unsure) == (
        "REVIEW",
        ["unsure (0.430, sure from 0.6): A groove 14.2 mm long in seal: limit 10 mm"],
    )
    assert said(recipe, replace(unsure, length_mm=9.0)) == ("OK", [])


@pytest.mark.parametrize(("unsure", "verdict"), [("REVIEW", "REVIEW"), ("NG", "NG"), ("OK", "OK")])
def test_the_recipe_says_what_an_unsure_region_does(recipe_of, defect_of, unsure, verdict):
    recipe = recipe_of(f'[unknown]\nunsure = "{unsure}"')
    assert said(recipe, defect_of("A", score=0.5))[0] == verdict
    assert said(recipe, defect_of("A", score=0.6))[0] == "NG"


def test_with_ng_at_1_no_region_is_ever_sure(recipe_of, defect_of):
    scores = recipe_of().scores["A"].model_copy(update={"ng": 1.0})
    recipe = recipe_of().model_copy(update={"scores": {**recipe_of().scores, "A": scores}})
    verdict, (reason,) = said(recipe, defect_of("A", score=1.0))
    assert (verdict, reason[:29]) == ("REVIEW", "unsure (1.000, never sure): A")


def test_a_count_that_only_unsure_ones_break_is_review(recipe_of, defect_of):
    recipe = recipe_of(count("E", most=1))
    sure, unsure = defect_of("E"), defect_of("E", score=0.5)
    assert said(recipe, sure, unsure) == ("REVIEW", ["with unsure ones 2 x E white dot: at most 1"])
    assert said(recipe, sure, sure, unsure) == ("NG", ["2 x E white dot: at most 1"])


def test_a_view_that_is_missing_is_review_and_ng_goes_before(recipe_of, defect_of):
    recipe = recipe_of(head='required_views = ["top", "edge"]')
    views = [ViewResult("top", "t.png")]
    assert said(recipe, views=views) == ("REVIEW", ["view 'edge' is missing"])
    assert said(recipe, defect_of("A", view="top"), views=views) == (
        "NG",
        ["A groove 14.2 x 1.0 mm on top: any is NG", "view 'edge' is missing"],
    )


def test_a_view_that_could_not_be_judged_stays_review(recipe_of):
    views = [ViewResult("", "a.png", ("a.png: blurred",))]
    assert said(recipe_of(), views=views) == ("REVIEW", ["a.png: blurred"])


def test_a_strange_view_is_review_and_one_that_was_not_measured_is_never_ok(recipe_of):
    recipe = recipe_of("[unknown]\nmost_strange = 5.0")
    for strangeness, verdict in ((5.0, "OK"), (5.1, "REVIEW"), (float("nan"), "REVIEW"), (None, "REVIEW")):
        assert said(recipe, views=[ViewResult("", "a.png", (), strangeness)])[0] == verdict
    assert said(recipe, views=[ViewResult("", "a.png", (), 8.0)])[1] == ["a.png: strange: 8, at most 5 expected"]
    assert said(recipe_of(), views=[ViewResult("", "a.png", (), 8.0)]) == ("OK", [])


SIZE = "[part]\nsize_mm = [260, 95]\ntolerance_mm = 0.3"


@pytest.mark.parametrize(
    ("found", "verdict"),
    [((260.3, 94.7), "OK"), ((260.31, 95.0), "REVIEW"), ((260.0, 47.5), "REVIEW"), ((95.0, 260.0), "REVIEW")],
)
def test_a_part_that_is_found_with_another_size_is_review(recipe_of, found, verdict):
    view = ViewResult("", "a.png", part_size_mm=found)
    assert said(recipe_of(SIZE, head='datum = "part"'), views=[view])[0] == verdict
    assert said(recipe_of(head='datum = "part"'), views=[view]) == ("OK", [])


def test_a_part_of_unknown_size_is_never_ok_and_says_what_was_found(recipe_of):
    recipe = recipe_of(SIZE, head='datum = "part"')
    assert said(recipe) == (
        "REVIEW",
        ["a.png: the size of its part was not measured, so 260 x 95 mm cannot be asked"],
    )
    (reason,) = said(recipe, views=[ViewResult("", "a.png", part_size_mm=(180.2, 94.9))])[1]
    assert reason.startswith("a.png: the part is found with 180.2 x 94.9 mm, 260 x 95 mm expected (± 0.3)")


def test_what_cannot_be_measured_is_review_and_never_ok(recipe_of, defect_of):
    lost = defect_of("A", length_mm=None, place=None)
    assert said(recipe_of(limit("A", max_length_mm=10)), lost)[0] == "REVIEW"
    assert said(recipe_of(SEAL, limit("A", max_length_px=99)), lost)[0] == "REVIEW"
    assert said(recipe_of(count("A", most=9, within_mm=5)), lost)[0] == "REVIEW"


def test_many_defects_of_one_rule_are_told_in_one_sentence_the_worst_first(recipe_of, defect_of):
    recipe = recipe_of(limit("A", max_length_mm=5), limit("B", max_length_mm=5))
    found = [defect_of("A", length_mm=mm) for mm in (6, 30, 8)] + [defect_of("B", length_mm=7)]
    assert said(recipe, *found) == (
        "NG",
        ["A groove 30.0 mm long: limit 5 mm (and 2 more)", "B spore 7.0 mm long: limit 5 mm"],
    )


def test_sure_and_unsure_regions_are_told_apart(recipe_of, defect_of):
    judged = judge(ONE, [defect_of("A", score=s) for s in (0.3, 0.5, 0.7)], recipe_of())
    assert ([d.score for d in judged.defects], [d.score for d in judged.unsure]) == ([0.7], [0.5])


PLACES = st.sampled_from([IN_SEAL, IN_BODY, (0.0, 0.0), (95.0, 9.0)])
REGIONS = st.lists(
    st.tuples(st.sampled_from("ABE"), st.floats(0.3, 1.0), st.floats(0.1, 60), PLACES), min_size=0, max_size=6
)
MAXIMUM, WHAT = st.floats(0, 50), st.sampled_from(["NG", "REVIEW"])


@settings(max_examples=150, deadline=None)
@given(REGIONS, MAXIMUM, MAXIMUM, st.integers(0, 4), WHAT, st.floats(0, 30), st.integers(0, 3))
def test_raising_a_limit_never_turns_ok_into_ng(recipe_of, defect_of, regions, seal, body, most, what, more, more_most):
    def verdict(raised, raised_most):
        recipe = recipe_of(
            SEAL,
            limit("A", max_length_mm=body, what=what),
            limit("A", "B", zone="seal", max_length_mm=seal + raised),
            count("E", "A", most=most + raised_most),
            count("E", most=most, within_mm=20.0, what=what),
        )
        return judge(ONE, found, recipe).verdict

    found = [defect_of(code, score=score, length_mm=mm, place=place) for code, score, mm, place in regions]
    order = [Verdict.OK, Verdict.REVIEW, Verdict.NG]
    assert order.index(verdict(more, more_most)) <= order.index(verdict(0.0, 0))


@pytest.mark.parametrize("px", range(2, 200))
def test_a_size_in_mm_that_equals_its_limit_is_permitted(recipe_of, defect_of, px):
    found = defect_of("A", length_mm=px * 0.1, width_mm=0.1, area_mm2=px * 0.1 * 0.1)
    tables = limit("A", max_length_mm=round(px / 10, 6), max_area_mm2=round(px / 100, 6))
    assert said(recipe_of(tables), found) == ("OK", [])
    assert said(recipe_of(tables), replace(found, length_mm=px * 0.1 + 0.001))[0] == "NG"


@pytest.mark.parametrize("seal", [limit("A", zone="seal", max_length_mm=3), limit("A", zone="seal", what="OK")])
def test_where_the_datum_is_another_no_zone_is_asked_and_a_person_says(recipe_of, defect_of, seal):
    recipe = recipe_of(
        SEAL, seal, limit("A", max_length_mm=300), count("A", zone="seal", most=0), head='datum = "part"'
    )
    found = replace(defect_of("A", place=IN_SEAL), datum="scan")
    verdict, (reason,) = said(recipe, found)
    assert (verdict, reason) == ("REVIEW", "A groove: its place is from the scan's corner, the zones from the part's")


def test_what_equals_a_limit_is_permitted_in_32_bit_too(recipe_of, defect_of):
    limit = '[[limits]]\nclasses = ["A"]\nmax_length_mm = 1.2\n'
    region = defect_of(length_mm=float(np.float32(0.3)) * 4)
    assert region.length_mm > 1.2
    assert judge([ViewResult("", "a.png")], [region], recipe_of(limit)).verdict == Verdict.OK
    longer = replace(region, length_mm=1.21)
    assert judge([ViewResult("", "a.png")], [longer], recipe_of(limit)).verdict == Verdict.NG


def test_what_is_just_within_a_distance_is_near(recipe_of, defect_of):
    count = '[[counts]]\nclasses = ["E"]\nmost = 1\nwithin_mm = 1.2\n'
    pair = [defect_of("E", place=(1.5 * 0.1, 1.0)), defect_of("E", place=(13.5 * 0.1, 1.0))]
    assert judge([ViewResult("", "a.png")], pair, recipe_of(count)).verdict == Verdict.NG


def with_also(recipe, also, review=0.5, ng=0.6):
    scores = recipe.scores["A"].model_copy(update={"also": also, "review": review, "ng": ng})
    return recipe.model_copy(update={"scores": {**recipe.scores, "A": scores}})


def test_what_reaches_also_alone_is_told_and_decides_nothing(recipe_of, defect_of):
    recipe = with_also(recipe_of(count("A", most=0)), 0.3)
    sure, faint, nothing = defect_of("A", score=0.9), defect_of("A", score=0.3), defect_of("A", score=0.29)
    judged = judge(ONE, [sure, faint, nothing], recipe)
    assert (judged.verdict, judged.defects, judged.unsure, judged.also) == (Verdict.NG, (sure,), (), (faint,))
    alone = judge(ONE, [faint, nothing], recipe)
    assert (alone.verdict, alone.reasons, alone.also) == (Verdict.OK, (), (faint,))
    assert judge(ONE, [faint], with_also(recipe, None)).also == ()


def test_a_class_that_is_never_called_can_still_be_told(recipe_of, defect_of):
    recipe = with_also(recipe_of(), 0.3, review=1.0, ng=1.0)
    judged = judge(ONE, [defect_of("E"), defect_of("A", score=0.99)], recipe)
    assert ([d.code for d in judged.defects], [d.code for d in judged.also]) == (["E"], ["A"])
