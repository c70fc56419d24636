"""A folder of simulated scans: complete, readable, all or nothing."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from blemish.core.errors import InputError
from blemish.core.taxonomy import Taxonomy
from blemish.picture.read import read_index, read_picture
from blemish.simulate import folder as folder_module
from blemish.simulate.folder import write_scans
from blemish.simulate.line import LineSettings, simulate_cell

TINY = LineSettings.small(200, 160)


def test_the_folder_holds_what_was_simulated(tmp_path):
    counts = write_scans(tmp_path / "line", 3, 4, TINY)
    scan = simulate_cell(4, 2, settings=TINY)
    assert np.array_equal(read_picture(tmp_path / "line/scans" / f"{scan.serial}.png"), scan.picture)
    assert np.array_equal(read_index(tmp_path / "line/labels" / f"{scan.serial}.png"), scan.label_map.defect)
    assert np.array_equal(read_index(tmp_path / "line/backgrounds" / f"{scan.serial}.png"), scan.label_map.background)
    assert Taxonomy.from_toml(tmp_path / "line/taxonomy.toml") == Taxonomy.preset("pouch-cell")
    story = json.loads((tmp_path / "line/simulation.json").read_text())
    assert [len(cell["defects"]) for cell in story["cells"]] == [
        len(simulate_cell(4, index, settings=TINY).defects) for index in range(3)
    ]
    assert sum(counts.defects.values()) == sum(len(cell["defects"]) for cell in story["cells"])


def test_two_runs_write_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_scans(tmp_path / name, 2, 9, TINY)
    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*") if p.is_file())
    assert len(files) == 8
    assert all((tmp_path / "a" / f).read_bytes() == (tmp_path / "b" / f).read_bytes() for f in files)


def test_a_run_that_breaks_off_leaves_nothing(tmp_path, monkeypatch):
    def stop_at_two(seed, index, *, settings):
        if index == 2:
            raise KeyboardInterrupt
        return simulate_cell(seed, index, settings=settings)

    monkeypatch.setattr(folder_module, "simulate_cell", stop_at_two)
    with pytest.raises(KeyboardInterrupt):
        write_scans(tmp_path / "line", 5, 1, TINY)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_and_no_cells_are_refused(tmp_path):
    with pytest.raises(InputError, match="there already"):
        write_scans(tmp_path, 1, 1, TINY)
    with pytest.raises(InputError, match="at least 1 cell"):
        write_scans(tmp_path / "line", 0, 1, TINY)


@pytest.fixture
def command():
    """`blemish data simulate` alone."""
    import typer

    from blemish.cli.data_simulate import simulate

    app = typer.Typer()
    app.command()(simulate)
    return lambda *arguments: CliRunner().invoke(app, [str(a) for a in arguments])


def test_the_command_writes_and_counts(command, tmp_path):
    result = command("--cells", 2, "--seed", 3, "--size", "200x160", "--out", tmp_path / "line", "--json")
    values = json.loads(result.stdout)
    assert (result.exit_code, values["cells"], values["seed"]) == (0, 2, 3)
    assert len(list((tmp_path / "line/scans").iterdir())) == 2


def test_a_dry_run_writes_nothing(command, tmp_path):
    result = command("--cells", 2, "--size", "200x160", "--out", tmp_path / "line", "--dry-run", "--json")
    assert json.loads(result.stdout)["cells"] == 2
    assert not (tmp_path / "line").exists()


def test_a_malformed_size_ends_in_one_line_and_exit_code_2(command, tmp_path):
    result = command("--size", "200", "--out", tmp_path / "line")
    assert result.exit_code == 2
    assert "--size must look like 5400x2000" in result.stderr
