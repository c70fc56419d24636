"""Labelme files written here as Labelme writes them."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from blemish.core.arrays import UInt8
from blemish.core.errors import InputError
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Dataset
from blemish.data.importing import ImportOptions, import_folder, prepare
from blemish.data.readers.labelme_shapes import draw_shapes, read_shape, with_holes

SMALL = ImportOptions(tile_px=64, split="none")


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def gray(seed: int = 0) -> UInt8:
    return np.random.default_rng(seed).integers(60, 200, (64, 64), dtype=np.uint8)


def shape(label: str, kind: str | None, points: list[list[float]], **more: Any) -> dict[str, Any]:
    return {"label": label, "points": points, "group_id": None, "shape_type": kind, "flags": {}} | more


def labelled(src: Path, name: str, shapes: list[dict[str, Any]], **more: Any) -> Path:
    src.mkdir(parents=True, exist_ok=True)
    values = {
        "version": "5.4.1", "flags": {}, "shapes": shapes, "imagePath": f"{name}.png", "imageData": None,
        "imageHeight": 64, "imageWidth": 64,
    }  # fmt: skip
    if more.get("imageData") is None:
        (src / f"{name}.png").write_bytes(png(gray()))
    path = src / f"{name}.json"
    path.write_text(json.dumps(values | more))
    return path


def drawn(*shapes: dict[str, Any]) -> dict[str, np.ndarray]:
    return draw_shapes([read_shape(s, "file") for s in shapes], (64, 64), "file")


SQUARE = [[10, 10], [19, 10], [19, 19], [10, 19]]


def test_areas_of_every_kind_of_shape() -> None:
    mask = base64.b64encode(png(np.array([[1, 0, 1], [0, 1, 0]], np.uint8))).decode()
    found = drawn(
        shape("polygon", "polygon", SQUARE),
        shape("old polygon", None, SQUARE),
        shape("rectangle", "rectangle", [[19, 19], [10, 10]]),
        shape("turned", "oriented_rectangle", SQUARE),
        shape("circle", "circle", [[32, 32], [32, 42]]),
        shape("line", "line", [[5, 30], [44, 30]]),
        shape("strip", "linestrip", [[5, 30], [24, 30], [24, 50]]),
        shape("point", "point", [[32, 32]]),
        shape("points", "points", [[12, 12], [40, 40]]),
        shape("mask", "mask", [[7, 5], [9, 6]], mask=mask),
    )
    areas = {label: int(plane.sum()) for label, plane in found.items()}
    assert areas["polygon"] == areas["old polygon"] == areas["rectangle"] == areas["turned"] == 100
    assert abs(areas["circle"] - np.pi * 10.5**2) < 12
    assert 390 <= areas["line"] <= 440
    assert areas["points"] == 2 * areas["point"] > 60
    assert np.argwhere(found["mask"]).tolist() == [[5, 7], [5, 9], [6, 8]]


def test_a_polygon_inside_another_of_its_group_is_a_hole_and_one_inside_that_is_filled() -> None:
    outer = shape("ring", "polygon", [[0, 0], [39, 0], [39, 39], [0, 39]], group_id=1)
    hole = shape("ring", "polygon", SQUARE, group_id=1)
    island = shape("ring", "polygon", [[13, 13], [14, 13], [14, 14], [13, 14]], group_id=1)
    assert drawn(hole, outer)["ring"].sum() == 1600 - 100
    assert drawn(island, hole, outer)["ring"].sum() == 1600 - 100 + 4
    assert drawn(outer, shape("ring", "polygon", SQUARE))["ring"].sum() == 1600


def test_polygons_of_a_group_that_only_overlap_are_joined() -> None:
    left, right = np.zeros((4, 8), bool), np.zeros((4, 8), bool)
    left[:, :5] = right[:, 3:] = True
    assert with_holes([left, right]).all()


def test_a_mask_shape_that_reaches_out_is_cut_off() -> None:
    mask = base64.b64encode(png(np.ones((4, 4), np.uint8))).decode()
    assert drawn(shape("spot", "mask", [[-2, 62], [1, 65]], mask=mask))["spot"].sum() == 4


def test_labels_become_classes_and_shapes_beyond_the_picture_are_counted(tmp_path: Path) -> None:
    labelled(tmp_path / "src", "a", [shape("scratch", "polygon", [[50, 50], [90, 50], [90, 90], [50, 90]])])
    labelled(
        tmp_path / "src", "b", [shape("Scratch", "polygon", SQUARE), shape("dent", "circle", [[40, 40], [45, 40]])]
    )
    labelled(tmp_path / "src", "c", [])
    report = import_folder(tmp_path / "src", tmp_path / "out", SMALL)
    dataset = Dataset(tmp_path / "out")
    assert (report.format, report.clean, report.one_class, report.several_classes) == ("labelme", 1, 1, 1)
    assert dataset.taxonomy.defect_names == ("Scratch", "dent")
    assert dataset.records[0].defect_px == (14 * 14, 0)
    assert report.clipped_shapes == 1


def test_taxonomy_aliases_backgrounds_and_ignored_areas(tmp_path: Path) -> None:
    labelled(
        tmp_path / "src",
        "a",
        [
            shape("outside", "rectangle", [[0, 0], [63, 9]]),
            shape("folding", "rectangle", [[0, 20], [30, 29]]),
            shape("__ignore__", "rectangle", [[0, 40], [9, 49]]),
        ],
    )
    cell = Taxonomy.preset("pouch-cell")
    import_folder(tmp_path / "src", tmp_path / "out", ImportOptions(tile_px=64, taxonomy=cell, split="none"))
    record = Dataset(tmp_path / "out").records[0]
    assert record.defect_px == (0, 0, 310, 0, 0, 0)
    assert (record.background_px[1], record.ignore_px) == (640, 100)


def test_image_data_stands_in_for_a_missing_picture(tmp_path: Path) -> None:
    inside = base64.b64encode(png(gray(5))).decode()
    labelled(tmp_path / "src", "a", [shape("dent", "polygon", SQUARE)], imageData=inside, imagePath="gone.png")
    import_folder(tmp_path / "src", tmp_path / "out", SMALL)
    sample = Dataset(tmp_path / "out").sample(0)
    assert np.array_equal(sample.picture, gray(5))
    assert sample.record.id == "a-x0-y0"


def test_a_picture_elsewhere_in_the_folder_is_found_by_its_path(tmp_path: Path) -> None:
    src = tmp_path / "src"
    labelled(src / "json", "a", [shape("dent", "polygon", SQUARE)], imagePath="..\\pictures\\a.png")
    (src / "pictures").mkdir()
    (src / "json" / "a.png").rename(src / "pictures" / "a.png")
    report = import_folder(src, tmp_path / "out", SMALL)
    assert report.pictures_found == 1
    assert Dataset(tmp_path / "out").records[0].source == "pictures/a.png"


BAD = {
    "NaN": ([shape("dent", "polygon", [[1, float("nan")], [5, 5], [1, 5]])], {}, "NaN is not a number"),
    "infinite": ([shape("dent", "polygon", [[1, float("inf")], [5, 5], [1, 5]])], {}, "Infinity is not a number"),
    "far": ([shape("dent", "polygon", [[1, 1e308], [5, 5], [1, 5]])], {}, "two finite numbers near its picture"),
    "few": ([shape("dent", "polygon", [[1, 1], [5, 5]])], {}, "must have 3 or more points, got 2"),
    "kind": ([shape("dent", "spline", SQUARE)], {}, "unknown kind 'spline'"),
    "path": ([shape("dent", "polygon", SQUARE)], {"imagePath": "../../etc/a.png"}, "leads out of"),
    "drive": ([shape("dent", "polygon", SQUARE)], {"imagePath": "C:\\pictures\\a.png"}, "leads out of"),
    "absolute": ([shape("dent", "polygon", SQUARE)], {"imagePath": "/etc/a.png"}, "leads out of"),
    "hostile": ([shape("../../x\n" * 99, "polygon", SQUARE)], {}, "a class name must be 1 to 64 letters"),
    "size": ([shape("dent", "polygon", SQUARE)], {"imageWidth": 63}, "label must be 64x64 px like its picture"),
    "huge": ([shape("dent", "polygon", SQUARE)], {"imageWidth": 10**9, "imageHeight": 10**9}, "its picture's size"),
    "no mask": ([shape("dent", "mask", [[1, 1], [2, 2]])], {}, "of kind mask but brings none"),
    "mask size": (
        [shape("dent", "mask", [[1, 1], [2, 2]], mask=base64.b64encode(png(np.ones((9, 9), np.uint8))).decode())],
        {},
        "mask must be 2x2 px like its box, got 9x9",
    ),
    "no label": ([{"points": SQUARE, "shape_type": "polygon"}], {}, "must be a table with a label"),
    "two defects": (
        [shape("dent", "polygon", SQUARE), shape("hole", "polygon", SQUARE)], {}, "dent and hole lie on one pixel",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_in_one_line_and_can_be_left_out(name: str, tmp_path: Path) -> None:
    shapes, more, message = BAD[name]
    labelled(tmp_path / "src", "good", [shape("dent", "polygon", SQUARE)])
    labelled(tmp_path / "src", "bad", shapes, **more)
    with pytest.raises(InputError, match=message) as caught:
        import_folder(tmp_path / "src", tmp_path / "out", SMALL)
    assert "bad" in str(caught.value)
    assert not (tmp_path / "out").exists()
    report = import_folder(tmp_path / "src", tmp_path / "out", ImportOptions(tile_px=64, split="none", skip_bad=True))
    assert (report.pictures_found, report.pictures_imported, report.pictures_left_out) == (2, 1, 1)


def test_a_label_that_the_taxonomy_lacks_is_named_with_those_it_has(tmp_path: Path) -> None:
    labelled(tmp_path / "src", "a", [shape("wurst", "polygon", SQUARE)])
    options = ImportOptions(taxonomy=Taxonomy.preset("pouch-cell"))
    with pytest.raises(InputError, match="label 'wurst' is no class of taxonomy 'pouch-cell', which has groove, spore"):
        import_folder(tmp_path / "src", tmp_path / "out", options)


def test_a_picture_without_json_is_unlabelled_not_clean(tmp_path: Path) -> None:
    labelled(tmp_path / "src", "a", [shape("dent", "polygon", SQUARE)])
    (tmp_path / "src" / "b.png").write_bytes(png(gray(1)))
    report = prepare(tmp_path / "src", SMALL).report
    assert (report.pictures_found, report.clean) == (2, 0)
    assert report.left_out[0] == (
        "b.png",
        "picture b.png has no Labelme JSON: label it, leave it out with --skip-bad, or say with --unlabelled-clean "
        "that such pictures show good parts",
    )


def test_a_name_with_a_colon_is_a_name_and_a_drive_leads_out(tmp_path: Path) -> None:
    labelled(tmp_path / "src", "2024-05-01T10:22:30", [shape("dent", "polygon", SQUARE)])
    assert import_folder(tmp_path / "src", tmp_path / "set", SMALL).pictures_imported == 1
    labelled(tmp_path / "other", "a", [shape("dent", "polygon", SQUARE)], imagePath="C:/pictures/a.png")
    with pytest.raises(InputError, match="leads out of"):
        import_folder(tmp_path / "other", tmp_path / "never", SMALL)


def test_a_picture_that_is_a_link_belongs_to_the_file_beside_the_link(tmp_path: Path) -> None:
    src = tmp_path / "src"
    labelled(src / "images", "a", [shape("dent", "polygon", SQUARE)])
    (src / "store").mkdir()
    (src / "images" / "a.png").replace(src / "store" / "b.bin")
    (src / "images" / "a.png").symlink_to("../store/b.bin")
    assert import_folder(src, tmp_path / "set", SMALL).pictures_imported == 1


@pytest.mark.parametrize(
    ("kind", "more"), [("polygon", {"imagePath": "a\x00.png"}), ("polygon", {"imagePath": "\ud800.png"}), (["x"], {})]
)
def test_hostile_values_are_refused_and_can_be_left_out(kind: Any, more: dict[str, Any], tmp_path: Path) -> None:
    labelled(tmp_path / "src", "good", [shape("dent", "polygon", SQUARE)])
    labelled(tmp_path / "src", "a", [shape("dent", kind, SQUARE)], **more)
    report = prepare(tmp_path / "src", replace(SMALL, skip_bad=True)).report
    assert report.pictures_imported >= 1
