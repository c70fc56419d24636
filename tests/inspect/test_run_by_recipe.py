"""What a recipe and strangeness add to a view, and what becomes of a picture of which nothing is known."""

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
from blemish.core.records import Part, Verdict, View
from blemish.inspect.decisions import read_run
from blemish.inspect.dry_run import dry_run
from blemish.inspect.recipe import parse_recipe
from blemish.inspect.recipe_new import new_recipe
from blemish.inspect.results import ResultFolder
from blemish.inspect.run import Inspection, inspect_files, inspect_part
from blemish.inspect.stored import read_stored
from blemish.picture.write import write_png

TINY = Path(__file__).parents[1] / "fixtures" / "tiny-bundle"


def recipe_asking(most_strange):
    text = new_recipe(read_card(TINY))
    return parse_recipe(text.replace('unsure = "REVIEW"', f"most_strange = {most_strange}"))


@pytest.mark.parametrize(
    ("strangeness", "verdict", "kept"),
    [(3.0, "OK", 3.0), (9.0, "REVIEW", 9.0), (float("nan"), "REVIEW", None), (float("inf"), "REVIEW", None)],
)
def test_a_strange_picture_is_review_and_its_strangeness_is_kept(bundle, pictures, strangeness, verdict, kept):
    inspection = replace(Inspection.of_bundle(bundle, threads=1), strangeness=lambda picture: strangeness)
    part = Part("good", (View("", pictures / "good.png"),))
    result = inspect_part(part, inspection.by_recipe(recipe_asking(5.0)))
    assert (str(result.verdict), result.views[0].strangeness) == (verdict, kept)
    json.dumps(result.to_dict(), allow_nan=False)


def test_strangeness_that_fails_is_review_and_not_the_end(bundle, pictures):
    def broken(picture):
        raise RuntimeError("no memory")

    inspection = replace(Inspection.of_bundle(bundle, threads=1), strangeness=broken)
    result = inspect_part(Part("bad", (View("", pictures / "bad.png"),)), inspection)
    assert result.verdict == Verdict.REVIEW
    assert "no memory" in result.reasons[0]


def test_a_temperature_of_the_recipe_is_applied(bundle, tmp_path, ground):
    faint = ground
    faint[60:66, 30:90] = 40  # Half dark spot, half nothing: no temperature moves it.
    write_png(tmp_path / "faint.png", faint)
    hot = parse_recipe(new_recipe(read_card(TINY)).replace("version = 1", "temperature = 20.0\nversion = 1"))
    (plain,) = inspect_files(bundle, [tmp_path], threads=1)
    (tempered,) = inspect_files(bundle, [tmp_path], recipe=hot.model_copy(update={"version": 2}), threads=1)
    assert len(plain.defects) == 1
    assert tempered.defects == ()  # Three classes share what was halves: all under the threshold of 0.5.


def test_a_recipe_tells_the_probability_beside_the_score(bundle, pictures):
    text = new_recipe(read_card(TINY)) + "\n[probability]\ntemperature = 2.0\noffset = -1.0\n"
    (plain,) = inspect_files(bundle, [pictures / "bad.png"], threads=1)
    (told,) = inspect_files(bundle, [pictures / "bad.png"], recipe=parse_recipe(text), threads=1)
    assert [defect.probability for defect in plain.defects] == [None] * len(plain.defects)
    assert len(told.defects) > 0
    for defect in told.defects:
        assert defect.probability is not None
        assert 0 < defect.probability < defect.score


class NoNumber:
    """A network whose answer is no number, as after an overflow or a broken driver."""

    def __init__(self, segmenter):
        self.taxonomy, self.channels = segmenter.taxonomy, segmenter.channels

    def probabilities(self, pictures):
        planes = len(self.taxonomy.defects) + 1
        return np.full((len(pictures), planes, *pictures.shape[1:3]), np.nan, np.float32)


def test_an_answer_that_is_no_number_is_review_and_never_ok(bundle, pictures):
    inspection = Inspection.of_bundle(bundle, threads=1)
    broken = replace(inspection, segmenter=NoNumber(inspection.segmenter))
    result = inspect_part(Part("good", (View("", pictures / "good.png"),)), broken)
    assert result.verdict == Verdict.REVIEW
    assert "answer is no number" in result.reasons[0]


def test_of_a_part_that_is_ng_what_reaches_also_is_told_too_and_of_an_ok_one_kept(bundle, pictures, tmp_path, ground):
    """Bright spots never count here; beside a dark one they are told, and a dry run can ask for them."""
    faint = ground
    faint[100:110, 150:160] = 255
    write_png(pictures / "faint.png", faint)
    text = new_recipe(read_card(TINY))
    head, spots = text.split("[scores.B]")
    spots = re.sub(r"review = \S+\nng = \S+", "also = 0.6\nreview = 1.0\nng = 1.0", spots, count=1)
    recipe = parse_recipe(f"{head}[scores.B]{spots}")
    inspection = Inspection.of_bundle(bundle, threads=1, recipe=recipe, overlays=tmp_path / "overlays")
    with ResultFolder(tmp_path / "out", inspection.inspected) as folder:
        for name in ("bad", "faint", "good"):
            folder.add(inspect_part(Part(name, (View("", pictures / f"{name}.png"),)), inspection))
    parts = {part.serial: part for part in read_stored(tmp_path / "out")[0].parts}
    assert {name: (str(p.verdict), len(p.defects), len(p.also)) for name, p in parts.items()} == {
        "bad": ("NG", 1, 1),
        "faint": ("OK", 0, 1),
        "good": ("OK", 0, 0),
    }
    rows = list(csv.DictReader((tmp_path / "out" / "results.csv").open(encoding="utf-8")))
    assert [(row["serial"], row["code"], row["state"]) for row in rows] == [
        ("bad", "A", "defect"),
        ("bad", "B", "also"),
        ("faint", "", ""),
        ("good", "", ""),
    ]
    assert read_run(tmp_path / "out").decisions["bad"].classes.keys() == {"A dark spot", "B bright spot"}
    assert not read_run(tmp_path / "out").decisions["faint"].classes
    stricter = f"{head}[scores.B]{spots}".replace("version = 1", "version = 2").replace(
        "1.0\nng = 1.0", "0.6\nng = 0.6"
    )
    assert dry_run(parse_recipe(stricter), read_stored(tmp_path / "out")).sentence == (
        "this change would turn 1 OK into NG"
    )
    lower = f"{head}[scores.B]{spots}".replace("version = 1", "version = 3").replace("also = 0.6", "also = 0.5")
    assert "would turn no verdict" in dry_run(parse_recipe(lower), read_stored(tmp_path / "out")).sentence


ZONED = """
format = 1
name = "z"
version = 1
[scores.A]
pixel = 0.5
review = 0.5
ng = 0.5
[scores.B]
pixel = 0.5
review = 0.5
ng = 0.5
[zones.seal]
boxes = [[0, 0, 100, 40]]
views = ["top"]
[[limits]]
classes = ["A", "B"]
max_length_mm = 40
[[limits]]
classes = ["A", "B"]
zone = "seal"
max_length_mm = 3
"""


@pytest.mark.parametrize(("view", "code"), [("top", 1), ("Top", 2), ("", 2)])
def test_a_zone_of_a_view_that_no_part_has_is_refused(tmp_path, view, code, spotted):
    write_png(tmp_path / "a.png", spotted)
    (tmp_path / "s.csv").write_text(f"file,serial,view\na.png,a,{view}\n")
    (tmp_path / "r.toml").write_text(ZONED)
    done = CliRunner().invoke(
        app, ["inspect", str(TINY), "--serials", str(tmp_path / "s.csv"), "--recipe", str(tmp_path / "r.toml")]
    )
    assert done.exit_code == code, done.output
    assert code == 1 or "zone 'seal' is for view 'top', which no part has" in done.stderr
