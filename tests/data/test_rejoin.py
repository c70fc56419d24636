from dataclasses import replace

import numpy as np

from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.data.lots import lots_of
from blemish.data.rejoin import Canvas, by_scan, joined_labels, overlapping

SQUARE = Box(0, 0, 4, 4)


def record(tile: str, source: str, part: str = "", box: Box = SQUARE) -> TileRecord:
    return TileRecord(tile, part or tile, "", source, box, tile, Split.TEST, Origin.REAL, (), ())


def test_tiles_of_a_scan_come_together_whatever_their_order():
    scans = by_scan([record("a0", "a.png"), record("b0", "b.png"), record("a1", "a.png"), record("alone", "")])
    assert {scan: [r.id for r in own] for scan, own in scans.items()} == {
        "a.png": ["a0", "a1"],
        "b.png": ["b0"],
        "alone": ["alone"],
    }


def test_tiles_that_share_a_pixel_of_a_scan_overlap():
    apart = [record("a0", "a.png"), record("a1", "a.png", box=Box(4, 0, 4, 4)), record("b0", "b.png")]
    assert overlapping(apart) == 0
    shared = [*apart, record("a2", "a.png", box=Box(7, 3, 4, 4))]
    assert overlapping(shared) == 2
    assert overlapping([record("alone", ""), record("other", "")]) == 0
    made = [replace(row, origin=Origin.SYNTHETIC) for row in (record("s0", "a.png"), record("s1", "a.png"))]
    assert overlapping([*apart, *made]) == 0


def test_where_tiles_overlap_the_deeper_one_is_seen_in_any_order():
    boxes = {1: Box(0, 0, 6, 3), 2: Box(2, 0, 6, 3)}
    for order in ((1, 2), (2, 1)):
        canvas = Canvas(list(boxes.values()))
        for value in order:
            canvas.place(boxes[value], {"truth": np.full((3, 6), value, np.uint8)})
        row = canvas["truth"][1].tolist()
        # Middle row: depths 1 2 2 2 2 1 from x = 0 and from x = 2; the tie at x = 3, 4 keeps the first placed.
        assert row[:3] == [1, 1, 1]
        assert row[5:] == [2, 2, 2]


def test_what_is_covered_is_what_was_placed_with_its_open_labels():
    canvas = Canvas([Box(0, 0, 4, 3)])  # Two columns and a row of it are padding.
    canvas.place(Box(0, 0, 2, 2), {"truth": np.array([[0, 255], [0, 255]], np.uint8)})
    rows, columns = canvas.covered()
    assert canvas["truth"][rows, columns].tolist() == [[0, 255], [0, 255]]


def test_pixels_without_a_tile_are_ignored():
    tiles = [record("a", "s", box=Box(0, 0, 2, 2)), record("b", "s", box=Box(2, 2, 2, 2))]
    joined = joined_labels(tiles, [np.ones((2, 2), np.uint8), np.zeros((2, 2), np.uint8)])
    assert joined.tolist() == [[1, 1, 255, 255], [1, 1, 255, 255], [255, 255, 0, 0], [255, 255, 0, 0]]


def test_lots_are_folders_else_starts_of_serials_else_none():
    assert lots_of([record("1", "l1/x.png"), record("2", "l2/x.png")]).words == "folder of the scan"
    by_serial = lots_of([record("1", "s/1.png", "L7-001"), record("2", "s/2.png", "L8-001")])
    assert by_serial.words == "start of the serial"
    assert by_serial.of(record("3", "s/3.png", "L7-999")) == "L7"
    assert lots_of([record("1", "s/1.png", "L7-001"), record("2", "s/2.png", "L7-002")]).words == ""


def test_synthetic_tiles_on_one_background_are_scans_and_parts_of_their_own():
    made = [replace(record(f"s{n}", "a.png", "p"), origin=Origin.SYNTHETIC) for n in range(3)]
    scans = by_scan([record("a0", "a.png", "p"), *made])
    assert {scan: len(own) for scan, own in scans.items()} == {"a.png": 1, "s0": 1, "s1": 1, "s2": 1}
    assert [row.part_id for row in made] == ["s0", "s1", "s2"]
