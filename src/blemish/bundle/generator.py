"""A frozen generator on disk: two OpenVINO networks under the common painter, drawing without torch.

Both networks have open sizes, for each defect is painted on a crop of its own size. Nothing of a bundle is used before
every hash has been checked.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openvino as ov

from blemish.bundle.bundle import openvino_core, usable_cores
from blemish.bundle.card import CARD, MOST_CARD_BYTES, FloatPrecision
from blemish.bundle.files import checked_files, first_line, loaded_network, plainly_named, write_networks
from blemish.bundle.generator_card import GeneratorCard, read_generator_card
from blemish.bundle.painting import Painter
from blemish.bundle.reading import read_plain
from blemish.core.arrays import Float32
from blemish.core.errors import BundleError, InputError

DEFECT = "defect"
BACKGROUND = "background"
_INPUTS = {DEFECT: ("surface", "condition", "noise"), BACKGROUND: ("classes", "light", "noise")}
_OUTPUTS = {DEFECT: "painted", BACKGROUND: "surface"}


@dataclass(frozen=True)
class GeneratorBundle:
    """One generator, its files checked and in memory."""

    folder: Path
    card: GeneratorCard
    files: Mapping[str, bytes]

    @classmethod
    def open(cls, folder: Path) -> GeneratorBundle:
        """Read a bundle; the hashes of all files are checked before anything of them is used.

        Raises:
            BundleError: no bundle, a file missing, altered or outside the folder, another kind or format.

        Example:
            >>> GeneratorBundle.open(Path("generator")).painter().ring_px  # doctest: +SKIP
            6
        """
        card = read_generator_card(folder)
        needed = [f"{name}.{kind}" for name in (DEFECT, BACKGROUND) for kind in ("xml", "bin")]
        return cls(folder, card, checked_files(folder, card.files, needed=needed))

    @property
    def hash(self) -> str:
        """The bundle's name: SHA-256 over its card, hence over all files."""
        return self.card.hash

    def painter(self, *, threads: int | None = None) -> BundlePainter:
        """The generator, ready to paint.

        Args:
            threads: CPU threads; None = all that this process may use.
        """
        return BundlePainter(self, threads=threads)


class BundlePainter(Painter):
    """A bundle as `core.protocols.Generator`, run by OpenVINO on the CPU. May be used by several threads.

    The networks are compiled once, for open sizes. Measured with the default generator, that paints crops as fast as
    one compiled for each size does, which takes half a second a size and there are hundreds of sizes.

    `precision` is what the CPU really computes in: f32 where a bfloat16 bundle meets a CPU without it.
    """

    def __init__(self, bundle: GeneratorBundle, *, threads: int | None = None) -> None:
        if threads is not None and threads < 1:
            raise InputError(f"threads must be 1 or more, got {threads}")
        self.card, self.hash, self.preset = bundle.card, bundle.hash, bundle.card.preset
        self.threads = threads or usable_cores()
        defect, background = (
            _Branch(bundle, name, self.threads, *planes) for name, planes in planes_of(self.card).items()
        )
        self.precision: FloatPrecision = defect.precision
        card = self.card
        super().__init__(card.taxonomy, card.channels, card.palette, card.options, defect, background)


class _Branch:
    """One network as `painting.Network`."""

    def __init__(self, bundle: GeneratorBundle, name: str, threads: int, planes_in: list[int], planes_out: int) -> None:
        network = loaded_network(openvino_core(), bundle.folder, bundle.files, name)
        _refuse_unlike(network, name, planes_in, planes_out, bundle.folder)
        settings = {
            "INFERENCE_PRECISION_HINT": bundle.card.precision,  # Else OpenVINO picks bfloat16 by itself on some CPUs.
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
        }
        try:
            self._compiled = openvino_core().compile_model(network, "CPU", settings)
        except RuntimeError as error:
            raise BundleError(
                f"{bundle.folder}: OpenVINO cannot run its network {name} ({first_line(error)})"
            ) from error
        self._request, self._lock = self._compiled.create_infer_request(), threading.Lock()

    @property
    def precision(self) -> FloatPrecision:
        return "bf16" if self._compiled.get_property("INFERENCE_PRECISION_HINT") == ov.Type.bf16 else "f32"

    def __call__(self, *planes: Float32) -> Float32:
        with self._lock:  # A request serves one caller at a time.
            self._request.infer(dict(enumerate(planes)))
            return np.array(self._request.get_output_tensor().data, np.float32)


def is_generator_bundle(folder: Path) -> bool:
    """Whether a folder says that it is one; a training run's generator does not."""
    try:
        values = json.loads(read_plain(folder / CARD, MOST_CARD_BYTES))
    except (BundleError, OSError, ValueError, RecursionError):
        return False
    return isinstance(values, dict) and values.get("kind") == "generator"


def write_generator_bundle(out: Path, defect: ov.Model, background: ov.Model, card: GeneratorCard) -> GeneratorCard:
    """Write both networks and the card as a bundle; the folder appears whole or not at all.

    Args:
        defect, background: float32 1 P H W in and out as `painting.Network` says, H and W open.
        card: without files; the card that is written names them with their hashes, and is returned.

    Raises:
        BundleError: the folder is there already.
    """
    networks = {
        name: plainly_named(network, inputs=_INPUTS[name], output=_OUTPUTS[name], name=name)
        for name, network in ((DEFECT, defect), (BACKGROUND, background))
    }
    return write_networks(out, networks, card)


def planes_of(card: GeneratorCard) -> dict[str, tuple[list[int], int]]:
    """Planes of the three inputs and of the output of each network."""
    m, k, c = len(card.taxonomy.backgrounds), len(card.taxonomy.defects), card.channels
    return {
        DEFECT: ([c, 1 + m + k + card.code_length, card.noise_planes], c),
        BACKGROUND: ([m, 2 * c, card.background_noise_planes], c),
    }


def _refuse_unlike(network: ov.Model, name: str, planes_in: list[int], planes_out: int, folder: Path) -> None:
    found_in = [_planes(port.partial_shape) for port in network.inputs]
    found_out = [_planes(port.partial_shape) for port in network.outputs]
    if (found_in, found_out) != (planes_in, [planes_out]):
        raise BundleError(
            f"{folder}: the card says that the network {name} takes {planes_in} planes and gives {planes_out}, "
            f"the network takes {found_in} and gives {found_out}: export it again"
        )


def _planes(shape: ov.PartialShape) -> int | None:
    """Planes of N P H W; None where the shape is another."""
    return int(shape[1].get_length()) if shape.rank == 4 and shape[1].is_static else None
