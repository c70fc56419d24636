"""A bundle's network run by OpenVINO on the CPU."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path

import openvino as ov

from blemish.bundle.card import Card, Precision
from blemish.bundle.coarse import CoarseNetwork, in_halves
from blemish.bundle.files import first_line, loaded_network
from blemish.core.arrays import Float32, UInt8
from blemish.core.errors import BundleError

NETWORK = "network.xml"
WEIGHTS = "network.bin"
MOST_SIZES = 4  # Compiled networks kept, one for each tile size.
_EIGHT_BITS = {"u8", "i8"}


class OpenVinoRunner:
    """One tile a request and one stream a thread.

    Measured on two cores with FC-HarDNet-70 at 512 px, that takes 87 ms a tile in float32 and 45 in bfloat16, where two
    threads on one tile take 114 and 54, and batches of four 138 and 69.
    """

    def __init__(self, folder: Path, card: Card, files: Mapping[str, bytes], threads: int) -> None:
        self._card, self._threads = card, threads
        self._network = _loaded(folder, card, files)
        self._compiled: dict[tuple[int, int], ov.CompiledModel] = {}
        try:
            compiled = self._compiled_for(card.tile_px, card.tile_px)
        except RuntimeError as error:
            raise BundleError(f"{folder}: OpenVINO cannot run its network ({first_line(error)})") from error
        wanted = ov.PartialShape([1, len(card.taxonomy.defects) + 1, card.tile_px, card.tile_px])
        if compiled.output(0).partial_shape != wanted:
            raise BundleError(
                f"{folder}: of a tile of {card.tile_px} px the network must answer {wanted}, it answers "
                f"{compiled.output(0).partial_shape}: export it again"
            )

    @property
    def precision(self) -> Precision:
        """What the CPU really computes in: f32 where a bfloat16 bundle meets a CPU without it."""
        compiled = self._compiled_for(self._card.tile_px, self._card.tile_px)
        if self._card.precision == "int8" and _convolves_in_eight_bits(compiled):
            return "int8"
        return "bf16" if compiled.get_property("INFERENCE_PRECISION_HINT") == ov.Type.bf16 else "f32"

    @cached_property
    def coarse(self) -> CoarseNetwork | None:
        """The network in two halves, or None where it does not end in an enlargement."""
        halves = in_halves(self._network)
        return None if halves is None else CoarseNetwork(halves, openvino_core(), self._settings(), self._threads)

    def answers(self, tiles: Sequence[UInt8]) -> Iterator[Float32]:
        """Probabilities K+1 H W of each tile in turn; tiles uint8 1 H W C of one size, multiples of the stride."""
        count, (height, width) = len(tiles), tiles[0].shape[1:3]
        compiled = self._compiled_for(height, width)
        requests = [compiled.create_infer_request() for _ in range(min(self._threads, count))]
        for i in range(count + len(requests)):  # Round robin: wait for the oldest request, then use it again.
            request = requests[i % len(requests)]
            if i >= len(requests):
                request.wait()
                answer: Float32 = request.get_output_tensor().data[0]
                yield answer  # Used before the request is started again.
            if i < count:
                request.start_async({0: tiles[i]})

    def _compiled_for(self, height: int, width: int) -> ov.CompiledModel:
        """The network compiled for one size: sizes known beforehand run faster than open ones."""
        if (height, width) not in self._compiled:
            if len(self._compiled) >= MOST_SIZES:
                self._compiled.pop(next(iter(self._compiled)))
            network = self._network.clone()
            network.reshape([1, height, width, self._card.channels])
            self._compiled[height, width] = openvino_core().compile_model(network, "CPU", self._settings())
        return self._compiled[height, width]

    def _settings(self) -> dict[str, str | int]:
        rest = "f32" if self._card.precision == "int8" else self._card.precision
        return {
            "INFERENCE_PRECISION_HINT": rest,  # Else OpenVINO picks bfloat16 by itself on some CPUs.
            "INFERENCE_NUM_THREADS": self._threads,
            "NUM_STREAMS": self._threads,
        }


@cache
def openvino_core() -> ov.Core:
    """The one Core of this process, never destroyed.

    OpenVINO's CPU plugin gives the thread that loads it an alternate signal stack and takes the memory away with the
    Core. Where another thread drops the last reference, the first thread's next signal, a Ctrl-C say, is a segmentation
    fault (openvino 2026.4.1; tests/bundle/test_signals.py).
    """
    return ov.Core()


def usable_cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _loaded(folder: Path, card: Card, files: Mapping[str, bytes]) -> ov.Model:
    network = loaded_network(openvino_core(), folder, files, Path(NETWORK).stem)
    planes = len(card.taxonomy.defects) + 1
    wanted_in, wanted_out = f"[?,?,?,{card.channels}]", f"{planes} planes"
    shape_in, shape_out = network.input(0).partial_shape, network.output(0).partial_shape
    fits_in = shape_in.rank == 4 and shape_in[3] == card.channels
    fits_out = shape_out.rank == 4 and shape_out[1] == planes
    if len(network.inputs) != 1 or len(network.outputs) != 1 or not fits_in or not fits_out:
        raise BundleError(
            f"{folder}: the card says input {wanted_in} and {wanted_out}, "
            f"the network has input {shape_in} and output {shape_out}: export it again"
        )
    return network


def _convolves_in_eight_bits(compiled: ov.CompiledModel) -> bool:
    """Whether most convolutions do, as the CPU plugin lists what it really runs."""
    kinds = [
        str(layer.get_rt_info()["runtimePrecision"].astype(str))
        for layer in compiled.get_runtime_model().get_ordered_ops()
        if "Convolution" in layer.get_rt_info()["layerType"].astype(str)
    ]
    return sum(kind in _EIGHT_BITS for kind in kinds) > len(kinds) / 2
