"""A bundle's network run by ONNX Runtime on the CPU: for lines that have it already; needs blemish[onnx]."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from blemish.bundle.card import Card, Precision
from blemish.bundle.files import first_line
from blemish.core.arrays import Float32, UInt8
from blemish.core.errors import BundleError, InputError

ONNX = "network.onnx"


class OnnxRunner:
    """One tile after another, all threads on it."""

    def __init__(self, folder: Path, card: Card, files: Mapping[str, bytes], threads: int) -> None:
        runtime = _runtime(folder)
        options = runtime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3  # Errors.
        try:
            self._session = runtime.InferenceSession(files[ONNX], options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's errors share no base of their own.
            raise BundleError(f"{folder}: ONNX Runtime cannot read its network ({first_line(error)})") from error
        _refuse_unlike(self._session, folder, card)
        self._card = card

    @property
    def precision(self) -> Precision:
        """int8 or f32: its CPU kernels convolve in nothing else."""
        return "int8" if self._card.precision == "int8" else "f32"

    @property
    def coarse(self) -> None:
        """It is not cut in halves."""

    def answers(self, tiles: Sequence[UInt8]) -> Iterator[Float32]:
        """Probabilities K+1 H W of each tile in turn; tiles uint8 1 H W C of one size, multiples of the stride."""
        name = self._session.get_inputs()[0].name
        for tile in tiles:
            answer: Float32 = self._session.run(None, {name: tile})[0][0]
            if answer.shape[1:] != tile.shape[1:3]:  # Of one pixel it would be spread over the whole tile.
                raise ArithmeticError(f"the network answers {answer.shape[1:]} px for a tile of {tile.shape[1:3]} px")
            yield answer


def _refuse_unlike(session: Any, folder: Path, card: Card) -> None:
    inputs, outputs, planes = session.get_inputs(), session.get_outputs(), len(card.taxonomy.defects) + 1
    fits_in = [(i.type, len(i.shape), i.shape[3:]) for i in inputs] == [("tensor(uint8)", 4, [card.channels])]
    fits_out = [(o.type, len(o.shape), o.shape[1:2]) for o in outputs] == [("tensor(float)", 4, [planes])]
    if not fits_in or not fits_out:
        raise BundleError(
            f"{folder}: the card says input [?,?,?,{card.channels}] and {planes} planes, {ONNX} has input "
            f"{[i.shape for i in inputs]} and output {[o.shape for o in outputs]}: export it again"
        )


def _runtime(folder: Path) -> ModuleType:
    try:
        return import_module("onnxruntime")
    except ImportError as error:
        raise InputError(f"{folder} runs by ONNX Runtime, which is not installed: install blemish[onnx]") from error
