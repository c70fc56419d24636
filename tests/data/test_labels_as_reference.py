import json

import numpy as np
import pytest
import tomli_w

from blemish.core.errors import InputError
from blemish.core.labels import LabelMap
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import DatasetInfo, DatasetWriter, Sample
from blemish.data.labels_as_reference import labelled_parts
from blemish.picture.write import write_png

TWO = Taxonomy.from_dict(
    {"name": "two", "pixel_mm_xy": [0.5, 0.25], "defects": [{"name": "dent"}, {"name": "stain", "least_size_px": 4}]}
)


def add(
    writer: DatasetWriter,
    part: str,
    x: int,
    truth: list[int],
    split: Split = Split.TEST,
    origin: Origin = Origin.SIMULATED,
) -> None:
    defect = np.array([truth] * 2, np.uint8)
    record = TileRecord(f"{part}-{x}", part, "", f"{part}.png", Box(x, 0, len(truth), 2), part, split, origin, (), ())
    writer.add(Sample(np.zeros_like(defect), LabelMap(defect, np.zeros_like(defect)), record))


@pytest.fixture
def folder(tmp_path):
    with DatasetWriter(tmp_path / "set", DatasetInfo(TWO, 4, 1)) as writer:
        add(writer, "bad", 0, [2, 0, 1, 1])
        add(writer, "bad", 4, [1, 1, 0, 0])  # One dent of 4 px over the border.
        add(writer, "good", 0, [0, 0, 0, 0])
        add(writer, "who", 0, [0, 0, 255, 0])
        add(writer, "other", 0, [1, 0, 0, 0], Split.TRAIN)
    return tmp_path / "set"


def test_a_part_is_what_its_tiles_together_show(folder):
    found = labelled_parts(folder, Split.TEST)
    assert found.size_unit == "mm"
    assert found.said_by.startswith("labels of simulated tiles, data set set (")
    bad, good, who = found.parts
    assert (bad.is_ok, bad.classes, bad.size) == (False, ("dent", "stain"), 2.0)  # 4 px of 0.5 mm, joined.
    assert (good.is_ok, who.is_ok) == (True, None)
    assert [part.serial for part in labelled_parts(folder).parts] == ["bad", "good", "who", "other"]


def test_a_synthetic_tile_is_of_no_part(tmp_path):
    with DatasetWriter(tmp_path / "set", DatasetInfo(TWO, 4, 1)) as writer:
        add(writer, "good", 0, [0, 0, 0, 0], Split.TRAIN)
        add(writer, "good", 8, [1, 1, 1, 1], Split.TRAIN, Origin.SYNTHETIC)
    assert [(part.serial, part.is_ok) for part in labelled_parts(tmp_path / "set").parts] == [("good", True)]


def test_a_simulated_folder_drops_defects_under_the_least_size(tmp_path):
    (tmp_path / "taxonomy.toml").write_text(tomli_w.dumps(TWO.to_dict()))
    (tmp_path / "simulation.json").write_text(json.dumps({}))
    for name, row in {"a": [2, 2, 2, 2, 0, 0], "b": [2, 2, 2, 0, 0, 0], "c": [0] * 6}.items():
        palette = [(i, i, i) for i in range(3)]
        write_png(tmp_path / "labels" / f"{name}.png", np.array([row], np.uint8), palette)
        write_png(tmp_path / "backgrounds" / f"{name}.png", np.zeros((1, 6), np.uint8), palette)
    found = labelled_parts(tmp_path)
    assert [(part.serial, part.is_ok) for part in found.parts] == [("a", False), ("b", None), ("c", True)]
    assert "simulated line" in found.said_by


def test_a_folder_of_neither_kind_is_refused(tmp_path):
    with pytest.raises(InputError, match="neither a data set nor simulated scans"):
        labelled_parts(tmp_path)
