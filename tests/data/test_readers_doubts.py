"""What must not pass for clean, for a mask, or for another class, in silence."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from blemish.core.errors import InputError
from blemish.data.dataset import Dataset
from blemish.data.importing import ImportOptions, import_folder, prepare
from blemish.picture.write import write_png

SMALL = ImportOptions(tile_px=32, split="none")


def picture(path: Path, seed: int = 0) -> None:
    write_png(path, np.random.default_rng(seed).integers(60, 200, (32, 32), dtype=np.uint8))


def plane(value: int = 255, left: int = 8) -> np.ndarray:
    pixels = np.zeros((32, 32), np.uint8)
    pixels[4:10, left : left + 6] = value
    return pixels


def labelled(src: Path, name: str, count: int = 4) -> None:
    for i in range(count):
        picture(src / name / f"{i}.png", i)
        write_png(src / name / f"{i}_mask.png", plane())


@pytest.mark.parametrize("its_mask", ["hole/{}_label.png", "hole/masks/{}.png"])
@pytest.mark.parametrize("value", [255, 0])
def test_a_folder_whose_masks_are_named_otherwise_is_not_clean(its_mask: str, value: int, tmp_path: Path) -> None:
    labelled(tmp_path, "crack")
    for i in range(4):
        picture(tmp_path / "hole" / f"{i}.png", 50 + i)
        write_png(tmp_path / its_mask.format(i), plane(value))
    with pytest.raises(InputError, match="may be a label that was not read"):
        import_folder(tmp_path, tmp_path / "out", SMALL)


@pytest.mark.parametrize("label", ["hole/{}.xml", "hole/{}.json", "hole/{}_mask.gif", "labels/{}.npy"])
def test_a_folder_with_labels_that_no_reader_used_is_not_clean(label: str, tmp_path: Path) -> None:
    labelled(tmp_path, "crack")
    for i in range(4):
        picture(tmp_path / "hole" / f"{i}.png", 50 + i)
        file = tmp_path / label.format(i)
        file.parent.mkdir(exist_ok=True)
        file.write_text("{}")
    with pytest.raises(InputError, match="may be a label that was not read"):
        import_folder(tmp_path, tmp_path / "out", replace(SMALL, format="masks"))


def test_a_good_folder_stays_clean_beside_another_with_files_of_equal_names(tmp_path: Path) -> None:
    labelled(tmp_path, "crack")
    for i in range(4):
        (tmp_path / "crack" / f"{i}.json").write_text("{}")
        picture(tmp_path / "good" / f"{i}.png", 50 + i)
    assert prepare(tmp_path, SMALL).report.clean == 4


def shape(points: list[list[float]]) -> dict[str, Any]:
    return {"label": "crack", "points": points, "shape_type": "polygon", "group_id": None}


def labelme(path: Path, points: list[list[float]], named: str, data: str | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = {"shapes": [shape(points)], "imagePath": named, "imageData": data, "imageHeight": 32, "imageWidth": 32}
    path.write_text(json.dumps(values))


def test_an_outline_beyond_its_picture_does_not_leave_a_clean_one(tmp_path: Path) -> None:
    for i, left in enumerate((4, 40)):
        picture(tmp_path / f"{i}.png", i)
        labelme(tmp_path / f"{i}.json", [[left, 4], [left + 6, 4], [left + 6, 10]], f"{i}.png")
    with pytest.raises(InputError, match="shape 1 covers no pixel of its picture of 32 x 32 px"):
        import_folder(tmp_path, tmp_path / "out", SMALL)


@pytest.mark.parametrize("outline", [[[40, 4, 46, 4, 46, 10]], {"size": [32, 32], "counts": [1024]}])
def test_a_coco_annotation_without_a_pixel_does_not_leave_a_clean_picture(outline: Any, tmp_path: Path) -> None:
    for i in range(2):
        picture(tmp_path / f"{i}.png", i)
    images = [{"id": i, "file_name": f"{i}.png", "width": 32, "height": 32} for i in range(2)]
    annotations = [
        {"id": i, "image_id": i, "category_id": 1, "segmentation": one}
        for i, one in enumerate(([[4, 4, 10, 4, 10, 10]], outline))
    ]
    values = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "crack"}]}
    (tmp_path / "a.json").write_text(json.dumps(values))
    with pytest.raises(InputError, match="covers no pixel of its picture"):
        import_folder(tmp_path, tmp_path / "out", SMALL)


def test_a_picture_is_not_clean_beside_itself_in_a_labelme_file_elsewhere(tmp_path: Path) -> None:
    for i in range(4):
        picture(tmp_path / "images" / f"{i}.png", i)
    for i in range(2):
        data = base64.b64encode((tmp_path / "images" / f"{i}.png").read_bytes()).decode()
        labelme(tmp_path / "json" / f"{i}.json", [[4, 4], [10, 4], [10, 10]], f"{i}.png", data)
    with pytest.raises(InputError, match="maybe its own"):
        import_folder(tmp_path, tmp_path / "out", replace(SMALL, unlabelled_clean=True))


def test_a_picture_is_not_taken_for_the_mask_of_its_mask(tmp_path: Path) -> None:
    for i in range(5):
        Image.fromarray(np.random.default_rng(i).integers(60, 200, (32, 32), dtype=np.uint8)).save(
            tmp_path / f"crack_{i}.jpg"
        )
        write_png(tmp_path / f"crack_{i}.png", plane())
    for i in range(2):
        picture(tmp_path / f"hole_{i}.png", 50 + i)
        Image.fromarray(plane()).save(tmp_path / f"hole_{i}.jpg")
    with pytest.raises(InputError, match="looks like a picture"):
        import_folder(tmp_path, tmp_path / "out", SMALL)


def test_white_is_white_whatever_its_place_in_the_palette(tmp_path: Path) -> None:
    for i in range(4):
        picture(tmp_path / "images" / f"{i}.png", i)
        image = Image.fromarray(plane(1) if i % 2 else 1 - plane(1))
        image.putpalette([0, 0, 0, 255, 255, 255] if i % 2 else [255, 255, 255, 0, 0, 0])
        (tmp_path / "masks").mkdir(exist_ok=True)
        image.save(tmp_path / "masks" / f"{i}.png")
    import_folder(tmp_path, tmp_path / "out", SMALL)
    assert [record.defect_px for record in Dataset(tmp_path / "out").records] == [(36,)] * 4


def test_masks_of_255_among_those_of_1_are_doubted(tmp_path: Path) -> None:
    for i in range(6):
        picture(tmp_path / "images" / f"{i}.png", i)
        write_png(tmp_path / "masks" / f"{i}.png", plane(1 if i < 4 else 255))
    assert any("no class: 2 of 6" in text for text in prepare(tmp_path, SMALL).report.warnings)


def test_a_part_without_any_defect_does_not_make_classes_of_the_parts(tmp_path: Path) -> None:
    for part in range(4):
        for i in range(4):
            picture(tmp_path / f"kos{part}" / f"Part{i}.png", 10 * part + i)
            write_png(tmp_path / f"kos{part}" / f"Part{i}_label.png", plane(255 if i == 0 < part else 0))
    report = prepare(tmp_path, SMALL).report
    assert (report.format, report.clean, [row["name"] for row in report.classes]) == ("kolektor", 13, ["defect"])


def test_a_dead_frame_among_good_pictures_raises_no_doubt(tmp_path: Path) -> None:
    labelled(tmp_path, "crack")
    for i in range(4):
        picture(tmp_path / "good" / f"{i}.png", 50 + i)
    write_png(tmp_path / "good" / "4.png", plane(0))
    assert prepare(tmp_path, SMALL).report.clean == 5


def test_a_speck_between_two_pixels_costs_no_picture(tmp_path: Path) -> None:
    for i in range(2):
        picture(tmp_path / f"{i}.png", i)
    speck = [4.1, 20.1, 4.2, 20.1, 4.2, 20.2]
    images = [{"id": i, "file_name": f"{i}.png", "width": 32, "height": 32} for i in range(2)]
    annotations = [
        {"id": n, "image_id": n % 2, "category_id": 1, "segmentation": [outline]}
        for n, outline in enumerate(([4, 4, 10, 4, 10, 10], [4, 4, 10, 4, 10, 10], speck))
    ]
    values = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "crack"}]}
    (tmp_path / "a.json").write_text(json.dumps(values))
    assert prepare(tmp_path, SMALL).report.classes[0]["pictures"] == 2


def test_pictures_that_their_tag_turns_are_told(tmp_path: Path) -> None:
    for i in range(3):
        exif = Image.Exif()
        exif[0x0112] = (1, 3, 1)[i]
        pixels = np.random.default_rng(i).integers(60, 200, (32, 32), dtype=np.uint8)
        (tmp_path / "images").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / "images" / f"{i}.jpg", exif=exif)
        write_png(tmp_path / "masks" / f"{i}.png", plane())
    warnings = prepare(tmp_path, SMALL).report.warnings
    assert any("EXIF tag says: 1 of 3, the first images/1.jpg" in text for text in warnings)


def test_labelme_files_that_were_renamed_apart_from_their_paths_are_refused(tmp_path: Path) -> None:
    for i in range(3):
        picture(tmp_path / f"{i}.png", i)
        labelme(tmp_path / f"{i}.json", [[4, 4], [10, 4], [10, 10]], f"{(i + 1) % 3}.png")
    with pytest.raises(InputError, match=r"imagePath names 1\.png, but 0\.png has the file's own name"):
        import_folder(tmp_path, tmp_path / "out", SMALL)
