import json
import math

import numpy as np
import pytest
import torch
from torchmetrics.classification import BinaryJaccardIndex

from blemish.core.errors import InputError
from blemish.metrics.tile_iou import ClassFound, GateThresholds, class_iou


def test_class_iou_agrees_with_torchmetrics():
    random = np.random.default_rng(4)
    truth, predicted = random.choice([0, 1, 2, 255], (2, 40, 40)).astype(np.uint8)
    predicted[predicted == 255] = 1
    valid = truth != 255
    for index in (1, 2):
        metric = BinaryJaccardIndex()
        expected = metric(
            torch.from_numpy((predicted == index)[valid].astype(int)),
            torch.from_numpy((truth == index)[valid].astype(int)),
        )
        assert class_iou(truth, predicted, index) == pytest.approx(float(expected), abs=1e-6)


def test_a_class_that_the_truth_does_not_show_has_no_iou():
    empty = np.zeros((4, 4), np.uint8)
    assert math.isnan(class_iou(empty, empty + 1, 1))


def test_the_limit_is_the_lower_quartile_of_a_class_that_is_found():
    found = ClassFound.of(0.6, [0.0, 0.4, 0.5, 0.9, 1.0])
    assert (found.tiles, found.lower_quartile, found.found) == (5, 0.4, True)
    thresholds = GateThresholds({"crack": found, "fray": ClassFound.of(0.29, [0.2, 0.4])})
    assert thresholds.limit("crack") == 0.4
    assert thresholds.limit("fray") is None
    assert thresholds.why_off("fray") == "out-of-fold IoU 0.290 is under 0.3: nothing is asked of its tiles"
    assert thresholds.limit("pit") is None
    assert "no real tile" in thresholds.why_off("pit")


def test_thresholds_come_back_from_json_as_they_were():
    thresholds = GateThresholds({"a": ClassFound.of(0.5, [0.2, 0.8]), "b": ClassFound.of(math.nan, [])}, "abc")
    assert GateThresholds.from_dict(json.loads(json.dumps(thresholds.to_dict()))) == thresholds


SEVEN = {"tiles": 3, "iou": 7, "lower_quartile": 0.1, "found": True}


@pytest.mark.parametrize(
    "values", [{}, {"classes": {"a": {"tiles": 3}}}, {"classes": {"a": 3}}, {"classes": {"a": SEVEN}}]
)
def test_another_file_is_refused_with_the_remedy(values):
    with pytest.raises(InputError, match="make it with segment out-of-fold"):
        GateThresholds.from_dict(values, "x.json")
