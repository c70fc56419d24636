"""A tiny set for ladders: pits and scratches on noise, three groups of each kind in train, val and test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from blemish.bench import few_defects, quality
from blemish.bench.scale import Scale
from blemish.core.arrays import Float32
from blemish.core.labels import LabelMap
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.core.seeds import rng
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Dataset, DatasetInfo, DatasetWriter, Sample
from blemish.gan.features import FeatureNetwork

TWO = Taxonomy.of_names("two", ["pit", "scratch"])
TINY = Scale(
    crop_px=32,
    batch=2,
    steps=2,
    per_class=6,
    gan_size_px=32,
    gan_batch=2,
    gan_steps=2,
    gan_gate=False,
    paper_width=2,
    paper_size_px=32,
    paper_batch=2,
    paper_steps=2,
)


def a_tile(place: int, noise: str = "surface") -> Sample:
    picture = rng(0, noise, place).integers(90, 110, (64, 64)).astype(np.uint8)
    defect = np.zeros((64, 64), np.uint8)
    if place % 3:
        area = (slice(20, 34), slice(20, 34)) if place % 3 == 1 else (slice(30, 33), slice(8, 50))
        defect[area], picture[area] = place % 3, 220
    split = (Split.TRAIN, Split.VAL, Split.TEST)[(place // 3) % 3]
    group = f"g{place // 3}-{place % 3}"
    record = TileRecord(f"t{place}", group, "", "", Box(0, 0, 64, 64), group, split, Origin.REAL, (), ())
    return Sample(picture, LabelMap(defect, np.zeros_like(defect)), record)


def write_tiny(folder: Path, tiles: int = 18, noise: str = "surface") -> Dataset:
    with DatasetWriter(folder, DatasetInfo(TWO, tile_px=64, channels=1)) as writer:
        for place in range(tiles):
            writer.add(a_tile(place, noise))
    return Dataset(folder)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return write_tiny(tmp_path_factory.mktemp("tiny") / "set")


@pytest.fixture(scope="session")
def tiny_scale() -> Scale:
    return TINY


@pytest.fixture(scope="session")
def gan_flags() -> list[str]:
    """The tiny scale on a command line, for commands that climb no ladder."""
    inspector = ("--crop", "32", "--batch", "2", "--steps", "2", "--per-class", "6")
    return [*inspector, "--gan-size", "32", "--gan-batch", "2", "--gan-steps", "2"]


@pytest.fixture(scope="module")
def quick_features() -> Iterator[None]:
    """In the place of the feature network the mean gray of each quarter of a picture."""

    def ask(pictures: Float32) -> tuple[Float32, Float32]:
        quarters = pictures.reshape(len(pictures), 3, 2, 4, 2, 4).mean((1, 3, 5)).reshape(len(pictures), 4)
        return quarters.astype(np.float32), np.full((len(pictures), 2), 0.5, np.float32)

    network = FeatureNetwork("quarters", "KID (quarters)", "Frechet (quarters)", "0" * 64, 8, ask)
    with pytest.MonkeyPatch.context() as patch:
        for module in (quality, few_defects):
            patch.setattr(module, "feature_network", lambda: network)
        yield
