"""A tiny data set of drawn shapes, quick to learn: bright squares and dark discs on noise; and made-up candidates."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from blemish.core.labels import LabelMap
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Dataset, DatasetInfo, DatasetWriter, Sample
from blemish.segment.candidates import LEVELS, Candidates, Defects, Parts, Pixels, Regions

TILE_PX = 64
INT, FLAG = np.int64, np.bool_
SHAPES = Taxonomy.of_names("shapes", ["square", "disc"])


def shape_tile(index: int, split: Split, origin: Origin = Origin.REAL, seed: int = 0) -> Sample:
    """A bright square (index 1, 4, ...), a dark disc (2, 5, ...) or nothing (0, 3, ...) on noise."""
    random = np.random.default_rng(index + 1000 * seed)
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


def write_shapes(folder: Path, counts: dict[Split, int], origin: Origin = Origin.REAL, seed: int = 0) -> Path:
    with DatasetWriter(folder, DatasetInfo(SHAPES, TILE_PX, 1)) as writer:
        for split, count in counts.items():
            for index in range(count):
                writer.add(shape_tile(index, split, origin, seed))
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
def elsewhere_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another data set of the same classes: other pictures."""
    return write_shapes(tmp_path_factory.mktemp("elsewhere") / "set", {Split.TRAIN: 8, Split.VAL: 2}, seed=1)


@pytest.fixture(scope="session")
def synthetic_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synthetic") / "set"
    return write_shapes(folder, {Split.NONE: 6}, Origin.SYNTHETIC)


def made_candidates(parts, codes=("A", "B")):
    """Candidates of parts given as (fold, labelled classes, regions); a region is (class, score, area, meets own).

    Every labelled class of a part is one defect of 40 px; each part is a group of its own.
    """
    shows = np.array([[k + 1 in labels for k in range(len(codes))] for _, labels, _ in parts], FLAG)
    defects = [(part, kind) for part, (_, labels, _) in enumerate(parts) for kind in labels]
    regions = [(part, *region) for part, (_, _, own) in enumerate(parts) for region in own]
    met = [(row, defects.index((r[0], r[1]))) for row, r in enumerate(regions) if r[4]]
    part, kind, score, area, own = (np.array(column) for column in zip(*regions, strict=True))
    own = own.astype(FLAG)
    return Candidates(
        codes=codes,
        names=tuple(f"class {code}" for code in codes),
        parts=Parts(
            tuple(f"p{i}" for i in range(len(parts))), tuple(f"g{i}" for i in range(len(parts))),
            np.array([fold for fold, _, _ in parts], INT), shows, ~shows.any(axis=1),
        ),
        regions=Regions(
            np.full(len(part), LEVELS[2], np.float32), part.astype(INT), kind.astype(INT), score.astype(np.float32),
            area.astype(INT), area.astype(INT), own, own, np.zeros(len(part), FLAG),
        ),
        defects=Defects(*(np.array(column, INT) for column in zip(*((p, k, 40, 9) for p, k in defects), strict=True))),
        met_region=np.array([row for row, _ in met], INT),
        met_defect=np.array([defect for _, defect in met], INT),
        pixels=Pixels(
            part.astype(INT), kind.astype(INT), score.astype(np.float32), own, np.ones(len(part), np.float32)
        ),
        made_from={"data_hash": "0"},
    )  # fmt: skip


def drawn_candidates(seed=0, count=80):
    random = np.random.default_rng(seed)
    parts = []
    for place in range(count):
        labels = [kind for kind in (1, 2) if random.uniform() < 0.35]
        regions = [
            (kind, round(float(random.uniform(0.45, 0.99)), 3), int(random.integers(4, 60)), True)
            for kind in labels
            if random.uniform() < 0.9
        ]
        regions += [
            (int(random.integers(1, 3)), round(float(random.uniform(0.31, 0.8)), 3), int(random.integers(1, 40)), False)
            for _ in range(int(random.integers(0, 3)))
        ]
        parts.append((place % 3, labels, regions))
    return made_candidates(parts)


@pytest.fixture
def made():
    return made_candidates


@pytest.fixture
def drawn():
    return drawn_candidates
