"""A trained default generator becomes a bundle that draws without torch, or is refused because it would draw otherwise.

Bundle and torch generator paint the same label maps from the same seeds; everything but the two networks is the same
code (`bundle.painting`), so what differs is the order of sums in float32, and the rounding of bfloat16.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openvino as ov
import torch
from torch import nn

from blemish import __version__
from blemish.bundle.card import FloatPrecision
from blemish.bundle.files import refuse_existing
from blemish.bundle.generator import (
    BACKGROUND,
    DEFECT,
    BundlePainter,
    GeneratorBundle,
    planes_of,
    write_generator_bundle,
)
from blemish.bundle.generator_card import GeneratorCard, GeneratorParity
from blemish.bundle.painting import STRIDE, Painter, one_by_one
from blemish.core.arrays import Bool, UInt8
from blemish.core.errors import InputError, ParityError
from blemish.core.labels import LabelMap
from blemish.core.seeds import rng
from blemish.core.taxonomy import Taxonomy
from blemish.gan.composed.model import ARCHITECTURE, ComposedTorchGenerator
from blemish.gan.model import load_generator
from blemish.train.trace import traced

# Grey levels: the largest difference in float32, where only a value near one half rounds otherwise; the mean over
# painted pixels in bfloat16, which has 8 bits of precision: about a grey level.
TOLERANCES: Mapping[FloatPrecision, float] = {"f32": 1.0, "bf16": 1.5}
MOST_DIFFERING = 0.01  # Share of painted values that may differ at all in float32.
SEEDED_SIZES_HW = ((96, 96), (64, 96), (161, 130))  # The last one is no multiple of anything.
SEEDED = 6


@dataclass(frozen=True)
class Scene:
    """A label map and the clean picture that its defects are painted on, uint8 H W C."""

    label_map: LabelMap
    surface: UInt8


@dataclass(frozen=True)
class Scenes:
    """What is painted to compare, and what it is, in words for the card."""

    scenes: Sequence[Scene]
    what: str


def export_run(
    run: Path,
    *,
    out: Path,
    precision: FloatPrecision = "f32",
    tolerance: float | None = None,
    scenes: Scenes | None = None,
) -> GeneratorCard:
    """Write the bundle of a trained run of the default preset.

    Args:
        precision: what the bundle computes in.
        tolerance: grey levels; None = 1 at most in f32, 1.5 on average in bf16.
        scenes: real label maps and pictures to compare on; None = seeded ones.

    Returns:
        the card, with the measured differences.

    Raises:
        InputError: a generator of another preset, which has no bundle form.
        BundleError: `run` holds no trained generator, or `out` is there already.
        ParityError: the pictures differ by more than the tolerance; nothing is written.
    """
    refuse_existing(out)
    trained = load_generator(run)
    if not isinstance(trained, ComposedTorchGenerator):
        raise InputError(
            f"{run} is a generator of the preset {trained.preset}, which has no bundle form: export one that was "
            f"trained with --preset default"
        )
    draft = card_of(trained, precision)
    networks = {name: _network(trained, draft, name) for name in (DEFECT, BACKGROUND)}
    parity = _measured(trained, networks, draft, scenes or seeded_scenes(trained.taxonomy, trained.channels), tolerance)
    _refuse_unlike(parity, precision)
    finished = draft.model_copy(update={"parity": parity})
    return write_generator_bundle(out, networks[DEFECT], networks[BACKGROUND], finished)


def card_of(trained: ComposedTorchGenerator, precision: FloatPrecision) -> GeneratorCard:
    """The card of a trained generator, without parity and files."""
    codes, palette, card = trained.taxonomy.codes, trained.palette, trained.card
    state_of = {entry["name"]: entry["state"] for entry in card.get("classes", ())}
    named = zip(codes, trained.taxonomy.defect_names, strict=True)
    return GeneratorCard.model_validate(
        {
            "architecture": ARCHITECTURE,
            "preset": trained.preset,
            "taxonomy": trained.taxonomy,
            "channels": trained.channels,
            "painting": {name: getattr(trained.options, name) for name in ("ring_px", "codes", "noise", "composition")},
            "code_length": palette.code_length,
            "noise_planes": palette.noise_planes,
            "background_noise_planes": palette.background_noise_planes,
            "codes": {code: rows.tolist() for code, rows in zip(codes, palette.codes, strict=True)},
            "lights": palette.lights.tolist(),
            "classes": {code: state_of[name] for code, name in named if name in state_of},
            "weights_hash": trained.hash,
            "data_hash": str(card.get("data", "")),
            "precision": precision,
            "versions": _versions(str(card.get("commit", ""))),
        }
    )


def seeded_scenes(taxonomy: Taxonomy, channels: int) -> Scenes:
    """Seeded label maps of several sizes that show every class in turn, two defects each, on noise."""
    scenes = [_seeded(taxonomy, channels, i, SEEDED_SIZES_HW[i % len(SEEDED_SIZES_HW)]) for i in range(SEEDED)]
    return Scenes(scenes, f"{SEEDED} seeded label maps")


def _seeded(taxonomy: Taxonomy, channels: int, index: int, size_hw: tuple[int, int]) -> Scene:
    random = rng(0, "gan-export", index)
    k, m = len(taxonomy.defects), len(taxonomy.backgrounds)
    rows, columns = np.mgrid[0 : size_hw[0], 0 : size_hw[1]]
    defect = np.zeros(size_hw, np.uint8)
    for number in range(2):
        y, x = random.uniform(8, size_hw[0] - 8), random.uniform(8, size_hw[1] - 8)
        tall, wide = random.uniform(2, 14, 2)
        defect[((rows - y) / tall) ** 2 + ((columns - x) / wide) ** 2 < 1] = 1 + (2 * index + number) % k
    background = (columns * m // size_hw[1]).astype(np.uint8)
    surface = random.normal(128, 25, (*size_hw, channels))
    return Scene(LabelMap(defect, background), np.clip(surface, 0, 255).astype(np.uint8))


def _network(trained: ComposedTorchGenerator, card: GeneratorCard, name: str) -> ov.Model:
    branch: nn.Module = getattr(trained.network, name)
    planes, _ = planes_of(card)[name]
    examples = [torch.zeros((1, count, 2 * STRIDE, 3 * STRIDE)) for count in planes]
    return traced(branch, examples, [[1, count, -1, -1] for count in planes])


def _measured(
    trained: ComposedTorchGenerator,
    networks: Mapping[str, ov.Model],
    draft: GeneratorCard,
    compared: Scenes,
    tolerance: float | None,
) -> GeneratorParity:
    """Both paint the same scenes; the bundle is written to a temporary folder and opened as where it is used."""
    work = Path(tempfile.mkdtemp(prefix="blemish-export-"))
    try:
        write_generator_bundle(work / "bundle", networks[DEFECT], networks[BACKGROUND], draft)
        painter = GeneratorBundle.open(work / "bundle").painter()
        apart = np.concatenate([_apart(trained, painter, scene, i) for i, scene in enumerate(compared.scenes)])
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return GeneratorParity(
        pictures=f"{compared.what}, on given and on generated backgrounds",
        computed_in=painter.precision,
        tolerance_levels=tolerance or TOLERANCES[draft.precision],
        max_levels=int(apart.max(initial=0)),
        mean_levels=float(apart.mean()) if apart.size else 0.0,
        differing_frac=float((apart > 0).mean()) if apart.size else 0.0,
    )


def _apart(trained: Painter, exported: BundlePainter, scene: Scene, seed: int) -> UInt8:
    """Differences in grey levels, of the values that were painted: defects on the given surface, and a background."""
    label, surface = [scene.label_map], scene.surface[None]
    on_given = _difference(trained.paint(label, [seed], surface)[0], exported.paint(label, [seed], surface)[0])
    beneath = _difference(trained.backgrounds(label, [seed])[0], exported.backgrounds(label, [seed])[0])
    return np.concatenate([on_given[_painted(trained, scene.label_map)].ravel(), beneath.ravel()])


def _painted(trained: Painter, label_map: LabelMap) -> Bool:
    """bool H W: where a defect is painted."""
    reached = np.zeros(label_map.size_hw, bool)
    for defect in one_by_one(label_map, trained.options):
        box, (height, width) = defect.box, label_map.size_hw
        y0, x0 = max(box.y, 0), max(box.x, 0)
        y1, x1 = min(box.y + box.height, height), min(box.x + box.width, width)
        reached[y0:y1, x0:x1] |= defect.edge[y0 - box.y : y1 - box.y, x0 - box.x : x1 - box.x] > 0
    return reached


def _difference(one: UInt8, other: UInt8) -> UInt8:
    apart: UInt8 = np.abs(one.astype(np.int16) - other).astype(np.uint8)
    return apart


def _refuse_unlike(parity: GeneratorParity, precision: FloatPrecision) -> None:
    measure = "largest" if precision == "f32" else "mean"
    found = parity.max_levels if precision == "f32" else parity.mean_levels
    if found > parity.tolerance_levels:
        raise ParityError(
            f"the bundle's pictures must be within {parity.tolerance_levels:g} grey levels of torch's ({measure} "
            f"difference, {parity.pictures}), got {found:.3g}: nothing was written; raise --tolerance only if that is "
            f"acceptable"
        )
    if precision == "f32" and parity.tolerance_levels <= TOLERANCES["f32"] and parity.differing_frac > MOST_DIFFERING:
        raise ParityError(
            f"at most {MOST_DIFFERING:.0%} of the values painted may differ from torch's ({parity.pictures}), got "
            f"{parity.differing_frac:.2%}: nothing was written; raise --tolerance only if that is acceptable"
        )


def _versions(commit: str) -> dict[str, str]:
    made_by = {"blemish": __version__, "torch": str(torch.__version__), "openvino": str(ov.get_version())}
    return {**made_by, **({"commit": commit} if commit else {})}
