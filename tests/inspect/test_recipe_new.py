"""A recipe to begin with says what the card says."""

from pathlib import Path

import pytest

from blemish.bundle.card import read_card
from blemish.core.errors import InputError
from blemish.inspect.recipe import parse_recipe
from blemish.inspect.recipe_fit import refuse_unfit
from blemish.inspect.recipe_new import new_recipe

TINY = Path(__file__).parents[1] / "fixtures" / "tiny-bundle"
CHOSEN = """
temperature = 1.5
[scores.A]
pixel = 0.2
review = 0.3
ng = 0.7
least_area_px = 12
[probability]
temperature = 2.0
offset = -1.0
"""


@pytest.fixture(scope="module")
def card():
    return read_card(TINY)


def chosen(tmp_path, text=CHOSEN):
    path = tmp_path / "thresholds.toml"
    path.write_text(text)
    return path


def test_it_has_the_cards_thresholds_and_fits_its_bundle(card):
    recipe = parse_recipe(new_recipe(card))
    refuse_unfit(recipe, card.taxonomy, card.hash)
    assert (recipe.name, recipe.version, recipe.bundle) == ("tiny", 1, card.hash)
    assert {code: (s.pixel, s.review, s.ng, s.least_size_px) for code, s in recipe.scores.items()} == {
        "A": (0.5, 0.5, 0.5, 5),
        "B": (0.5, 0.5, 0.5, 5),
    }


def test_its_examples_are_valid_once_their_marks_are_taken_away(card):
    lines = new_recipe(card).splitlines()
    keys = (
        "# [",
        "# boxes",
        "# classes",
        "# max",
        "# zone",
        "# what",
        "# most",
        "# required",
        "# datum",
        "# size_mm",
        "# tol",
    )
    opened = [line.removeprefix("# ") if line.startswith(keys) else line for line in lines]
    recipe = parse_recipe("\n".join(opened))
    assert (len(recipe.limits), len(recipe.counts), list(recipe.zones)) == (2, 1, ["seal"])
    assert recipe.required_views == ["top", "bottom"]
    assert (recipe.datum, recipe.part.size_mm) == ("part", [260, 95])


def test_chosen_thresholds_take_the_place_of_the_cards(card, tmp_path):
    recipe = parse_recipe(new_recipe(card, chosen(tmp_path)))
    assert recipe.temperature == 1.5
    assert recipe.probability is not None
    assert recipe.probability.of(0.9) == pytest.approx(0.525, abs=1e-3)
    assert recipe.scores["A"].model_dump(exclude_none=True) == {
        "pixel": 0.2, "review": 0.3, "ng": 0.7, "least_area_px": 12, "least_size_px": 5,
    }  # fmt: skip
    assert recipe.scores["B"].ng == 0.5


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("[scores.A]", "[scores.Z]", "scores.Z: no such class: there are A, B"),
        ("ng = 0.7", "ng = 0.1", "scores.A: review must be at most ng"),
        ("ng = 0.7", "", "scores.A.ng: Field required"),
        ("ng = 0.7", "ng = ", "cannot read thresholds"),
        ("temperature = 1.5", "temperature = -1", "temperature"),
        ("[scores.A]", "scores.B = 0.4\n[scores.A]", "scores.B must be a table, got 0.4"),
        ("offset = -1.0", "", "probability.offset: Field required"),
        ("[scores.A]", "[score.A]", "score is no key of a thresholds file"),
        ("[scores.A]", "[limits]", "limits is no key of a thresholds file"),
        ("[scores.A]", "[made_from]", r"has no \[scores"),
        ("[scores.A]", f"[made_from]\nbundle = '{'0' * 64}'\n[scores.A]", "was calibrated with bundle 000000000000"),
    ],
)
def test_thresholds_that_cannot_be_are_refused(card, tmp_path, old, new, says):
    with pytest.raises(InputError, match=says):
        new_recipe(card, chosen(tmp_path, CHOSEN.replace(old, new)))


def test_thresholds_of_this_bundle_are_taken(card, tmp_path):
    text = CHOSEN.replace("[scores.A]", f"[made_from]\nbundle = '{card.hash}'\n[scores.A]")
    assert parse_recipe(new_recipe(card, chosen(tmp_path, text))).scores["A"].ng == 0.7
