"""A stopped run goes on: what it has written is kept, and the end is that of a run that was never stopped."""

import json
import os
import re
from contextlib import suppress
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner

from blemish.cli.inspect import inspect
from blemish.core.errors import InputError
from blemish.inspect.results import ResultFolder
from blemish.inspect.run import Inspection, inspect_files
from blemish.picture.write import write_png

TINY = Path(__file__).parents[1] / "fixtures" / "tiny-bundle"
APP = Typer()
APP.command()(inspect)


def command(*arguments):
    return CliRunner().invoke(APP, [str(TINY), *map(str, arguments)])


def timeless(folder):
    parts = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    return [{name: value for name, value in part.items() if name not in ("seconds", "inspected_at")} for part in parts]


@pytest.fixture
def stopped(bundle, pictures, tmp_path):
    folder = ResultFolder(tmp_path / "stopped", Inspection.of_bundle(bundle).inspected)
    with suppress(KeyboardInterrupt), folder:
        folder.add(next(inspect_files(bundle, [pictures])))
        raise KeyboardInterrupt
    return folder.folder


def test_the_end_is_that_of_a_run_that_was_never_stopped(pictures, stopped, tmp_path):
    kept = (stopped / "results.jsonl.part").read_bytes()
    with (stopped / "results.jsonl.part").open("ab") as file:
        file.write(b'{"serial": "go')  # The power went while a line was written.
    ended = command(pictures, "--out", stopped, "--resume", "--no-overlay")
    assert ended.exit_code in (1, 3), ended.output
    assert "(1 kept from before)" in ended.stdout
    command(pictures, "--out", tmp_path / "whole", "--no-overlay")
    assert (stopped / "results.csv").read_bytes() == (tmp_path / "whole" / "results.csv").read_bytes()
    assert (stopped / "results.jsonl").read_bytes().startswith(kept)
    assert timeless(stopped) == timeless(tmp_path / "whole")
    assert sorted(p.name for p in stopped.iterdir()) == ["inspection.json", "results.csv", "results.jsonl"]


def test_a_picture_that_was_written_anew_since_its_inspection_is_inspected_anew(pictures, stopped, ground):
    write_png(pictures / "bad.png", ground)
    os.utime(pictures / "bad.png", (1, 1))  # As a copy that keeps its time.
    ended = command(pictures, "--out", stopped, "--resume", "--no-overlay", "--json")
    values = json.loads(ended.stdout)
    assert {part["serial"]: part["verdict"] for part in values["parts"]} == {"bad": "OK", "good": "OK"}
    assert values["kept"] == 0


def test_results_that_do_not_say_when_are_made_anew(pictures, stopped):
    lines = stopped / "results.jsonl.part"
    lines.write_text(re.sub(r', "inspected_at": "[^"]*"', "", lines.read_text()))
    assert "kept from before" not in command(pictures, "--out", stopped, "--resume", "--no-overlay").stdout


def test_a_run_that_ended_between_its_two_names_goes_on(pictures, stopped):
    (stopped / "results.jsonl.part").rename(stopped / "results.jsonl")
    ended = command(pictures, "--out", stopped, "--resume", "--no-overlay")
    assert ended.exit_code == 1, ended.output
    assert sorted(p.name for p in stopped.iterdir()) == ["inspection.json", "results.csv", "results.jsonl"]


def test_without_resume_nothing_of_it_is_lost(pictures, stopped):
    before = (stopped / "results.jsonl.part").read_bytes()
    ended = command(pictures, "--out", stopped)
    assert ended.exit_code == 2
    assert "--resume goes on with it" in ended.stderr
    assert (stopped / "results.jsonl.part").read_bytes() == before


def test_another_datum_is_refused(pictures, stopped):
    ended = command(pictures, "--out", stopped, "--resume", "--datum", "part")
    assert ended.exit_code == 2
    assert "was begun with another bundle, recipe, datum, overlap" in ended.stderr


def test_another_overlap_is_refused(pictures, stopped):
    assert command(pictures, "--out", stopped, "--resume", "--overlap", 0).exit_code == 2


def test_a_part_that_is_not_there_any_more_is_refused(pictures, stopped):
    before = (stopped / "results.jsonl.part").read_bytes()
    ended = command(pictures / "good.png", "--out", stopped, "--resume")
    assert ended.exit_code == 2
    assert "which is not among the pictures: give those that the run was begun with" in ended.stderr
    assert (stopped / "results.jsonl.part").read_bytes() == before


def test_it_needs_a_folder(pictures):
    ended = command(pictures, "--resume")
    assert ended.exit_code == 2
    assert "give --out" in ended.stderr


def test_a_run_does_not_go_on_with_pictures_of_other_places(bundle, pictures, tmp_path):
    folder = ResultFolder(tmp_path / "stopped", Inspection.of_bundle(bundle).inspected)
    with suppress(KeyboardInterrupt), folder:
        folder.add(next(inspect_files(bundle, [pictures])))
        raise KeyboardInterrupt
    other = tmp_path / "tuesday"
    other.mkdir()
    for path in pictures.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    ended = command(other, "--out", tmp_path / "stopped", "--resume")
    assert ended.exit_code == 2
    assert "holds part bad of" in ended.stderr
    assert "as they were given then" in ended.stderr


def test_a_run_that_still_runs_is_not_gone_on_with(bundle, pictures, tmp_path):
    inspected = Inspection.of_bundle(bundle).inspected
    with ResultFolder(tmp_path / "out", inspected) as folder:
        folder.add(next(inspect_files(bundle, [pictures])))
        with pytest.raises(InputError, match="is being written by another run"):
            ResultFolder(tmp_path / "out", inspected, resume=True)
    assert (tmp_path / "out" / "results.jsonl").is_file()
