"""What a data set holds: tiles per class (the paper's Table 3), groups, parts, pixels, sizes and places of defects.

Rows come from the manifest; sizes and places from the labels, one in memory at a time. Only histograms are kept, so
memory does not grow with the number of tiles, but for the names of groups and parts.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from blemish.core.arrays import Int64, UInt8
from blemish.core.records import Origin, Split, TileRecord
from blemish.data.dataset import Dataset
from blemish.data.rejoin import overlapping
from blemish.picture.read import read_index

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
PLACES = 24  # Cells of the map of places, along x and along y.
_MM_STEP = 0.1
_ORDER = (Split.TRAIN, Split.VAL, Split.TEST, Split.NONE)


@dataclass(frozen=True)
class TileCount:
    """One line of Table 3: tiles of one split and origin; a tile with several classes counts for each."""

    split: Split
    origin: Origin
    tiles: int
    clean: int
    groups: int
    parts: int
    per_class: tuple[int, ...]


@dataclass(frozen=True)
class Sizes:
    """Longest sides of regions: quantiles at 5, 25, 50, 75 and 95 %, and the largest."""

    quantiles: tuple[float, ...]
    largest: float


@dataclass(frozen=True)
class ClassStats:
    """One defect class over the whole data set.

    A region is a connected piece (8 neighbours) on one tile: a defect that crosses tiles is several. Places are the
    middles of its regions on the scan, counted in PLACES x PLACES cells (rows first) over the extent of all scans.
    """

    name: str
    code: str
    tiles: int
    groups: int
    parts: int
    pixels: int
    regions: int | None = None  # None = only the manifest was read.
    longest_px: Sizes | None = None
    longest_mm: Sizes | None = None  # None = the taxonomy knows no pixel size.
    histogram_px: tuple[int, ...] | None = None  # Regions with a longest side of 1, 2-3, 4-7, 8-15, ... px.
    places: tuple[tuple[int, ...], ...] | None = None


@dataclass(frozen=True)
class DatasetStats:
    """Everything `blemish data stats` shows."""

    hash: str
    tile_px: int
    tiles: int
    clean: int
    groups: int
    parts: int
    overlapping_tiles: int  # Real tiles that share pixels with another one of their scan.
    ignored_tiles: int  # Tiles with a pixel labelled 255 that is not padding.
    extent_px: tuple[int, int]  # Width and height that the tiles of all scans span.
    counts: tuple[TileCount, ...]
    classes: tuple[ClassStats, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def dataset_stats(dataset: Dataset, *, fast: bool = False) -> DatasetStats:
    """Count a data set.

    Args:
        fast: read the manifest only; sizes and places are None.
    """
    records = dataset.records
    extent = (max(r.box.x + r.box.width for r in records), max(r.box.y + r.box.height for r in records))
    tallies = [_Tally(dataset.taxonomy.pixel_mm_xy, extent) for _ in dataset.taxonomy.defects]
    if not fast:
        for record in tqdm(records, unit="tile", desc="stats", disable=None):
            if record.classes:
                _measure(dataset, record, tallies)
    return DatasetStats(
        hash=dataset.hash,
        tile_px=dataset.info.tile_px,
        tiles=len(records),
        clean=sum(r.is_clean for r in records),
        groups=len({r.group for r in records}),
        parts=len({r.part for r in records}),
        overlapping_tiles=overlapping(records),
        ignored_tiles=sum(r.ignore_px > 0 for r in records),
        extent_px=extent,
        counts=table_3(records, len(dataset.taxonomy.defects)),
        classes=tuple(_class_stats(dataset, index, None if fast else t) for index, t in enumerate(tallies, start=1)),
    )


def table_3(records: Sequence[TileRecord], defects: int) -> tuple[TileCount, ...]:
    """Tiles per class for each split and origin there is (paper, Table 3), in the order train, val, test, none."""
    found = sorted({(r.split, r.origin) for r in records}, key=lambda key: (_ORDER.index(key[0]), str(key[1])))
    return tuple(
        _tile_count(split, origin, [r for r in records if (r.split, r.origin) == (split, origin)], defects)
        for split, origin in found
    )


@dataclass
class _Tally:
    """Sizes and places of one class, as histograms."""

    pixel_mm_xy: tuple[float, float] | None
    extent_px: tuple[int, int]
    longest_px: Counter[float] = field(default_factory=Counter)
    longest_mm: Counter[float] = field(default_factory=Counter)
    places: Int64 = field(default_factory=lambda: np.zeros((PLACES, PLACES), np.int64))

    def add(self, record: TileRecord, plane: UInt8) -> None:
        """All regions of a class on one tile."""
        _, _, boxes, centres = cv2.connectedComponentsWithStats(plane, connectivity=8)
        for (_, _, width, height, _), (x, y) in zip(boxes[1:], centres[1:], strict=True):
            self.longest_px[float(max(width, height))] += 1
            if self.pixel_mm_xy is not None:
                longest_mm = max(width * self.pixel_mm_xy[0], height * self.pixel_mm_xy[1])
                self.longest_mm[round(longest_mm / _MM_STEP) * _MM_STEP] += 1
            column = int((record.box.x + x) * PLACES / self.extent_px[0])
            row = int((record.box.y + y) * PLACES / self.extent_px[1])
            self.places[min(max(row, 0), PLACES - 1), min(max(column, 0), PLACES - 1)] += 1


def _measure(dataset: Dataset, record: TileRecord, tallies: Sequence[_Tally]) -> None:
    defect = read_index(dataset.folder / "labels" / f"{record.id}.png")
    for index in record.classes:
        tallies[index - 1].add(record, (defect == index).astype(np.uint8))


def _tile_count(split: Split, origin: Origin, records: Sequence[TileRecord], defects: int) -> TileCount:
    classes = Counter(index for record in records for index in record.classes)
    return TileCount(
        split=split,
        origin=origin,
        tiles=len(records),
        clean=sum(r.is_clean for r in records),
        groups=len({r.group for r in records}),
        parts=len({r.part for r in records}),
        per_class=tuple(classes[index] for index in range(1, defects + 1)),
    )


def _class_stats(dataset: Dataset, index: int, tally: _Tally | None) -> ClassStats:
    shown = [record for record in dataset.records if index in record.classes]
    defect = dataset.taxonomy.defect(index)
    counted = ClassStats(
        name=defect.name,
        code=defect.code,
        tiles=len(shown),
        groups=len({r.group for r in shown}),
        parts=len({r.part for r in shown}),
        pixels=sum(r.defect_px[index - 1] for r in shown),
    )
    if tally is None:
        return counted
    return replace(
        counted,
        regions=sum(tally.longest_px.values()),
        longest_px=_sizes(tally.longest_px),
        longest_mm=_sizes(tally.longest_mm),
        histogram_px=_doubling(tally.longest_px),
        places=tuple(tuple(int(n) for n in row) for row in tally.places),
    )


def _sizes(counts: Counter[float]) -> Sizes | None:
    """Quantiles of a histogram: the smallest value that at least this share of the regions do not exceed."""
    if not counts:
        return None
    values = sorted(counts)
    reached = np.cumsum([counts[value] for value in values])
    places = [int(np.searchsorted(reached, math.ceil(q * reached[-1]))) for q in QUANTILES]
    return Sizes(tuple(round(values[place], 3) for place in places), round(values[-1], 3))


def _doubling(counts: Counter[float]) -> tuple[int, ...]:
    bins: Counter[int] = Counter()
    for longest, count in counts.items():
        bins[int(math.log2(longest))] += count
    return tuple(bins[i] for i in range(max(bins, default=-1) + 1))


def as_table(stats: DatasetStats) -> str:
    """For people: Table 3, then one line a class."""
    codes = [f"{c.code} {c.name}" for c in stats.classes]
    heads = ["tiles of", *codes, "clean", "tiles", "groups", "parts"]
    rows = [
        [f"{c.split or 'no split'}, {c.origin}", *c.per_class, c.clean, c.tiles, c.groups, c.parts]
        for c in stats.counts
    ]
    rows.append(["all", *(c.tiles for c in stats.classes), stats.clean, stats.tiles, stats.groups, stats.parts])
    lines = [_aligned([heads, *rows]), ""]
    heads = ["class", "tiles", "groups", "parts", "pixels", "regions", "px long: 5 %", "median", "95 %", "mm: median"]
    lines.append(_aligned([heads, *(_class_row(c) for c in stats.classes)]))
    if stats.overlapping_tiles:
        lines += [
            "",
            f"{stats.overlapping_tiles:,} tiles overlap others: what lies there counts on each, in pixels and regions",
        ]
    return "\n".join(lines)


def _class_row(c: ClassStats) -> list[object]:
    px = ["-"] * 3 if c.longest_px is None else [f"{c.longest_px.quantiles[i]:g}" for i in (0, 2, 4)]
    mm = "-" if c.longest_mm is None else f"{c.longest_mm.quantiles[2]:.1f}"
    regions = "-" if c.regions is None else c.regions
    return [f"{c.code} {c.name}", c.tiles, c.groups, c.parts, c.pixels, regions, *px, mm]


def _aligned(rows: Iterable[Sequence[object]]) -> str:
    texts = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in texts) for i in range(len(texts[0]))]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
        for row in texts
    )
