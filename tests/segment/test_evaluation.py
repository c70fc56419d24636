"""Evaluation by hand: a segmenter whose answers are known."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from blemish.core.errors import DatasetError
from blemish.core.labels import LabelMap
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Dataset, DatasetInfo, DatasetWriter, Sample
from blemish.picture.read import read_picture
from blemish.segment.evaluation import evaluate
from blemish.segment.evaluation_report import Onlooker, to_text, write_report

THREE = Taxonomy.of_names("three", ["dent", "scratch", "stain"])


class Reads:
    """Says what the picture's gray level is: pixel 0, 10, 20, 30 for class 0 to 3."""

    taxonomy = THREE
    channels = 1

    def probabilities(self, pictures):
        classes = pictures[..., 0] // 10
        return np.moveaxis(np.eye(4, dtype=np.float32)[classes], -1, 1)


def tile(name: str, truth: list[list[int]], answer: list[list[int]]) -> Sample:
    defect = np.array(truth, np.uint8)
    record = TileRecord(name, name, "", name, Box(0, 0, 4, 2), name[0], Split.TEST, Origin.REAL, (), ())
    return Sample(np.array(answer, np.uint8) * 10, LabelMap(defect, np.zeros_like(defect)), record)


@pytest.fixture
def known(tmp_path) -> Dataset:
    with DatasetWriter(tmp_path / "known", DatasetInfo(THREE, 4, 1)) as writer:
        writer.add(tile("a1", [[1, 1, 0, 0], [0, 0, 0, 0]], [[1, 0, 0, 0], [0, 0, 0, 0]]))  # dent 1/2
        writer.add(tile("a2", [[1, 1, 0, 0], [0, 0, 0, 255]], [[2, 2, 0, 0], [0, 0, 0, 3]]))  # dent taken for scratch
        writer.add(tile("b1", [[0, 0, 0, 0], [2, 2, 0, 0]], [[0, 0, 0, 0], [2, 2, 2, 2]]))  # scratch 2/4
        writer.add(tile("c1", [[0, 0, 0, 0], [0, 0, 0, 0]], [[0, 0, 0, 0], [0, 0, 0, 0]]))  # clean
        writer.add(tile("c2", [[1, 1, 2, 2], [0, 0, 0, 0]], [[1, 1, 2, 2], [0, 0, 0, 0]]))  # two classes, right
    return Dataset(tmp_path / "known")


def test_iou_counts_over_the_whole_set(known):
    found = evaluate(Reads(), known, known.records)
    # dent: hit 1 + 2, union 2 + 2 + 2; scratch: hit 2 + 2, union 2 + 4 + 2.
    assert found.iou["dent"] == pytest.approx(3 / 6)
    assert found.iou["scratch"] == pytest.approx(4 / 8)
    assert found.mean_iou == pytest.approx(0.5)


def test_an_absent_class_is_nan_left_out_and_said(known):
    found = evaluate(Reads(), known, known.records)
    assert math.isnan(found.iou["stain"])
    assert found.absent == ("stain",)
    assert found.to_dict()["iou"]["stain"] is None
    assert "stain: in no tile, left out" in to_text(found)


def test_accuracy_leaves_out_tiles_of_several_classes(known):
    accuracy = evaluate(Reads(), known, known.records).accuracy
    assert (accuracy.right, accuracy.judged, accuracy.several) == (3, 4, 1)
    assert accuracy.table[1].tolist() == [0, 1, 1, 0]  # One dent right, one called scratch.


def test_tiles_and_groups_of_a_class_are_counted(known):
    found = evaluate(Reads(), known, known.records)
    assert found.class_tiles == (3, 2, 0)
    assert found.class_groups == (2, 2, 0)
    assert (found.tiles, found.groups) == (5, 3)


def test_worst_tiles_come_first_and_only_as_many_as_asked(known):
    worst = evaluate(Reads(), known, known.records, worst=3).worst
    assert [judged.record.id for judged in worst] == ["a2", "b1", "a1"]  # IoU 0; 1/2 with 2 wrong; 1/2 with 1 wrong.
    assert [judged.wrong_px for judged in worst] == [2, 2, 1]


def test_the_batch_size_changes_nothing(known):
    assert (
        evaluate(Reads(), known, known.records, batch=2).to_dict()
        == evaluate(Reads(), known, known.records, batch=5).to_dict()
    )


def test_a_segmenter_of_other_classes_is_refused(known):
    class Other(Reads):
        taxonomy = Taxonomy.of_names("other", ["scratch", "dent", "stain"])

    with pytest.raises(DatasetError, match="knows scratch, dent, stain, the data set has dent, scratch, stain"):
        evaluate(Other(), known, known.records)


def test_an_empty_split_is_refused(known):
    with pytest.raises(DatasetError, match="no tiles to judge by"):
        evaluate(Reads(), known, known.select(Split.VAL))


def test_the_report_holds_figures_and_worst_tiles(known, tmp_path):
    onlooker = Onlooker(known, known.records)
    found = evaluate(Reads(), known, known.records, worst=2, see=onlooker.see)
    facts = {"segmenter": "reads", "split": "test"}
    write_report(tmp_path / "report", found, known, facts, onlooker, tmp_path / "reads")
    figures = json.loads((tmp_path / "report" / "evaluation.json").read_text())
    assert figures["mean_iou"] == 0.5
    assert figures["worst"][0] == {"id": "a2", "iou": 0.0, "wrong_px": 2}
    shown = figures["findings"]
    assert shown["regions"]["recall"]["total"] == shown["regions"]["recall"]["count"] + 1 == 5
    assert shown["parts"]["escape"]["count"] == 0
    assert "reads on known, test split" in (tmp_path / "report" / "index.html").read_text()
    pictures = sorted((tmp_path / "report" / "worst").iterdir())
    assert [p.name for p in pictures] == ["01-a2.png", "02-b1.png"]
    assert read_picture(pictures[0]).shape == (2, 3 * 4 + 2 * 4, 3)  # Picture, truth, prediction, two gaps.
