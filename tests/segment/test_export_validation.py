"""Export runs the validation tiles through both networks, and refuses where a class's IoU falls."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from typer import Typer
from typer.testing import CliRunner

from blemish.bundle.bundle import Bundle
from blemish.cli.segment_export import export
from blemish.core.errors import DatasetError, ParityError
from blemish.core.records import Split
from blemish.data.dataset import Dataset, DatasetInfo, DatasetWriter
from blemish.segment.export_parity import (
    Judged,
    Tiles,
    drops_of,
    measured_parity,
    refuse_unlike,
    refuse_worse,
    validated,
)
from blemish.segment.model import save_segmenter
from blemish.segment.networks import build

APP = Typer()
APP.command()(export)


class Oracle:
    """Knows the labels, but misses the last `missed` rows of class 1."""

    channels = 1

    def __init__(self, shapes, missed=0):
        self.taxonomy, self.missed = shapes.taxonomy, missed
        self.labels = {}
        for record in shapes.records:
            label = shapes.label_map(record).defect.copy()
            rows = np.flatnonzero((label == 1).any(axis=1))
            if missed and rows.size:
                label[rows[-missed:]] = 0
            self.labels[shapes.picture(record).tobytes()] = label

    def probabilities(self, pictures):
        return np.stack([np.eye(3, dtype=np.float32)[self.labels[p.tobytes()]].transpose(2, 0, 1) for p in pictures])


def test_a_fall_of_one_class_is_refused_by_name_with_its_figures(shapes):
    judged = Judged.of(shapes)
    assert len(judged.records) == 6
    found = validated(Oracle(shapes), {"openvino": Oracle(shapes), "onnx": Oracle(shapes, missed=1)}, judged)
    assert found.iou_torch == {"square": 1.0, "disc": 1.0}
    assert found.iou["openvino"] == {"square": 1.0, "disc": 1.0}
    assert found.largest_drop == pytest.approx(1 / 19, abs=1e-6)  # A square has 19 rows.
    with pytest.raises(
        ParityError, match=r"IoU of 'square' must not fall by more than 0\.005, it falls by 0\.0526 from"
    ):
        refuse_worse(found)


def test_a_fall_that_is_allowed_is_on_the_card(shapes):
    found = validated(Oracle(shapes), {"onnx": Oracle(shapes, missed=1)}, Judged.of(shapes), allowed_drop=0.1)
    refuse_worse(found)
    assert (found.allowed_drop, round(found.largest_drop, 4)) == (0.1, 0.0526)


def test_a_rise_is_no_fall(shapes):
    found = validated(Oracle(shapes, missed=1), {"onnx": Oracle(shapes)}, Judged.of(shapes))
    refuse_worse(found)
    assert found.largest_drop == 0  # The disc's; the square's is below.


def test_a_class_that_no_validation_tile_shows_is_named(shapes):
    clean = [record for record in Judged.of(shapes).records if 2 not in record.classes]
    found = validated(Oracle(shapes), {"onnx": Oracle(shapes)}, Judged(shapes, clean))
    assert (found.absent, found.iou["onnx"]["disc"]) == (["disc"], None)
    assert drops_of({"a": float("nan")}, {"a": float("nan")}) == {}


def test_a_set_without_validation_tiles_is_refused(shapes):
    train = [record for record in shapes.records if record.split == Split.NONE]
    with pytest.raises(DatasetError, match="no tiles to judge by"):
        validated(Oracle(shapes), {"onnx": Oracle(shapes)}, Judged(shapes, train))


def test_a_set_without_val_tiles_gets_advice_that_export_can_follow(run, synthetic_folder, tmp_path):
    ended = exported(run, Dataset(synthetic_folder), tmp_path / "b")
    assert ended.exit_code == 2
    assert "has no val tiles to judge the bundle by: draw a split with data split, or leave --dataset" in ended.stderr


def test_a_gray_run_is_judged_on_rgb_tiles(run, shapes, tmp_path):
    with DatasetWriter(tmp_path / "rgb", DatasetInfo(shapes.taxonomy, 64, 3)) as writer:
        for record in shapes.select(Split.VAL):
            sample = shapes.sample(record)
            writer.add(replace(sample, picture=np.repeat(sample.picture[:, :, None], 3, axis=2)))
    ended = exported(run, Dataset(tmp_path / "rgb"), tmp_path / "b", "--json")
    assert ended.exit_code == 0, ended.stderr
    assert json.loads(ended.stdout)["validation"]["tiles"] == 6


@pytest.fixture(scope="module")
def run(shapes, tmp_path_factory):
    torch.manual_seed(3)
    network = build("hardnet-small", 1, 3)
    torch.nn.init.normal_(network.head.weight, std=1.0)
    card = {"architecture": "hardnet-small", "taxonomy": shapes.taxonomy.to_dict(), "tile_px": 64}
    folder = tmp_path_factory.mktemp("run") / "run"
    save_segmenter(folder, network, card)
    return folder


def exported(run, shapes, out, *more):
    return CliRunner().invoke(APP, [str(run), "--out", str(out), "--dataset", str(shapes.folder), *more])


def test_the_command_judges_int8_on_the_sets_own_tiles(run, shapes, tmp_path):
    ended = exported(run, shapes, tmp_path / "b", "--precision", "int8", "--allow-drop", "0.5", "--json")
    assert ended.exit_code == 0, ended.stderr
    values, card = json.loads(ended.stdout), Bundle.open(tmp_path / "b").card
    assert values["validation"] == card.validation.model_dump()
    assert (card.validation.tiles, card.validation.data_hash) == (6, shapes.hash)
    assert card.calibration == f"12 of 12 real training tiles of data set {shapes.hash[:12]}"
    assert card.validation.largest_drop <= card.validation.allowed_drop == 0.5


def test_a_bundle_that_judges_worse_is_not_written(run, shapes, tmp_path, monkeypatch):
    from blemish.segment import export as room

    def worse(eager, exported, judged, *, allowed_drop):
        return validated(Oracle(shapes), {"openvino": Oracle(shapes, 1)}, judged, allowed_drop=allowed_drop)

    monkeypatch.setattr(room, "validated", worse)
    ended = exported(run, shapes, tmp_path / "b")
    assert (ended.exit_code, list(tmp_path.iterdir())) == (2, [])
    assert "IoU of 'square' must not fall by more than 0.005" in ended.stderr
    assert "nothing was written" in ended.stderr
    ended = exported(run, shapes, tmp_path / "b", "--allow-drop", "0.06")
    assert ended.exit_code == 0, ended.stderr
    assert Bundle.open(tmp_path / "b").card.validation.allowed_drop == 0.06
    assert "largest drop 0.0526, allowed 0.06" in ended.stdout


class Off:
    """PyTorch's answer, every probability off by so much, and the first rows called the other class."""

    precision = "int8"

    def __init__(self, by=0.0, swapped_rows=0):
        self.by, self.swapped_rows = by, swapped_rows

    def probabilities(self, pictures):
        count, height, width, _ = pictures.shape
        planes = np.stack([np.full((count, height, width), p, np.float32) for p in (0.8 - self.by, 0.2 + self.by)], 1)
        planes[:, :, : self.swapped_rows] = planes[:, ::-1, : self.swapped_rows].copy()
        return planes


@pytest.mark.parametrize("wrong", [Off(by=0.035), Off(swapped_rows=2)])
def test_one_backend_that_is_off_is_refused_whatever_stands_beside_it(wrong):
    compared = [Tiles(np.zeros((3, 100, 100, 1), np.uint8), "tiles")]
    for exported in ({"onnx": wrong}, {"openvino": Off(), "onnx": wrong}):
        with pytest.raises(ParityError):
            refuse_unlike(measured_parity(Off(), exported, compared, 0.02), "int8")
