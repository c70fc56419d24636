"""Merged sets keep their bytes, their frozen sides and their provenance."""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np
import pytest

from blemish.core.errors import DatasetError
from blemish.core.labels import LabelMap
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.core.taxonomy import Taxonomy
from blemish.data.check import check_dataset
from blemish.data.dataset import Dataset, DatasetInfo, DatasetWriter, Sample
from blemish.data.merge import merge_datasets
from blemish.data.resplit import write_with_sides
from blemish.picture.read import read_index

TILE = 32


def made(folder, *rows: tuple[str, str, Split], names=("dot", "line"), synthetic=False, **info) -> Dataset:
    """A set with a tile for each (id, group, split); pictures differ by folder and id."""
    with DatasetWriter(folder, DatasetInfo(Taxonomy.of_names("t", names), TILE, 1, **info)) as writer:
        for name, group, split in rows:
            record = TileRecord(
                name, name, "top", f"{name}.png", Box(0, 0, TILE, TILE), group, split, Origin.REAL, (), ()
            )
            if synthetic:
                record = replace(record, origin=Origin.SYNTHETIC, generator="f" * 64, seed=7, preset="paper")
            seed = zlib.crc32(f"{folder.name}{name}".encode())
            picture = np.random.default_rng(seed).integers(0, 256, (TILE, TILE), np.uint8)
            label = LabelMap.clean(TILE, TILE)
            label.defect[2, 3:9], label.defect[:, -2:] = 1, 255
            padding = label.defect == 255
            writer.add(Sample(picture, label, record), padding)
    return Dataset(folder)


def test_counts_add_up_and_every_byte_is_kept(tmp_path):
    a = made(tmp_path / "a", ("x", "g1", Split.TRAIN), ("y", "g2", Split.TEST))
    b = made(tmp_path / "b", ("x", "g3", Split.TRAIN), ("z", "g2", Split.TEST))
    report = merge_datasets([a, b], tmp_path / "out")
    merged = Dataset(tmp_path / "out")
    assert (report.read, report.written, report.dropped, report.renamed) == ((2, 2), 4, 0, 2)
    assert [r.id for r in merged.records] == ["a/x", "y", "b/x", "z"]
    assert [r.sha256 for r in merged.records] == [r.sha256 for s in (a, b) for r in s.records]
    assert {r.padding_px for r in merged.records} == {2 * TILE}
    assert np.array_equal(merged.picture(merged.records[2]), b.picture(b.records[0]))
    assert check_dataset(merged).is_sound


def test_synthetic_provenance_is_kept(tmp_path):
    real = made(tmp_path / "real", ("x", "g1", Split.TRAIN))
    made_up = made(tmp_path / "gan", ("x", "g1", Split.TRAIN), synthetic=True)
    merge_datasets([real, made_up], tmp_path / "out")
    row = Dataset(tmp_path / "out").records[1]
    assert (row.id, row.origin, row.generator, row.seed, row.preset) == (
        "gan/x",
        Origin.SYNTHETIC,
        "f" * 64,
        7,
        "paper",
    )


def test_a_frozen_test_group_is_refused_elsewhere_and_named(tmp_path):
    a = made(tmp_path / "a", ("x", "lot7", Split.TEST))
    b = made(tmp_path / "b", ("y", "lot7", Split.TRAIN), ("z", "lot8", Split.TRAIN))
    with pytest.raises(DatasetError, match=r"group 'lot7' is in test and in train: .*--drop-conflicts"):
        merge_datasets([a, b], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_drop_conflicts_leaves_the_train_tiles_out_and_counts_them(tmp_path):
    a = made(tmp_path / "a", ("x", "lot7", Split.TEST))
    b = made(tmp_path / "b", ("y", "lot7", Split.TRAIN), ("z", "lot8", Split.TRAIN))
    report = merge_datasets([b, a], tmp_path / "out", drop_conflicts=True)
    assert (report.written, report.dropped, report.conflicts) == (2, 1, ("lot7",))
    assert {(r.id, r.split) for r in Dataset(tmp_path / "out").records} == {("x", Split.TEST), ("z", Split.TRAIN)}


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"names": ("dot", "crack")}, "defect 2 is 'line' and 'crack'"),
        ({"names": ("line", "dot")}, "defect 1 is 'dot' and 'line'"),
        ({"names": ("dot",)}, "2 and 1 defect classes"),
        ({"value_range": (0, 4095)}, r"differ in value_range: None and \(0, 4095\)"),
    ],
)
def test_sets_that_do_not_fit_are_refused_saying_what_differs(tmp_path, other, message):
    a = made(tmp_path / "a", ("x", "g1", Split.TRAIN))
    b = made(tmp_path / "b", ("y", "g2", Split.TRAIN), **other)
    with pytest.raises(DatasetError, match=message):
        merge_datasets([a, b], tmp_path / "out")


def test_an_altered_tile_is_refused_and_nothing_is_left(tmp_path):
    a = made(tmp_path / "a", ("x", "g1", Split.TRAIN))
    b = made(tmp_path / "b", ("y", "g2", Split.TRAIN))
    (b.folder / "images" / "y.png").write_bytes((a.folder / "images" / "x.png").read_bytes())
    with pytest.raises(DatasetError, match=r"y in .* was altered after its import"):
        merge_datasets([a, b], tmp_path / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]


def names_in(folder) -> list[tuple[str, str, str]]:
    return [(r.part, r.source, r.group) for r in Dataset(folder).records]


def test_scans_of_one_name_are_told_apart_with_their_parts_and_own_groups(tmp_path):
    a = made(tmp_path / "a", ("x", "x", Split.TRAIN), ("y", "lot1", Split.TRAIN))
    b = made(tmp_path / "b", ("x", "x", Split.TEST), ("y", "lot1", Split.TRAIN), ("z", "z", Split.TEST))
    merge_datasets([a, b], tmp_path / "out")
    assert names_in(tmp_path / "out") == [
        ("a/x", "a/x.png", "a/x"),
        ("a/y", "a/y.png", "lot1"),
        ("b/x", "b/x.png", "b/x"),
        ("b/y", "b/y.png", "lot1"),
        ("z", "z.png", "z"),
    ]


def test_a_scan_that_is_the_same_in_both_sets_keeps_its_name_and_its_frozen_side(tmp_path):
    a = made(tmp_path / "one" / "set", ("x", "x", Split.TRAIN))
    b = made(tmp_path / "two" / "set", ("x", "x", Split.TEST))
    with pytest.raises(DatasetError, match="group 'x' is in test and in train"):
        merge_datasets([a, b], tmp_path / "out")


def test_a_synthetic_tile_is_a_scan_and_part_of_its_own_in_its_canvas_group(tmp_path):
    real = made(tmp_path / "real", ("x", "x", Split.TRAIN))
    pasted = made(tmp_path / "pasted", ("x", "x", Split.TRAIN), synthetic=True)
    merge_datasets([real, pasted], tmp_path / "out")
    assert names_in(tmp_path / "out") == [("x", "x.png", "x"), ("pasted/x", "pasted/x", "x")]


def test_16_bit_sets_of_other_ranges_are_told_how_to_get_one(tmp_path):
    a = made(tmp_path / "a", ("x", "g1", Split.TRAIN), value_range=(0, 900))
    b = made(tmp_path / "b", ("y", "g2", Split.TRAIN), value_range=(0, 4095))
    with pytest.raises(DatasetError, match=r"value_range: \(0, 900\) and \(0, 4095\); .* with one --range LOW/HIGH"):
        merge_datasets([a, b], tmp_path / "out")


def test_a_corrected_label_makes_no_other_scan_so_no_picture_is_on_two_sides(tmp_path):
    made(tmp_path / "x" / "set", ("x", "g1", Split.TRAIN))
    other = made(tmp_path / "y" / "set", ("x", "g1", Split.TEST))
    plane = other.folder / "labels" / "x.png"
    label = read_index(plane).copy()
    label[5, 5] = 1
    record = replace(other.records[0], defect_px=(7, 0), background_px=(other.records[0].background_px[0] - 1,))
    sample = Sample(other.picture(record), LabelMap(label, np.zeros_like(label)), record)
    with DatasetWriter(tmp_path / "z" / "set", other.info) as writer:
        writer.add(sample, label == 255)
    with pytest.raises(DatasetError, match="g1"):
        merge_datasets([Dataset(tmp_path / "x" / "set"), Dataset(tmp_path / "z" / "set")], tmp_path / "out")


def test_groups_that_share_a_part_are_one_and_stay_on_one_side(tmp_path):
    def view(folder, name, group, side):
        with DatasetWriter(folder, DatasetInfo(Taxonomy.of_names("t", ["dot"]), TILE, 1)) as writer:
            row = TileRecord(
                name, "cell-0", name, f"{name}.png", Box(0, 0, TILE, TILE), group, side, Origin.REAL, (), ()
            )
            pixels = np.random.default_rng(zlib.crc32(name.encode())).integers(0, 256, (TILE, TILE), np.uint8)
            writer.add(Sample(pixels, LabelMap.clean(TILE, TILE), row))
        return Dataset(folder)

    front = view(tmp_path / "front", "front-0", "lot-a", Split.TRAIN)
    with pytest.raises(DatasetError, match="group 'lot-a' is in test and in train"):
        merge_datasets([front, view(tmp_path / "back", "back-0", "lot-b", Split.TEST)], tmp_path / "out")
    merge_datasets([front, view(tmp_path / "more", "back-0", "lot-b", Split.TRAIN)], tmp_path / "out")
    assert {record.group for record in Dataset(tmp_path / "out").records} == {"lot-a"}


def test_synthetic_tiles_do_not_outlive_a_conflict_of_what_they_were_made_of(tmp_path):
    real = made(tmp_path / "real", ("x", "g1", Split.TRAIN), ("y", "g2", Split.TRAIN))
    pasted = made(tmp_path / "pasted", ("z", "g2", Split.TRAIN), synthetic=True)
    frozen = made(tmp_path / "frozen", ("w", "g1", Split.TEST))
    with pytest.raises(DatasetError, match="1 groups are on two sides, and 1 synthetic tiles may hold their pixels"):
        merge_datasets([real, pasted, frozen], tmp_path / "out", drop_conflicts=True)
    assert not (tmp_path / "out").exists()


def test_a_set_whose_classes_were_changed_by_hand_gets_no_new_name(tmp_path):
    real = made(tmp_path / "real", ("x", "g1", Split.TRAIN))
    path = real.folder / "dataset.toml"
    path.write_text(path.read_text().replace('"dot"', '"line-2"'))
    with pytest.raises(DatasetError, match="was altered after it was written"):
        Dataset(real.folder)
    altered = Dataset(real.folder, altered=True)
    for write in (
        lambda: merge_datasets([altered, made(tmp_path / "b", ("y", "g2", Split.TRAIN))], tmp_path / "out"),
        lambda: write_with_sides(altered, tmp_path / "out", {"g1": Split.TRAIN}),
    ):
        with pytest.raises(DatasetError, match="was altered after it was written"):
            write()
