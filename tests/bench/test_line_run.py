"""Many parts of the simulated line through a bundle: what is kept of each, and that stopping changes nothing."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from blemish.bench import line_run
from blemish.bench.line_run import Line, run_line
from blemish.bundle.card import read_card
from blemish.core.errors import InputError
from blemish.data.labels_as_reference import labelled_parts
from blemish.inspect.decisions import read_run
from blemish.inspect.recipe_new import new_recipe
from blemish.inspect.reference import read_reference
from blemish.metrics.acceptance_outcome import Targets, accept
from blemish.simulate.folder import write_scans
from blemish.simulate.line import LineSettings

TINY = Path(__file__).parents[1] / "fixtures" / "tiny-bundle"
SETTINGS = LineSettings.small(320, 256)
PARTS = 5


@pytest.fixture(scope="module")
def line():
    return Line(bundle=TINY, seed=4, settings=SETTINGS, threads=1)


@pytest.fixture(scope="module")
def whole(line, tmp_path_factory):
    folder = tmp_path_factory.mktemp("line") / "whole"
    run_line(line, PARTS, folder)
    return folder


def timeless(folder):
    """Results without what hangs on the clock or on where scratch files lay."""
    parts = [json.loads(text) for text in (folder / "results" / "results.jsonl").read_text().splitlines()]
    for part in parts:
        del part["seconds"], part["files"], part["inspected_at"]
        part["views"] = [{**view, "file": Path(view["file"]).name} for view in part["views"]]
    return parts


def test_the_reference_is_what_the_labels_of_the_same_scans_say(whole, tmp_path):
    write_scans(tmp_path / "scans", PARTS, 4, SETTINGS)
    labelled = labelled_parts(tmp_path / "scans").parts
    known = [(p.serial, p.is_ok, p.classes) for p in labelled if p.is_ok is not None]
    assert [(p.serial, p.is_ok, p.classes) for p in read_reference(whole / "reference.csv").parts] == known


def test_every_part_has_a_verdict_and_accept_reads_it(whole):
    run = read_run(whole / "results")
    assert sorted(run.decisions) == [f"PC4-{index:05d}" for index in range(PARTS)]
    found = accept(read_reference(whole / "reference.csv"), [run], Targets(0.02, 0.03, 0.95))
    assert not found.matching.without_result
    assert not list(whole.rglob("*.png"))


def test_a_stopped_run_goes_on_with_the_next_part(line, whole, tmp_path, monkeypatch):
    inspected = []
    inspect = line_run.inspect_part

    def stopping_at_the_third(part, inspection):
        inspected.append(part.serial)
        if len(inspected) == 3:
            raise KeyboardInterrupt
        return inspect(part, inspection)

    monkeypatch.setattr(line_run, "inspect_part", stopping_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        run_line(line, PARTS, tmp_path / "line")
    with (tmp_path / "line" / "truth.jsonl").open("a") as file:
        file.write('{"serial": "PC4')  # The power went while a line was written.
    with pytest.raises(InputError, match="not among these"):
        run_line(replace(line, seed=5), PARTS, tmp_path / "line")
    assert run_line(line, PARTS, tmp_path / "line") == tmp_path / "line" / "reference.csv"
    assert inspected == [f"PC4-{index:05d}" for index in (0, 1, 2, 2, 3, 4)]
    assert timeless(tmp_path / "line") == timeless(whole)
    assert len((tmp_path / "line" / "truth.jsonl").read_text().splitlines()) == PARTS
    assert (tmp_path / "line" / "reference.csv").read_bytes() == (whole / "reference.csv").read_bytes()


def test_several_processes_change_nothing(line, whole, tmp_path):
    run_line(line, PARTS, tmp_path / "line", processes=2)
    assert timeless(tmp_path / "line") == timeless(whole)


def test_a_finished_run_is_widened_by_more_parts(line, whole, tmp_path):
    run_line(line, PARTS - 2, tmp_path / "line")
    (tmp_path / "recipe.toml").write_text(new_recipe(read_card(TINY)))
    with pytest.raises(InputError, match="begun with another"):
        run_line(replace(line, recipe=tmp_path / "recipe.toml"), PARTS, tmp_path / "line")
    with pytest.raises(InputError, match="of another run already"):
        run_line(replace(line, seed=5), PARTS, tmp_path / "line")
    assert (tmp_path / "line" / "results" / "results.jsonl").is_file()
    assert run_line(line, PARTS, tmp_path / "line").read_bytes() == (whole / "reference.csv").read_bytes()
    assert timeless(tmp_path / "line") == timeless(whole)
    assert sorted(p.name for p in (tmp_path / "line" / "results").iterdir()) == [
        "inspection.json", "results.csv", "results.jsonl",
    ]  # fmt: skip


def test_a_line_simulated_otherwise_is_refused(line, whole, tmp_path):
    run_line(line, PARTS - 2, tmp_path / "line")
    harder = replace(line, settings=replace(SETTINGS, contrast=0.5))
    with pytest.raises(InputError, match=r"simulated otherwise \(contrast 1.0, now 0.5\): choose another folder"):
        run_line(harder, PARTS, tmp_path / "line")
    (tmp_path / "line" / "line.json").unlink()  # As a run of an earlier version left it.
    assert run_line(line, PARTS, tmp_path / "line").read_bytes() == (whole / "reference.csv").read_bytes()
    assert (tmp_path / "line" / "line.json").read_bytes() == (whole / "line.json").read_bytes()


def test_a_finished_run_is_not_written_over(line, whole):
    with pytest.raises(InputError, match="choose another --out"):
        run_line(line, PARTS, whole)
