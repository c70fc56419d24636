"""`gan generate` with a trained network as judge, from the command line."""

import json

import pytest
import typer
from typer.testing import CliRunner

from blemish.cli.gan_generate import generate
from blemish.metrics.tile_iou import ClassFound, GateThresholds
from blemish.segment.model import save_segmenter
from blemish.segment.networks import build

app = typer.Typer()
app.command()(generate)


def command(run, dataset, out, *more):
    return [str(run), "--dataset", str(dataset.folder), "--out", str(out), *more]


@pytest.fixture(scope="module")
def inspector(tmp_path_factory, small_set):
    """A run of segment train that has learned nothing."""
    folder = tmp_path_factory.mktemp("inspector")
    card = {"architecture": "hardnet-small", "taxonomy": small_set.taxonomy.to_dict()}
    save_segmenter(folder, build("hardnet-small", 1, 4), card)
    return folder


def thresholds_file(path, dataset, iou):
    found = ClassFound.of(iou, [iou, iou])
    values = GateThresholds({"groove": found, "dot": found}, dataset.hash).to_dict()
    path.write_text(json.dumps(values))
    return path


def test_a_network_that_finds_nothing_admits_nothing(run, inspector, small_set, tmp_path):
    limits = thresholds_file(tmp_path / "limits.json", small_set, 0.9)
    more = ["--tiles", "2", "--class", "dot", "--segmenter", str(inspector), "--thresholds", str(limits)]
    done = CliRunner().invoke(app, command(run, small_set, tmp_path / "set", *more, "--attempts", "2"))
    assert done.exit_code == 2
    assert "none of 2 tiles was admitted: 4 drawn = 0 admitted + 4 rejected (found 4)" in done.stderr


def test_a_class_that_no_network_finds_is_said_to_be_off(run, inspector, small_set, tmp_path):
    limits = thresholds_file(tmp_path / "limits.json", small_set, 0.2)
    more = ["--tiles", "2", "--class", "dot", "--segmenter", str(inspector), "--thresholds", str(limits)]
    done = CliRunner().invoke(app, command(run, small_set, tmp_path / "set", *more))
    assert done.exit_code == 0, done.stderr
    assert "gate: found: dot is off: out-of-fold IoU 0.200 is under 0.3: nothing is asked of its tiles" in done.stderr
    assert "2 drawn = 2 admitted + 0 rejected + 0 not drawn" in done.stdout


def test_a_network_without_thresholds_is_refused(run, inspector, small_set, tmp_path):
    more = ["--tiles", "2", "--class", "dot", "--segmenter", str(inspector)]
    done = CliRunner().invoke(app, command(run, small_set, tmp_path / "set", *more))
    assert done.exit_code == 2
    assert "give --segmenter RUN and --thresholds FILE" in done.stderr


def test_a_class_whose_tiles_it_never_finds_is_left_out_with_the_reason(run, inspector, small_set, tmp_path):
    limits = tmp_path / "limits.json"
    found = {"groove": ClassFound.of(0.2, [0.1, 0.2, 0.25]), "dot": ClassFound.of(0.5, [0.0] * 11 + [0.9] * 29)}
    limits.write_text(json.dumps(GateThresholds(found, small_set.hash).to_dict()))
    judged = ["--segmenter", str(inspector), "--thresholds", str(limits), "--tiles", "24", "--class", "dot"]
    done = CliRunner().invoke(app, command(run, small_set, tmp_path / "set", *judged))
    assert done.exit_code == 2
    assert "a network finds 0 of 24 drawn tiles, and 29 of 40 real ones; train the GAN longer" in done.stderr
    assert not (tmp_path / "set").exists()
    done = CliRunner().invoke(app, command(run, small_set, tmp_path / "set", *judged, "--weak", "--json"))
    assert json.loads(done.stdout)["per_class"] == {"dot": 24}
    done = CliRunner().invoke(app, command(run, small_set, tmp_path / "few", *judged[:-3], "3", *judged[-2:]))
    assert "gate: no trial of dot: a network finds 29 of 40 real tiles: too few to tell 3 drawn ones" in done.stderr


def test_a_finished_set_is_told_as_done_and_other_settings_are_refused(run, small_set, tmp_path):
    words = command(run, small_set, tmp_path / "set", "--tiles", "2", "--class", "dot", "--no-gate", "--json")
    first = CliRunner().invoke(app, words)
    assert first.exit_code == 0, first.stderr
    again = CliRunner().invoke(app, [*words, "--resume"])
    assert again.exit_code == 0, again.stderr
    assert json.loads(again.stdout)["hash"] == json.loads(first.stdout)["hash"]
    assert json.loads(again.stdout)["kept"] == 2
    assert CliRunner().invoke(app, words).exit_code == 2
    assert CliRunner().invoke(app, [*words, "--resume", "--seed", "1"]).exit_code == 2
