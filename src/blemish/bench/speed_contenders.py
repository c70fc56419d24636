"""Who runs in `bench speed`: eager PyTorch and bundles, on tiles alone and from a PNG on disk to a result on disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from torch import nn

from blemish.bundle.bundle import Bundle
from blemish.core.arrays import Float32, UInt8
from blemish.core.protocols import Segmenter
from blemish.core.records import Part, PartResult, View
from blemish.core.taxonomy import Taxonomy
from blemish.inspect.results import ResultFolder
from blemish.inspect.run import Inspection, inspect_part
from blemish.inspect.scan import scan_scores
from blemish.picture.read import read_picture
from blemish.segment.model import to_input


class Eager:
    """Plain PyTorch in float32 on all threads, one tile after another as that is its fastest way."""

    def __init__(self, network: nn.Module, taxonomy: Taxonomy, channels: int = 1) -> None:
        self.network, self.taxonomy, self.channels = network.eval(), taxonomy, channels

    def probabilities(self, pictures: UInt8) -> Float32:
        with torch.inference_mode():
            answers = [self.network(to_input(torch.from_numpy(one[None])).contiguous()).softmax(1) for one in pictures]
        return torch.cat(answers).numpy()


@dataclass(frozen=True)
class Whole:
    """A bundle's segmenter that always computes all probabilities of all tiles, as PyTorch's does."""

    segmenter: Segmenter

    @property
    def taxonomy(self) -> Taxonomy:
        return self.segmenter.taxonomy

    @property
    def channels(self) -> int:
        return self.segmenter.channels

    def probabilities(self, pictures: UInt8) -> Float32:
        return self.segmenter.probabilities(pictures)


def with_eager(inspection: Inspection, network: nn.Module) -> Inspection:
    """The same reading, tiles, joining and rules with eager PyTorch."""
    segmenter = inspection.segmenter
    return replace(inspection, segmenter=Eager(network, segmenter.taxonomy, segmenter.channels))


def with_whole(inspection: Inspection) -> Inspection:
    """The same bundle, all probabilities of all tiles."""
    return replace(inspection, segmenter=Whole(inspection.segmenter))


def with_tiles_up_to(inspection: Inspection, most_px: int) -> Inspection:
    """The same bundle with other large tiles; the card's size = no larger ones."""
    return replace(inspection, tiling=replace(inspection.tiling, most_px=most_px))


def of_bundle(folder: Path, threads: int | None = None) -> Inspection:
    """As `blemish inspect` runs it."""
    return Inspection.of_bundle(Bundle.open(folder), threads=threads)


@dataclass
class ToDisk:
    """One contender end to end: reads the scan, inspects it, writes its result; keeps the last one and all stages."""

    inspection: Inspection
    scan: Path
    folder: Path  # Where results go, one folder a time, removed when the next begins.
    stages: list[Mapping[str, float]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    result: PartResult | None = None
    _turns: count[int] = field(default_factory=count)

    def __call__(self) -> None:
        out = self.folder / f"{next(self._turns)}"
        part = Part(self.scan.stem, (View("", self.scan),))
        started = perf_counter()
        with ResultFolder(out, self.inspection.inspected) as results:
            self.result = inspect_part(part, self.inspection)
            inspected = perf_counter()
            results.add(self.result)
        ended = perf_counter()
        self.seconds.append(ended - started)
        self.stages.append({**self.result.seconds, "write": ended - inspected})
        shutil.rmtree(out)

    def class_map(self) -> UInt8:
        """uint8 H W: the class that each pixel counts as, 0 none; computed anew, and not timed."""
        picture = read_picture(self.scan).astype(np.uint8, copy=False)[:, :, None]
        limits, taxonomy = self.inspection.limits, self.inspection.segmenter.taxonomy
        least = [limits.thresholds[code] for code in taxonomy.codes]
        scores = scan_scores(picture, self.inspection.segmenter, self.inspection.tiling, floors=least)
        counted: UInt8 = np.where(scores.score >= np.array(least, np.float32)[scores.best - 1], scores.best, 0)
        return counted.astype(np.uint8)


def on_tiles(segmenter: Segmenter, tiles: UInt8) -> Callable[[], None]:
    """A task: all probabilities of some tiles."""

    def task() -> None:
        segmenter.probabilities(tiles)

    return task
