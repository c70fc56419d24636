"""How pictures and masks find each other, and which folders say a class, a side or nothing."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from blemish.core.errors import InputError, LabelError
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Dataset
from blemish.data.import_report import ImportReport
from blemish.data.importing import ImportOptions, import_folder, prepare
from blemish.data.readers.base import split_named
from blemish.data.readers.binary import binary_mask
from blemish.data.readers.listing import list_folder
from blemish.data.readers.pairing import find_pairing
from blemish.picture.write import write_png

SMALL = ImportOptions(tile_px=32, split="none")


def picture(path: Path, seed: int = 0) -> None:
    write_png(path, np.random.default_rng(seed).integers(60, 200, (32, 32), dtype=np.uint8))


def mask(path: Path, value: int = 255, side: int = 6, left: int = 8) -> None:
    plane = np.zeros((32, 32), np.uint8)
    plane[4 : 4 + side, left : left + side] = value
    write_png(path, plane)


def px_of(src: Path, options: ImportOptions = SMALL) -> tuple[ImportReport, dict[str, dict[str, int]]]:
    """The report, and for each picture the pixels of its classes."""
    report = import_folder(src, src.parent / "out", options)
    data = Dataset(src.parent / "out")
    names = data.taxonomy.defect_names
    return report, {r.source: {n: px for n, px in zip(names, r.defect_px, strict=True) if px} for r in data.records}


@pytest.mark.parametrize(
    ("a_picture", "its_mask"),
    [
        ("image_{}.png", "mask_{}.png"),
        ("images/img{}.png", "masks/mask{}.png"),
        ("{}_rgb.png", "{}_gt.png"),
        ("train/image_{}.png", "train/mask_{}.png"),
    ],
)
def test_one_word_may_stand_for_another(a_picture: str, its_mask: str, tmp_path: Path) -> None:
    for i in range(4):
        picture(tmp_path / "src" / a_picture.format(i), i)
        mask(tmp_path / "src" / its_mask.format(i), side=3 + i)
    _, px = px_of(tmp_path / "src")
    assert px == {a_picture.format(i): {"defect": (3 + i) ** 2} for i in range(4)}


@pytest.mark.parametrize("above", ["", "train/"])
def test_each_picture_may_have_a_folder_with_its_mask(above: str, tmp_path: Path) -> None:
    for i in range(4):
        picture(tmp_path / "src" / above / f"part {i}" / "image.jpg", i)
        mask(tmp_path / "src" / above / f"part {i}" / "mask.png", side=3 + i)
    _, px = px_of(tmp_path / "src")
    assert px == {f"{above}part {i}/image.jpg": {"defect": (3 + i) ** 2} for i in range(4)}


def test_in_folders_of_classes_each_picture_may_have_a_folder_too(tmp_path: Path) -> None:
    for i in range(4):
        for name in ("crack", "hole"):
            picture(tmp_path / "src" / name / f"{i}" / "image.png", i)
            mask(tmp_path / "src" / name / f"{i}" / "mask.png", side=3 + i)
    picture(tmp_path / "src" / "hole" / "9" / "image.png", 9)
    with pytest.raises(InputError, match=r"hole/9/image\.png has no mask though others beside it do"):
        import_folder(tmp_path / "src", tmp_path / "out", SMALL)
    mask(tmp_path / "src" / "hole" / "9" / "mask.png")
    _, px = px_of(tmp_path / "src")
    assert px["crack/2/image.png"] == {"crack": 25}
    assert px["hole/3/image.png"] == {"hole": 36}
    assert len(px) == 9


def test_of_three_words_none_is_taken_for_the_picture(tmp_path: Path) -> None:
    for i in range(4):
        picture(tmp_path / f"image_{i}.png", i)
        picture(tmp_path / f"overlay_{i}.png", i)
        mask(tmp_path / f"mask_{i}.png")
    with pytest.raises(InputError, match=r"one picture for mask mask_0.png, found 2: image_0.png and overlay_0.png"):
        prepare(tmp_path, SMALL)


def test_the_folder_of_masks_may_lie_between(tmp_path: Path) -> None:
    src = tmp_path / "src"
    for i in range(3):
        picture(src / f"train/good/{i}_regular.png", i)
        picture(src / f"test_public/good/{i}_regular.png", 10 + i)
        picture(src / f"test_public/bad/{i}_regular.png", 20 + i)
        mask(src / f"test_public/ground_truth/bad/{i}_regular_mask.png", side=3 + i)
    report, px = px_of(src, ImportOptions(tile_px=32, split="folders"))
    assert {name: classes for name, classes in px.items() if classes} == {
        f"test_public/bad/{i}_regular.png": {"bad": (3 + i) ** 2} for i in range(3)
    }
    assert {side: n["pictures"] for side, n in report.splits.items()} == {"train": 3, "test": 6}


def test_pictures_that_nobody_labelled_beside_named_sides_are_not_clean(tmp_path: Path) -> None:
    for i in range(3):
        picture(tmp_path / f"train/good/{i}.png", i)
        picture(tmp_path / f"test_public/bad/{i}.png", 10 + i)
        mask(tmp_path / f"test_public/ground_truth/bad/{i}.png")
        picture(tmp_path / f"test_private/{i}.png", 20 + i)
    assert "test_private/0.png" in {file for file, _ in prepare(tmp_path, SMALL).report.left_out}


def test_pictures_in_two_lights_are_no_masks(tmp_path: Path) -> None:
    for i in range(4):
        picture(tmp_path / f"bright/{i}.png", i)
        write_png(tmp_path / f"dark/{i}.png", np.random.default_rng(i).integers(0, 32, (32, 32), dtype=np.uint8))
    assert find_pairing(list_folder(tmp_path)) is None


@pytest.mark.parametrize(
    ("a_picture", "its_mask", "parts"),
    [
        ("images/{}.png", "masks/{}_mask.png", ("masks/{}_mask1.png", "masks/{}_mask2.png")),  # AITEX
        ("images/{}.png", "masks/{}_mask1.png", ("masks/{}_mask1.png", "masks/{}_mask2.png")),
        ("images/{}.png", "masks/{}_0.png", ("masks/{}_0.png", "masks/{}_1.png")),
        ("images/{}.png", "masks/{}/0.png", ("masks/{}/0.png", "masks/{}/1.png")),  # MVTec LOCO
        ("{}.png", "{}_mask.png", ("{}_mask_1.png", "{}_mask_2.png")),
        ("{}.png", "{}_mask1.png", ("{}_mask1.png", "{}_mask2.png")),
    ],
)
def test_masks_told_apart_by_a_number_are_laid_together(
    a_picture: str, its_mask: str, parts: tuple[str, str], tmp_path: Path
) -> None:
    src = tmp_path / "src"
    for name in ("k_1", "k_2", "k_3"):
        picture(src / a_picture.format(name), int(name[-1]))
        mask(src / its_mask.format(name), side=4)
    picture(src / a_picture.format("k_7"), 7)
    mask(src / parts[0].format("k_7"), side=3)
    mask(src / parts[1].format("k_7"), side=5, left=20)
    report, px = px_of(src)
    assert list(px.values()) == [{"defect": 16}] * 3 + [{"defect": 9 + 25}]
    assert sum(parts[1].format("k_7") in warning for warning in report.warnings) == 1


def test_classes_of_several_masks_of_a_picture_are_all_kept(tmp_path: Path) -> None:
    src = tmp_path / "src"
    for i in range(3):
        picture(src / f"images/p{i}.png", i)
        mask(src / f"masks/p{i}_mask.png", value=1 + i % 2)
    picture(src / "images/q.png", 9)
    mask(src / "masks/q_mask1.png", value=1)
    mask(src / "masks/q_mask2.png", value=2, left=20)
    _, px = px_of(src)
    assert px["images/q.png"] == {"class-1": 36, "class-2": 36}


def test_parts_of_a_mask_of_two_sizes_are_refused(tmp_path: Path) -> None:
    src = tmp_path / "src"
    for i in range(3):
        picture(src / f"images/p{i}.png", i)
        mask(src / f"masks/p{i}/0.png")
    write_png(src / "masks/p1/1.png", np.zeros((32, 30), np.uint8))
    [(file, reason)] = prepare(src, SMALL).report.left_out
    assert file == "images/p1.png"
    assert re.search(r"p1/1.png must be as large as .*p1/0.png, .* got 30x32 for 32x32", reason)


def test_a_numbered_mask_whose_picture_is_missing_is_not_given_to_another(tmp_path: Path) -> None:
    src = tmp_path / "src"
    for i in (1, 2, 3):
        picture(src / f"images/p_{i}.png", i)
        mask(src / f"masks/p_{i}.png")
    mask(src / "masks/p_4.png")
    report, px = px_of(src, ImportOptions(tile_px=32, split="none", skip_bad=True))
    assert list(px.values()) == [{"defect": 36}] * 3
    assert [file for file, _ in report.left_out] == ["masks/p_4.png"]


def test_a_mask_beside_the_one_of_a_pictures_own_name_is_not_taken_for_a_part(tmp_path: Path) -> None:
    src = tmp_path / "src"
    for i in range(4):
        picture(src / f"images/p{i}.png", i)
        mask(src / f"masks/p{i}.png")
    mask(src / "masks/p2_1.png")
    mask(src / "masks/p3_2.png")
    report, px = px_of(src, ImportOptions(tile_px=32, split="none", skip_bad=True))
    assert sorted(px) == ["images/p0.png", "images/p1.png"]
    assert "masks/p3_2.png may be of it too: lay the masks" in dict(report.left_out)["images/p3.png"]
    assert "one mask for picture images/p2.png, found 2: masks/p2.png and" in dict(report.left_out)["images/p2.png"]


@pytest.mark.parametrize("sides", [("traincrop", "valcrop", "testcrop"), ("train_set", "val_set", "test_set")])
@pytest.mark.parametrize("taxonomy", [None, Taxonomy.of_names("t", ["defect"])])
def test_folders_named_after_splits_are_neither_classes_nor_planes(
    sides: tuple[str, ...], taxonomy: Taxonomy | None, tmp_path: Path
) -> None:
    for side in sides:
        for i in range(3):
            picture(tmp_path / "src" / side / f"{i}.png", i)
            mask(tmp_path / "src" / side / f"{i}_mask.png")
    report, px = px_of(tmp_path / "src", ImportOptions(tile_px=32, split="none", taxonomy=taxonomy))
    assert report.format == "masks"
    assert list(px.values()) == [{"defect": 36}] * 9


def test_a_name_is_of_a_split_by_its_first_or_last_word() -> None:
    names = ("Train", "test_public", "images-val", "train2017", "valve", "contest", "train_test")
    assert [str(split_named(name)) for name in names] == ["train", "test", "val", "train", "", "", ""]


def test_a_folder_below_the_class_is_no_class_where_the_one_above_parts_good_from_bad(tmp_path: Path) -> None:
    src = tmp_path / "src"
    for view in ("front", "back"):
        picture(src / f"train/good/{view}/g.png", 1)
        for name in ("crack", "hole"):
            picture(src / f"test/{name}/{view}/{name}.png", 2)
            mask(src / f"ground_truth/{name}/{view}/{name}.png")
    report, px = px_of(src)
    assert report.clean_folders == {"good": 2}
    assert {file: list(classes) for file, classes in px.items() if classes} == {
        f"test/{name}/{view}/{name}.png": [name] for name in ("crack", "hole") for view in ("front", "back")
    }


def test_masks_of_0_and_1_keep_the_classes_of_their_folders(tmp_path: Path) -> None:
    src = tmp_path / "src"
    for i in range(3):
        picture(src / f"train/good/{i}.png", i)
        for name in ("crack", "hole"):
            picture(src / f"test/{name}/{i}.png", 10 + i)
            mask(src / f"ground_truth/{name}/{i}_mask.png", value=1)
    report, px = px_of(src)
    assert report.format == "mvtec"
    assert px["test/hole/0.png"] == {"hole": 36}
    mask(tmp_path / "2.png", value=2)
    with pytest.raises(LabelError, match="0 and 1 like the others, got 2"):
        binary_mask(tmp_path / "2.png", ones=True)


def test_several_folders_without_masks_are_named_as_the_masks_of_one_may_be_missing(tmp_path: Path) -> None:
    for name in ("good", "crack", "hole"):
        for i in range(2):
            picture(tmp_path / f"test/{name}/{i}.png", i)
    for i in range(2):
        mask(tmp_path / f"ground_truth/crack/{i}_mask.png")
    report = prepare(tmp_path, SMALL).report
    assert report.clean_folders == {"good": 2, "hole": 2}
    assert "clean pictures without a mask: 4 (good 2, hole 2)" in report.to_text()
    assert "taken for clean: good, hole" in " ".join(report.warnings)


def test_labels_that_cover_most_of_their_pictures_are_doubted(tmp_path: Path) -> None:
    for i in range(3):
        picture(tmp_path / f"images/{i}.png", i)
        plane = np.full((32, 32), 255, np.uint8)
        plane[4:10, 4:10] = 0
        write_png(tmp_path / f"masks/{i}.png", plane)
    assert "cover more than half of their picture" in " ".join(prepare(tmp_path, SMALL).report.warnings)


def test_that_the_publishers_sides_are_not_taken_is_said(tmp_path: Path) -> None:
    for side in ("train", "test"):
        for i in range(3):
            picture(tmp_path / f"images/{side}/{i}.png", i)
            mask(tmp_path / f"masks/{side}/{i}.png")
    told = [
        "--split folders" in " ".join(prepare(tmp_path, ImportOptions(split=how)).report.warnings)
        for how in (None, "folders")
    ]
    assert told == [True, False]


def test_index_masks_in_folders_that_may_count_for_themselves_are_doubted(tmp_path: Path) -> None:
    for thing in ("candle", "cashew"):
        for i in range(3):
            picture(tmp_path / thing / f"images/{i}.png", i)
            mask(tmp_path / thing / f"masks/{i}.png", value=1 + i % 2)
    report = prepare(tmp_path, SMALL).report
    assert report.format == "index"
    assert "same class in all folders, candle, cashew" in " ".join(report.warnings)


def test_where_a_number_tells_pictures_a_mask_without_its_own_joins_no_other(tmp_path: Path) -> None:
    src = tmp_path / "src"
    for name in ("img", "img_1", "img_3", "img_4"):
        picture(src / f"images/{name}.png", len(name))
    for number in (1, 2, 3, 4):
        mask(src / f"masks/img_{number}.png", side=2 + number)
    report, px = px_of(src, ImportOptions(tile_px=32, split="none", skip_bad=True))
    assert px == {f"images/img_{number}.png": {"defect": (2 + number) ** 2} for number in (1, 3, 4)}
    assert {"images/img.png", "masks/img_2.png"} <= {file for file, _ in report.left_out}
