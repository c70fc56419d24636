from dataclasses import dataclass

import numpy as np
import pytest

from blemish.core.labels import LabelMap
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Dataset, DatasetInfo, DatasetWriter, Sample
from blemish.inspect.scan import Tiling
from blemish.segment.candidates_file import made_from, read_candidates, write_candidates
from blemish.segment.choice import Chosen, met_by_any
from blemish.segment.fold_runs import tiling_of
from blemish.segment.gather import gather

TWO = Taxonomy.of_names("two", ["light", "dark"])
BOX = Box(0, 0, 64, 64)


@dataclass
class Painted:
    """Gray 100 is clean; gray 100 + p is class 1 with p %, gray 100 - p class 2 with p %."""

    taxonomy = TWO
    channels = 1

    def probabilities(self, pictures):
        gray = pictures[..., 0].astype(np.float32) / 100 - 1
        first, second = gray.clip(0, 1), (-gray).clip(0, 1)
        return np.stack([1 - first - second, first, second], axis=1)


@dataclass
class Run:
    name: str
    view: Dataset
    segmenter: object
    tiling: Tiling = Tiling(64, 32, 32)  # noqa: RUF009 - frozen
    sha256: str = "0"


@dataclass
class Runs:
    dataset: Dataset
    runs: tuple
    made_from: dict


def sample(name, paint, label, ignore=()):
    picture, truth = np.full((64, 64), 100, np.uint8), np.zeros((64, 64), np.uint8)
    for (y, x, side), gray in paint.items():
        picture[y : y + side, x : x + side] = gray
    for (y, x, side), kind in label.items():
        truth[y : y + side, x : x + side] = kind
    for y, x, side in ignore:
        truth[y : y + side, x : x + side] = 255
    record = TileRecord(name, name, "", f"{name}.png", BOX, f"g-{name}", Split.VAL, Origin.REAL, (), ())
    return Sample(picture, LabelMap(truth, np.zeros_like(truth)), record)


def candidates(folder):
    samples = [
        sample("hit", {(5, 5, 10): 180, (40, 40, 6): 150}, {(8, 8, 10): 1}),  # One right, one false.
        sample("other", {(5, 5, 10): 160}, {(5, 5, 10): 2}),  # Real, but of the other class.
        sample("ignored", {(5, 5, 10): 190}, {}, ignore=[(5, 5, 4)]),
        sample("good", {(20, 20, 4): 75}, {}),
    ]
    with DatasetWriter(folder, DatasetInfo(TWO, 64, 1)) as writer:
        for one in samples:
            writer.add(one)
    data = Dataset(folder)
    return gather(Runs(data, (Run("fold-0", data, Painted()),), {"data_hash": data.hash}))


@pytest.fixture
def found(tmp_path):
    return candidates(tmp_path / "set")


def at(found, level):
    rows = np.flatnonzero(found.regions.level == np.float32(level))
    return {(found.parts.names[found.regions.part[row]], int(found.regions.area_px[row])): row for row in rows}


def test_regions_know_what_they_meet(found):
    rows = at(found, 0.3)
    regions = found.regions
    said = {
        key: (int(regions.kind[row]), bool(regions.own[row]), bool(regions.real[row]), bool(regions.false[row]))
        for key, row in rows.items()
    }
    assert said == {
        ("hit", 100): (1, True, True, False),
        ("hit", 36): (1, False, False, True),
        ("other", 100): (1, False, True, False),
        ("ignored", 100): (1, False, False, False),
    }
    assert regions.score[rows["hit", 100]] == pytest.approx(0.8, abs=1e-6)


def test_a_lower_level_finds_what_a_higher_one_does_not(found):
    assert ("good", 16) in at(found, 0.2)
    assert ("good", 16) not in at(found, 0.3)


def test_labelled_defects_know_by_which_score_they_were_found(found):
    assert found.defects.kind.tolist() == [1, 2]
    assert found.best_scores(1, 0.3, 1) == pytest.approx([0.8], abs=1e-6)
    assert found.best_scores(1, 0.3, 101).tolist() == [-1]  # Under the least area.
    assert found.best_scores(2, 0.3, 1).tolist() == [-1]
    chosen = [Chosen("A", 0.3, 0.55, 0.9), Chosen("B", 0.3, 0.55, 0.9)]
    assert met_by_any(found, chosen, 2).tolist() == [True]  # By a region of the other class, of 0.6.
    assert met_by_any(found, [Chosen("A", 0.3, 0.65, 0.9), chosen[1]], 2).tolist() == [False]


def test_parts_are_defective_clean_or_unknown(found):
    parts = found.parts
    assert parts.names == ("hit", "other", "ignored", "good")
    assert parts.defective.tolist() == [True, True, False, False]
    assert parts.known.tolist() == [True, True, False, True]
    assert found.part_scores(1, 0.3, 1) == pytest.approx([0.8, 0.6, 0.9, -1], abs=1e-6)


def test_sampled_pixels_stand_for_all_doubtful_ones(found):
    pixels = found.pixels
    assert pixels.weight.sum() == pytest.approx(100 + 36 + 100 + (100 - 16) + 16)
    own = pixels.part == 0
    assert (pixels.weight * pixels.right)[own].sum() == pytest.approx(7 * 7)


def test_candidates_come_back_from_disk(found, tmp_path):
    write_candidates(tmp_path / "candidates", found)
    again = read_candidates(tmp_path / "candidates")
    assert made_from(tmp_path / "candidates") == dict(found.made_from)
    assert again.parts.names == found.parts.names
    for table in ("regions", "defects", "pixels"):
        for name, values in vars(getattr(found, table)).items():
            back = getattr(getattr(again, table), name)
            assert (back.dtype, back.tolist()) == (values.dtype, values.tolist())
    assert again.met_defect.tolist() == found.met_defect.tolist()
    assert again.parts.shows.tolist() == found.parts.shows.tolist()


def test_tiles_are_those_of_a_bundle():
    assert tiling_of(32, 256) == Tiling(256, 32, 32)
    assert tiling_of(32, 500) == Tiling(512, 64, 32)
