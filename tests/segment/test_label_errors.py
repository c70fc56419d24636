"""Planted label errors must come out on top of a network's ordinary mistakes."""

import csv
import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from blemish.cli.main import app
from blemish.core.errors import InputError
from blemish.core.labels import LabelMap
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Dataset, DatasetInfo, DatasetWriter, Sample
from blemish.segment.label_errors import SuspicionTally
from blemish.segment.label_errors_report import find_label_errors, to_text, write_label_errors

PLANTED = {"train1": "missing", "train4": "swapped", "train6": "unseen"}


class Seer:
    """Sees bright and dark blobs in the picture, whatever the label says; soft at borders, and a little unsure."""

    taxonomy, channels = Taxonomy.of_names("shapes", ["square", "disc"]), 1

    def probabilities(self, pictures):
        return np.stack([self.see(picture[..., 0]) for picture in pictures])

    def see(self, picture):
        smooth = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 2) - 120
        logits = np.stack([np.zeros_like(smooth), (smooth - 22) / 8, (-smooth - 22) / 8])
        each = np.exp(logits)
        return (each / each.sum(axis=0)).astype(np.float32)


def planted(sample: Sample) -> Sample:
    label = LabelMap(sample.label_map.defect.copy(), sample.label_map.background)
    kind = PLANTED.get(sample.record.id)
    if kind == "missing":
        label.defect[:] = 0
    elif kind == "swapped":
        label.defect[label.defect == 1] = 2
    elif kind == "unseen":
        label.defect[20:40, 20:40] = 2
    return replace(sample, label_map=label)


@pytest.fixture(scope="module")
def wrong(shapes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wrong") / "set"
    with DatasetWriter(folder, DatasetInfo(shapes.taxonomy, 64, 1)) as writer:
        for record in shapes.select(Split.TRAIN):
            writer.add(planted(shapes.sample(record)))
    return Dataset(folder)


def test_planted_errors_rank_on_top_with_their_kind(wrong):
    found = find_label_errors(wrong, [Seer(), Seer(), Seer()]).worst()
    assert {one.record.id: one.kind for one in found[:3]} == PLANTED
    assert len(found) == 3  # A labelled defect that is seen is no suspicion.


def test_right_labels_are_barely_suspected(shapes):
    tally = SuspicionTally(shapes.taxonomy)
    for sample in shapes.samples():
        tally.see(sample, Seer().see(sample.picture))
    assert max((one.score for one in tally.worst()), default=0) < 0.3


def test_a_network_that_cries_wolf_convinces_nobody(wrong):
    def top(seer):
        found = find_label_errors(wrong, [seer] * 3).worst()
        return max(one.score for one in found if one.kind == "missing")

    class Wolf(Seer):
        def see(self, picture):
            probabilities = super().see(picture)
            for y in (2, 22, 42):
                for x in (2, 22, 42):
                    probabilities[:, y : y + 12, x : x + 12] = np.array([0.05, 0.95, 0])[:, None, None]
            return probabilities

    assert top(Wolf()) < 0.5 * top(Seer())


def test_loose_borders_and_ignored_pixels_are_no_errors(shapes):
    tally, sample = SuspicionTally(shapes.taxonomy), shapes.sample(1)
    eroded = cv2.erode(sample.label_map.defect, np.ones((5, 5), np.uint8))
    tally.see(replace(sample, label_map=LabelMap(eroded, sample.label_map.background)), Seer().see(sample.picture))
    unknown = np.full_like(eroded, 255)
    tally.see(replace(sample, label_map=LabelMap(unknown, sample.label_map.background)), Seer().see(sample.picture))
    assert [one.kind for one in tally.worst() if one.score > 0.3] == []


def called_square(label, rows, *, padding_px=0):
    """A tile with this label, and a network sure of a square in some rows."""
    size_px = label.defect.shape[0]
    box = Box(0, 0, size_px, size_px)
    record = TileRecord("t", "t", "", "t", box, "t", Split.VAL, Origin.REAL, (), (), padding_px=padding_px)
    probabilities = np.zeros((3, size_px, size_px), np.float32)
    probabilities[0] = 1
    probabilities[:, rows, 18:32] = np.array([0.05, 0.9, 0.05])[:, None, None]
    return Sample(np.zeros_like(label.defect), label, record), probabilities


class TestIgnored:
    def test_a_call_that_covers_more_than_the_ignored_region_is_neither_suspect_nor_counted(self, shapes):
        label, tally = LabelMap.clean(64, 64), SuspicionTally(shapes.taxonomy)
        label.defect[20:30, 20:30] = 255
        tally.see(*called_square(label, slice(18, 32)))
        assert tally.worst() == []
        assert (tally._right.sum(), tally._named.sum()) == (0, 0)

    def test_a_call_that_reaches_into_padding_is_not_excused(self, shapes):
        label, tally = LabelMap.clean(64, 64), SuspicionTally(shapes.taxonomy)
        label.defect[40:] = 255
        tally.see(*called_square(label, slice(30, 50), padding_px=24 * 64))
        assert [(one.kind, one.box) for one in tally.worst()] == [("missing", Box(18, 30, 14, 10))]


def test_the_tables_and_the_page_hold_the_same_order(wrong, tmp_path):
    judges = [Seer(), Seer()]
    found = find_label_errors(wrong, judges).worst()
    page = write_label_errors(tmp_path, found, wrong, judges, {"runs": []}).read_text()
    rows = list(csv.DictReader((tmp_path / "label-errors.csv").open()))
    values = json.loads((tmp_path / "label-errors.json").read_text())["suspicions"]
    assert [row["tile"] for row in rows] == [row["tile"] for row in values] == [one.record.id for one in found]
    assert page.count("data:image/jpeg") == 3 * len(found)
    assert page.index(found[0].words) < page.index(found[2].words)
    assert "http" not in page
    assert found[0].words in to_text(found)


def test_one_network_cannot_judge_what_it_learned_from(wrong, tmp_path):
    with pytest.raises(InputError, match="2 folds or more, got 1"):
        find_label_errors(wrong, [Seer()])
    words = ["segment", "label-errors", str(wrong.folder), "--runs", str(tmp_path), "--out", str(tmp_path / "out")]
    refused = CliRunner().invoke(app, words)
    assert refused.exit_code == 2
    assert not (tmp_path / "out").exists()


def test_runs_of_another_data_set_are_refused_and_those_of_out_of_fold_are_taken(wrong, shapes, tmp_path):
    small = ["--network", "hardnet-small", "--steps", "1", "--batch", "2", "--crop", "32", "--folds", "2"]
    words = ["segment", "out-of-fold", str(wrong.folder), "--out", str(tmp_path / "runs"), *small]
    assert CliRunner().invoke(app, [*words, "--start-from", "scratch", "--precision", "fp32"]).exit_code == 0
    asked = ["segment", "label-errors", str(wrong.folder), "--runs", str(tmp_path / "runs"), "--out"]
    done = CliRunner().invoke(app, [*asked, str(tmp_path / "out"), "--json"])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out" / "index.html").is_file()
    asked[2] = str(shapes.folder)
    refused = CliRunner().invoke(app, [*asked, str(tmp_path / "other")])
    assert refused.exit_code == 2
    assert "make the runs with segment out-of-fold on this data set" in refused.output
