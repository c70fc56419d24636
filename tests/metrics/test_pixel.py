import numpy as np
import pytest
import torch
from torchmetrics.classification import MulticlassJaccardIndex

from blemish.core.errors import LabelError
from blemish.metrics.pixel import Confusion


def test_iou_by_hand_numbers():
    table = Confusion(2)
    truth = np.array([[1, 1, 2, 0], [1, 0, 2, 0]], np.uint8)
    predicted = np.array([[1, 2, 2, 0], [1, 1, 0, 0]], np.uint8)
    table.add(truth, predicted)
    assert table.iou().tolist() == pytest.approx([2 / 4, 1 / 3])
    assert table.mean_iou() == pytest.approx((1 / 2 + 1 / 3) / 2)


def test_iou_agrees_with_torchmetrics_on_random_planes():
    random = np.random.default_rng(3)
    truth, predicted = random.integers(0, 4, (2, 8, 20, 20)).astype(np.uint8)
    table = Confusion(3)
    for t, p in zip(truth, predicted, strict=True):
        table.add(t, p)
    reference = MulticlassJaccardIndex(num_classes=4, average="none")
    expected = reference(torch.from_numpy(predicted).long(), torch.from_numpy(truth).long())
    assert table.iou() == pytest.approx(expected[1:].numpy(), abs=1e-6)


def test_absent_class_gives_nan_not_zero():
    table = Confusion(2)
    table.add(np.ones((2, 2), np.uint8), np.full((2, 2), 2, np.uint8))
    assert table.iou()[0] == 0
    assert np.isnan(table.iou()[1])
    assert table.mean_iou() == 0
    assert table.false_px().tolist() == [0, 4]


def test_ignored_pixels_count_nowhere_but_are_told():
    table = Confusion(1)
    table.add(np.array([[255, 1]], np.uint8), np.array([[1, 1]], np.uint8))
    assert table.counts.sum() == 1
    assert table.ignored_px == 1


def test_another_size_is_refused():
    with pytest.raises(LabelError, match="one size"):
        Confusion(1).add(np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8))


def test_an_unknown_class_is_refused():
    with pytest.raises(LabelError, match="class 3"):
        Confusion(2).add(np.full((1, 1), 3, np.uint8), np.zeros((1, 1), np.uint8))
