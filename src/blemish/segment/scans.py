"""Scans put together again from the tiles of a data set, so that they can be judged as the line judges them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from blemish.core.arrays import UInt8, with_channels
from blemish.core.labels import LabelMap
from blemish.core.records import Box, TileRecord
from blemish.data.dataset import Dataset, Sample
from blemish.data.rejoin import Canvas
from blemish.segment.padding import shown_hw


@dataclass(frozen=True)
class LabelledScan:
    """One scan, or as much of it as its tiles show.

    Attributes:
        part: its part; the scan's own name where the data set knows no part.
        group: its group; several are joined with " + ".
        picture: uint8 H W C.
        truth: uint8 H W, the defect plane: 0, 1..K, 255.
        is_clean: every tile is clean: no defect, nothing ignored.
        tiles: how many it was put together from.
    """

    part: str
    group: str
    name: str
    picture: UInt8
    truth: UInt8
    is_clean: bool
    tiles: int


def labelled_scans(dataset: Dataset, records: Sequence[TileRecord]) -> Iterator[LabelledScan]:
    """The scans of these tiles, one in memory at a time, in the order of their first tile.

    Tiles that do not cover a whole rectangle (some were left out of the data set) are each a scan of their own. Padding
    is cut away.
    """
    by_scan: dict[tuple[str, str], list[TileRecord]] = defaultdict(list)
    for record in records:
        by_scan[record.part_id, record.scan_id].append(record)
    for own in by_scan.values():
        tiles = [_without_padding(dataset.sample(record)) for record in own]
        together = _together(tiles)
        yield from [together] if together else (scan for tile in tiles if (scan := _together([tile])))


def _without_padding(sample: Sample) -> Sample:
    height, width = shown_hw(sample)
    return Sample(sample.picture[:height, :width], _cropped(sample.label_map, height, width), sample.record)


def _shown(tile: Sample) -> Box:
    """Where on its scan a tile without padding lies."""
    height, width = tile.label_map.size_hw
    return Box(tile.record.box.x, tile.record.box.y, width, height)


def _cropped(label_map: LabelMap, height: int, width: int) -> LabelMap:
    return LabelMap(label_map.defect[:height, :width], label_map.background[:height, :width])


def _together(tiles: Sequence[Sample]) -> LabelledScan | None:
    """One scan of tiles that may overlap; None where they leave a gap."""
    boxes = [_shown(tile) for tile in tiles]
    canvas = Canvas(boxes)
    for tile, box in zip(tiles, boxes, strict=True):
        canvas.place(box, {"picture": with_channels(tile.picture), "truth": tile.label_map.defect})
    if not canvas.is_whole:
        return None
    records = [tile.record for tile in tiles]
    return LabelledScan(
        part=records[0].part_id,
        group=" + ".join(sorted({record.group for record in records})),
        name=records[0].scan_id,
        picture=canvas["picture"],
        truth=canvas["truth"],
        is_clean=all(record.is_clean for record in records),
        tiles=len(records),
    )
