"""Tiles laid together again to the scan that they were cut from, so that a defect across a border is one defect."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blemish.core.arrays import UInt8
from blemish.core.records import Box, Origin, TileRecord
from blemish.core.taxonomy import IGNORE


def by_scan(records: Iterable[TileRecord]) -> dict[str, list[TileRecord]]:
    """Records of each scan, scans in the order of their first tile (`TileRecord.scan_id`).

    Example:
        >>> by_scan([])
        {}
    """
    scans: dict[str, list[TileRecord]] = {}
    for record in records:
        scans.setdefault(record.scan_id, []).append(record)
    return scans


def overlapping(records: Iterable[TileRecord]) -> int:
    """How many tiles show pixels that another tile of their scan shows too: a defect there is seen on each of them.

    Synthetic tiles lie on the box of another and are left out.
    """
    real = (record for record in records if record.origin is not Origin.SYNTHETIC)
    return sum(_sharing([tile.box for tile in tiles]) for tiles in by_scan(real).values())


def _sharing(boxes: Sequence[Box]) -> int:
    """How many boxes share a pixel with another; only boxes of one cell of a coarse grid are compared."""
    side = max(box.longest_px for box in boxes)
    cells: dict[tuple[int, int], list[int]] = {}
    for place, box in enumerate(boxes):
        for x in range(box.x // side, (box.x + box.width - 1) // side + 1):
            for y in range(box.y // side, (box.y + box.height - 1) // side + 1):
                cells.setdefault((x, y), []).append(place)
    sharing: set[int] = set()
    for own in cells.values():
        for one in own:
            if one not in sharing and any(other != one and _meet(boxes[one], boxes[other]) for other in own):
                sharing.add(one)
    return len(sharing)


def _meet(one: Box, other: Box) -> bool:
    across = one.x < other.x + other.width and other.x < one.x + one.width
    return across and one.y < other.y + other.height and other.y < one.y + one.height


class Canvas:
    """The planes of one scan from its tiles; where they overlap, a pixel is of the tile in which it lies deepest.

    Pixels that no tile covers are 0 in every plane, but 255 (ignored) in `truth`.

    Args:
        boxes: of all tiles that will be placed; they may reach beyond the scan.

    Example:
        >>> canvas = Canvas([Box(0, 0, 2, 1), Box(2, 0, 2, 1)])
        >>> canvas.place(Box(2, 0, 2, 1), {"truth": np.array([[7, 8]], np.uint8)})
        >>> canvas["truth"].tolist()
        [[255, 255, 7, 8]]
    """

    def __init__(self, boxes: Sequence[Box]) -> None:
        self.left, self.top = min(box.x for box in boxes), min(box.y for box in boxes)
        self.height = max(box.y + box.height for box in boxes) - self.top
        self.width = max(box.x + box.width for box in boxes) - self.left
        self._depth = np.zeros((self.height, self.width), np.uint16)
        self._planes: dict[str, NDArray[Any]] = {}

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._planes[name]

    @property
    def is_whole(self) -> bool:
        """Whether every pixel is of some tile."""
        return bool(self._depth.all())

    def place(self, box: Box, planes: Mapping[str, NDArray[Any]]) -> None:
        """Lay one tile's planes (H W or H W C, each of the box's size) on the scan."""
        rows = slice(box.y - self.top, box.y - self.top + box.height)
        columns = slice(box.x - self.left, box.x - self.left + box.width)
        depth = _depth(box.height, box.width)
        deeper = depth > self._depth[rows, columns]
        self._depth[rows, columns][deeper] = depth[deeper]
        for name, values in planes.items():
            self._plane(name, values)[rows, columns][deeper] = values[deeper]

    def covered(self) -> tuple[slice, slice]:
        """Rows and columns of the smallest box that holds every pixel that was placed, its truth known or open."""
        rows, columns = (np.flatnonzero((self._depth > 0).any(axis=axis)) for axis in (1, 0))
        return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)

    def _plane(self, name: str, like: NDArray[Any]) -> NDArray[Any]:
        if name not in self._planes:
            shape = (self.height, self.width, *like.shape[2:])
            self._planes[name] = np.full(shape, IGNORE if name == "truth" else 0, like.dtype)
        return self._planes[name]


def joined_labels(records: Sequence[TileRecord], labels: Iterable[UInt8]) -> UInt8:
    """The defect plane of one whole scan, uint8 H W, from the planes of its tiles; 255 where no tile is."""
    canvas = Canvas([record.box for record in records])
    for record, plane in zip(records, labels, strict=True):
        canvas.place(record.box, {"truth": plane})
    truth: UInt8 = canvas["truth"]
    return truth


def _depth(height: int, width: int) -> NDArray[np.uint16]:
    """How far each pixel lies from the nearest edge of its tile, 1 at the edge."""
    down = np.minimum(np.arange(1, height + 1), np.arange(height, 0, -1))
    across = np.minimum(np.arange(1, width + 1), np.arange(width, 0, -1))
    return np.minimum(down[:, None], across[None, :]).astype(np.uint16)
