import json
import math

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from blemish.cli.segment_out_of_fold import out_of_fold as command
from blemish.core.records import Split
from blemish.data.folds import fold_view
from blemish.metrics.pixel import Confusion
from blemish.metrics.tile_iou import GateThresholds
from blemish.segment.out_of_fold import Pooled, judge_fold, out_of_fold, thresholds_of
from blemish.segment.settings import TrainSettings

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
