"""A tiny inspector for both backends: the committed one's network, as ONNX too."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from blemish.bundle.bundle import write_bundle

MAKER = runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "make_tiny_bundle.py"))


def tiny_onnx(channels: int = 1, planes: int = 3) -> bytes:
    """Logits 0, 40 - gray, gray - 215, then a softmax."""
    weights = np.zeros((planes, channels, 1, 1), np.float32)
    weights[1, 0], weights[2, 0] = -1, 1
    biases = np.array([0, 40, -215, *[0] * (planes - 3)], np.float32)
    nodes = [
        helper.make_node("Transpose", ["pictures"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["planes"], ["gray"], to=TensorProto.FLOAT),
        helper.make_node("Conv", ["gray", "w", "b"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("pictures", TensorProto.UINT8, ["n", "h", "w", channels])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", planes, "h", "w"])],
        [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(biases, "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


@pytest.fixture
def both(tmp_path: Path) -> Path:
    """A bundle with the files of both backends."""
    card = MAKER["tiny_card"]().model_copy(update={"onnx_opset": 18})
    write_bundle(tmp_path / "both", MAKER["tiny_network"](), card, onnx=tiny_onnx())
    return tmp_path / "both"


@pytest.fixture
def onnx_only(tmp_path: Path) -> Path:
    card = MAKER["tiny_card"]().model_copy(update={"onnx_opset": 18})
    write_bundle(tmp_path / "onnx", None, card, onnx=tiny_onnx())
    return tmp_path / "onnx"
