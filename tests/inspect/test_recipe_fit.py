"""Which inspector a recipe fits, and what its author is told."""

import math
from pathlib import Path

import pytest

from blemish.bundle.card import read_card
from blemish.core.errors import InputError
from blemish.core.taxonomy import Taxonomy
from blemish.inspect.recipe import parse_recipe
from blemish.inspect.recipe_fit import (
    notes_on,
    refuse_other_datum,
    refuse_other_places,
    refuse_unfit,
    search_limits,
    sought_by_recipe,
)
from blemish.inspect.recipe_new import new_recipe

TINY = Path(__file__).parents[1] / "fixtures" / "tiny-bundle"
CELL = Taxonomy.from_dict(
    {
        "name": "cell",
        "pixel_mm_xy": [0.5, 0.5],
        "defects": [{"name": name, "code": code} for code, name in (("A", "groove"), ("B", "spore"), ("E", "white"))],
    }
)
ZONE = "[zones.seal]\nboxes = [[0, 0, 9, 9]]"


def test_a_recipe_for_the_classes_of_the_inspector_fits(recipe_of):
    recipe = recipe_of(ZONE)
    assert recipe.needs_mm  # Else a recipe that asks for nothing would fit anything.
    refuse_unfit(recipe, CELL, "f" * 64)


def test_another_bundle_is_refused(recipe_of):
    with pytest.raises(InputError, match="is for bundle aaaaaaaaaaaa, this one is ffffffffffff"):
        refuse_unfit(recipe_of(head=f'bundle = "{"a" * 64}"'), CELL, "f" * 64)


def test_other_classes_are_refused_naming_the_code(recipe_of):
    with pytest.raises(InputError, match=r"scores\.E: no such class: there are A a, B b"):
        refuse_unfit(recipe_of(), Taxonomy.of_names("two", ["a", "b"]), "")
    names = [{"name": name, "code": name.upper()} for name in "abec"]
    with pytest.raises(InputError, match="class C c has no scores"):
        refuse_unfit(recipe_of(), Taxonomy.from_dict({"name": "four", "defects": names}), "")


def test_millimetres_without_a_pixel_size_are_refused(recipe_of):
    plain = Taxonomy.from_dict({**CELL.to_dict(), "pixel_mm_xy": None})
    refuse_unfit(recipe_of(), plain, "")
    with pytest.raises(InputError, match="has no pixel_mm_xy"):
        refuse_unfit(recipe_of(ZONE), plain, "")


def test_the_size_of_a_part_needs_that_the_part_is_looked_for(recipe_of):
    size = "[part]\nsize_mm = [260, 95]\ntolerance_mm = 2"
    with pytest.raises(InputError, match='part: its size is known where it is looked for only: write datum = "part"'):
        recipe_of(size)
    recipe = recipe_of(size, head='datum = "part"')
    refuse_other_datum(recipe, "part")
    with pytest.raises(InputError, match="the part is not looked for: inspect with --datum part"):
        refuse_other_datum(recipe, "scan")
    assert not any("any size" in note for note in notes_on(recipe))
    assert any("any size" in note for note in notes_on(recipe_of(head='datum = "part"')))
    with pytest.raises(InputError, match="has no pixel_mm_xy"):
        refuse_unfit(recipe, Taxonomy.from_dict({**CELL.to_dict(), "pixel_mm_xy": None}), "")


def test_a_recipe_without_a_part_keeps_the_hash_that_it_had_before_there_were_parts(recipe_of):
    assert recipe_of().hash == "22e474e466eaac133116e030810dec9787049efb22fa847b205f04347ed04f48"
    assert (
        recipe_of("[part]\nsize_mm = [260, 95]\ntolerance_mm = 2", head='datum = "part"').hash
        != recipe_of(head='datum = "part"').hash
    )


def test_regions_are_kept_from_also_on(recipe_of):
    recipe = recipe_of()
    scores = {**recipe.scores, "A": recipe.scores["A"].model_copy(update={"also": 0.2})}
    lower = recipe.model_copy(update={"scores": scores})
    assert sought_by_recipe(lower)["A"].score == 0.2
    assert sought_by_recipe(lower)["B"].score == recipe.scores["B"].review
    assert lower.hash != recipe.hash
    with pytest.raises(InputError, match="also must be at most review"):
        parse_recipe(BARE_WITH_ALSO)


BARE_WITH_ALSO = """
format = 1
name = "n"
version = 1
[scores.A]
pixel = 0.3
also = 0.5
review = 0.4
ng = 0.6
"""


def test_zones_from_another_datum_are_refused(recipe_of):
    with pytest.raises(InputError, match="from the part's datum, but places are measured from the scan's"):
        refuse_other_datum(recipe_of(ZONE, head='datum = "part"'), "scan")
    refuse_other_datum(recipe_of(ZONE), "scan")
    refuse_other_datum(recipe_of(head='datum = "part"'), "scan")  # Without zones no place is asked.


@pytest.mark.parametrize(
    ("new", "inspected", "before", "fits"),
    [
        ("scan", "part", "scan", True),  # The command line said part, and will again.
        ("part", "part", "scan", True),
        ("scan", "part", "part", False),  # Off the part nothing was stored,
        ("part", "scan", "scan", False),  # and all that was is not asked about by this one.
        ("scan", "part", None, True),
        ("part", "scan", None, False),
    ],
)
def test_results_from_one_datum_cannot_say_what_another_would_have_found(recipe_of, new, inspected, before, fits):
    old = None if before is None else recipe_of(head=f'datum = "{before}"')
    asked = (recipe_of(head=f'datum = "{new}"'), inspected, old)
    if fits:
        refuse_other_places(*asked)
    else:
        with pytest.raises(InputError, match=f"from the {new}'s datum, these results are from the {inspected}'s"):
            refuse_other_places(*asked)


def test_the_search_leaves_out_no_region_of_the_least_area():
    for area in (0, 1, 2, 9, 10, 500):
        scores = "pixel = 0.5\nreview = 0.5\nng = 0.5"
        recipe = parse_recipe(
            f'format = 1\nname = "x"\nversion = 1\n[scores.A]\n{scores}\nleast_area_px = {area}\nleast_size_px = 3'
        )
        side = search_limits(sought_by_recipe(recipe)).least_sizes_px["A"]
        assert side == max(3, math.ceil(math.sqrt(area)))
        assert (side - 1) ** 2 < max(area, 9)


def test_what_is_perhaps_not_meant_is_noted(recipe_of):
    limit = '[[limits]]\nclasses = ["A"]\nzone = "seal"\nmax_length_mm = 3'
    assert notes_on(recipe_of(ZONE, "[zones.tab]\nboxes = [[0, 0, 1, 1]]", limit)) == [
        "zone 'tab' is used by no limit and no count",
        "class A has limits only in seal: elsewhere any is NG",
        "class B has no limit: any is NG",
        "class E has no limit: any is NG",
    ]


def test_a_card_knows_more():
    card = read_card(TINY)
    text = new_recipe(card).replace(f'bundle = "{card.hash}"', "").replace("least_size_px = 5", "least_size_px = 2")
    notes = notes_on(parse_recipe(text), card)
    assert "no bundle is named" in notes[2]
    assert notes[3] == "class A: regions under 5 px were left out when it was learned, the recipe takes them from 2 px"


def test_a_zone_for_a_view_that_is_not_required_is_noted(recipe_of):
    zone = '[zones.seal]\nboxes = [[0, 0, 100, 10]]\nviews = ["topp"]'
    (note,) = [note for note in notes_on(recipe_of(zone, head='required_views = ["top"]')) if "topp" in note]
    assert note == "zone 'seal' is for view 'topp', which is not among required_views (top): is it called so?"
