"""Painted masks whose colours a text file beside them names, as CVAT exports them; and files that no reader reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from blemish.core.errors import BlemishError
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Dataset
from blemish.data.importing import ImportOptions, import_folder, prepare
from blemish.picture.write import write_png

SMALL = ImportOptions(tile_px=32, split="none")
TEXT = "# label:color_rgb:parts:actions\nbackground:0,0,0::\ndent:50,183,250::\ncrack:250,50,83::\n"
CRACK, DENT, FIRST_OBJECT = (250, 50, 83), (50, 183, 250), (128, 0, 0)


def picture(path: Path, seed: int) -> None:
    write_png(path, np.random.default_rng(seed).integers(60, 200, (32, 32), dtype=np.uint8))


def painted(path: Path, colour: tuple[int, int, int], side: int) -> None:
    plane = np.zeros((32, 32, 3), np.uint8)
    plane[4 : 4 + side, 8 : 8 + side] = colour
    write_png(path, plane)


@pytest.fixture
def cvat(tmp_path: Path) -> Path:
    src = tmp_path / "src"
    for i in range(4):
        picture(src / f"JPEGImages/{i}.png", i)
        painted(src / f"SegmentationClass/{i}.png", CRACK if i % 2 else DENT, 3 + i)
        painted(src / f"SegmentationObject/{i}.png", FIRST_OBJECT, 3 + i)
    (src / "labelmap.txt").write_text(TEXT)
    return src


def test_its_colours_are_the_classes_and_masks_of_objects_are_passed_over(cvat: Path, tmp_path: Path) -> None:
    report = import_folder(cvat, tmp_path / "out", SMALL)
    data = Dataset(tmp_path / "out")
    assert (report.format, data.taxonomy.defect_names) == ("colour", ("dent", "crack"))
    assert "the masks of SegmentationObject are passed over" in " ".join(report.warnings)
    assert [r.defect_px for r in data.records] == [(9, 0), (0, 16), (25, 0), (0, 36)]


def test_masks_of_objects_in_the_colours_of_classes_are_not_told_apart(cvat: Path) -> None:
    (cvat / "labelmap.txt").write_text(TEXT + "stain:128,0,0::\n")
    assert "expected one mask for picture" in prepare(cvat, SMALL).report.left_out[0][1]


def test_a_taxonomy_of_the_user_does_not_make_scans_of_them(cvat: Path) -> None:
    rows = [{"name": "dent", "colour": "#32b7fa"}, {"name": "crack", "colour": "#fa3253"}]
    values = {"name": "t", "backgrounds": [{"name": "s", "colour": "#010101"}], "defects": rows}
    mine = Taxonomy.from_dict(values, where="here")
    assert prepare(cvat, ImportOptions(split="none", taxonomy=mine)).report.format == "colour"


def test_a_text_file_with_another_line_names_no_colours(cvat: Path) -> None:
    (cvat / "labelmap.txt").write_text(TEXT + "as exported on Monday\n")
    with pytest.raises(BlemishError, match="only a taxonomy says which class a colour is"):
        prepare(cvat, SMALL)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.xml", "<annotation><object><bndbox></bndbox></object></annotation>", "a.xml has boxes and no outlines"),
        ("annotations.xml", "<annotations><image/></annotations>", "export the task from there as COCO"),
        ("via.json", '{"a": {"regions": [{"region_attributes": {}}]}}', "VGG Image Annotator's: export"),
        ("via.csv", "filename,region_attributes\na.png,{}\n", "VGG Image Annotator's: export"),
        ("tasks.json", '[{"annotations": [{"result": [{"type": "polygonlabels"}]}]}]', "Label Studio's: export"),
        ("a.mat", "MATLAB 5.0", "save its masks as PNG"),
        ("a.dat", "?", "expected masks beside them"),
    ],
)
def test_a_file_that_no_reader_reads_is_named_with_what_to_do(name: str, text: str, says: str, tmp_path: Path) -> None:
    picture(tmp_path / "a.png", 0)
    (tmp_path / name).write_text(text)
    with pytest.raises(BlemishError, match="no picture with a label: ") as caught:
        prepare(tmp_path, SMALL)
    assert says in str(caught.value)
