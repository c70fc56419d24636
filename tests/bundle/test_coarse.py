"""A network cut at its last enlargement answers as the whole one does."""

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops

from blemish.bundle.coarse import CoarseNetwork, in_halves

PLANES, FACTOR = 3, 4
SETTINGS = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 2, "NUM_STREAMS": 2}


def network(*, mode="pytorch_half_pixel", last="softmax"):
    """Uneven weights on a quarter of the size, enlarged, then softmax."""
    pictures = ops.parameter([-1, -1, -1, 1], np.uint8, name="pictures")
    planes = ops.convert(ops.transpose(pictures, [0, 3, 1, 2]), np.float32)
    weights = np.random.default_rng(1).normal(0, 0.02, (PLANES, 1, FACTOR, FACTOR)).astype(np.float32)
    logits = ops.convolution(planes, weights, [FACTOR] * 2, [0, 0], [0, 0], [1, 1])
    larger = ops.interpolate(
        logits,
        np.array([FACTOR, FACTOR], np.float32),
        "linear_onnx",
        "scales",
        coordinate_transformation_mode=mode,
        axes=[2, 3],
    )
    return ov.Model([ops.softmax(larger, 1) if last == "softmax" else ops.sigmoid(larger)], [pictures])


def coarse(workers=2):
    return CoarseNetwork(in_halves(network()), ov.Core(), SETTINGS, workers)


def pictures(count, height=32, width=48):
    return np.random.default_rng(2).integers(0, 256, (count, height, width, 1), dtype=np.uint8)


def test_both_halves_one_after_the_other_are_the_whole():
    some = pictures(5)
    halves = coarse()
    logits = np.stack(list(halves.logits(some)))
    assert (halves.factor, logits.shape) == (4, (5, PLANES, 8, 12))
    whole = ov.Core().compile_model(network(), "CPU", SETTINGS)(some)[0]
    assert np.abs(halves.finish(logits) - whole).max() < 1e-6


def test_pictures_are_drawn_as_they_are_needed_and_keep_their_order():
    drawn = []

    def one_by_one():
        for picture in pictures(7):
            drawn.append(picture.copy())
            yield picture

    answers = coarse(workers=2).logits(one_by_one())
    next(answers)
    assert len(drawn) == 3
    again = np.stack(list(coarse(workers=1).logits(pictures(7))))
    assert np.array_equal(np.stack(list(answers)), again[1:])


def test_sizes_may_change_from_picture_to_picture():
    shapes = [(8 * n, 8) for n in range(1, 8)]
    answers = list(coarse().logits(pictures(1, *shape)[0] for shape in shapes))
    assert [answer.shape for answer in answers] == [(PLANES, h // 4, w // 4) for h, w in shapes]


@pytest.mark.parametrize("other", [{"mode": "align_corners"}, {"last": "sigmoid"}], ids=str)
def test_a_network_that_ends_otherwise_stays_whole(other):
    assert in_halves(network(**other)) is None
