"""COCO files as tools write them: several files, polygons, run lengths plain and packed, paths of other machines."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_masks

from blemish.core.errors import InputError, LabelError
from blemish.data.dataset import Dataset
from blemish.data.exporters.coco import export_coco, run_length
from blemish.data.importing import ImportOptions, import_folder, prepare
from blemish.data.readers.coco_masks import draw_outline, read_outline, unpacked
from blemish.picture.write import write_png

SMALL = ImportOptions(tile_px=64, split="none")
SQUARE = [10, 10, 20, 10, 20, 20, 10, 20]
CATEGORIES = [{"id": 3, "name": "Scratch"}, {"id": 8, "name": "dent"}]


def picture(path: Path, seed: int = 0) -> None:
    write_png(path, np.random.default_rng(seed).integers(60, 200, (64, 64), dtype=np.uint8))


def image(number: int, name: str, **more: Any) -> dict[str, Any]:
    return {"id": number, "file_name": name, "height": 64, "width": 64} | more


def annotation(number: int, of: int, segmentation: Any, category: int = 3) -> dict[str, Any]:
    return {"id": number, "image_id": of, "category_id": category, "segmentation": segmentation, "iscrowd": 0}


def coco(path: Path, images: list[Any], annotations: list[Any], categories: list[Any] = CATEGORIES) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))


@pytest.fixture
def line(tmp_path: Path) -> Path:
    """Two files, one a split; one picture clean, one with two classes."""
    src = tmp_path / "src"
    for name in ("train/a.png", "train/b.png", "valid/a.png"):
        picture(src / name)
    packed = np.zeros((64, 64), np.uint8)
    packed[40:44, 30:50] = 1
    counts = coco_masks.encode(np.asfortranarray(packed))["counts"].decode()
    two = [annotation(1, 1, [SQUARE]), annotation(2, 1, {"size": [64, 64], "counts": counts}, 8)]
    coco(src / "train" / "_annotations.coco.json", [image(1, "a.png"), image(2, "b.png")], two)
    coco(src / "valid" / "_annotations.coco.json", [image(1, "a.png")], [annotation(1, 1, run_length(packed > 0))])
    return src


def test_it_is_recognised_and_every_picture_has_its_own_labels(line: Path, tmp_path: Path) -> None:
    report = import_folder(line, tmp_path / "out", SMALL)
    found = {record.id: record for record in Dataset(tmp_path / "out").records}
    assert report.format == "coco"
    assert (report.pictures_imported, report.clean, report.several_classes) == (3, 1, 1)
    assert Dataset(tmp_path / "out").taxonomy.defect_names == ("Scratch", "dent")
    assert found["train/a-x0-y0"].defect_px == (100, 80)
    assert found["valid/a-x0-y0"].defect_px == (80, 0)
    assert found["train/b-x0-y0"].is_clean


def test_folders_say_the_split(line: Path, tmp_path: Path) -> None:
    import_folder(line, tmp_path / "out", ImportOptions(tile_px=64, split="folders"))
    assert {r.id: str(r.split) for r in Dataset(tmp_path / "out").records} == {
        "train/a-x0-y0": "train",
        "train/b-x0-y0": "train",
        "valid/a-x0-y0": "val",
    }


def test_our_own_export_comes_back_to_the_same_pixels(line: Path, tmp_path: Path) -> None:
    import_folder(line, tmp_path / "out", SMALL)
    first = Dataset(tmp_path / "out")
    export_coco(first, tmp_path / "exported")
    import_folder(tmp_path / "exported", tmp_path / "again", SMALL)
    again = {
        s.record.id.removesuffix("-x0-y0").removeprefix("images/"): s for s in Dataset(tmp_path / "again").samples()
    }
    for sample in first.samples():
        assert np.array_equal(again[sample.record.id].label_map.defect, sample.label_map.defect)


def test_ignored_pixels_of_our_export_come_back(tmp_path: Path) -> None:
    picture(tmp_path / "src" / "a.png")
    unknown = np.zeros((64, 64), bool)
    unknown[:5] = True
    coco(tmp_path / "src" / "a.json", [image(1, "a.png", ignore=run_length(unknown))], [annotation(1, 1, [SQUARE])])
    import_folder(tmp_path / "src", tmp_path / "out", SMALL)
    (sample,) = Dataset(tmp_path / "out").samples()
    assert (sample.label_map.defect[:5] == 255).all()
    assert (sample.label_map.defect == 1).sum() == 100


@pytest.mark.parametrize(
    "name", ["images/deep/c.png", "C:\\line 4\\deep\\c.png", "/home/me/deep/c.png", "../deep/c.png"]
)
def test_a_picture_is_found_by_the_end_of_its_path(name: str, tmp_path: Path) -> None:
    for folder in ("deep", "other"):
        picture(tmp_path / "src" / "images" / folder / "c.png")
    coco(tmp_path / "src" / "labels.json", [image(1, name), image(2, "other/c.png")], [annotation(1, 1, [SQUARE])])
    import_folder(tmp_path / "src", tmp_path / "out", SMALL)
    assert {r.id: r.is_clean for r in Dataset(tmp_path / "out").records} == {
        "images/deep/c-x0-y0": False,
        "images/other/c-x0-y0": True,
    }


@pytest.mark.parametrize(
    ("images", "annotations", "says"),
    [
        ([image(1, "a.png")], [annotation(7, 1, [])], "annotation 7 has a box and no outline"),
        ([image(1, "a.png")], [annotation(7, 1, [[1, 2, 3, 4]])], "6 or more numbers"),
        ([image(1, "a.png")], [annotation(7, 1, [[1, 2, 3, 4, 5, 1e9]])], "finite numbers"),
        ([image(1, "a.png")], [annotation(7, 1, "polygon")], "polygons or run lengths"),
        ([image(1, "a.png")], [annotation(7, 1, {"size": [64, 64], "counts": [5]})], "add up to 64 x 64"),
        ([image(1, "a.png")], [annotation(7, 1, {"size": [64, 64], "counts": "\x7f"})], "cannot be read"),
        ([image(1, "a.png")], [annotation(7, 1, {"size": [2, 2], "counts": [4]})], "like the picture"),
        ([image(1, "a.png")], [annotation(7, 9, [SQUARE])], "image_id 9 is none of the file's pictures"),
        ([image(1, "a.png")], [annotation(7, 1, [SQUARE], 5)], "category_id 5 is none"),
        ([image(1, "a.png", height=-1)], [], "must be its picture's size"),
        ([image(1, "a.png"), image(1, "b.png")], [], "there once"),
        ([image(1, "gone.png")], [], "no such picture"),
        ([image(1, "c.png")], [], "are called so"),
        ([image(1, "a.png"), image(2, "./a.png")], [], "lay them together in one"),
        ([{"id": 1}], [], "file_name must be a text"),
        (["a.png"], [], "a list of tables"),
    ],
)
def test_what_is_wrong_is_named(images: list[Any], annotations: list[Any], says: str, tmp_path: Path) -> None:
    for name in ("a.png", "x/c.png", "y/c.png", "good.png"):
        picture(tmp_path / "src" / name)
    coco(tmp_path / "src" / "good.json", [image(1, "good.png")], [annotation(1, 1, [SQUARE])])
    coco(tmp_path / "src" / "labels.json", images, annotations)
    report = prepare(tmp_path / "src", ImportOptions(tile_px=64, split="none", skip_bad=True)).report
    assert says in str(report.left_out)
    assert report.pictures_imported == 1 + (says == "leave one")


def test_a_picture_in_no_file_is_refused(line: Path, tmp_path: Path) -> None:
    picture(line / "train" / "new.png")
    with pytest.raises(InputError, match=r"train/new\.png is in no COCO file"):
        import_folder(line, tmp_path / "out", SMALL)


def test_packed_run_lengths_are_those_of_pycocotools() -> None:
    draw = np.random.default_rng(4)
    for _ in range(50):
        mask = draw.random(tuple(draw.integers(1, 90, 2))) < draw.random()
        counts = coco_masks.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
        assert unpacked(counts) == run_length(mask)["counts"]
        outline = read_outline({"size": list(mask.shape), "counts": counts}, "here")
        assert np.array_equal(draw_outline(outline, mask.shape, "here"), mask)


def test_a_number_that_never_ends_is_refused() -> None:
    with pytest.raises(LabelError, match="packed"):
        read_outline({"size": [2, 2], "counts": "o" * 50}, "here")


def test_a_file_that_is_cut_short_is_named_and_not_passed_over(line: Path, tmp_path: Path) -> None:
    cut = line / "valid" / "_annotations.coco.json"
    cut.write_text(cut.read_text()[:-9])
    with pytest.raises(InputError, match=r"valid/_annotations\.coco\.json is not readable JSON"):
        import_folder(line, tmp_path / "out", SMALL)
    (line / "train" / "_annotations.coco.json").unlink()
    with pytest.raises(LabelError, match=r"valid/_annotations\.coco\.json is not readable JSON"):
        import_folder(line, tmp_path / "out", SMALL)


def test_labels_of_a_picture_that_is_missing_go_to_no_other_of_its_bare_name(tmp_path):
    for name in ("train/2.png", "train/3.png", "good/1.png"):
        picture(tmp_path / "src" / name)
    images = [image(n, f"train/{n}.png") for n in (1, 2, 3)]
    coco(tmp_path / "src" / "all.json", images, [annotation(n, n, [SQUARE]) for n in (1, 2, 3)])
    with pytest.raises(InputError, match=r"picture 'train/1\.png': there is no such picture"):
        import_folder(tmp_path / "src", tmp_path / "set", SMALL)


def test_folders_of_another_machine_are_cut_alike_from_all_names(tmp_path):
    for name in ("a/1.png", "b/1.png"):
        picture(tmp_path / "src" / "pictures" / name)
    images = [image(1, "/data/me/a/1.png"), image(2, "/data/me/b/1.png")]
    coco(tmp_path / "src" / "all.json", images, [annotation(1, 1, [SQUARE]), annotation(2, 2, [SQUARE])])
    import_folder(tmp_path / "src", tmp_path / "set", SMALL)
    assert sorted(r.source for r in Dataset(tmp_path / "set").records) == ["pictures/a/1.png", "pictures/b/1.png"]


def test_a_picture_that_is_named_with_more_of_its_path_is_not_there_for_another(tmp_path):
    for name in ("b/train/1.png", "b/train/2.png"):
        picture(tmp_path / "src" / name)
    images = [image(1, "a/train/1.png"), image(2, "b/train/1.png"), image(3, "b/train/2.png")]
    coco(tmp_path / "src" / "all.json", images, [annotation(n, n, [SQUARE]) for n in (1, 2, 3)])
    report = prepare(tmp_path / "src", replace(SMALL, skip_bad=True)).report
    assert (report.pictures_imported, len(report.left_out)) == (2, 1)
    assert "picture 'a/train/1.png': there is no such picture" in str(report.left_out[0])


@pytest.mark.parametrize(
    "polygon",
    [
        [10, 10, 13, 10, 13, 13, 10, 13],
        [5.3, 7.2, 40.9, 12.4, 33.3, 50.8, 12.1, 44.4],
        [-5, -5, 30, 2, 70, 70, 3, 30],
        [10, 10, 30, 10, 30, 12, 12, 12, 12, 30, 30, 30, 30, 32, 10, 32],
    ],
)
def test_outlines_are_drawn_as_cocos_own_tools_do(polygon: list[float]) -> None:
    ours = draw_outline(read_outline([polygon], "x"), (64, 64), "x")
    theirs = coco_masks.decode(coco_masks.merge(coco_masks.frPyObjects([polygon], 64, 64))) > 0
    assert abs(int(ours.sum()) - int(theirs.sum())) <= 0.02 * theirs.sum()
    assert (ours & theirs).sum() >= 0.97 * (ours | theirs).sum()


def test_an_outline_too_thin_for_any_middle_of_a_pixel_is_not_lost() -> None:
    assert draw_outline(read_outline([[3.1, 3.1, 20.4, 3.2, 20.4, 3.3]], "x"), (64, 64), "x").sum() >= 15


def test_a_picture_of_two_entries_is_left_out_whole(tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "good.png"):
        picture(tmp_path / "src" / name)
    coco(tmp_path / "src" / "good.json", [image(1, "good.png")], [annotation(1, 1, [SQUARE])])
    for file in ("crack.json", "dent.json"):
        coco(tmp_path / "src" / file, [image(1, "a.png")], [annotation(1, 1, [SQUARE])])
    coco(tmp_path / "src" / "twice.json", [image(1, "b.png"), image(2, "b.png")], [annotation(1, 1, [SQUARE])])
    report = prepare(tmp_path / "src", ImportOptions(tile_px=64, split="none", skip_bad=True)).report
    assert report.pictures_imported == 1
    assert {"a.png", "b.png"} <= {file for file, _ in report.left_out}
