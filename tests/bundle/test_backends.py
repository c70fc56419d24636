"""One bundle, two backends, one contract."""

import sys

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from blemish.bundle import onnx_runner
from blemish.bundle.bundle import Bundle, write_bundle
from blemish.bundle.card import read_card
from blemish.core.errors import BundleError, InputError
from blemish.core.protocols import Segmenter


def pictures(size_hw, count=3):
    return np.random.default_rng(3).integers(30, 50, (count, *size_hw, 1), dtype=np.uint8)


@pytest.mark.parametrize("size_hw", [(64, 64), (70, 33), (1, 1), (3, 130)])
def test_both_backends_give_the_same_probabilities_at_any_size(both, size_hw):
    bundle = Bundle.open(both)
    one, two = (bundle.segmenter(threads=2, backend=name).probabilities(pictures(size_hw)) for name in bundle.backends)
    assert (two.dtype, two.shape) == (np.float32, (3, 3, *size_hw))
    assert np.abs(one - two).max() < 1e-5
    assert np.abs(two.sum(axis=1) - 1).max() < 1e-5


def test_openvino_is_the_default_where_both_are_there(both, onnx_only):
    assert Bundle.open(both).backends == ("openvino", "onnx")
    assert Bundle.open(both).segmenter(threads=1).backend == "openvino"
    segmenter: Segmenter = Bundle.open(onnx_only).segmenter(threads=1)
    assert (segmenter.backend, segmenter.precision, segmenter.channels) == ("onnx", "f32", 1)


def test_a_backend_that_the_bundle_lacks_is_refused(onnx_only):
    with pytest.raises(InputError, match="is for onnx, not for openvino"):
        Bundle.open(onnx_only).segmenter(backend="openvino")


def test_without_onnx_runtime_the_line_says_what_to_install(onnx_only, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match=r"not installed: install blemish\[onnx\]"):
        Bundle.open(onnx_only).segmenter()


def test_an_onnx_network_that_does_not_fit_its_card_is_refused(onnx_only, tmp_path):
    card = read_card(onnx_only).model_copy(update={"channels": 3, "files": {}})
    write_bundle(tmp_path / "b", None, card, onnx=Bundle.open(onnx_only).files[onnx_runner.ONNX])
    with pytest.raises(BundleError, match=r"the card says input \[\?,\?,\?,3\] and 3 planes, network.onnx has input"):
        Bundle.open(tmp_path / "b").segmenter()


def test_garbage_instead_of_onnx_is_a_clear_error(onnx_only, tmp_path):
    write_bundle(tmp_path / "b", None, read_card(onnx_only).model_copy(update={"files": {}}), onnx=b"no network")
    with pytest.raises(BundleError, match="ONNX Runtime cannot read its network"):
        Bundle.open(tmp_path / "b").segmenter()


def test_a_bundle_without_any_network_is_not_written(onnx_only, tmp_path):
    with pytest.raises(BundleError, match="a bundle holds a network"):
        write_bundle(tmp_path / "b", None, read_card(onnx_only))
    assert not (tmp_path / "b").exists()


def test_an_onnx_network_that_answers_one_pixel_a_tile_judges_nothing(onnx_only, tmp_path):
    model = onnx.load_model_from_string(Bundle.open(onnx_only).files[onnx_runner.ONNX])
    model.graph.node[-1].output[0] = "each"
    model.graph.initializer.append(numpy_helper.from_array(np.array([2, 3]), "sides"))
    model.graph.node.append(helper.make_node("ReduceMean", ["each", "sides"], ["probabilities"], keepdims=1))
    card = read_card(onnx_only).model_copy(update={"files": {}})
    write_bundle(tmp_path / "b", None, card, onnx=model.SerializeToString())
    with pytest.raises(ArithmeticError, match=r"answers \(1, 1\) px"):
        Bundle.open(tmp_path / "b").segmenter().probabilities(pictures((64, 64)))
