"""A recipe file: what it refuses, naming the key, and what its name is."""

import pytest

from blemish.core.errors import InputError
from blemish.inspect.recipe import AsProbability, parse_recipe, read_recipe

GOOD = """
format = 1
name = "cell"
version = 3
required_views = ["top"]

[scores.A]
pixel = 0.3
review = 0.4
ng = 0.6

[zones.seal]
polygons = [[[0, 0], [100, 0], [100, 10], [0, 10]]]

[[limits]]
classes = ["A"]
zone = "seal"
max_length_mm = 10

[[counts]]
classes = ["A"]
most = 3

[unknown]
unsure = "REVIEW"
"""


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("version = 3", 'version = 3\ncolour = "red"', "colour: unknown key"),
        ("ng = 0.6", "ng = 0.6\nsure = 1", "scores.A.sure: unknown key"),
        ("max_length_mm = 10", "max_lenght_mm = 10", "limits 1.max_lenght_mm: unknown key"),
        ("most = 3", "most = 3\nwithin = 5", "counts 1.within: unknown key"),
        ("review = 0.4", "review = 0.7", "scores.A: review must be at most ng, got review 0.7 and ng 0.6"),
        ("review = 0.4\n", "", "scores.A.review: missing"),
        ("pixel = 0.3", "pixel = 0", "scores.A.pixel: .*greater than 0, got 0"),
        ("pixel = 0.3", 'pixel = "0.3"', "scores.A.pixel: .*valid number, got '0.3'"),
        ("format = 1", "format = 2", "format must be 1, got 2"),
        ("format = 1", "", "format must be 1, got None"),
        ("version = 3", "version = 0", "version: .*greater than or equal to 1"),
        ("version = 3", 'version = "3"', "version: .*valid integer"),
        ('name = "cell"', 'name = "a/b"', "name: "),
        ('classes = ["A"]\nzone', 'classes = ["Z"]\nzone', "limits 1: class 'Z' has no scores: there are A"),
        ('classes = ["A"]\nmost', 'classes = ["Q"]\nmost', "counts 1: class 'Q' has no scores"),
        ('classes = ["A"]\nmost', "classes = []\nmost", "counts 1.classes"),
        ('zone = "seal"', 'zone = "lid"', "limits 1: there is no zone 'lid': there are seal"),
        ("[zones.seal]", "[zones.any]", "zone cannot be called 'any'|no zone 'seal'"),
        ("[100, 10], [0, 10]", "[0, 10], [100, 10]", "zones.seal: polygon 1: sides 2 and 4 cross"),
        ("polygons = [[[0, 0], [100, 0], [100, 10], [0, 10]]]", "", "zones.seal: a zone needs boxes or polygons"),
        ("polygons = [", "boxes = [[0, 0, -1, 5]]\npolygons = [", "zones.seal: a box is x, y, width, height"),
        ("[100, 10]", "[100, 10, 1]", "zones.seal.polygons 1 3"),
        ("[100, 10]", "[100, nan]", "zones.seal.polygons 1 3 2: .*finite"),
        ("max_length_mm = 10", "max_length_mm = -1", "limits 1.max_length_mm"),
        ("max_length_mm = 10", "max_length_mm = inf", "limits 1.max_length_mm: .*finite"),
        ("max_length_mm = 10", 'max_length_mm = 10\nwhat = "OK"', 'what = "OK" takes no maximum .* got max_length_mm'),
        ("most = 3", "most = -1", "counts 1.most"),
        ('unsure = "REVIEW"', 'unsure = "MAYBE"', "unknown.unsure"),
        ("version = 3", "version = 3\nversion = 4", "is not TOML"),
    ],
)
def test_what_cannot_be_is_refused_naming_its_key(old, new, says):
    assert old in GOOD
    with pytest.raises(InputError, match=says) as refused:
        parse_recipe(GOOD.replace(old, new), where="cell.toml")
    assert str(refused.value).startswith("cell.toml")
    assert "\n" not in str(refused.value)


def test_a_recipe_without_classes_is_refused():
    with pytest.raises(InputError, match="scores must have a table for each class"):
        parse_recipe('format = 1\nname = "x"\nversion = 1\n[scores]\n')


def test_a_file_that_is_not_there_is_one_clear_line(tmp_path):
    with pytest.raises(InputError, match=r"cannot read recipe .*none\.toml"):
        read_recipe(tmp_path / "none.toml")


def test_the_hash_is_of_what_it_says_not_of_how_it_is_written():
    recipe = parse_recipe(GOOD)
    assert parse_recipe("# A comment.\n" + GOOD.replace("= 10\n", "=   10.0\n")).hash == recipe.hash
    assert parse_recipe(GOOD.replace("= 10\n", "= 11\n")).hash != recipe.hash
    assert recipe.title == f"cell 3 {recipe.hash[:12]}"


def test_what_needs_a_pixel_size_is_known():
    assert parse_recipe(GOOD).needs_mm
    head = GOOD[: GOOD.index("[zones")]
    in_px = '[[limits]]\nclasses = ["A"]\nmax_length_px = 20\n'
    assert not parse_recipe(head + in_px).needs_mm
    assert parse_recipe(head + in_px.replace("px = 20", "mm = 20")).needs_mm
    assert parse_recipe(head + '[[counts]]\nclasses = ["A"]\nmost = 1\nwithin_mm = 5\n').needs_mm


@pytest.mark.parametrize("text", ["x = " + "9" * 5000, "x = " + "[" * 3000])
def test_toml_that_cannot_be_is_one_line(text):
    with pytest.raises(InputError, match="recipe is not TOML"):
        parse_recipe(text)


def test_sizes_beyond_any_picture_are_refused(recipe_of):
    assert recipe_of().scores["A"].least_area_px == 0
    with pytest.raises(InputError, match=r"scores\.D\.least_area_px"):
        recipe_of(f"[scores.D]\npixel = 0.3\nreview = 0.4\nng = 0.6\nleast_area_px = {'9' * 400}")


def test_a_map_to_probabilities_as_steep_as_can_be_has_a_value():
    assert AsProbability(temperature=0.002, offset=-2000).of(0.2) == pytest.approx(0)
