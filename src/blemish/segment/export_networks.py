"""A trained network as the files of a bundle: OpenVINO's and ONNX's, with open sizes.

Scaling and softmax go inside: uint8 N H W C in, probabilities float32 N K+1 H W out.
"""

from __future__ import annotations

import logging
import warnings
from importlib import import_module
from typing import Any

import openvino as ov
import torch
from torch import Tensor, nn

from blemish.segment.model import to_input
from blemish.train.trace import traced

OPSET = 18  # The least that torch's exporter writes without converting; in ONNX Runtime since 1.14.
MOST_STRIDES = 4096  # Of a picture's side, in the exporter's proof that sizes are open; not a limit of the file.


class Frozen(nn.Module):
    """uint8 N H W C in, probabilities out: scaling and softmax go into the bundle."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> Tensor:
        logits: Tensor = self.network(to_input(pictures))
        return logits.float().softmax(dim=1)


def to_openvino(frozen: nn.Module, channels: int, stride: int) -> ov.Model:
    """The network as OpenVINO's, traced: what Python decides by a picture's size is fixed by the example's."""
    return traced(frozen, [_example(channels, stride)], [[-1, -1, -1, channels]])


def to_onnx(frozen: nn.Module, channels: int, stride: int) -> Any:
    """The network as an `onnx.ModelProto`, by torch.export: H and W are any multiples of the stride.

    Takes a minute for FC-HarDNet-70, where the exporter that traces takes seconds: but that one is deprecated.
    """
    count, high, wide = (torch.export.Dim(name, min=1, max=MOST_STRIDES) for name in ("count", "high", "wide"))
    logging.getLogger("torch.onnx._internal.exporter._registration").setLevel(logging.ERROR)  # No torchvision: known.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        program = torch.onnx.export(
            frozen,
            (_example(channels, stride),),
            dynamo=True,
            dynamic_shapes=({0: count, 1: stride * high, 2: stride * wide},),
            input_names=["pictures"],
            output_names=["probabilities"],
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    return without_notes(program.model_proto)


def without_notes(model: Any) -> Any:
    """The same ONNX network without the exporter's notes, which name the source files of the machine that made it."""
    for place in (model, model.graph, *model.graph.node, *model.graph.value_info, *model.graph.initializer):
        del place.metadata_props[:]
        place.doc_string = ""
    for port in (*model.graph.input, *model.graph.output):
        del port.metadata_props[:]
    del model.graph.value_info[:]
    return model


def onnx_bytes(model: Any) -> bytes:
    """The file's bytes, once ONNX's own checker has passed it.

    Raises:
        ValueError: it is no sound ONNX network.
    """
    import_module("onnx.checker").check_model(model)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def _example(channels: int, stride: int) -> Tensor:
    return torch.zeros((2, 2 * stride, 3 * stride, channels), dtype=torch.uint8)
