import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from blemish.cli.main import app
from blemish.data.dataset import Dataset, DatasetWriter
from blemish.gan.outcomes import outcomes_of, weak_words
from blemish.picture.write import write_png


@pytest.fixture(scope="module")
def trained(small_set, tmp_path_factory):
    out = tmp_path_factory.mktemp("weak") / "run"
    flags = ["--steps", "2", "--batch", "2", "--size", "32", "--width", "2"]
    return CliRunner().invoke(app, ["gan", "train", str(small_set.folder), "--out", str(out), *flags, "--json"]), out


def with_states(run, **states):
    """Another card: how classes came out is given by hand."""
    path = run / "generator" / "card.json"
    card = json.loads(path.read_text())
    rows = [{**row, "state": states[row["name"]], "explained_frac": 0.06} for row in card["classes"]]
    path.write_text(json.dumps({**card, "classes": rows}))


def generate(run, dataset, out, *more):
    words = ["gan", "generate", str(run), "--dataset", str(dataset.folder), "--out", str(out), "--no-gate"]
    return CliRunner().invoke(app, [*words, "--background", "real", "--json", *more])


def test_training_says_which_classes_came_out_weak(trained):
    done, _ = trained
    assert done.exit_code == 0, done.output
    classes = {row["name"]: row for row in json.loads(done.stdout)["classes"]}
    assert set(classes) == {"groove", "dot"}
    said = [line for line in done.stderr.splitlines() if "came out weak" in line]
    assert said == list(weak_words(classes).values())
    assert said


def test_a_weak_class_is_left_out_and_counted(trained, small_set, tmp_path):
    _, run = trained
    with_states(run, groove="learned", dot="weak")
    done = generate(run, small_set, tmp_path / "set", "--per-class", "8")
    assert done.exit_code == 0, done.output
    made = json.loads(done.stdout)
    sentence = "dot came out weak (0.06 of a real defect is painted again): leave it to copy-paste, or train longer"
    assert made["failed"][sentence] == 5
    assert made["planned"] == made["written"] + sum(made["failed"].values()) == 7
    assert set(made["per_class"]) == {"groove"}
    assert f"5 tiles not made: {sentence}" in done.stderr


def test_a_weak_class_is_drawn_when_asked_for(trained, small_set, tmp_path):
    _, run = trained
    with_states(run, groove="learned", dot="weak")
    wanted = ["--tiles", "2", "--class", "dot"]
    refused = generate(run, small_set, tmp_path / "none", *wanted)
    assert refused.exit_code == 2
    assert "nothing to generate: dot came out weak" in refused.stderr
    done = generate(run, small_set, tmp_path / "set", *wanted, "--weak")
    assert json.loads(done.stdout)["per_class"] == {"dot": 2}


def test_a_generator_without_a_monitor_has_no_weak_class():
    assert weak_words(outcomes_of({"kind": "gan-generator"})) == {}


def test_draws_that_hardly_differ_are_the_reason_where_they_are():
    row = {"state": "weak", "explained_frac": 0.5, "diversity_frac": 0.01}
    assert "dot came out weak (draws of one label differ by 0.01 of what" in weak_words({"dot": row})["dot"]


@pytest.fixture(scope="module")
def set_with_pieces(small_set, tmp_path_factory):
    """The small set, with two pixels of a ghost on a training tile."""
    folder = tmp_path_factory.mktemp("pieces") / "set"
    with DatasetWriter(folder, small_set.info) as writer:
        for sample in small_set.samples():
            if sample.record.id == "groove/0":
                defect = sample.label_map.defect.copy()
                defect[44, 2:4] = 3
                sample = replace(sample, label_map=replace(sample.label_map, defect=defect))
            writer.add(sample)
    return Dataset(folder)


def test_a_class_of_tiny_pieces_only_is_left_out_with_a_note(trained, set_with_pieces, tmp_path):
    _, run = trained
    with_states(run, groove="learned", dot="learned")
    planned = generate(run, set_with_pieces, tmp_path / "set", "--per-class", "7", "--dry-run")
    row = json.loads(planned.stdout)["classes"][2]
    assert (row["real"], row["planned"]) == (1, 0)
    assert row["note"] == "ghost has only real defects of under 4 px in the training split: no shape to draw"
    done = generate(run, set_with_pieces, tmp_path / "set", "--per-class", "7")
    assert done.exit_code == 0, done.output
    assert set(json.loads(done.stdout)["per_class"]) == {"groove", "dot"}
    none = generate(run, set_with_pieces, tmp_path / "none", "--tiles", "2", "--class", "ghost")
    assert (none.exit_code, "nothing to generate: ghost has only real defects of under 4 px" in none.stderr) == (
        2,
        True,
    )


def test_a_class_that_was_never_learned_is_left_out_and_not_painted(trained, small_set, tmp_path):
    _, run = trained
    path = run / "generator" / "card.json"
    card = json.loads(path.read_text())
    kept = [row | {"state": "learned"} for row in card["classes"] if row["name"] != "dot"]
    path.write_text(json.dumps({**card, "classes": kept}))
    try:
        done = generate(run, small_set, tmp_path / "set", "--per-class", "8")
        assert done.exit_code == 0, done.output
        sentence = "dot was never learned: no tile that the generator was trained on showed it"
        assert json.loads(done.stdout)["failed"][sentence] == 5
        defect = np.zeros((48, 48), np.uint8)
        defect[20:24, 20:24] = list(small_set.taxonomy.defect_names).index("dot") + 1
        write_png(tmp_path / "label.png", defect)
        words = ["gan", "generate", str(run), "--label", str(tmp_path / "label.png"), "--out", str(tmp_path / "p.png")]
        refused = CliRunner().invoke(app, words)
        assert refused.exit_code == 2
        assert sentence in " ".join(refused.stderr.split())
        assert not (tmp_path / "p.png").exists()
    finally:
        path.write_text(json.dumps(card))


def test_a_dry_run_plans_no_tile_of_a_weak_class_and_says_where_there_is_no_generator(trained, small_set, tmp_path):
    _, run = trained
    with_states(run, groove="learned", dot="weak")
    done = generate(run, small_set, tmp_path / "set", "--per-class", "8", "--dry-run")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert list(told["left_out"].values()) == [5]
    assert {row["name"]: row["planned"] for row in told["classes"]}["dot"] == 0
    planned = generate(tmp_path / "nothing", small_set, tmp_path / "set", "--per-class", "8", "--dry-run")
    assert planned.exit_code == 0
    assert "there is no generator yet" in planned.stderr
    assert {row["name"]: row["planned"] for row in json.loads(planned.stdout)["classes"]}["dot"] == 5
