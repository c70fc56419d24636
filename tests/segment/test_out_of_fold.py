import json
import math
from dataclasses import replace

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from blemish.cli.segment_out_of_fold import out_of_fold as command
from blemish.core.errors import InputError
from blemish.core.records import Split
from blemish.data.dataset import Dataset
from blemish.data.folds import fold_view
from blemish.metrics.pixel import Confusion
from blemish.metrics.tile_iou import GateThresholds
from blemish.segment.like import like_run
from blemish.segment.losses import loss_named
from blemish.segment.model import TorchSegmenter
from blemish.segment.out_of_fold import Pooled, judge_fold, out_of_fold, thresholds_of
from blemish.segment.settings import TrainSettings
from blemish.segment.training import train

app = typer.Typer()
app.command()(command)
TINY = TrainSettings(network="hardnet-small", steps=2, batch=2, crop_px=32, val_steps=2)


class Bright:
    """Calls bright pixels class 1 and nothing else: squares are found, discs are not."""

    channels = 1

    def __init__(self, taxonomy):
        self.taxonomy = taxonomy

    def probabilities(self, pictures):
        bright = pictures[..., 0] > 150
        planes = [~bright, bright, np.zeros_like(bright)]
        return np.stack(planes, axis=1).astype(np.float32)


def pooled_over_folds(dataset):
    pooled = Pooled(Confusion(2))
    for fold in range(3):
        judge_fold(Bright(dataset.taxonomy), fold_view(dataset, n=3, fold=fold), fold, pooled)
    return pooled


def test_every_tile_outside_test_is_judged_once(shapes):
    pooled = pooled_over_folds(shapes)
    judged = [tile["id"] for tile in pooled.tiles]
    assert sorted(judged) == sorted(r.id for r in shapes.records if r.split != Split.TEST)
    assert all(set(tile["iou"]) <= {"square", "disc"} for tile in pooled.tiles)


def test_a_class_that_is_found_gets_a_limit_and_another_gets_none(shapes):
    pooled = pooled_over_folds(shapes)
    found = thresholds_of(pooled, shapes)
    squares = sorted(pooled.ious("square"))
    assert found.classes["square"].found
    assert found.limit("square") == pytest.approx(np.quantile(squares, 0.25), abs=1e-6)
    assert (found.classes["disc"].iou, found.limit("disc")) == (0.0, None)
    assert found.data_hash == shapes.hash


def test_runs_and_file_are_left_and_a_second_time_trains_nothing(shapes, tmp_path, monkeypatch):
    first = out_of_fold(shapes, tmp_path / "oof", TINY, folds=2, precision="fp32")
    written = json.loads(first.file.read_text())
    assert GateThresholds.from_dict(written) == first.thresholds
    assert [run.name for run in first.runs] == ["fold-0", "fold-1"]
    assert len(written["tiles"]) == sum(r.split != Split.TEST for r in shapes.records)
    before = {run: (run / "figures.jsonl").read_bytes() for run in first.runs}
    again = out_of_fold(shapes, tmp_path / "oof", TINY, folds=2, precision="fp32")
    assert again.thresholds == first.thresholds
    assert {run: (run / "figures.jsonl").read_bytes() for run in first.runs} == before


def test_the_command_says_which_class_cannot_be_found(shapes, tmp_path):
    words = [str(shapes.folder), "--out", str(tmp_path / "oof"), "--folds", "2", "--steps", "1", "--batch", "2"]
    done = CliRunner().invoke(app, [*words, "--crop", "32", "--json"])
    assert done.exit_code == 0, done.stderr
    values = json.loads(done.stdout)
    assert set(values["classes"]) == {"square", "disc"}
    unfound = [name for name, row in values["classes"].items() if not row["found"]]
    assert all(f"{name}: out-of-fold IoU" in done.stderr for name in unfound)
    assert all(not math.isnan(row["iou"]) for row in values["classes"].values())


def run_of(folder, dataset, **changes):
    train(dataset, folder, replace(TINY, **changes), precision="fp32")
    return folder


def test_folds_learn_as_the_inspector_did(shapes, tmp_path):
    lovasz = loss_named("ce+lovasz", (), 0.25)
    run = run_of(tmp_path / "run", shapes, learning_rate=0.004, loss=lovasz, seed=3, uniform_from=0.5)
    like = like_run(run)
    assert like.settings == replace(TINY, learning_rate=0.004, loss=lovasz, seed=3, uniform_from=0.5)
    assert (like.from_scratch, like.differs) == (True, ())


def test_what_a_fold_must_not_have_is_left_out_and_told(shapes, tmp_path):
    run = run_of(tmp_path / "run", shapes, keep="best", patience=2)
    told = json.loads((run / "run.json").read_text())
    told["settings"] |= {"synthetic_share": 0.25, "synthetic_until": 0.6}
    (run / "run.json").write_text(json.dumps(told))
    like = like_run(run)
    assert (like.settings.keep, like.settings.patience) == ("last", None)
    assert (like.settings.synthetic_share, like.settings.synthetic_until) == (0.0, 1.0)
    assert like.differs == (
        "the inspector learned from synthetic tiles too, its folds do not",
        "the inspector is the best of its validations, its folds are their last",
    )


def test_the_command_takes_an_inspector_and_what_is_given_goes_before(shapes, tmp_path):
    run = run_of(tmp_path / "run", shapes, learning_rate=0.004, seed=3)
    words = [str(shapes.folder), "--out", str(tmp_path / "oof"), "--folds", "2", "--like", str(run), "--steps", "1"]
    done = CliRunner().invoke(app, [*words, "--precision", "fp32"])
    assert done.exit_code == 0, done.stderr
    settings = json.loads((tmp_path / "oof" / "out-of-fold.json").read_text())["settings"]
    assert (settings["learning_rate"], settings["seed"], settings["crop_px"]) == (0.004, 3, 32)
    assert (settings["steps"], settings["val_steps"]) == (1, 1)
    began = json.loads((tmp_path / "oof" / "fold-0" / "run.json").read_text())["settings"]["start"]
    assert began is None  # As the inspector, from scratch.


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (None, "is no run of segment train: no run.json in it"),
        ({"steps": 3}, "holds no settings of segment train"),
        ({"steps": "many", "loss": {}}, "holds no settings of segment train"),
    ],
)
def test_what_is_no_inspector_is_refused(shapes, tmp_path, settings, message):
    if settings is not None:
        (tmp_path / "run.json").write_text(json.dumps({"settings": settings}))
    words = [str(shapes.folder), "--out", str(tmp_path / "oof"), "--like", str(tmp_path)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert message in done.stderr
    assert not (tmp_path / "oof").exists()


def test_start_weights_that_saw_the_tiles_are_refused_before_a_run_is_there(shapes, elsewhere_folder, tmp_path):
    saw, chained = tmp_path / "saw", tmp_path / "chained"
    train(shapes, saw, TINY, precision="fp32")
    train(Dataset(elsewhere_folder), chained, TINY, precision="fp32", start=saw)  # Still knows what `saw` saw.
    for start in (saw, chained):
        with pytest.raises(InputError, match="learned from tiles of"):
            out_of_fold(shapes, tmp_path / "oof", TINY, folds=2, precision="fp32", start=start)
    assert not (tmp_path / "oof").exists()


def test_folds_like_an_inspector_say_that_they_begin_elsewhere(shapes, elsewhere_folder, tmp_path):
    other, inspector = tmp_path / "other", tmp_path / "inspector"
    train(Dataset(elsewhere_folder), other, TINY, precision="fp32")
    train(shapes, inspector, TINY, precision="fp32", start=other)
    words = [str(shapes.folder), "--out", str(tmp_path / "oof"), "--folds", "2", "--like", str(inspector)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.stderr
    assert "began with other weights" in done.stderr
    assert TorchSegmenter.load(tmp_path / "oof" / "fold-0").card["settings"]["precision"] == "fp32"
