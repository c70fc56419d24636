"""Pictures without a label, where the user knows that they show good parts; and masks in a folder inside."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from blemish.core.errors import InputError
from blemish.data.dataset import Dataset
from blemish.data.importing import ImportOptions, import_folder, prepare
from blemish.picture.write import write_png

SMALL = ImportOptions(tile_px=64, split="none")
CLEAN = ImportOptions(tile_px=64, split="none", unlabelled_clean=True)


def picture(path: Path) -> None:
    write_png(path, np.random.default_rng(len(path.name)).integers(60, 200, (64, 64), dtype=np.uint8))


def mask(path: Path) -> None:
    drawn = np.zeros((64, 64), np.uint8)
    drawn[10:30, 10:30] = 255
    write_png(path, drawn)


def masks(src: Path) -> None:
    picture(src / "crack" / "a.png")
    mask(src / "crack" / "a_mask.png")
    picture(src / "crack" / "b.png")


def index(src: Path) -> None:
    picture(src / "images" / "a.png")
    write_png(src / "labels" / "a.png", np.eye(64, dtype=np.uint8))
    picture(src / "images" / "b.png")


def labelme(src: Path) -> None:
    picture(src / "a.png")
    shape = {"label": "crack", "points": [[5, 5], [20, 5], [20, 20]], "shape_type": "polygon"}
    (src / "a.json").write_text(json.dumps({"imagePath": "a.png", "imageData": None, "shapes": [shape]}))
    picture(src / "b.png")


def coco(src: Path) -> None:
    picture(src / "a.png")
    picture(src / "b.png")
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[5, 5, 20, 5, 20, 20]]}
    (src / "all.json").write_text(json.dumps({
        "images": [{"id": 1, "file_name": "a.png", "width": 64, "height": 64}],
        "categories": [{"id": 1, "name": "crack"}], "annotations": [annotation],
    }))  # fmt: skip


def yolo(src: Path) -> None:
    picture(src / "a.png")
    (src / "a.txt").write_text("0 0.1 0.1 0.5 0.1 0.5 0.5\n")
    picture(src / "b.png")


@pytest.mark.parametrize("write", [masks, index, labelme, coco, yolo])
def test_they_are_refused_unless_the_user_knows_better(write: Callable[[Path], None], tmp_path: Path) -> None:
    src = tmp_path / "src"
    write(src)
    with pytest.raises(InputError, match="--unlabelled-clean"):
        import_folder(src, tmp_path / "out", SMALL)
    report = import_folder(src, tmp_path / "out", CLEAN)
    records = {record.id.rsplit("/", 1)[-1]: record for record in Dataset(tmp_path / "out").records}
    assert records["b-x0-y0"].is_clean
    assert records["a-x0-y0"].classes
    assert (report.pictures_found, report.pictures_imported, report.clean_without_label) == (2, 2, 1)


def test_a_label_that_lost_its_picture_may_be_theirs(tmp_path: Path) -> None:
    src = tmp_path / "src"
    masks(src)
    mask(src / "crack" / "c_mask.png")  # Of b, perhaps, that was renamed.
    said = dict(prepare(src, CLEAN).report.left_out)
    assert set(said) == {"crack/b.png", "crack/c_mask.png"}
    assert "crack/c_mask.png was left out, maybe its own" in said["crack/b.png"]


def test_a_file_that_cannot_be_read_makes_no_clean_picture(tmp_path: Path) -> None:
    src = tmp_path / "src"
    coco(src)
    (src / "more.json").write_text('{"images": [{"id": 1, "file_name": "b.png"')
    with pytest.raises(InputError, match=r"more\.json"):
        import_folder(src, tmp_path / "out", CLEAN)
    skipping = ImportOptions(tile_px=64, split="none", unlabelled_clean=True, skip_bad=True)
    import_folder(src, tmp_path / "out", skipping)
    assert [record.id for record in Dataset(tmp_path / "out").records] == ["a-x0-y0"]


def test_what_looks_like_a_mask_is_no_clean_picture(tmp_path: Path) -> None:
    src = tmp_path / "src"
    masks(src)
    mask(src / "crack" / "b-mask.png")
    said = dict(prepare(src, CLEAN).report.left_out)
    assert set(said) == {"crack/b.png", "crack/b-mask.png"}
    assert "looks like a mask" in said["crack/b-mask.png"]


@pytest.mark.parametrize("name", ["b.json", "b_mask.gif", "b.xml"])
def test_a_file_of_its_name_that_no_reader_used_may_be_its_label(name: str, tmp_path: Path) -> None:
    src = tmp_path / "src"
    masks(src)
    (src / "crack" / name).write_text("{}")
    assert f"crack/{name} may be one" in dict(prepare(src, CLEAN).report.left_out)["crack/b.png"]


def test_numbers_behind_a_name_are_other_pictures(tmp_path: Path) -> None:
    src = tmp_path / "src"
    masks(src)
    (src / "crack" / "b_2.json").write_text("{}")
    (src / "crack" / "batch.json").write_text("{}")  # Begins with the letter that the picture is called by.
    assert prepare(src, CLEAN).report.left_out == ()


def test_a_link_to_nothing_may_have_been_its_label(tmp_path: Path) -> None:
    src = tmp_path / "src"
    masks(src)
    (src / "crack" / "b_mask.png").symlink_to(src / "gone.png")
    skipping = ImportOptions(tile_px=64, split="none", unlabelled_clean=True, skip_bad=True)
    import_folder(src, tmp_path / "out", skipping)
    assert [record.id for record in Dataset(tmp_path / "out").records] == ["crack/a-x0-y0"]


def test_half_a_coco_file_and_a_text_file_elsewhere_are_lost_labels(tmp_path: Path) -> None:
    coco(tmp_path / "coco")
    (tmp_path / "coco" / "more.json").write_text('{"images": [{"id": 1, "file_name": "b.png"}], "annotations": []}')
    assert {"b.png", "more.json"} == set(dict(prepare(tmp_path / "coco", CLEAN).report.left_out))
    yolo(tmp_path / "yolo")
    (tmp_path / "yolo" / "deep" / "er").mkdir(parents=True)
    (tmp_path / "yolo" / "deep" / "er" / "b.txt").write_text("0 12 40 33 50 60 70\n")
    assert {"b.png", "deep/er/b.txt"} == set(dict(prepare(tmp_path / "yolo", CLEAN).report.left_out))


def dagm(src: Path) -> None:
    for number in (1, 2):
        folder = src / f"Class{number}" / "Train"
        for name in ("0001", "0002", "0003"):
            picture(folder / f"{name}.PNG")
        mask(folder / "Label" / "0002_label.PNG")
        (folder / "Label" / "Labels.txt").write_text("1\n1\t0\t0001.PNG\t0\t0\n")


def test_masks_may_lie_in_a_folder_inside_that_of_the_pictures(tmp_path: Path) -> None:
    dagm(tmp_path / "src")
    report = import_folder(tmp_path / "src", tmp_path / "out", CLEAN)
    found = {record.id: record.classes for record in Dataset(tmp_path / "out").records}
    assert report.pictures_imported == 6
    assert Dataset(tmp_path / "out").taxonomy.defect_names == ("Class1", "Class2")
    assert found["Class1/Train/0002-x0-y0"] == (1,)
    assert found["Class2/Train/0002-x0-y0"] == (2,)
    assert not any(found[f"Class{number}/Train/{name}-x0-y0"] for number in (1, 2) for name in ("0001", "0003"))


def test_equal_names_in_a_folder_inside(tmp_path: Path) -> None:
    for name in ("a", "b"):
        picture(tmp_path / "src" / f"{name}.png")
        mask(tmp_path / "src" / "masks" / f"{name}.png")
    assert import_folder(tmp_path / "src", tmp_path / "out", SMALL).pictures_imported == 2


def test_equal_names_beside_do_not_lead_the_pairing_astray(tmp_path: Path) -> None:
    src = tmp_path / "src"
    for name in ("000", "001"):
        picture(src / "crack" / f"{name}.png")
        mask(src / "crack" / "masks" / f"{name}.png")
        picture(src / "good" / f"{name}.png")
    report = import_folder(src, tmp_path / "out", SMALL)
    found = {record.id: record.classes for record in Dataset(tmp_path / "out").records}
    assert (report.pictures_imported, report.clean) == (4, 2)
    assert found["crack/000-x0-y0"] == (1,)
    assert found["good/000-x0-y0"] == ()


def test_copies_of_pictures_in_a_folder_inside_are_no_masks(tmp_path: Path) -> None:
    for name in ("000", "001"):
        picture(tmp_path / "src" / "x" / f"{name}.jpg")
        picture(tmp_path / "src" / "x" / "png" / f"{name}.png")
    with pytest.raises(InputError, match="no picture with a label"):
        prepare(tmp_path / "src", SMALL)


def test_a_folder_of_masks_without_pictures_is_not_clean(tmp_path: Path) -> None:
    src = tmp_path / "src"
    for name in ("000", "001", "002", "003"):
        picture(src / "x" / f"{name}.png")
        mask(src / "x" / "masks" / f"{name}.png")
    for name in ("000", "001"):
        picture(src / "y" / f"{name}.png")
        mask(src / "y_masks" / f"{name}.png")
    assert "y_masks/000.png looks like a mask" in dict(prepare(src, SMALL).report.left_out)["y_masks/000.png"]


def test_folders_of_masks_inside_may_name_the_class(tmp_path: Path) -> None:
    for name, kind in (("000", "crack"), ("001", "pit")):
        picture(tmp_path / "src" / f"{name}.png")
        mask(tmp_path / "src" / kind / f"{name}.png")
    import_folder(tmp_path / "src", tmp_path / "out", SMALL)
    assert set(Dataset(tmp_path / "out").taxonomy.defect_names) == {"crack", "pit"}


def silhouette(path: Path) -> None:
    drawn = np.full((64, 64), 250, np.uint8)
    drawn[8:50, 20:44] = 4
    write_png(path, drawn)


def test_pictures_of_silhouettes_are_no_masks(tmp_path: Path) -> None:
    src = tmp_path / "src"
    for name in ("000", "001", "002"):
        silhouette(src / "crack" / f"{name}.png")
        mask(src / "crack" / f"{name}_mask.png")
        silhouette(src / "good" / f"{name}.png")
    silhouette(src / "crack" / "003.png")
    report = import_folder(src, tmp_path / "out", CLEAN)
    assert (report.pictures_imported, report.clean) == (7, 4)
