"""A recipe on the line: inspect by it, change it, and see beforehand what that does. With the tiny bundle."""

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from blemish.bundle.card import read_card
from blemish.cli.main import app
from blemish.core.errors import InputError
from blemish.inspect.dry_run import dry_run
from blemish.inspect.recipe import read_recipe
from blemish.inspect.stored import read_stored
from blemish.picture.write import write_png

TINY = Path(__file__).parents[1] / "fixtures" / "tiny-bundle"
LIMITS = """
[zones.seal]
boxes = [[0, 0, 100, 10]]

[[limits]]
classes = ["A", "B"]
max_length_mm = 20

[[limits]]
classes = ["A"]
zone = "seal"
max_length_mm = 10
"""


def run(*arguments, code=0):
    ended = CliRunner().invoke(app, [str(word) for word in arguments])
    assert ended.exit_code == code, ended.output
    return ended


def write_recipe(path, *, version=1, limits=LIMITS, **changes):
    """The bundle's own recipe with limits; changes replace the values of keys in all classes."""
    run("recipe", "new", "--bundle", TINY, "--out", path)
    text = path.read_text().replace("version = 1", f"version = {version}")
    for key, value in changes.items():
        text = re.sub(rf"^{key} = [^ \n]*", f"{key} = {value}", text, flags=re.MULTILINE)
    path.write_text(text + limits)
    return path


def surface(*bars):
    """An even surface of 100 x 50 mm (pixels of 0.5 x 0.25 mm) with bars: x, y, length in mm, gray value."""
    picture = np.random.default_rng(6).integers(110, 141, (200, 200), dtype=np.uint8)
    for x, y, length, gray in bars:
        picture[y * 4 : y * 4 + 8, x * 2 : (x + length) * 2] = gray
    return picture


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Seven parts inspected by a recipe with a REVIEW band; a bar of gray 40 has score 0.5, a black one 1."""
    folder = tmp_path_factory.mktemp("line")
    parts = {
        "clean": surface(),
        "short": surface((10, 30, 15, 0)),
        "long": surface((10, 30, 30, 0)),
        "in-seal": surface((10, 2, 15, 0)),
        "unsure": surface((10, 30, 30, 40)),
        "unsure-short": surface((10, 30, 15, 40)),
        "blank": np.full((200, 200), 120, np.uint8),
    }
    for name, picture in parts.items():
        write_png(folder / "scans" / f"{name}.png", picture)
    recipe = write_recipe(folder / "one.toml", pixel=0.4, review=0.4, ng=0.6)
    run("inspect", TINY, folder / "scans", "--recipe", recipe, "--out", folder / "results", code=1)
    return folder


def lines(folder):
    return {part["serial"]: part for part in map(json.loads, (folder / "results.jsonl").read_text().splitlines())}


def test_inspect_judges_by_the_recipe_and_names_it(stored):
    parts = lines(stored / "results")
    assert {serial: part["verdict"] for serial, part in parts.items()} == {
        "clean": "OK", "short": "OK", "long": "NG", "in-seal": "NG", "unsure": "REVIEW", "unsure-short": "OK",
        "blank": "REVIEW",
    }  # fmt: skip
    title = read_recipe(stored / "one.toml").title
    assert {part["judged_by"] for part in parts.values()} == {f"recipe {title}"}
    assert parts["long"]["reasons"] == ["A dark spot 30.0 mm long: limit 20 mm"]
    assert parts["in-seal"]["reasons"] == ["A dark spot 15.0 mm long in seal: limit 10 mm"]
    assert parts["unsure"]["reasons"] == ["unsure (0.500, sure from 0.6): A dark spot 30.0 mm long: limit 20 mm"]


def test_results_keep_what_another_recipe_needs(stored):
    parts = lines(stored / "results")
    assert [len(parts["short"][key]) for key in ("defects", "unsure")] == [1, 0]
    assert [len(parts["unsure-short"][key]) for key in ("defects", "unsure")] == [0, 1]
    assert parts["blank"]["views"][0]["doubts"][0].endswith("at least 2.0 expected")
    with (stored / "results" / "results.csv").open() as file:
        states = {row["serial"]: row["state"] for row in csv.DictReader(file)}
    assert (states["short"], states["unsure"], states["clean"]) == ("defect", "unsure", "")
    (folder,) = read_stored(stored / "results")
    assert folder.inspected.recipe == read_recipe(stored / "one.toml")
    assert folder.inspected.sought["A"].score == 0.4
    assert len(folder.parts) == 7


def test_the_same_recipe_changes_nothing(stored):
    ended = run("recipe", "dry-run", stored / "one.toml", "--results", stored / "results", "--json")
    values = json.loads(ended.stdout)
    assert values["changes"] == []
    assert values["table"]["OK"] == {"OK": 3, "NG": 0, "REVIEW": 0}
    assert values["sentence"] == "this change would turn no verdict of 7 parts"


def test_a_looser_limit_says_which_parts_it_lets_through(stored, tmp_path):
    new = write_recipe(
        tmp_path / "two.toml", version=2, pixel=0.4, review=0.4, ng=0.6,
        limits=LIMITS.replace("mm = 20", "mm = 30").replace("mm = 10", "mm = 15"),
    )  # fmt: skip
    values = json.loads(
        run(
            "recipe", "dry-run", new, "--results", stored / "results", "--json", "--html", tmp_path / "d.html", code=1
        ).stdout
    )
    assert values["sentence"] == "this change would turn 2 NG into OK, 1 REVIEW into OK"
    assert [(c["serial"], c["before"], c["after"]) for c in values["changes"]] == [
        ("in-seal", "NG", "OK"), ("long", "NG", "OK"), ("unsure", "REVIEW", "OK"),
    ]  # fmt: skip
    assert values["changes"][1]["reasons_before"] == ["A dark spot 30.0 mm long: limit 20 mm"]
    page = (tmp_path / "d.html").read_text()
    assert page.count("data:image/jpeg;base64") == 3
    assert "This change would turn 2 NG into OK" in page
    assert "http" not in page


def test_a_stricter_limit_turns_ok_into_ng_and_the_text_says_so(stored, tmp_path):
    limits = LIMITS.replace("mm = 20", "mm = 14")
    new = write_recipe(tmp_path / "two.toml", version=2, pixel=0.4, review=0.4, ng=0.6, limits=limits)
    text = run("recipe", "dry-run", new, "--results", stored / "results", code=1).stdout
    assert "this change would turn 1 OK into REVIEW, 1 OK into NG:" in text
    assert "OK -> NG  short" in text
    assert "after:  A dark spot 15.0 mm long: limit 14 mm" in text


@pytest.mark.parametrize(("mm", "ng"), [(1, 0.4), (14, 0.5), (30, 0.7), (99, 1.0)])
def test_every_part_is_in_exactly_one_cell_and_each_change_is_listed(stored, tmp_path, mm, ng):
    limits = LIMITS.replace("mm = 20", f"mm = {mm}")
    new = write_recipe(tmp_path / "two.toml", version=2, pixel=0.4, review=0.4, ng=ng, limits=limits)
    found = dry_run(read_recipe(new), read_stored(stored / "results"))
    assert sum(found.table.values()) == found.parts == 7
    before = {part["serial"]: part["verdict"] for part in lines(stored / "results").values()}
    for verdict in ("OK", "NG", "REVIEW"):
        assert sum(n for (was, _), n in found.table.items() if was == verdict) == list(before.values()).count(verdict)
    assert len(found.changes) == sum(n for (was, now), n in found.table.items() if was != now)
    assert all(before[change.serial] == change.before != change.after for change in found.changes)


def test_a_dry_run_says_what_inspecting_would(stored, tmp_path):
    new = write_recipe(tmp_path / "two.toml", version=2, pixel=0.4, review=0.45, ng=0.5)
    run("inspect", TINY, stored / "scans", "--recipe", new, "--out", tmp_path / "again", "--no-overlay", code=1)
    really = {serial: part["verdict"] for serial, part in lines(tmp_path / "again").items()}
    found = dry_run(read_recipe(new), read_stored(stored / "results"))
    said = {
        **{s: p["verdict"] for s, p in lines(stored / "results").items()},
        **{c.serial: c.after for c in found.changes},
    }
    assert said == really
    assert really["unsure"] == "NG"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"pixel": 0.4, "review": 0.3, "ng": 0.6}, None),  # No region's mean is below its least pixel.
        (
            {"pixel": 0.3, "review": 0.3, "ng": 0.6},
            "has regions of A by pixels from 0.4, the recipe asks for pixel 0.3",
        ),
        ({"pixel": 0.5, "review": 0.5, "ng": 0.6}, "by pixels from 0.4, the recipe asks for pixel 0.5"),
        ({"pixel": 0.4, "review": 0.4, "ng": 0.6, "least_size_px": 4}, "from least_size_px 5, the recipe asks for 4"),
    ],
)
def test_regions_that_were_never_stored_are_not_guessed(stored, tmp_path, changes, says):
    new = write_recipe(tmp_path / "two.toml", version=2, **changes)
    ended = run("recipe", "dry-run", new, "--results", stored / "results", code=0 if says is None else 2)
    if says:
        assert says in ended.stderr
        assert "inspect the parts again" in ended.stderr


def test_a_lower_review_than_was_kept_is_refused(stored, tmp_path):
    high = write_recipe(tmp_path / "high.toml", version=7, pixel=0.4, review=0.6, ng=0.6)
    run("inspect", TINY, stored / "scans", "--recipe", high, "--out", tmp_path / "high", "--no-overlay", code=1)
    ended = run("recipe", "dry-run", stored / "one.toml", "--results", tmp_path / "high", code=2)
    assert "kept regions of A from score 0.6, the recipe asks for review 0.4" in ended.stderr


def test_strangeness_and_temperature_that_were_not_there_are_refused(stored, tmp_path):
    new = write_recipe(tmp_path / "two.toml", version=2, pixel=0.4, review=0.4, ng=0.6)
    text = new.read_text()
    new.write_text(text.replace('unsure = "REVIEW"', "most_strange = 3.0"))
    ended = run("recipe", "dry-run", new, "--results", stored / "results", code=2)
    assert "holds no strangeness" in ended.stderr
    ended = run("inspect", TINY, stored / "scans", "--recipe", new, code=2)
    assert "strangeness is not measured: give --familiar FILE" in ended.stderr
    new.write_text(text.replace("version = 2", "version = 2\ntemperature = 2.0"))
    ended = run("recipe", "dry-run", new, "--results", stored / "results", code=2)
    assert "inspected at temperature 1, the recipe asks for 2" in ended.stderr


def test_a_recipe_that_was_changed_needs_a_new_version(stored, tmp_path):
    new = write_recipe(tmp_path / "one.toml", pixel=0.4, review=0.4, ng=0.7)
    ended = run("recipe", "dry-run", new, "--results", stored / "results", code=2)
    assert re.search(r"recipe tiny version 1 was changed: .* write version = 2", ended.stderr)
    ended = run("inspect", TINY, stored / "scans", "--recipe", new, "--out", stored / "more", code=2)
    assert "recipe tiny version 1 was changed" in ended.stderr
    assert not (stored / "more").exists()


def test_two_recipes_are_compared_and_must_differ_in_version(stored, tmp_path):
    keys = {"pixel": 0.4, "review": 0.4, "ng": 0.6}
    old = write_recipe(tmp_path / "old.toml", version=2, limits=LIMITS.replace("mm = 20", "mm = 40"), **keys)
    new = write_recipe(tmp_path / "new.toml", version=3, limits=LIMITS.replace("mm = 20", "mm = 5"), **keys)
    arguments = ("--results", stored / "results", "--against", old, "--json")
    values = json.loads(run("recipe", "dry-run", new, *arguments, code=1).stdout)
    assert values["before"] == [f"recipe {read_recipe(old).title}"]
    assert values["sentence"] == "this change would turn 2 OK into REVIEW, 2 OK into NG"
    new.write_text(new.read_text().replace("version = 3", "version = 2"))
    assert "both recipes are tiny version 2" in run("recipe", "dry-run", new, *arguments, code=2).stderr


def test_results_of_the_card_can_be_judged_by_its_own_recipe(stored, tmp_path):
    run("inspect", TINY, stored / "scans", "--out", tmp_path / "card", "--no-overlay", code=1)
    same = write_recipe(tmp_path / "same.toml", limits="")
    found = dry_run(read_recipe(same), read_stored(tmp_path / "card"))
    assert (found.changes, found.parts) == ((), 7)
    assert found.before == (f"card of {read_card(TINY).hash[:12]}",)


def test_a_folder_of_results_folders_is_read_whole(stored, tmp_path):
    for day in ("monday", "tuesday"):
        run("inspect", TINY, stored / "scans" / "long.png", "--out", tmp_path / "days" / day, "--no-overlay", code=1)
    found = dry_run(read_recipe(write_recipe(tmp_path / "r.toml")), read_stored(tmp_path / "days"))
    assert found.parts == 2


def test_a_stopped_run_beside_finished_ones_is_named(stored, tmp_path):
    run("inspect", TINY, stored / "scans" / "long.png", "--out", tmp_path / "monday", "--no-overlay", code=1)
    (tmp_path / "tuesday").mkdir()
    (tmp_path / "tuesday" / "results.jsonl.part").touch()
    new = write_recipe(tmp_path / "r.toml")
    ended = run("recipe", "dry-run", new, "--results", tmp_path, "--json", code=0)
    assert json.loads(ended.stdout)["stopped"] == [str(tmp_path / "tuesday")]
    assert "not counted" in ended.stderr


def test_where_there_are_no_results_it_says_why(stored, tmp_path):
    (tmp_path / "stopped").mkdir()
    (tmp_path / "stopped" / "results.jsonl.part").touch()
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "results.jsonl").touch()
    for folder, says in (("none", "it holds no"), ("stopped", "was stopped"), ("old", "no readable inspection.json")):
        ended = run("recipe", "dry-run", stored / "one.toml", "--results", tmp_path / folder, code=2)
        assert says in ended.stderr


def test_a_damaged_line_is_named(stored, tmp_path):
    for name in ("inspection.json", "results.jsonl"):
        (tmp_path / name).write_bytes((stored / "results" / name).read_bytes())
    with (tmp_path / "results.jsonl").open("a") as file:
        file.write('{"serial": "x"}\n')
    ended = run("recipe", "dry-run", stored / "one.toml", "--results", tmp_path, code=2)
    assert "line 8: verdict: Field required" in ended.stderr


def test_a_required_view_is_missed(stored, tmp_path):
    new = write_recipe(tmp_path / "two.toml", version=2, pixel=0.4, review=0.4, ng=0.6)
    new.write_text(new.read_text().replace("# required_views", "required_views"))
    (tmp_path / "s.csv").write_text(f"file,serial,view\n{stored / 'scans' / 'clean.png'},cell-1,top\n")
    arguments = (TINY, stored / "scans" / "clean.png", "--recipe", new, "--serials", tmp_path / "s.csv", "--json")
    (part,) = json.loads(run("inspect", *arguments, code=3).stdout)["parts"]
    assert part["reasons"] == ["view 'bottom' is missing"]


def test_check_tells_what_is_wrong_or_not_meant(stored, tmp_path):
    values = json.loads(run("recipe", "check", stored / "one.toml", "--bundle", TINY, "--json").stdout)
    assert (values["name"], values["limits"], values["notes"]) == ("tiny", 2, [])
    other = tmp_path / "other.toml"
    other.write_text((stored / "one.toml").read_text().replace(read_card(TINY).hash, "0" * 64))
    assert "is for bundle 000000000000" in run("recipe", "check", other, "--bundle", TINY, code=2).stderr
    other.write_text("format = 1\nnam = 'x'\n")
    assert "nam: unknown key" in run("recipe", "check", other, code=2).stderr


def test_new_never_overwrites(stored):
    assert "is there already" in run("recipe", "new", "--bundle", TINY, "--out", stored / "one.toml", code=2).stderr


def own_surface(seed):
    return np.random.default_rng(seed).integers(110, 141, (200, 200), dtype=np.uint8)


def test_a_scan_unlike_the_lines_own_goes_to_review(tmp_path):
    for seed in range(40):
        write_png(tmp_path / "own" / f"{seed}.png", own_surface(seed))
    write_png(tmp_path / "new" / "own.png", own_surface(100))
    write_png(tmp_path / "new" / "brighter.png", own_surface(101) + np.uint8(60))
    write_png(tmp_path / "new" / "larger.png", np.tile(own_surface(102), (2, 2)))
    learned = tmp_path / "familiar.json"
    told = run("segment", "strangeness", tmp_path / "own", "--out", learned, "--quantile", 0.9, "--json")
    assert json.loads(told.stdout)["pictures"] == 40
    recipe = write_recipe(tmp_path / "one.toml")
    recipe.write_text(recipe.read_text().replace('unsure = "REVIEW"', "most_strange = 2.0"))
    by = ("--recipe", recipe, "--familiar", learned, "--out", tmp_path / "results")
    run("inspect", TINY, tmp_path / "new", *by, "--no-overlay", code=3)
    found = lines(tmp_path / "results")
    assert {serial: part["verdict"] for serial, part in found.items()} == {
        "own": "OK",
        "brighter": "REVIEW",
        "larger": "REVIEW",
    }
    assert "strange: " in found["brighter"]["reasons"][0]
    assert "learned were pictures of 200 x 200 px" in " ".join(found["larger"]["reasons"])
    assert "no verdict of 3 parts" in run("recipe", "dry-run", recipe, "--results", tmp_path / "results").stdout
    unasked = write_recipe(tmp_path / "two.toml", version=2)
    ended = run("recipe", "dry-run", unasked, "--results", tmp_path / "results", code=1)
    assert "2 REVIEW into OK" in ended.stdout  # As an inspection that does not ask would say.


def test_what_is_not_the_lines_own_is_refused_as_such(tmp_path):
    write_png(tmp_path / "one.png", own_surface(0))
    out = tmp_path / "familiar.json"
    assert "2 groups or more" in run("segment", "strangeness", tmp_path / "one.png", "--out", out, code=2).stderr
    assert not out.exists()
    out.write_text("{}")
    ended = run("inspect", TINY, tmp_path / "one.png", "--familiar", out, code=2)
    assert "make it with segment strangeness" in ended.stderr
    out.write_text("[1, 2]")
    assert "must hold one JSON object" in run("inspect", TINY, tmp_path / "one.png", "--familiar", out, code=2).stderr


def test_results_with_more_regions_than_are_listed_cannot_be_judged_by_other_scores(stored, tmp_path):
    (folder,) = read_stored(stored / "results")
    crowded = [replace(part, views=tuple(replace(view, unlisted=600) for view in part.views)) for part in folder.parts]
    crowded_folder = replace(folder, parts=tuple(crowded))
    dry_run(read_recipe(stored / "one.toml"), [crowded_folder])
    other = read_recipe(write_recipe(tmp_path / "two.toml", version=2, pixel=0.4, review=0.5, ng=0.6))
    with pytest.raises(InputError, match="600 more regions than are listed"):
        dry_run(other, [crowded_folder])


def test_a_review_lowered_towards_also_asks_for_what_was_not_listed(stored, tmp_path):
    (folder,) = read_stored(stored / "results")
    first = read_recipe(stored / "one.toml")
    scores = {code: one.model_copy(update={"also": 0.4, "review": 0.6}) for code, one in first.scores.items()}
    before = first.model_copy(update={"scores": scores})
    crowded = tuple(replace(part, views=tuple(replace(v, unlisted=9) for v in part.views)) for part in folder.parts)
    given = replace(folder, inspected=folder.inspected.model_copy(update={"recipe": before}), parts=crowded)
    scores = {code: one.model_copy(update={"review": 0.5}) for code, one in scores.items()}
    lowered = first.model_copy(update={"scores": scores, "version": 2})
    with pytest.raises(InputError, match="9 more regions than are listed"):
        dry_run(lowered, [given])


def test_a_zone_of_a_view_that_no_stored_part_has_is_refused(stored, tmp_path):
    limits = LIMITS.replace("[[0, 0, 100, 10]]", '[[0, 0, 100, 10]]\nviews = ["topp"]')
    new = write_recipe(tmp_path / "two.toml", version=2, limits=limits, pixel=0.4, review=0.4, ng=0.6)
    ended = run("recipe", "dry-run", new, "--results", stored / "results", code=2)
    assert "topp" in ended.stderr
