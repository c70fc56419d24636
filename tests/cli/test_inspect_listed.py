"""From a data set to its own pictures: what the reference lists is inspected and accepted without a name lost."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from blemish.cli.main import app
from blemish.picture.write import write_png

TINY = Path(__file__).parents[1] / "fixtures" / "tiny-bundle"


def run(*words: object, code: int = 0):
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == code, done.output
    return done


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """File names repeat in the folders of the classes, as in MVTec AD; names have spaces and an umlaut."""
    src = tmp_path / "Holz fläche"
    for place, kind in enumerate(("good", "Flecken öl")):
        for number in range(6):
            picture = np.random.default_rng(10 * place + number).integers(110, 141, (200, 200), dtype=np.uint8)
            mask = np.zeros_like(picture)
            if place:
                picture[40:48, 20:80], mask[40:48, 20:80] = 0, 255
                write_png(src / "ground_truth" / kind / f"{number:03d}_mask.png", mask)
            write_png(src / "test" / kind / f"{number:03d}.png", picture)
    return src


def test_the_pictures_of_a_split_are_inspected_and_accepted_by_their_names(pictures: Path, tmp_path: Path) -> None:
    run("data", "import", pictures, "--out", tmp_path / "set", "--split", "40/10/50", "--tile", 224)
    out = tmp_path / "reference.csv"
    run("data", "reference", tmp_path / "set", "--split", "test", "--pictures", pictures, "--out", out)
    listed = tmp_path / "reference-files.csv"
    inspected = CliRunner().invoke(
        app, ["inspect", str(TINY), "--serials", str(listed), "--out", str(tmp_path / "results"), "--json"]
    )
    assert inspected.exit_code in (0, 1, 3), inspected.output
    assert len(json.loads(inspected.stdout)["parts"]) == len(listed.read_text().splitlines()) - 1 > 1
    accepted = CliRunner().invoke(
        app, ["accept", str(tmp_path / "results"), str(out), "--out", str(tmp_path / "report"), "--json"]
    )
    parts = json.loads((tmp_path / "report" / "acceptance.json").read_text())["parts"]
    assert accepted.exit_code in (0, 1, 3), accepted.output
    assert (parts["without_result"], parts["without_reference"]) == ([], [])


def test_pictures_that_are_not_there_are_named(pictures: Path, tmp_path: Path) -> None:
    run("data", "import", pictures, "--out", tmp_path / "set", "--tile", 224)
    words = ("data", "reference", tmp_path / "set", "--pictures", tmp_path, "--out", tmp_path / "reference.csv")
    assert "there is no picture" in run(*words, code=2).stderr
    assert not (tmp_path / "reference.csv").exists()


def test_a_picture_unlike_those_that_were_learned_is_noted_and_a_missing_view_is_named(tmp_path: Path) -> None:
    small = np.random.default_rng(0).integers(0, 255, (20, 20, 3), dtype=np.uint8)
    write_png(tmp_path / "a.png", small)
    (tmp_path / "serials.csv").write_text("file,serial,view\na.png,p,top\nlost.png,p,bottom\n")
    done = CliRunner().invoke(app, ["inspect", str(TINY), "--serials", str(tmp_path / "serials.csv"), "--json"])
    (part,) = json.loads(done.stdout)["parts"]
    told = " | ".join(part["reasons"])
    assert "in colour, the inspector learned from gray pictures" in told
    assert "view 'bottom' is missing: there is no" in told
    assert part["verdict"] != "OK"
