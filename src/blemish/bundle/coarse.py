"""A bundle's network in two halves: up to its logits on a coarser grid, and the rest, run only where it matters.

HarDNet's head answers at a quarter of the picture's size. Enlarging its K + 1 planes and the softmax take a tenth of
the time in bfloat16 and most of the bytes; on a scan that shows little, nearly all of that is spent on pixels that no
threshold can reach (`inspect.sparse`). The second half computes in float32 whatever the first does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from blemish.core.arrays import Float32, UInt8

_PLAIN = ("Slice", "Convert", "Softmax", "Result")  # What may follow the enlargement: none changes what it means.
_BILINEAR = {"linear", "linear_onnx"}
_PIXEL_AREAS = {"half_pixel", "pytorch_half_pixel"}
PROBED_HW = (512, 1024)  # Multiples of any stride in use; the factor is read off sizes that they give.
MOST_SIZES = 4  # First halves kept compiled, one for each tile size.


@dataclass(frozen=True)
class Halves:
    """Both networks with open sizes.

    Args:
        first: uint8 N H W C to logits N K+1 H/factor W/factor.
        second: those, of any N and size, to probabilities float32 N K+1 H W.
    """

    first: ov.Model
    second: ov.Model
    factor: int


def in_halves(network: ov.Model) -> Halves | None:
    """Cut a network at its last enlargement; None where it does not end in a bilinear one and softmax.

    Sizes must be multiples of the network's stride, so that the slices after the enlargement take nothing away.
    """
    copy, fixed = network.clone(), network.clone()
    fixed.reshape([1, *PROBED_HW, network.input(0).partial_shape[3].get_length()])
    last, sized = _last_enlargement(copy), _last_enlargement(fixed)
    if last is None or sized is None or not _ends_plainly(last):
        return None
    factor = _factor(sized)
    if factor is None:
        return None
    logits = ops.parameter([-1, sized.input(0).get_partial_shape()[1].get_length(), -1, -1], np.float32, name="logits")
    scales = np.array([factor, factor], np.float32)
    larger = ops.interpolate(
        logits, scales, "linear_onnx", "scales", coordinate_transformation_mode="pytorch_half_pixel", axes=[2, 3]
    )
    second = ov.Model([ops.softmax(larger, 1)], [logits], "finish")
    return Halves(ov.Model([last.input_value(0)], copy.get_parameters(), "coarse"), second, factor)


class CoarseNetwork:
    """Both halves, compiled for the CPU; `core.protocols.CoarseScores`."""

    def __init__(self, halves: Halves, core: ov.Core, settings: Mapping[str, str | int], workers: int) -> None:
        self.factor, self.workers = halves.factor, workers
        self._first, self._core, self._settings = halves.first, core, dict(settings)
        whole = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": workers, "NUM_STREAMS": 1}
        self._finish = core.compile_model(halves.second, "CPU", whole).create_infer_request()
        self._requests: dict[tuple[int, ...], list[ov.InferRequest]] = {}

    def logits(self, pictures: Iterable[UInt8]) -> Iterator[Float32]:
        """float32 K+1 H/factor W/factor of each picture, uint8 H W C, in order; the next are drawn while these run."""
        waiting: list[tuple[ov.InferRequest, UInt8]] = []
        for count, picture in enumerate(pictures):
            requests = self._requests_for(picture.shape)
            if len(waiting) == len(requests):
                yield _answer(waiting.pop(0)[0])
            request = requests[count % len(requests)]
            request.start_async({0: picture[None]}, share_inputs=True)
            waiting.append((request, picture))  # Holds the picture's memory, which the request shares.
        while waiting:
            yield _answer(waiting.pop(0)[0])

    def finish(self, logits: Float32) -> Float32:
        """Probabilities float32 N K+1 H W of logits N K+1 H/factor W/factor; a view that the next call overwrites."""
        answered: Float32 = self._finish.infer({0: np.ascontiguousarray(logits)}, share_outputs=True)[0]
        return answered

    def _requests_for(self, shape: tuple[int, ...]) -> list[ov.InferRequest]:
        if shape not in self._requests:
            if len(self._requests) >= MOST_SIZES:
                self._requests.pop(next(iter(self._requests)))
            first = self._first.clone()
            first.reshape([1, *shape])
            compiled = self._core.compile_model(first, "CPU", self._settings)
            self._requests[shape] = [compiled.create_infer_request() for _ in range(self.workers)]
        return self._requests[shape]


def _last_enlargement(network: ov.Model) -> ov.Node | None:
    return next((node for node in reversed(network.get_ordered_ops()) if node.get_type_name() == "Interpolate"), None)


def _answer(request: ov.InferRequest) -> Float32:
    request.wait()
    answered: Float32 = request.get_output_tensor().data[0].astype(np.float32)
    return answered


def _ends_plainly(node: ov.Node) -> bool:
    """Whether all that follows is slices, casts and one softmax over the planes, one after another."""
    softmax = 0
    while True:
        after = [each.get_node() for output in node.outputs() for each in output.get_target_inputs()]
        after = [each for each in after if each.get_type_name() not in ("ShapeOf",)]
        if len(after) != 1 or after[0].get_type_name() not in _PLAIN:
            return False
        node = after[0]
        if node.get_type_name() == "Softmax":
            softmax += 1
            if node.get_attributes()["axis"] not in (1, -3):
                return False
        if node.get_type_name() == "Result":
            return softmax == 1


def _factor(enlargement: ov.Node) -> int | None:
    """The whole factor by which both axes grow, if pixel areas are aligned; sizes must be fixed."""
    said = enlargement.get_attributes()
    if said["mode"] not in _BILINEAR or said["coordinate_transformation_mode"] not in _PIXEL_AREAS:
        return None
    before, after = enlargement.input(0).get_partial_shape(), enlargement.output(0).get_partial_shape()
    if before.is_dynamic or after.is_dynamic:
        return None
    down, right = (divmod(after[axis].get_length(), before[axis].get_length()) for axis in (2, 3))
    return down[0] if down == right and down[1] == 0 else None
