"""What is wrong with a data set is found and named; what is right is not complained about."""

from __future__ import annotations

import io
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from blemish.core.labels import LabelMap
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.core.taxonomy import Taxonomy
from blemish.data.check import check_dataset
from blemish.data.dataset import Dataset, DatasetInfo, DatasetWriter, Sample
from blemish.data.duplicates import DuplicateSearch
from blemish.data.manifest import ManifestWriter

TILE = 64


def textured(seed: int) -> np.ndarray:
    """A brushed surface: no two seeds alike."""
    noise = np.random.default_rng(seed).normal(0, 1, (TILE, TILE)).astype(np.float32)
    grain = cv2.GaussianBlur(noise, (0, 0), 2) * 120 + noise * 4
    return np.clip(128 + grain, 0, 255).astype(np.uint8)


def tile(name: str, picture: np.ndarray, split: Split = Split.TRAIN, defect_px: int = 30, group: str = "") -> Sample:
    label = LabelMap.clean(TILE, TILE)
    label.defect[10, 10 : 10 + defect_px] = 1
    box = Box(0, 0, TILE, TILE)
    record = TileRecord(name, name, "top", f"{name}.png", box, group or name, split, Origin.REAL, (), ())
    return Sample(picture, label, record)


def write(folder, *samples: Sample) -> Dataset:
    with DatasetWriter(folder, DatasetInfo(Taxonomy.of_names("one", ["scratch"]), TILE, 1)) as writer:
        for sample in samples:
            writer.add(sample)
    return Dataset(folder, altered=True)


def sound(folder) -> Dataset:
    splits = (Split.TRAIN, Split.TRAIN, Split.VAL, Split.TEST)
    return write(folder / "set", *(tile(f"t{i}", textured(i), split) for i, split in enumerate(splits)))


def test_a_sound_set_has_nothing_wrong_and_no_notes(tmp_path):
    report = check_dataset(sound(tmp_path))
    assert report.is_sound
    assert (report.tiles, report.wrong, report.notes) == (4, [], [])


def as_jpeg(picture: np.ndarray) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=85)
    return np.array(Image.open(buffer))


@pytest.mark.parametrize("way", range(8))
def test_a_turned_relit_and_recompressed_copy_in_another_split_is_a_leak(tmp_path, way):
    original = textured(0)
    copy = np.ascontiguousarray(np.rot90(original[:, ::-1] if way >= 4 else original, way % 4))
    copy = as_jpeg(np.clip(copy * 0.9 + 20, 0, 255).astype(np.uint8))
    others = [tile(f"t{i}", textured(i)) for i in range(1, 6)]
    report = check_dataset(write(tmp_path / "set", tile("a", original), *others, tile("b", copy, Split.TEST)))
    assert dict(report.wrong_counts) == {"leak": 1}
    assert report.wrong[0].where == "a and b"
    assert "in train and in test" in report.wrong[0].what


def test_an_exact_copy_is_a_leak_across_splits_and_a_note_within_one(tmp_path):
    samples = [
        tile("a", textured(0)),
        tile("b", textured(0)),
        tile("c", textured(1)),
        tile("d", textured(1), Split.VAL),
    ]
    report = check_dataset(write(tmp_path / "set", *samples))
    assert dict(report.wrong_counts) == {"leak": 1}
    assert report.wrong[0].where == "c and d"
    assert report.note_counts["duplicate"] == 1


def test_copies_in_one_group_are_what_groups_are_for(tmp_path):
    samples = [tile("a", textured(0), group="g"), tile("b", as_jpeg(textured(0)), group="g")]
    report = check_dataset(write(tmp_path / "set", *samples))
    assert report.is_sound
    assert dict(report.note_counts) == {"duplicate in a group": 1}


def test_one_picture_with_two_labels_is_wrong(tmp_path):
    report = check_dataset(write(tmp_path / "set", tile("a", textured(0)), tile("b", textured(0), defect_px=20)))
    assert dict(report.wrong_counts) == {"two labels": 1}


def test_blank_tiles_are_counted_and_never_leak(tmp_path):
    blank = np.full((TILE, TILE), 7, np.uint8)
    report = check_dataset(write(tmp_path / "set", tile("a", blank), tile("b", blank, Split.TEST)))
    assert report.is_sound
    assert "2 tiles show an even surface" in report.notes[0].what


def test_an_altered_file_is_named(tmp_path):
    dataset = sound(tmp_path)
    label = dataset.label_map(dataset.records[1]).defect
    Image.fromarray(np.where(label == 1, 255, 0).astype(np.uint8)).save(dataset.folder / "labels" / "t1.png")
    report = check_dataset(dataset)
    assert {(f.kind, f.where) for f in report.wrong} == {("altered", "t1"), ("count", "t1")}


def test_unknown_values_wrong_sizes_and_missing_files_are_all_found(tmp_path):
    dataset = sound(tmp_path)
    Image.fromarray(np.full((TILE, TILE), 9, np.uint8)).save(dataset.folder / "labels" / "t0.png")
    Image.fromarray(np.zeros((TILE, TILE - 1), np.uint8)).save(dataset.folder / "images" / "t1.png")
    (dataset.folder / "backgrounds" / "t2.png").unlink()
    found = {(f.kind, f.where): f.what for f in check_dataset(dataset).wrong}
    assert "defect value 9 at x=0, y=0" in found["unknown value", "t0"]
    assert "must be 64 x 64, got 64 x 63" in found["size", "t1"]
    assert "cannot read" in found["unreadable", "t2"]


def test_what_the_manifest_alone_gives_away_is_found(tmp_path):
    dataset = sound(tmp_path)
    rows = dataset.records
    rows[2] = replace(rows[2], origin=Origin.SYNTHETIC)
    rows[3] = replace(rows[3], group="t0")
    with_manifest = ManifestWriter(dataset.folder / "manifest.parquet")
    for record in rows:
        with_manifest.add(record)
    with_manifest.close()
    found = {(f.kind, f.where) for f in check_dataset(Dataset(dataset.folder, altered=True)).wrong}
    expected = {("altered", "dataset.toml"), ("synthetic outside train", "t2"), ("group in two splits", "t0")}
    assert found == expected


def test_absent_classes_ignored_tiles_and_stray_files_are_notes(tmp_path):
    ignored = tile("b", textured(1), Split.VAL)
    ignored.label_map.defect[:] = 255
    dataset = write(tmp_path / "set", tile("a", textured(0)), ignored)
    (dataset.folder / "images" / "left-over.png").write_bytes(b"")
    report = check_dataset(dataset)
    assert report.is_sound
    assert dict(report.note_counts) == {"ignored everywhere": 1, "absent class": 1, "stray file": 1}


def test_hundreds_of_copies_of_one_tile_take_no_quadratic_time():
    search = DuplicateSearch()
    picture = textured(0)
    for row in range(3000):
        search.add(row, picture)
    twins = list(search.pairs(lambda row: picture))
    assert len(twins) == 2999
    assert all(twin.exact and twin.first == 0 for twin in twins)


def test_different_surfaces_are_never_called_twins():
    search, pictures = DuplicateSearch(), [textured(seed) for seed in range(150)]
    for row, picture in enumerate(pictures):
        search.add(row, picture)
    assert list(search.pairs(pictures.__getitem__)) == []


def test_a_part_on_two_sides_is_found(tmp_path):
    dataset = sound(tmp_path)
    rows = [replace(row, part="cell 7") for row in dataset.records]
    with_manifest = ManifestWriter(dataset.folder / "manifest.parquet")
    for record in rows:
        with_manifest.add(record)
    with_manifest.close()
    found = {(f.kind, f.where) for f in check_dataset(Dataset(dataset.folder, altered=True)).wrong}
    assert ("part in two splits", "cell 7") in found
    assert "group in two splits" not in {kind for kind, _ in found}
