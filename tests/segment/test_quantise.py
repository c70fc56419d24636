"""8-bit networks: near the one they come from, the same each time, and quiet."""

import numpy as np
import openvino as ov
import pytest
import torch

from blemish.bundle.bundle import openvino_core
from blemish.bundle.files import plainly_named
from blemish.core.errors import InputError
from blemish.data.dataset import Dataset
from blemish.segment import quantise
from blemish.segment.export_networks import Frozen, to_openvino
from blemish.segment.networks import build
from blemish.segment.quantise import calibration_tiles, quantised


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(4)
    return to_openvino(Frozen(build("hardnet-small", 1, 3)).eval(), 1, 32)


@pytest.fixture(scope="module")
def pictures():
    return [np.random.default_rng(i).integers(0, 256, (1, 64, 96, 1), dtype=np.uint8) for i in range(3)]


def kinds(model):
    return [layer.get_type_name() for layer in model.get_ordered_ops()]


def kept_float(model):
    """Convolutions whose weights are not in eight bits."""
    count = 0
    for layer in model.get_ordered_ops():
        if layer.get_type_name() == "Convolution":
            node = layer.input_value(1).get_node()
            while node.get_type_name() != "Constant":
                node = node.input_value(0).get_node()
            count += node.get_element_type() not in (ov.Type.i8, ov.Type.u8)
    return count


def answer(model, picture):
    return openvino_core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(picture)[0]


def test_convolutions_are_in_eight_bits_and_answers_stay_near(network, pictures):
    small = quantised(network, pictures)
    assert kinds(small).count("FakeQuantize") >= kinds(network).count("Convolution")
    assert "FakeQuantize" not in kinds(network)
    assert kept_float(small) == 1  # The first.
    other = np.random.default_rng(9).integers(0, 256, (2, 32, 160, 1), dtype=np.uint8)
    difference = np.abs(answer(small, other) - answer(network, other))
    assert 0 < difference.mean() < 0.02


def test_equal_pictures_give_equal_networks_and_nothing_on_standard_output(network, pictures, tmp_path, capsys):
    for name in "ab":
        named = plainly_named(quantised(network, pictures), inputs=["pictures"], output="probabilities", name="n")
        ov.serialize(named, str(tmp_path / f"{name}.xml"), str(tmp_path / f"{name}.bin"))
    for kind in ("xml", "bin"):
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("given", "says"), [([], "int8 needs pictures"), ([np.zeros((8, 8))], "must be uint8 N H W C")]
)
def test_no_picture_and_other_pictures_are_refused(network, given, says):
    with pytest.raises(InputError, match=says):
        quantised(network, given)


def test_calibration_takes_real_training_tiles_from_each_class_in_turn(shapes):
    chosen = calibration_tiles(shapes, 1, 32, count=3)
    assert [picture.shape for picture in chosen.pictures] == [(1, 64, 64, 1)] * 3
    assert chosen.what == f"3 of 12 real training tiles of data set {shapes.hash[:12]}"
    light = sorted(int(picture.max()) - int(picture.min()) for picture in chosen.pictures)
    assert light[0] < 80 < light[1]  # One clean tile, one with a square, one with a disc.


def test_calibration_is_the_same_each_time_and_at_most_all_tiles(shapes):
    one, two = (calibration_tiles(shapes, 3, 48) for _ in range(2))
    assert len(one.pictures) == 12
    assert one.pictures[0].shape == (1, 96, 96, 3)
    assert all(np.array_equal(a, b) for a, b in zip(one.pictures, two.pictures, strict=True))


def test_calibration_takes_no_more_tiles_than_nncf_looks_at(shapes, monkeypatch):
    monkeypatch.setattr(quantise, "MOST_PICTURES", 5)
    chosen = calibration_tiles(shapes, 1, 32, count=8)
    assert len(chosen.pictures) == 5
    assert chosen.what.startswith("5 of 12 real training tiles")


def test_synthetic_tiles_are_no_ranges_for_int8(synthetic_folder):
    with pytest.raises(InputError, match="has no real training tile"):
        calibration_tiles(Dataset(synthetic_folder), 1, 32)


def test_what_follows_the_last_convolution_stays_in_float32(network, pictures):
    small = quantised(network, pictures)
    layers = small.get_ordered_ops()
    (softmax,) = [layer for layer in layers if layer.get_type_name() == "Softmax"]
    node, path = softmax, []
    while node.get_type_name() != "Convolution":
        node = node.input_value(0).get_node()
        path.append(node.get_type_name())
    assert "FakeQuantize" not in path
    assert "Interpolate" in path
