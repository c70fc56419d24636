"""The recipe in the guide is one."""

import re
from pathlib import Path

import pytest

from blemish.core.taxonomy import Taxonomy
from blemish.inspect.recipe import LARGEST, Count, Limit, Recipe, Scores, Unknown, Zone, parse_recipe
from blemish.inspect.recipe_fit import notes_on, refuse_unfit

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "write-a-recipe.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def example():
    (text,) = re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return parse_recipe(text)


def test_the_example_is_for_the_pouch_cell(example):
    refuse_unfit(example, Taxonomy.preset("pouch-cell"), "")
    assert (len(example.limits), len(example.counts), list(example.zones)) == (6, 2, ["seal", "tab", "table"])


def test_its_check_says_what_the_page_says(example):
    assert notes_on(example) == [
        "class B has limits only in table: elsewhere any is NG",
        "class D has limits only in tab, table: elsewhere any is NG",
    ]
    assert all(note in PAGE for note in notes_on(example))
    assert "6 classes, 3 zones, 6 limits, 2 counts" in PAGE
    assert f"recipe {example.title}:" in PAGE


@pytest.mark.parametrize("model", [Recipe, Scores, Zone, Limit, Count, Unknown])
def test_every_key_is_told(model):
    told = set(re.findall(r"\w+", PAGE))
    assert set(model.model_fields) <= told | set(LARGEST)
