from dataclasses import replace

import numpy as np
import pytest

from blemish.bench.judging import count_parts, judge, packed, part_rates, unpacked
from blemish.core.errors import DatasetError
from blemish.core.labels import LabelMap
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.data.dataset import Sample
from blemish.segment.evaluation import evaluate


class Thresholding:
    """Calls every bright pixel a pit."""

    channels = 1

    def __init__(self, taxonomy):
        self.taxonomy = taxonomy

    def probabilities(self, pictures):
        bright = pictures[..., 0] > 200
        return np.stack([~bright, bright, np.zeros_like(bright)], axis=1).astype(np.float32)


def tile(name: str, part: str, defect_px: int, ignore_px: int = 0) -> TileRecord:
    return TileRecord(name, part, "", "", Box(0, 0, 8, 8), part, Split.VAL, Origin.REAL, (defect_px,), (64,), ignore_px)


def test_groups_add_up_to_what_evaluation_says(tiny):
    records = tiny.select(Split.TRAIN)
    found = judge(Thresholding(tiny.taxonomy), tiny, records)
    whole = evaluate(Thresholding(tiny.taxonomy), tiny, records)
    assert sum(found.groups.values()).tolist() == whole.confusion.counts.tolist()
    assert found.to_dict()["iou"] == whole.to_dict()["iou"] == {"pit": round(196 / (196 + 126), 6), "scratch": 0.0}
    assert found.to_dict()["accuracy"] == whole.to_dict()["accuracy"]["value"]


def test_what_is_called_where_the_label_is_ignored_counts_nowhere(tiny, monkeypatch):
    bright = np.full((8, 8), 255, np.uint8)
    label = np.zeros((8, 8), np.uint8)
    label[:, 4:] = 255  # Padding, on which a network may say what it likes.
    seen = []

    def sample(record):
        seen.append(record.id)
        picture = np.where(label == 255, bright, 0).astype(np.uint8)
        return Sample(picture, LabelMap(label, np.zeros_like(label)), record)

    monkeypatch.setattr(tiny, "sample", sample)
    records = [tile("a", "p", 5, 32)]
    for found in (judge(Thresholding(tiny.taxonomy), tiny, records).accuracy,
                  evaluate(Thresholding(tiny.taxonomy), tiny, records, worst=0).accuracy):  # fmt: skip
        assert found.table.tolist() == [[0, 0, 0], [1, 0, 0], [0, 0, 0]]
    assert seen == ["a", "a"]
    assert judge(Thresholding(tiny.taxonomy), tiny, records).part_scores == {"defective": {"p": 0.0}, "clean": {}}


def test_a_region_that_goes_on_into_padding_is_false_and_one_that_reaches_an_open_label_is_not(tiny, monkeypatch):
    label = np.zeros((8, 8), np.uint8)
    label[:, 6:] = 255
    bright = np.zeros((8, 8), np.uint8)
    bright[2:5, 3:8] = 255
    monkeypatch.setattr(tiny, "sample", lambda r: Sample(bright, LabelMap(label, np.zeros_like(label)), r))
    open_label = tile("a", "p", 0, 16)
    padded = replace(open_label, ignore_px=0, padding_px=16)
    false = [judge(Thresholding(tiny.taxonomy), tiny, [r]).regions["pit"].false for r in (open_label, padded)]
    assert false == [0, 1]


def test_a_part_scores_as_its_likeliest_window_and_an_unknown_one_not_at_all(tiny, monkeypatch):
    pictures = {"a": np.zeros((20, 20), np.uint8), "b": np.zeros((20, 20), np.uint8)}
    pictures["b"][4:8, 4:8] = 255  # 16 of the 49 px of the window round it.
    plain = np.zeros((20, 20), np.uint8)
    monkeypatch.setattr(tiny, "sample", lambda r: Sample(pictures[r.id[0]], LabelMap(plain, plain), r))
    records = [tile("a", "p", 5), tile("b", "p", 0), tile("b2", "q", 0), tile("b3", "r", 0, 3)]
    found = judge(Thresholding(tiny.taxonomy), tiny, records).part_scores
    regions = judge(Thresholding(tiny.taxonomy), tiny, records[:2]).to_dict()["regions"]
    assert regions == {"pit": {"real": 0, "met": 0, "false": 1}, "scratch": {"real": 0, "met": 0, "false": 0}}
    assert found == {"defective": {"p": pytest.approx(16 / 49)}, "clean": {"q": pytest.approx(16 / 49)}}


def test_parts_are_counted_by_the_worst_of_their_tiles():
    records = [tile("a", "p", 5), tile("b", "p", 0), tile("c", "q", 5), tile("d", "r", 0), tile("e", "s", 0, 3)]
    counts = count_parts(records, [0, 1, 0, 1, 0])
    assert counts.to_dict() == {"defective": 2, "escaped": 1, "clean": 1, "overkilled": 1, "unknown": 1}


def test_without_clean_parts_overkill_is_undefined_and_escape_is_not():
    counts = count_parts([tile("a", "p", 5)], [0]).to_dict()
    escape, overkill = part_rates([counts, counts])
    assert (escape.value, escape.total) == (1.0, 2)
    assert np.isnan(overkill.value)


def test_packed_counts_are_read_back():
    counts = np.array([[900, 0, 3], [0, 0, 0], [7, 0, 12]])
    assert unpacked(packed(counts), 2).tolist() == counts.tolist()


def test_no_tile_to_judge_by_is_refused(tiny):
    with pytest.raises(DatasetError, match="no tile to judge by"):
        judge(Thresholding(tiny.taxonomy), tiny, [])
