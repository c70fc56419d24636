"""A tiny data set of drawn shapes, quick to learn: bright squares and dark discs on noise."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from blemish.core.labels import LabelMap
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Dataset, DatasetInfo, DatasetWriter, Sample

TILE_PX = 64
SHAPES = Taxonomy.of_names("shapes", ["square", "disc"])


def shape_tile(index: int, split: Split, origin: Origin = Origin.REAL) -> Sample:
    """A bright square (index 1, 4, ...), a dark disc (2, 5, ...) or nothing (0, 3, ...) on noise."""
    random = np.random.default_rng(index)
    picture = random.normal(120, 8, (TILE_PX, TILE_PX)).clip(0, 255).astype(np.uint8)
    label = LabelMap.clean(TILE_PX, TILE_PX)
    x, y = (int(v) for v in random.integers(16, 48, 2))
    kind = index % 3
    if kind == 1:
        cv2.rectangle(label.defect, (x - 9, y - 9), (x + 9, y + 9), 1, -1)
        picture[label.defect == 1] += 60
    elif kind == 2:
        cv2.circle(label.defect, (x, y), 10, 2, -1)
        picture[label.defect == 2] -= 60
    name = f"{split}{index}"
    record = TileRecord(name, name, "", f"{name}.png", Box(0, 0, TILE_PX, TILE_PX), name, split, origin, (), ())
    return Sample(picture, label, record)


def write_shapes(folder: Path, counts: dict[Split, int], origin: Origin = Origin.REAL) -> Path:
    with DatasetWriter(folder, DatasetInfo(SHAPES, TILE_PX, 1)) as writer:
        for split, count in counts.items():
            for index in range(count):
                writer.add(shape_tile(index, split, origin))
    return folder


@pytest.fixture(scope="session")
def shapes_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve train, six val and six test tiles of 64 px."""
    folder = tmp_path_factory.mktemp("shapes") / "set"
    return write_shapes(folder, {Split.TRAIN: 12, Split.VAL: 6, Split.TEST: 6})


@pytest.fixture(scope="session")
def shapes(shapes_folder: Path) -> Dataset:
    return Dataset(shapes_folder)


@pytest.fixture(scope="session")
def synthetic_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synthetic") / "set"
    return write_shapes(folder, {Split.NONE: 6}, Origin.SYNTHETIC)
