import pytest

from blemish.core.errors import TaxonomyError
from blemish.core.taxonomy import Taxonomy

CELL = Taxonomy.preset("pouch-cell")


def test_the_pouch_cell_is_the_papers():
    assert [b.name for b in CELL.backgrounds] == ["body", "outside"]
    assert CELL.defect_names == ("groove", "spore", "protrusion", "leakage", "white dot", "black dot")
    assert CELL.codes == tuple("ABCDEF")
    assert all(d.least_size_px == 20 for d in CELL.defects)
    assert CELL.pixel_mm_xy == (0.5, 0.5)


def test_a_class_is_found_by_name_alias_and_code():
    assert [CELL.defect_index(n) for n in ("Groove", "folding", "f")] == [1, 3, 6]


def test_an_unknown_class_lists_those_there_are():
    with pytest.raises(TaxonomyError, match="no defect 'scratch': it has A groove"):
        CELL.defect_index("scratch")


def test_a_dictionary_goes_round():
    assert Taxonomy.from_dict(CELL.to_dict()) == CELL


def test_a_toml_file_gets_default_codes_colours_and_one_background(tmp_path):
    file = tmp_path / "t.toml"
    file.write_text('name = "steel"\n[[defects]]\nname = "pit"\n[[defects]]\nname = "scratch"\n')
    steel = Taxonomy.from_toml(file)
    assert (steel.codes, steel.backgrounds[0].name, steel.pixel_mm_xy) == (("A", "B"), "surface", None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('name="x"\n[[defects]]\nname="a"\n[[defects]]\nname="A"', "'a' is there twice"),
        ('name="x"\n[[defects]]\nname="a"\ncolour="red"', "must look like"),
        ('name="x"\n[[defects]]\nname="a"\nsize=3', "unknown key 'size'"),
        ('name="x"\npixel_mm_xy=[0,1]\n[[defects]]\nname="a"', "two positive sizes"),
        ('name="x"', "1 to 254 defects"),
        ('name="x"\n[[defects]]\nname="../a"', "a class name must be"),
        ('name="x"\n[[defects]]\nname="a"\naliases="pore"', "'aliases' must be a list of texts"),
        ("name=", "cannot read taxonomy file"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(tmp_path, text, message):
    file = tmp_path / "t.toml"
    file.write_text(text)
    with pytest.raises(TaxonomyError, match=message) as caught:
        Taxonomy.from_toml(file)
    assert "\n" not in str(caught.value)


def test_many_classes_have_distinct_colours():
    many = Taxonomy.of_names("many", [f"class {i}" for i in range(60)])
    assert len({d.colour for d in many.defects}) == 60


def test_a_class_called_by_a_letter_is_found_by_its_name_whatever_its_place():
    letters = Taxonomy.of_names("letters", ["D", "scratch", "B", "A"])
    assert letters.codes == ("D", "C", "B", "A")
    assert [letters.defect_index(name) for name in ("D", "scratch", "B", "A")] == [1, 2, 3, 4]


def test_a_code_that_is_another_class_name_or_alias_is_refused():
    for other in ({"name": "A"}, {"name": "crack", "aliases": ["a"]}):
        with pytest.raises(TaxonomyError, match=f"'A' is the code of 'dot' and a name of '{other['name']}'"):
            Taxonomy.from_dict({"name": "t", "defects": [{"name": "dot", "code": "A"}, {**other, "code": "B"}]})


def test_default_codes_pass_over_codes_that_are_given():
    given = Taxonomy.from_dict({"name": "t", "defects": [{"name": "dot"}, {"name": "line", "code": "A"}]})
    assert given.codes == ("B", "A")


@pytest.mark.parametrize("sides", ["[nan, nan]", "[inf, 1.0]", "[0.1, 0.0]", "[true, true]", "[0.1]"])
def test_a_pixel_has_two_sizes_above_nought(tmp_path, sides):
    path = tmp_path / "t.toml"
    path.write_text(f'name = "t"\npixel_mm_xy = {sides}\n[[backgrounds]]\nname = "s"\n[[defects]]\nname = "dent"\n')
    with pytest.raises(TaxonomyError, match="pixel_mm_xy must be two"):
        Taxonomy.from_toml(path)


@pytest.mark.parametrize("text", ["x = " + "9" * 5000, "x = " + "[" * 3000, "x = ", "\x00"])
def test_toml_that_cannot_be_is_one_line(tmp_path, text):
    (tmp_path / "t.toml").write_text(text)
    with pytest.raises(TaxonomyError, match="cannot read taxonomy file"):
        Taxonomy.from_toml(tmp_path / "t.toml")


def test_a_mark_at_the_beginning_of_a_file_is_passed_over(tmp_path):
    text = 'name = "t"\n[[backgrounds]]\nname = "s"\n[[defects]]\nname = "dent"\n'
    (tmp_path / "t.toml").write_text(text, encoding="utf-8-sig")
    assert Taxonomy.from_toml(tmp_path / "t.toml").defect_names == ("dent",)
