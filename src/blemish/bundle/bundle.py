"""A frozen inspector on disk: a network and its card, read only after every hash has been checked.

A network takes uint8 N H W C and answers float32 N K+1 H W: scaling and softmax are inside it, so that nothing is left
to be done differently on the line. Its sizes are open; H and W are multiples of the card's stride. It is there for
OpenVINO, for ONNX Runtime, or for both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import openvino as ov

from blemish.bundle.card import Backend, Card, Precision, read_card
from blemish.bundle.coarse import CoarseNetwork
from blemish.bundle.files import checked_files, plainly_named, write_networks
from blemish.bundle.onnx_runner import ONNX, OnnxRunner
from blemish.bundle.openvino_runner import NETWORK, WEIGHTS, OpenVinoRunner, openvino_core, usable_cores
from blemish.core.arrays import Float32, UInt8
from blemish.core.errors import BundleError, InputError
from blemish.core.records import Box
from blemish.core.taxonomy import Taxonomy
from blemish.picture.tiling import cut

__all__ = ["Bundle", "BundleSegmenter", "openvino_core", "usable_cores", "write_bundle"]

FILES: Mapping[Backend, tuple[str, ...]] = {"openvino": (NETWORK, WEIGHTS), "onnx": (ONNX,)}


class Runner(Protocol):
    """What runs a network."""

    @property
    def precision(self) -> Precision: ...

    @property
    def coarse(self) -> CoarseNetwork | None: ...

    def answers(self, tiles: Sequence[UInt8]) -> Iterator[Float32]: ...


_RUNNERS: Mapping[Backend, Callable[[Path, Card, Mapping[str, bytes], int], Runner]] = {
    "openvino": OpenVinoRunner,
    "onnx": OnnxRunner,
}


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
            BundleError: no bundle, a file missing, altered, too large, a link, outside the folder or not on the card;
                another kind or format.

        Example:
            >>> Bundle.open(Path("inspector")).hash[:8]  # doctest: +SKIP
            'a64f28d1'
        """
        card = read_card(folder)
        needed = FILES["onnx"] if ONNX in card.files and NETWORK not in card.files else FILES["openvino"]
        return cls(folder, card, checked_files(folder, card.files, needed=needed))

    @property
    def hash(self) -> str:
        """The bundle's name: SHA-256 over its card, hence over all files."""
        return self.card.hash

    @property
    def backends(self) -> tuple[Backend, ...]:
        """What it can be run by, the first by default."""
        return tuple(backend for backend, names in FILES.items() if all(name in self.files for name in names))

    def segmenter(self, *, threads: int | None = None, backend: Backend | None = None) -> BundleSegmenter:
        """The inspector, ready to run.

        Args:
            threads: CPU threads; None = all that this process may use.
            backend: None = OpenVINO where the bundle has its files, else ONNX Runtime.
        """
        return BundleSegmenter(self, threads=threads, backend=backend)


class BundleSegmenter:
    """A bundle as `core.protocols.Segmenter`, run on the CPU."""

    def __init__(self, bundle: Bundle, *, threads: int | None = None, backend: Backend | None = None) -> None:
        if threads is not None and threads < 1:
            raise InputError(f"threads must be 1 or more, got {threads}")
        if backend is not None and backend not in bundle.backends:
            raise InputError(f"{bundle.folder} is for {', '.join(bundle.backends)}, not for {backend}: export it so")
        self.card = bundle.card
        self.threads = threads or usable_cores()
        self.backend = backend or bundle.backends[0]
        self._runner = _RUNNERS[self.backend](bundle.folder, bundle.card, bundle.files, self.threads)

    @property
    def taxonomy(self) -> Taxonomy:
        return self.card.taxonomy

    @property
    def channels(self) -> int:
        return self.card.channels

    @property
    def precision(self) -> Precision:
        """What the CPU really computes in: f32 where a bfloat16 bundle meets a CPU without it."""
        return self._runner.precision

    @property
    def coarse(self) -> CoarseNetwork | None:
        """The same network in two halves (`core.protocols.InHalves`); None where it does not end in an enlargement."""
        return self._runner.coarse

    def probabilities(self, pictures: UInt8) -> Float32:
        """As `Segmenter.probabilities`: float32 N (K+1) H W in [0, 1]; any H and W, padded by reflection.

        Raises:
            InputError: not uint8 N H W C with the card's channels.
        """
        self._refuse(pictures)
        count, height, width = pictures.shape[:3]
        box = Box(0, 0, _up(width, self.card.stride), _up(height, self.card.stride))
        tiles = [cut(picture, box)[None] for picture in pictures]
        answers = np.empty((count, len(self.taxonomy.defects) + 1, height, width), np.float32)
        for place, answer in enumerate(self._runner.answers(tiles)):
            answers[place] = answer[:, :height, :width]
        return answers

    def _refuse(self, pictures: UInt8) -> None:
        if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[3] != self.channels or not pictures.size:
            raise InputError(
                f"pictures must be uint8 N H W {self.channels}, got {pictures.dtype} {pictures.shape}: "
                f"convert them with picture.normalise"
            )


def write_bundle(out: Path, network: ov.Model | None, card: Card, *, onnx: bytes | None = None) -> Card:
    """Write network and card as a bundle; the folder appears whole or not at all.

    Args:
        network: uint8 N H W C to float32 N K+1 H W, all sizes open but the channels; None = for ONNX Runtime only.
        card: without files; the card that is written names them with their hashes, and is returned.
        onnx: the same network as an ONNX file.

    Raises:
        BundleError: the folder is there already, or there is no network at all.
    """
    if network is None and onnx is None:
        raise BundleError("a bundle holds a network: give one for OpenVINO or for ONNX Runtime")
    networks = {}
    if network is not None:
        named = plainly_named(network, inputs=("pictures",), output="probabilities", name="inspector")
        networks[Path(NETWORK).stem] = named
    return write_networks(out, networks, card, others={} if onnx is None else {ONNX: onnx})


def _up(length: int, stride: int) -> int:
    return -(-length // stride) * stride
