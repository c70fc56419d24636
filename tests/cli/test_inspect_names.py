"""`blemish inspect --same-name`, with the tiny bundle."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from blemish.cli.main import app
from blemish.picture.write import write_png

TINY = Path(__file__).parents[1] / "fixtures" / "tiny-bundle"


@pytest.fixture
def cameras(tmp_path):
    """Two folders: part 1 is good in both, part 2 bad in one of them, part 3 in one folder only."""
    surface = np.random.default_rng(7).integers(110, 141, (90, 90), dtype=np.uint8)
    bad = surface.copy()
    bad[20:26, 20:80] = 0
    for name, picture in {
        "top/1": surface,
        "top/2": surface,
        "top/3": surface,
        "edge/1": surface,
        "edge/2": bad,
    }.items():
        write_png(tmp_path / "cameras" / f"{name}.png", picture)
    return tmp_path / "cameras"


def verdicts(cameras, *options, code):
    ended = CliRunner().invoke(app, ["inspect", str(TINY), str(cameras), "--json", *options])
    assert ended.exit_code == code, ended.output
    return {part["serial"]: part["verdict"] for part in json.loads(ended.stdout)["parts"]}


def test_equal_names_are_refused_with_the_way_out(cameras):
    ended = CliRunner().invoke(app, ["inspect", str(TINY), str(cameras)])
    assert ended.exit_code == 2
    assert "--same-name" in ended.output


def test_as_parts_and_as_views(cameras):
    parts = {"edge-1": "OK", "edge-2": "NG", "top-1": "OK", "top-2": "OK", "top-3": "OK"}
    assert verdicts(cameras, "--same-name", "parts", code=1) == parts
    assert verdicts(cameras, "--same-name", "views", code=1) == {"1": "OK", "2": "NG", "3": "REVIEW"}


def test_it_does_not_go_with_serials(cameras, tmp_path):
    table = tmp_path / "serials.csv"
    table.write_text("file,serial\ncameras/top/1.png,one\n")
    ended = CliRunner().invoke(
        app, ["inspect", str(TINY), str(cameras), "--serials", str(table), "--same-name", "parts"]
    )
    assert ended.exit_code == 2
    assert "give one of them" in ended.output
