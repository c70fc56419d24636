"""A frozen inspector on disk: an OpenVINO network and its card, read only after every hash has been checked.

A network takes uint8 N H W C and answers float32 N K+1 H W: scaling and softmax are inside it, so that nothing is left
to be done differently on the line. Its sizes are open; H and W are multiples of the card's stride.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import openvino as ov

from blemish.bundle.card import Card, Precision, read_card
from blemish.bundle.coarse import CoarseNetwork, in_halves
from blemish.bundle.files import checked_files, first_line, loaded_network, plainly_named, write_networks
from blemish.core.arrays import Float32, UInt8
from blemish.core.errors import BundleError, InputError
from blemish.core.records import Box
from blemish.core.taxonomy import Taxonomy
from blemish.picture.tiling import cut

NETWORK = "network.xml"
WEIGHTS = "network.bin"
MOST_SIZES = 4  # Compiled networks kept, one for each tile size.


@dataclass(frozen=True)
class Bundle:
    """One inspector, its files checked and in memory."""

    folder: Path
    card: Card
    files: Mapping[str, bytes]

    @classmethod
    def open(cls, folder: Path) -> Bundle:
        """Read a bundle; the hashes of all files are checked before anything of them is used.

        Raises:
            BundleError: no bundle, a file missing, altered or outside the folder, another kind or format.

        Example:
            >>> Bundle.open(Path("inspector")).hash[:8]  # doctest: +SKIP
            'a64f28d1'
        """
        card = read_card(folder)
        return cls(folder, card, checked_files(folder, card.files, needed=(NETWORK, WEIGHTS)))

    @property
    def hash(self) -> str:
        """The bundle's name: SHA-256 over its card, hence over all files."""
        return self.card.hash

    def segmenter(self, *, threads: int | None = None) -> BundleSegmenter:
        """The inspector, ready to run.

        Args:
            threads: CPU threads; None = all that this process may use.
        """
        return BundleSegmenter(self, threads=threads)


class BundleSegmenter:
    """A bundle as `core.protocols.Segmenter`, run by OpenVINO on the CPU.

    One tile a request and one stream a thread: measured on two cores with FC-HarDNet-70 at 512 px, that takes 87 ms a
    tile in float32 and 45 in bfloat16, where two threads on one tile take 114 and 54, and batches of four 138 and 69.
    """

    def __init__(self, bundle: Bundle, *, threads: int | None = None) -> None:
        if threads is not None and threads < 1:
            raise InputError(f"threads must be 1 or more, got {threads}")
        self.card = bundle.card
        self.threads = threads or usable_cores()
        self._network = _loaded(openvino_core(), bundle)
        self._compiled: dict[tuple[int, int], ov.CompiledModel] = {}
        try:
            self._compiled_for(self.card.tile_px, self.card.tile_px)
        except RuntimeError as error:
            raise BundleError(f"{bundle.folder}: OpenVINO cannot run its network ({first_line(error)})") from error

    @property
    def taxonomy(self) -> Taxonomy:
        return self.card.taxonomy

    @property
    def channels(self) -> int:
        return self.card.channels

    @property
    def precision(self) -> Precision:
        """What the CPU really computes in: f32 where a bfloat16 bundle meets a CPU without it."""
        compiled = self._compiled_for(self.card.tile_px, self.card.tile_px)
        return "bf16" if compiled.get_property("INFERENCE_PRECISION_HINT") == ov.Type.bf16 else "f32"

    @cached_property
    def coarse(self) -> CoarseNetwork | None:
        """The same network in two halves (`core.protocols.InHalves`); None where it does not end in an enlargement."""
        halves = in_halves(self._network)
        return None if halves is None else CoarseNetwork(halves, openvino_core(), self._settings(), self.threads)

    def probabilities(self, pictures: UInt8) -> Float32:
        """As `Segmenter.probabilities`: float32 N (K+1) H W in [0, 1]; any H and W, padded by reflection.

        Raises:
            InputError: not uint8 N H W C with the card's channels.
        """
        self._refuse(pictures)
        count, height, width = pictures.shape[:3]
        padded_hw = _up(height, self.card.stride), _up(width, self.card.stride)
        answers = np.empty((count, len(self.taxonomy.defects) + 1, height, width), np.float32)
        compiled = self._compiled_for(*padded_hw)
        requests = [compiled.create_infer_request() for _ in range(min(self.threads, count))]
        for i in range(count + len(requests)):  # Round robin: wait for the oldest request, then use it again.
            request = requests[i % len(requests)]
            if i >= len(requests):
                request.wait()
                answers[i - len(requests)] = request.get_output_tensor().data[0, :, :height, :width]
            if i < count:
                request.start_async({0: cut(pictures[i], Box(0, 0, padded_hw[1], padded_hw[0]))[None]})
        return answers

    def _compiled_for(self, height: int, width: int) -> ov.CompiledModel:
        """The network compiled for one size: sizes known beforehand run faster than open ones."""
        if (height, width) not in self._compiled:
            if len(self._compiled) >= MOST_SIZES:
                self._compiled.pop(next(iter(self._compiled)))
            network = self._network.clone()
            network.reshape([1, height, width, self.channels])
            self._compiled[height, width] = openvino_core().compile_model(network, "CPU", self._settings())
        return self._compiled[height, width]

    def _settings(self) -> dict[str, str | int]:
        return {
            "INFERENCE_PRECISION_HINT": self.card.precision,  # Else OpenVINO picks bfloat16 by itself on some CPUs.
            "INFERENCE_NUM_THREADS": self.threads,
            "NUM_STREAMS": self.threads,
        }

    def _refuse(self, pictures: UInt8) -> None:
        if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[3] != self.channels or not pictures.size:
            raise InputError(
                f"pictures must be uint8 N H W {self.channels}, got {pictures.dtype} {pictures.shape}: "
                f"convert them with picture.normalise"
            )


def write_bundle(out: Path, network: ov.Model, card: Card) -> Card:
    """Write network and card as a bundle; the folder appears whole or not at all.

    Args:
        network: uint8 N H W C to float32 N K+1 H W, all sizes open but the channels.
        card: without files; the card that is written names them with their hashes, and is returned.

    Raises:
        BundleError: the folder is there already.
    """
    named = plainly_named(network, inputs=("pictures",), output="probabilities", name="inspector")
    return write_networks(out, {Path(NETWORK).stem: named}, card)


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


def _loaded(core: ov.Core, bundle: Bundle) -> ov.Model:
    network = loaded_network(core, bundle.folder, bundle.files, Path(NETWORK).stem)
    planes = len(bundle.card.taxonomy.defects) + 1
    wanted_in, wanted_out = f"[?,?,?,{bundle.card.channels}]", f"{planes} planes"
    shape_in, shape_out = network.input(0).partial_shape, network.output(0).partial_shape
    fits_in = shape_in.rank == 4 and shape_in[3] == bundle.card.channels
    fits_out = shape_out.rank == 4 and shape_out[1] == planes
    if len(network.inputs) != 1 or len(network.outputs) != 1 or not fits_in or not fits_out:
        raise BundleError(
            f"{bundle.folder}: the card says input {wanted_in} and {wanted_out}, "
            f"the network has input {shape_in} and output {shape_out}: export it again"
        )
    return network


def _up(length: int, stride: int) -> int:
    return -(-length // stride) * stride
