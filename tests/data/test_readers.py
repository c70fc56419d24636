"""Each format from files made here by hand (raw Pillow and json), and recognition by structure alone."""

from __future__ import annotations

import base64
import io
import json
import random
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from blemish.core.errors import InputError, TaxonomyError
from blemish.core.records import Origin
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Dataset
from blemish.data.importing import ImportOptions, ImportReport, import_folder

MAGNETIC = Path(__file__).parents[3] / "shared" / "data" / "magnetic-tile"
NEU = Path(__file__).parents[3] / "shared" / "data" / "neu-seg"
SMALL = ImportOptions(tile_px=32, split="none")


def save(path: Path, pixels: np.ndarray, **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


def texture(seed: int, size: int = 32) -> np.ndarray:
    return np.random.default_rng(seed).integers(60, 200, (size, size), dtype=np.uint8)


def square(value: int, x: int = 8, y: int = 4, side: int = 6, size: int = 32) -> np.ndarray:
    plane = np.zeros((size, size), np.uint8)
    plane[y : y + side, x : x + side] = value
    return plane


def with_palette(path: Path, plane: np.ndarray, palette: list[int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(plane)
    image.putpalette(palette + [0] * (768 - len(palette)))
    image.save(path)


def magnetic(src: Path) -> Path:
    for i, (name, count) in enumerate({"MT_Hole": 3, "MT_Crack": 2, "MT_Free": 2}.items()):
        for k in range(count):
            save(src / name / "Imgs" / f"exp{k}_num_{i}.jpg", texture(10 * i + k), quality=95)
            save(src / name / "Imgs" / f"exp{k}_num_{i}.png", square(0 if name == "MT_Free" else 255, x=i + k))
    return src


def neu(src: Path) -> Path:
    for i in range(4):
        for k, side in enumerate(("training", "test")):
            rgb = np.repeat(texture(20 * k + i)[:, :, None], 3, axis=2)
            save(src / "images" / side / f"00{i}.png", rgb)
            save(src / "annotations" / side / f"00{i}.png", square(1 + i % 3, x=2 + k))
    return src


def mvtec(src: Path) -> Path:
    for name in ("bottle", "cable"):
        for i in range(2):
            save(src / name / "train" / "good" / f"00{i}.png", texture(i))
            save(src / name / "test" / "good" / f"00{i}.png", texture(5 + i))
            save(src / name / "test" / "cut" / f"00{i}.png", texture(10 + i))
            save(src / name / "ground_truth" / "cut" / f"00{i}_mask.png", square(255, x=i))
    save(src / "cable" / "test" / "bent" / "000.png", texture(30))
    save(src / "cable" / "ground_truth" / "bent" / "000_mask.png", square(255))
    return src


def kolektor(src: Path) -> Path:
    for side, start in (("train", 10000), ("test", 20000)):
        for i in range(4):
            save(src / side / f"{start + i}.png", np.stack([texture(start + i + c) for c in range(3)], axis=2))
            save(src / side / f"{start + i}_GT.png", square(255 if i == 1 else 0))
    return src


def scans(src: Path) -> Path:
    cell = Taxonomy.preset("pouch-cell")
    colours = [int(c.colour[i : i + 2], 16) for c in cell.defects for i in (1, 3, 5)]
    for i in range(2):
        save(src / "scans" / f"P{i}.png", texture(i, 64))
        with_palette(src / "labels" / f"P{i}.png", square(1 + i, side=30, size=64), [0, 0, 0, *colours])
        with_palette(src / "backgrounds" / f"P{i}.png", square(1, x=0, y=0, size=64), [128, 128, 128, 16, 16, 16])
    shutil.copy(Path("src/blemish/core/presets/pouch-cell.toml").resolve(), src / "taxonomy.toml")
    (src / "simulation.json").write_text(json.dumps({"version": 1, "seed": 3, "cells": []}))
    return src


def colour(src: Path) -> Path:
    painted = np.full((32, 32, 3), 128, np.uint8)
    painted[:, 20:] = 16
    painted[4:28, 8:14] = (0xFF, 0xE1, 0x19)
    for i in range(3):
        save(src / "pictures" / f"c{i}.jpg", texture(i), quality=95)
        save(src / "painted" / f"c{i}.png", painted)
    shutil.copy(Path("src/blemish/core/presets/pouch-cell.toml").resolve(), src / "taxonomy.toml")
    return src


BUILDERS = {
    "masks": magnetic,
    "index": neu,
    "mvtec": mvtec,
    "kolektor": kolektor,
    "scans": scans,
    "colour": colour,
}


def renamed(src: Path, copy: Path, seed: int) -> Path:
    """A copy in which every word of every folder and file name is another one; extensions stay."""
    random_names = random.Random(seed)
    words: dict[str, str] = {}

    def new(name: str) -> str:
        return re.sub(r"[^_]+", lambda m: words.setdefault(m[0], f"w{random_names.randrange(10**6):06d}x"), name)

    for path in sorted(p for p in src.rglob("*") if p.is_file()):
        *folders, _ = path.relative_to(src).parts
        target = copy.joinpath(*map(new, folders), new(path.stem) + path.suffix)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return copy


def contents(dataset: Path) -> list[bytes]:
    found = Dataset(dataset)
    return sorted(
        s.picture.tobytes() + s.label_map.defect.tobytes() + s.label_map.background.tobytes() for s in found.samples()
    )


def imported(src: Path, out: Path, options: ImportOptions = SMALL) -> tuple[ImportReport, Dataset]:
    return import_folder(src, out, options), Dataset(out)


@pytest.mark.parametrize("name", BUILDERS)
def test_every_format_is_recognised_and_adds_up(name: str, tmp_path: Path) -> None:
    report, dataset = imported(BUILDERS[name](tmp_path / "src"), tmp_path / "out")
    assert report.format == name
    assert report.pictures_found == report.pictures_imported == len({r.source for r in dataset.records})
    assert report.pictures_imported == report.clean + report.one_class + report.several_classes + report.only_ignored


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", BUILDERS)
def test_a_renamed_copy_imports_to_the_same_pixels_and_labels(name: str, seed: int, tmp_path: Path) -> None:
    src = BUILDERS[name](tmp_path / "src")
    report, _ = imported(src, tmp_path / "a")
    again, _ = imported(renamed(src, tmp_path / "copy", seed), tmp_path / "b")
    assert again.format == report.format
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_classes_of_folders_lose_their_common_start_and_come_by_frequency(tmp_path: Path) -> None:
    report, dataset = imported(magnetic(tmp_path / "src"), tmp_path / "out")
    assert dataset.taxonomy.defect_names == ("Hole", "Crack")
    assert (report.clean, report.one_class, report.empty_masks) == (2, 5, 2)
    assert dataset.records[0].id == "MT_Crack/Imgs/exp0_num_1-x0-y0"
    assert dataset.records[0].defect_px == (0, 36)


def test_the_first_word_of_a_file_name_is_the_class_where_no_folder_is(tmp_path: Path) -> None:
    for name, value in (("crack", 255), ("hole", 255), ("good", 0)):
        for i in range(2):
            save(tmp_path / "src" / f"{name}_{i}.png", texture(i))
            save(tmp_path / "src" / f"{name}_{i}_mask.png", square(value))
    report, dataset = imported(tmp_path / "src", tmp_path / "out")
    assert (report.format, report.clean, dataset.taxonomy.defect_names) == ("masks", 2, ("crack", "hole"))


def test_masks_in_a_tree_of_their_own_pair_by_path(tmp_path: Path) -> None:
    for name in ("crack", "hole"):
        for i in range(2):
            save(tmp_path / "src" / "images" / name / f"{i}.png", texture(i))
            save(tmp_path / "src" / "masks" / name / f"{i}.png", square(255, x=i))
    report, dataset = imported(tmp_path / "src", tmp_path / "out")
    assert (report.format, len(dataset), dataset.taxonomy.defect_names) == ("masks", 4, ("crack", "hole"))


def test_a_mask_with_ringing_is_defect_above_127_only(tmp_path: Path) -> None:
    magnetic(tmp_path / "src")
    ringing = square(255)
    ringing[20, :4] = (127, 128, 3, 90)
    save(tmp_path / "src" / "MT_Hole" / "Imgs" / "exp0_num_0.png", ringing)
    _, dataset = imported(tmp_path / "src", tmp_path / "out")
    record = next(r for r in dataset.records if "MT_Hole" in r.id and "exp0" in r.id)
    assert record.defect_px[0] == 36 + 1


def test_a_lone_empty_mask_becomes_255_and_is_said(tmp_path: Path) -> None:
    magnetic(tmp_path / "src")
    save(tmp_path / "src" / "MT_Hole" / "Imgs" / "exp0_num_0.png", square(0))
    report, dataset = imported(tmp_path / "src", tmp_path / "out")
    assert (report.lone_empty_masks, report.only_ignored, report.clean) == (1, 1, 2)
    assert any("MT_Hole/Imgs/exp0_num_0.png" in warning for warning in report.warnings)
    assert next(r for r in dataset.records if "MT_Hole" in r.id and "exp0" in r.id).ignore_px == 32 * 32


def test_gray_stored_as_rgb_has_one_channel_and_same_names_stay_apart(tmp_path: Path) -> None:
    report, dataset = imported(neu(tmp_path / "src"), tmp_path / "out")
    assert (dataset.channels, len(dataset), dataset.taxonomy.defect_names[0]) == (1, 8, "class-1")
    assert {r.id.split("/")[1] for r in dataset.records} == {"training", "test"}
    assert [row["pictures"] for row in report.classes] == [4, 2, 2]


def test_an_index_beyond_the_named_classes_is_refused_with_its_place(tmp_path: Path) -> None:
    two = ImportOptions(tile_px=32, taxonomy=Taxonomy.of_names("steel", ["inclusion", "patches"]))
    with pytest.raises(InputError, match=r"test/002\.png: value 3 at x=3, y=4 \(36 pixels\) is not a class"):
        import_folder(neu(tmp_path / "src"), tmp_path / "out", two)
    assert not (tmp_path / "out").exists()


def test_a_value_beyond_a_gap_is_a_slip_where_nothing_names_the_classes(tmp_path: Path) -> None:
    neu(tmp_path / "src")
    save(tmp_path / "src" / "annotations" / "test" / "000.png", square(77))
    with pytest.raises(InputError, match="value 77 at x=8, y=4"):
        import_folder(tmp_path / "src", tmp_path / "out", SMALL)


def test_mvtec_good_pictures_are_clean_without_a_mask(tmp_path: Path) -> None:
    report, dataset = imported(mvtec(tmp_path / "src"), tmp_path / "out")
    assert (report.clean, report.clean_without_label, report.one_class) == (8, 8, 5)
    assert dataset.taxonomy.defect_names == ("cut", "bent")
    report, _ = imported(tmp_path / "src" / "cable", tmp_path / "one")
    assert (report.format, report.pictures_imported) == ("mvtec", 7)


def test_publishers_folders_are_the_splits_when_asked_for(tmp_path: Path) -> None:
    options = ImportOptions(tile_px=32, split="folders")
    report, _ = imported(kolektor(tmp_path / "src"), tmp_path / "out", options)
    assert {side: n["pictures"] for side, n in report.splits.items()} == {"train": 4, "test": 4}


def test_kolektor_is_colour_with_clean_pictures_and_one_class(tmp_path: Path) -> None:
    report, dataset = imported(kolektor(tmp_path / "src"), tmp_path / "out")
    assert (dataset.channels, report.clean, report.lone_empty_masks) == (3, 6, 0)
    assert dataset.taxonomy.defect_names == ("defect",)


def test_simulated_scans_keep_their_serials_backgrounds_and_origin(tmp_path: Path) -> None:
    report, dataset = imported(scans(tmp_path / "src"), tmp_path / "out")
    assert (len(dataset), report.groups, report.grouped_by) == (8, 2, "serial")
    first = dataset.records[0]
    assert (first.part, first.group, first.origin) == ("P0", "P0", Origin.SIMULATED)
    assert first.background_px == (32 * 32 - 36, 36)
    assert sum(r.defect_px[0] for r in dataset.records) == 900


def test_painted_defects_lie_on_the_nearest_background(tmp_path: Path) -> None:
    _, dataset = imported(colour(tmp_path / "src"), tmp_path / "out")
    label_map = dataset.label_map(dataset.records[0])
    assert np.argwhere(label_map.defect == 3).min(axis=0).tolist() == [4, 8]
    assert (label_map.defect == 3).sum() == 24 * 6
    assert label_map.background[:, :20].max() == 0
    assert label_map.background[:, 20:].min() == 1


def test_clean_painted_labels_of_gray_backgrounds_are_not_taken_for_masks(tmp_path: Path) -> None:
    colour(tmp_path / "src")
    for file in (tmp_path / "src" / "painted").iterdir():
        save(file, np.full_like(np.asarray(Image.open(file)), 0x80))  # Body alone, brighter than a mask's threshold.
    report, dataset = imported(tmp_path / "src", tmp_path / "out")
    assert report.format == "colour"
    assert all(record.is_clean for record in dataset.records)


def test_a_soft_painted_edge_is_refused_with_colour_place_and_count(tmp_path: Path) -> None:
    colour(tmp_path / "src")
    soft = np.asarray(Image.open(tmp_path / "src" / "painted" / "c1.png")).copy()
    soft[4, 7] = soft[5, 7] = (0xBF, 0xB0, 0x4D)
    save(tmp_path / "src" / "painted" / "c1.png", soft)
    with pytest.raises(InputError, match=r"c1\.png: colour #bfb04d at x=7, y=4 .*\(2 pixels have it\).*soft edges"):
        import_folder(tmp_path / "src", tmp_path / "out", SMALL)


def test_painted_labels_without_a_taxonomy_name_the_colours_found(tmp_path: Path) -> None:
    (colour(tmp_path / "src") / "taxonomy.toml").unlink()
    with pytest.raises(InputError, match=r"give --taxonomy FILE; painted/c0\.png has #808080 .*#ffe119 \(144 px\)"):
        import_folder(tmp_path / "src", tmp_path / "out", SMALL)


def test_sixteen_bit_pictures_share_one_range(tmp_path: Path) -> None:
    for i, top in enumerate((1000, 4000)):
        save(tmp_path / "src" / "crack" / f"{i}.png", np.linspace(0, top, 1024).reshape(32, 32).astype(np.uint16))
        save(tmp_path / "src" / "crack" / f"{i}_mask.png", square(255))
    _, dataset = imported(tmp_path / "src", tmp_path / "out")
    assert dataset.info.value_range == (0, 4000)
    assert [int(s.picture.max()) for s in dataset.samples()] == [64, 255]


def test_two_formats_in_one_folder_must_be_told_apart_by_the_user(tmp_path: Path) -> None:
    magnetic(tmp_path / "src")
    shape = {"label": "hole", "points": [[1, 1], [9, 1], [9, 9]], "shape_type": "polygon"}
    buffer = io.BytesIO()
    Image.fromarray(texture(1)).save(buffer, "PNG")
    data = {"imagePath": "x.png", "imageData": base64.b64encode(buffer.getvalue()).decode(), "shapes": [shape]}
    (tmp_path / "src" / "x.json").write_text(json.dumps(data))
    with pytest.raises(InputError, match=r"looks like 'labelme' .* and 'masks' .*--format"):
        import_folder(tmp_path / "src", tmp_path / "out", SMALL)


@pytest.mark.skipif(not MAGNETIC.is_dir(), reason="needs ../shared/data/magnetic-tile, which is not here")
def test_a_renamed_part_of_magnetic_tile_is_the_same_set(tmp_path: Path) -> None:
    for folder in sorted(p for p in MAGNETIC.iterdir() if p.is_dir()):
        for picture in sorted((folder / "Imgs").glob("*.jpg"))[:3]:
            for path in (picture, picture.with_suffix(".png")):
                target = tmp_path / "src" / path.relative_to(MAGNETIC)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, target)
    options = ImportOptions(tile_px=256, split="none")
    report, dataset = imported(tmp_path / "src", tmp_path / "a", options)
    imported(renamed(tmp_path / "src", tmp_path / "copy", 7), tmp_path / "b", options)
    assert (report.pictures_imported, report.clean, len(dataset.taxonomy.defects)) == (18, 3, 5)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


@pytest.mark.skipif(not NEU.is_dir(), reason="needs ../shared/data/neu-seg, which is not here")
def test_part_of_neu_seg_with_its_groups_file_leaves_out_nothing(tmp_path: Path) -> None:
    for kind, extension in (("images", "jpg"), ("annotations", "png")):
        for side in ("training", "test"):
            for path in sorted((NEU / kind / side).glob(f"*.{extension}"))[:8]:
                target = tmp_path / "src" / path.relative_to(NEU)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, target)
    shutil.copy(NEU / "groups.csv", tmp_path / "src" / "groups.csv")
    names = Taxonomy.of_names("steel", ["inclusion", "patches", "scratches"])
    report, dataset = imported(tmp_path / "src", tmp_path / "a", ImportOptions(tile_px=200, taxonomy=names))
    assert (report.pictures_imported, report.split_by, dataset.channels) == (16, "the groups file", 1)
    assert set(report.splits) <= {"train", "val", "test"}


def test_a_slip_in_taxonomy_toml_is_refused_and_not_passed_over(tmp_path):
    (colour(tmp_path / "src") / "taxonomy.toml").write_text("name = [")
    with pytest.raises(TaxonomyError, match=r"taxonomy\.toml"):
        imported(tmp_path / "src", tmp_path / "set")
