from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from blemish.core.labels import LabelMap
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Dataset, DatasetInfo, DatasetWriter, Sample
from blemish.gan import bank
from blemish.gan.networks import PaperGenerator
from blemish.train.checkpoint import save_weights

SIDE = 48
CELL = Taxonomy.from_dict(
    {
        "name": "small cell",
        "backgrounds": [{"name": "body", "colour": "#808080"}, {"name": "outside", "colour": "#101010"}],
        "defects": [{"name": n} for n in ("groove", "dot", "ghost")],
    }
)


def small_tile(name: str, *, groove: bool = False, dot: bool = False, split: Split = Split.TRAIN, side: int = SIDE):
    """Outside at the right; on the body grooves along x in the upper half, dots in the lower one."""
    random = np.random.default_rng(sum(name.encode()))
    background = np.zeros((side, side), np.uint8)
    background[:, side - 10 :] = 1
    defect = np.zeros((side, side), np.uint8)
    if groove:
        y, x, length = random.integers(6, 18), random.integers(2, 8), random.integers(14, 22)
        defect[y : y + 3, x : x + length] = 1
    if dot:
        y, x = random.integers(28, 38), random.integers(6, 26)
        defect[y : y + 5, x : x + 5] = 2
    picture = np.where(background == 0, 120 + random.integers(0, 20, (side, side)), 30) + 20 * defect
    record = TileRecord(name, name, "", "s", Box(0, 0, side, side), name, split, Origin.REAL, (), ())
    return Sample(picture.astype(np.uint8), LabelMap(defect, background), record)


def write_small(folder: Path, *, clean: bool = True, side: int = SIDE) -> Dataset:
    """Train: 5 grooves, 2 dots, 1 with both, 3 clean; val: 1 dot."""
    with DatasetWriter(folder, DatasetInfo(CELL, side, 1)) as writer:
        for i in range(5):
            writer.add(small_tile(f"groove/{i}", groove=True, side=side))
        for i in range(2):
            writer.add(small_tile(f"dot/{i}", dot=True, side=side))
        writer.add(small_tile("both/0", groove=True, dot=True, side=side))
        for i in range(3 if clean else 0):
            writer.add(small_tile(f"clean/{i}", side=side))
        writer.add(small_tile("val/0", dot=True, split=Split.VAL, side=side))
    return Dataset(folder)


@pytest.fixture(scope="session")
def small_set(tmp_path_factory) -> Dataset:
    return write_small(tmp_path_factory.mktemp("small") / "set")


@pytest.fixture(scope="session")
def set_without_clean(tmp_path_factory) -> Dataset:
    return write_small(tmp_path_factory.mktemp("dirty") / "set", clean=False)


@pytest.fixture(scope="session")
def set_of_50_px(tmp_path_factory) -> Dataset:
    """A tile size that is no multiple of the network's stride."""
    return write_small(tmp_path_factory.mktemp("odd") / "set", side=50)


@pytest.fixture(scope="session")
def colour_set(tmp_path_factory, small_set: Dataset) -> Dataset:
    """The small set in RGB."""
    folder = tmp_path_factory.mktemp("colour") / "set"
    with DatasetWriter(folder, DatasetInfo(CELL, SIDE, 3)) as writer:
        for sample in small_set.samples():
            tinted = np.stack([sample.picture, sample.picture // 2, 255 - sample.picture], axis=2)
            writer.add(replace(sample, picture=tinted))
    return Dataset(folder)


@pytest.fixture(scope="session")
def run(tmp_path_factory, small_set: Dataset) -> Path:
    """A run of the paper's network that has learned nothing."""
    folder = tmp_path_factory.mktemp("run")
    torch.manual_seed(3)
    card = {
        "kind": "gan-generator",
        "architecture": {"name": "paper", "width": 2, "channels": 1},
        "taxonomy": small_set.taxonomy.to_dict(),
        "preset": "paper",
    }
    save_weights(folder / "generator", PaperGenerator(2, 1), card)
    return folder


@pytest.fixture
def enough_clean(monkeypatch):
    """Three clean tiles, as the small set has, are enough to draw on."""
    monkeypatch.setattr(bank, "LEAST_AREAS", 3)
