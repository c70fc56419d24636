"""Scans put together again from the tiles of a data set, so that they can be judged as the line judges them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from blemish.core.arrays import UInt8, with_channels
from blemish.core.labels import LabelMap
from blemish.core.records import TileRecord
from blemish.data.dataset import Dataset, Sample
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


def _cropped(label_map: LabelMap, height: int, width: int) -> LabelMap:
    return LabelMap(label_map.defect[:height, :width], label_map.background[:height, :width])


def _together(tiles: Sequence[Sample]) -> LabelledScan | None:
    """One scan of tiles that may overlap; None where they leave a gap."""
    places = [(t.record.box.y, t.record.box.x, *t.label_map.size_hw) for t in tiles]
    top, left = min(p[0] for p in places), min(p[1] for p in places)
    height, width = max(p[0] + p[2] for p in places) - top, max(p[1] + p[3] for p in places) - left
    first = with_channels(tiles[0].picture)
    picture = np.zeros((height, width, first.shape[2]), np.uint8)
    truth, covered = np.zeros((height, width), np.uint8), np.zeros((height, width), np.bool_)
    for tile, (y, x, h, w) in zip(tiles, places, strict=True):
        there = (slice(y - top, y - top + h), slice(x - left, x - left + w))
        picture[there], truth[there], covered[there] = with_channels(tile.picture), tile.label_map.defect, True
    if not covered.all():
        return None
    records = [tile.record for tile in tiles]
    return LabelledScan(
        part=records[0].part_id,
        group=" + ".join(sorted({record.group for record in records})),
        name=records[0].scan_id,
        picture=picture,
        truth=truth,
        is_clean=all(record.is_clean for record in records),
        tiles=len(records),
    )
