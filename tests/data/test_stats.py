"""Counts, sizes and places by hand, and the same numbers in table, JSON and picture."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from blemish.core.labels import LabelMap
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Dataset, DatasetInfo, DatasetWriter, Sample
from blemish.data.stats import PLACES, Sizes, as_table, dataset_stats, table_3
from blemish.data.stats_plot import WIDTH, draw_stats

TILE = 64


def tile(name, defect, *, split=Split.TRAIN, group="", part="p", x=0, y=0, origin=Origin.REAL) -> Sample:
    record = TileRecord(name, part, "top", f"{part}.png", Box(x, y, TILE, TILE), group or name, split, origin, (), ())
    label = LabelMap(defect, np.zeros_like(defect))
    return Sample(np.zeros((TILE, TILE), np.uint8), label, record)


def with_boxes(*boxes: tuple[int, int, int, int, int]) -> np.ndarray:
    """A plane with rectangles: class, left, top, width, height."""
    plane = np.zeros((TILE, TILE), np.uint8)
    for index, left, top, width, height in boxes:
        plane[top : top + height, left : left + width] = index
    return plane


@pytest.fixture
def dataset(tmp_path) -> Dataset:
    taxonomy = replace(Taxonomy.of_names("lines", ["groove", "dot"]), pixel_mm_xy=(0.5, 2.0))
    with DatasetWriter(tmp_path / "set", DatasetInfo(taxonomy, TILE, 1)) as writer:
        writer.add(tile("a", with_boxes((1, 0, 0, 20, 2), (1, 30, 30, 4, 10)), group="g1", part="p1"))
        writer.add(tile("b", with_boxes((1, 10, 10, 8, 1), (2, 40, 40, 3, 3)), group="g1", part="p1", x=64))
        writer.add(tile("c", with_boxes((2, 60, 60, 2, 2)), split=Split.TEST, part="p2", x=64, y=64))
        writer.add(tile("d", with_boxes(), part="p3"))
        writer.add(tile("e", with_boxes((255, 0, 0, 1, 1)), part="p3"))
        writer.add(tile("f", with_boxes((2, 5, 5, 3, 3)), origin=Origin.SYNTHETIC, part="p1"))
    return Dataset(tmp_path / "set")


def test_table_3_counts_a_tile_for_each_of_its_classes(dataset):
    rows = {(str(c.split), str(c.origin)): c for c in table_3(dataset.records, 2)}
    assert list(rows) == [("train", "real"), ("train", "synthetic"), ("test", "real")]
    train = rows["train", "real"]
    assert (train.per_class, train.tiles, train.clean, train.groups, train.parts) == ((2, 1), 4, 1, 3, 2)
    assert rows["test", "real"].per_class == (0, 1)


def test_sizes_are_longest_sides_in_px_and_in_mm_by_axis(dataset):
    groove, dot = dataset_stats(dataset).classes
    assert (groove.tiles, groove.groups, groove.parts, groove.regions) == (2, 1, 1, 3)
    assert groove.pixels == 20 * 2 + 4 * 10 + 8
    assert groove.longest_px == Sizes((8, 8, 10, 20, 20), 20)
    # 20 x 2 px = 10 x 4 mm; 4 x 10 px = 2 x 20 mm; 8 x 1 px = 4 x 2 mm.
    assert groove.longest_mm == Sizes((4, 4, 10, 20, 20), 20)
    assert groove.histogram_px == (0, 0, 0, 2, 1)
    assert dot.longest_px.largest == 3


def test_places_are_counted_on_the_whole_scan(dataset):
    stats = dataset_stats(dataset)
    assert stats.extent_px == (128, 128)
    places = np.array(stats.classes[1].places)
    assert places.sum() == 3
    # Middles at (64 + 41, 41), (64 + 60.5, 64 + 60.5) and (6, 6) of 128 px.
    expected = {(41 * PLACES // 128, 105 * PLACES // 128), (124 * PLACES // 128,) * 2, (6 * PLACES // 128,) * 2}
    assert set(zip(*np.nonzero(places), strict=True)) == expected


def test_whole_set_counts_tell_clean_from_ignored(dataset):
    stats = dataset_stats(dataset)
    assert (stats.tiles, stats.clean, stats.ignored_tiles, stats.groups, stats.parts) == (6, 1, 1, 5, 3)


def test_fast_reads_the_manifest_only(dataset):
    for path in (dataset.folder / "labels").rglob("*.png"):
        path.unlink()
    groove, _ = dataset_stats(dataset, fast=True).classes
    assert (groove.tiles, groove.pixels, groove.regions, groove.places) == (2, 88, None, None)


def test_json_holds_plain_values_and_the_table_every_class(dataset):
    stats = dataset_stats(dataset)
    values = json.loads(json.dumps(stats.to_dict(), allow_nan=False))
    assert values["classes"][0]["longest_px"]["quantiles"] == [8, 8, 10, 20, 20]
    told = as_table(replace(stats, overlapping_tiles=2))
    assert told.splitlines()[-1] == "2 tiles overlap others: what lies there counts on each, in pixels and regions"
    lines = as_table(replace(stats, overlapping_tiles=0)).splitlines()
    assert lines[0].split()[:6] == ["tiles", "of", "A", "groove", "B", "dot"]
    assert lines[1].split() == ["train,", "real", "2", "1", "1", "4", "3", "2"]


def test_the_picture_shows_each_class_in_its_colour(dataset):
    picture = draw_stats(dataset_stats(dataset), dataset.taxonomy)
    assert picture.shape[1:] == (WIDTH, 3)
    for colour in ((230, 25, 75), (60, 180, 75)):
        assert (picture == colour).all(axis=2).sum() > 2000
    fast = draw_stats(dataset_stats(dataset, fast=True), dataset.taxonomy)
    assert fast.shape[0] < picture.shape[0]


def test_memory_does_not_grow_with_the_number_of_tiles(dataset):
    def peak(times: int) -> int:
        dataset.records = dataset.records[:6] * times
        tracemalloc.start()
        dataset_stats(dataset)
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    assert peak(100) < peak(1) + 200_000
