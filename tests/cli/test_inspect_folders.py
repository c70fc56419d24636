"""What lies in the folders that are given, and what could pass for not there."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from blemish.cli.main import app
from blemish.core.errors import InputError
from blemish.inspect.sources import find_files
from blemish.inspect.stored import read_stored
from blemish.picture.write import write_png

TINY = Path(__file__).parents[1] / "fixtures" / "tiny-bundle"


def ground():
    return np.random.default_rng(6).integers(110, 141, (150, 200), dtype=np.uint8)


def spotted():
    picture = ground()
    picture[60:66, 30:90] = 0
    return picture


def inspected(*words):
    return CliRunner().invoke(app, ["inspect", str(TINY), *map(str, words)])


def verdicts(done):
    return {part["serial"]: part["verdict"] for part in json.loads(done.stdout)["parts"]}


def test_a_camera_whose_folder_is_a_link_is_looked_at(tmp_path):
    write_png(tmp_path / "line/top/7.png", ground())
    write_png(tmp_path / "camera/7.png", spotted())
    (tmp_path / "line/bottom").symlink_to(tmp_path / "camera")
    (tmp_path / "camera/round").symlink_to(tmp_path / "line")  # Round in a circle: ends all the same.
    assert verdicts(inspected(tmp_path / "line", "--same-name", "views", "--json")) == {"7": "NG"}


def test_a_link_that_leads_nowhere_is_a_part_and_never_ok(tmp_path):
    write_png(tmp_path / "a.png", ground())
    (tmp_path / "b.png").symlink_to(tmp_path / "gone.png")
    assert verdicts(inspected(tmp_path, "--json")) == {"a": "OK", "b": "REVIEW"}


def test_a_folder_that_may_not_be_looked_into_is_refused(tmp_path, monkeypatch):
    write_png(tmp_path / "a.png", ground())
    (tmp_path / "lost+found").mkdir()
    listed = Path.iterdir

    def shut(path):
        if path.name in ("shut", "lost+found"):
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(Path, "iterdir", shut)
    assert len(find_files([tmp_path])) == 1  # What a disk keeps for itself is no camera.
    (tmp_path / "shut").mkdir()
    with pytest.raises(InputError, match=r"cannot look into .*shut \(Permission denied\)"):
        find_files([tmp_path])


def test_a_camera_that_wrote_nothing_at_all_is_no_camera_less(tmp_path):
    write_png(tmp_path / "line/top/7.png", ground())
    (tmp_path / "line/bottom").mkdir()
    done = inspected(tmp_path / "line", "--same-name", "views")
    assert done.exit_code == 2
    assert "bottom holds no picture" in done.stderr


def test_results_among_the_cameras_are_no_camera(tmp_path):
    write_png(tmp_path / "line/top/7.png", ground())
    write_png(tmp_path / "line/edge/7.png", spotted())
    for name in ("one", "two"):
        done = inspected(tmp_path / "line", "--same-name", "views", "--out", tmp_path / "line" / name)
        assert done.exit_code == 1, done.output


def test_a_scan_of_a_few_rows_is_never_ok(tmp_path):
    write_png(tmp_path / "a.png", ground()[:3])
    assert verdicts(inspected(tmp_path, "--json")) == {"a": "REVIEW"}


def test_results_behind_a_link_are_read_too(tmp_path):
    write_png(tmp_path / "a.png", ground())
    for out in (tmp_path / "results/monday", tmp_path / "disk/tuesday"):
        assert inspected(tmp_path / "a.png", "--out", out).exit_code == 0
    (tmp_path / "results/tuesday").symlink_to(tmp_path / "disk/tuesday")
    assert [stored.folder.name for stored in read_stored(tmp_path / "results")] == ["monday", "tuesday"]
