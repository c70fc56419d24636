"""What benchmarks/gan_speed.py measures with: alternating rounds, a data set, label maps, untrained generators."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from blemish.core.arrays import UInt8, with_channels
from blemish.core.labels import LabelMap
from blemish.core.protocols import Generator
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.core.seeds import derive_seed, rng
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Dataset, DatasetInfo, DatasetWriter, Sample
from blemish.gan.composed.networks import ComposedGenerator
from blemish.gan.composed.settings import ComposedSettings
from blemish.gan.model import GENERATOR, KIND, TorchGenerator
from blemish.gan.networks import PaperGenerator
from blemish.gan.presets import preset
from blemish.picture.tiling import cut
from blemish.simulate.procedural import TAXONOMY, procedural_tile
from blemish.train.checkpoint import save_weights
from blemish.train.precision import channels_last

Rounds = Mapping[str, list[float]]
SEED = 1
LEAST_COVER, MOST_COVER = 0.002, 0.05  # Of a typical label.


def alternating(tasks: Mapping[str, Callable[[], float]], rounds: int, what: str) -> Rounds:
    """Seconds of each task in each round; every second round goes backwards, so that a drift hits all alike.

    Args:
        tasks: each works and returns how many units it did.
    """
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for number in range(rounds):
        for name in reversed(list(tasks)) if number % 2 else tasks:
            started = perf_counter()
            units = tasks[name]()
            seconds[name].append((perf_counter() - started) / units)
            print(f"{what}, round {number + 1}: {name}: {seconds[name][-1]:.4f} s", file=sys.stderr, flush=True)
    return seconds


def summary(values: list[float], digits: int = 4) -> dict[str, Any]:
    """Median, lowest and highest, and all of them in order."""
    return {
        "median": round(median(values), digits),
        "lowest": round(min(values), digits),
        "highest": round(max(values), digits),
        "rounds": [round(value, digits) for value in values],
    }


def ratio(slow: list[float], fast: list[float]) -> dict[str, Any]:
    """How many times faster, round by round."""
    return summary([one / other for one, other in zip(slow, fast, strict=True)], 2)


def procedural_set(folder: Path, tile_px: int, tiles: int) -> Dataset:
    """Procedural tiles that show a defect, and a third as many clean ones."""
    wanted = {True: tiles - tiles // 4, False: tiles // 4}
    with DatasetWriter(folder, DatasetInfo(TAXONOMY, tile_px, 1)) as writer:
        index = 0
        while sum(wanted.values()):
            picture, defect = procedural_tile(SEED, index, tile_px)
            index += 1
            if wanted[bool(defect.any())]:
                wanted[bool(defect.any())] -= 1
                name, box = f"tile-{index:04d}", Box(0, 0, tile_px, tile_px)
                row = TileRecord(name, name, "", "", box, name, Split.TRAIN, Origin.SIMULATED, (), ())
                writer.add(Sample(picture, LabelMap(defect, np.zeros_like(defect)), row))
    return Dataset(folder)


def typical_labels(count: int, tile_px: int, taxonomy: Taxonomy) -> list[LabelMap]:
    """One to three oblong defects that cover 0.2 to 5 % of a tile, evenly on a scale of factors."""
    return [_typical(place, count, tile_px, len(taxonomy.defects)) for place in range(count)]


def _typical(place: int, count: int, tile_px: int, classes: int) -> LabelMap:
    random, label = rng(SEED, "speed-label", place), LabelMap.clean(tile_px, tile_px)
    share = LEAST_COVER * (MOST_COVER / LEAST_COVER) ** (place / max(count - 1, 1))
    defects = 1 + place % 3
    for number in range(defects):
        oblong = 4 ** random.uniform()
        radius = np.sqrt(share * tile_px**2 / defects / np.pi)
        centre = tuple(int(v) for v in random.uniform(0.15 * tile_px, 0.85 * tile_px, 2))
        axes = max(1, round(radius * oblong**0.5)), max(1, round(radius / oblong**0.5))
        index = 1 + (place + number) % classes
        cv2.ellipse(label.defect, centre, axes, float(random.uniform(0, 180)), 0, 360, index, -1)
    return label


def whole_tile(tile_px: int) -> LabelMap:
    """A defect everywhere: the most that can be asked of a tile."""
    label = LabelMap.clean(tile_px, tile_px)
    label.defect[:] = 1
    return label


def surfaces(dataset: Dataset, count: int, tile_px: int) -> UInt8:
    """Real clean pictures, uint8 N H W C, continued by reflection where tiles are smaller."""
    clean = [record for record in dataset.records if record.is_clean] or list(dataset.records)
    whole = Box(0, 0, tile_px, tile_px)
    return np.stack([cut(with_channels(dataset.picture(clean[i % len(clean)])), whole) for i in range(count)])


def untrained_run(folder: Path, width: int, taxonomy: Taxonomy, channels: int) -> Path:
    """A default generator with weights as they begin; but its classes change the surface, so that a gate sees them."""
    torch.manual_seed(derive_seed(SEED, "speed"))
    network = ComposedGenerator(len(taxonomy.defects), len(taxonomy.backgrounds), width, channels)
    first = 1 + len(taxonomy.backgrounds)
    signs = torch.tensor([0.4, -0.4]).repeat(len(taxonomy.defects))[: len(taxonomy.defects)]
    network.defect.tint.weight.data[:, first : first + len(taxonomy.defects), 0, 0] = signs
    settings = preset("default", width=width)
    assert isinstance(settings, ComposedSettings)
    card = {
        "kind": KIND,
        "architecture": {"name": "composed", "width": width, "channels": channels, "every_scale": True, "wear": True},
        "taxonomy": taxonomy.to_dict(),
        "preset": "default",
        "painting": {"ring_px": settings.ring_px, "codes": True, "noise": True, "composition": True},
        "lights": [[[0.0] * channels + [0.1] * channels for _ in taxonomy.backgrounds]],
    }
    save_weights(folder / GENERATOR, network, card)
    return folder


def paper_generator(width: int, taxonomy: Taxonomy, channels: int, device: str = "cpu") -> TorchGenerator:
    """The paper's generator with weights as they begin, channels-last as it is trained."""
    torch.manual_seed(derive_seed(SEED, "speed"))
    network = channels_last(PaperGenerator(width, channels)).to(device).eval().requires_grad_(False)
    return TorchGenerator(network, taxonomy, {"preset": "paper"}, hash="")


@dataclass(frozen=True)
class InBfloat16:
    """A torch generator under bfloat16 autocast."""

    generator: TorchGenerator
    device: str = "cpu"

    @property
    def taxonomy(self) -> Taxonomy:
        return self.generator.taxonomy

    @property
    def channels(self) -> int:
        return self.generator.channels

    def paint(self, label_maps: Any, seeds: Any, backgrounds: UInt8 | None = None) -> UInt8:
        with autocast(self.device, on=True):
            return self.generator.paint(label_maps, seeds, backgrounds)


def autocast(device: str, *, on: bool) -> AbstractContextManager[Any]:
    return torch.autocast(device, torch.bfloat16) if on else nullcontext()


def painting(generator: Generator, labels: list[LabelMap], beneath: UInt8 | None) -> Callable[[], float]:
    """A task of `alternating`: paint some tiles one by one."""

    def paint() -> float:
        for i, label in enumerate(labels):
            generator.paint([label], [i], None if beneath is None else beneath[i : i + 1])
        return len(labels)

    return paint


def size_of(network: nn.Module) -> dict[str, Any]:
    """Parameters, and the size of all tensors as float32: MiB are 2^20 bytes, MB 10^6."""
    tensors: list[Tensor] = list(network.state_dict().values())
    numbers = sum(tensor.numel() for tensor in tensors)
    return {
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "mib_float32": round(4 * numbers / 2**20, 3),
        "mb_float32": round(4 * numbers / 1e6, 3),
    }
