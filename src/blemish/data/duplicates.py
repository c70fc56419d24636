"""Find tiles that show the same surface twice: exact copies, and near ones (turned, mirrored, lit or saved otherwise).

Of each tile are kept a hash of its pixels, eight 64-bit difference hashes, one for each way of turning and mirroring it
(dHash: is a cell of an 8 x 8 grid brighter than its left neighbour), and a thumbnail of 16 x 16: about 500 bytes. Slow
changes of light are removed first. Tiles that agree in one of four 16-bit quarters, in most of the 64 bits and in their
thumbnails are candidates; their pictures are read again and compared pixel by pixel.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from blemish.core.arrays import Bool, Float32, Int64, Picture, UInt8
from blemish.picture.normalise import to_channels

UInt64 = NDArray[np.uint64]
Int8 = NDArray[np.int8]
SIDE_PX = 64  # Pictures are compared at this size.
# Correlation from which on two tiles are near duplicates. Measured: of copies turned, lit 10 % brighter, with noise of
# 3 levels and saved as JPEG 80, 99.6 % (magnetic-tile) and 97.7 % (neu-seg) are found; of 10,000 pairs of different
# groups, fewer than 2 reach it, and those looked at do show one and the same surface; of 528 tiles of simulated cells
# no pair does.
SIMILAR = 0.8
_THUMB_PX = 16
_THUMB_SIMILAR = 0.7
_BITS_APART = 10
_NEIGHBOURS = 64  # Compared within one quarter's bucket, so that repeated surfaces cannot make it quadratic.
_LEAST_DEVIATION = 1.0  # Gray levels: a smoother tile shows nothing by which to know it again.


@dataclass(frozen=True)
class Twin:
    """Two rows that show the same surface; similarity 1 with `exact` = the same pixels."""

    first: int
    second: int
    similarity: float
    exact: bool


class DuplicateSearch:
    """Takes tiles one by one, then names the pairs.

    Example:
        >>> search = DuplicateSearch()
        >>> tile = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
        >>> for row, picture in enumerate([tile, tile.T]):
        ...     search.add(row, picture)
        >>> [(t.first, t.second, t.exact) for t in search.pairs([tile, tile.T].__getitem__)]
        [(0, 1, False)]
    """

    def __init__(self) -> None:
        self.blank = 0  # Tiles that show nothing by which to know them again; they are never a pair.
        self._exact: dict[bytes, list[int]] = {}
        self._rows: list[int] = []
        self._hashes: list[UInt64] = []
        self._thumbs: list[Int8] = []

    def add(self, row: int, picture: Picture) -> None:
        """Take note of one tile, without its padding: uint8 H W or H W 3."""
        gray = small_gray(picture)
        if gray.std() < _LEAST_DEVIATION:
            self.blank += 1
            return
        shape = np.array(picture.shape, np.int64).tobytes()
        digest = hashlib.blake2b(shape + np.ascontiguousarray(picture).tobytes(), digest_size=16).digest()
        rows = self._exact.setdefault(digest, [])
        rows.append(row)
        if len(rows) == 1:
            self._rows.append(row)
            self._hashes.append(difference_hashes(gray))
            self._thumbs.append(_thumbnail(gray))

    def pairs(self, picture_of: Callable[[int], Picture]) -> Iterator[Twin]:
        """Exact copies (each with the first of its kind), then near ones.

        Args:
            picture_of: reads a row's picture again, without its padding, as it was added.
        """
        for rows in self._exact.values():
            for row in rows[1:]:
                yield Twin(rows[0], row, 1.0, True)
        details = _Details(picture_of)
        for one, other in self._candidates():
            first, second = sorted((self._rows[one], self._rows[other]))
            similarity = details.similarity(first, second)
            if similarity >= SIMILAR:
                yield Twin(first, second, similarity, False)

    def _candidates(self) -> list[tuple[int, int]]:
        """Pairs of places in `_rows` whose hashes and thumbnails are near in some turn, in order."""
        if not self._rows:
            return []
        hashes, thumbs = np.stack(self._hashes), np.stack(self._thumbs)
        kept = [pairs[_alike(thumbs, pairs)] for quarter in range(4) for pairs in _near_in_quarter(hashes, quarter)]
        return [(int(a), int(b)) for a, b in np.unique(np.concatenate([np.empty((0, 2), np.int64), *kept]), axis=0)]


def small_gray(picture: Picture) -> Float32:
    """float32, SIDE_PX square, whatever the size and shape."""
    gray = to_channels(picture, 1)[:, :, 0].astype(np.float32)
    return np.asarray(cv2.resize(gray, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA), np.float32)


def difference_hashes(gray: Float32) -> UInt64:
    """uint64 8: the hash of each of the eight ways of turning and mirroring; the first is of the picture as it is."""
    flat = gray - cv2.GaussianBlur(gray, (0, 0), SIDE_PX / 8, borderType=cv2.BORDER_REFLECT)
    words = [np.packbits(_gradient_bits(turn(flat, way))).view(np.uint64)[0] for way in range(8)]
    return np.array(words, np.uint64)


def turn(plane: Float32, way: int) -> Float32:
    """One of the eight ways: `way % 4` quarter turns, mirrored from 4 on."""
    return np.ascontiguousarray(np.rot90(plane[:, ::-1] if way >= 4 else plane, way % 4))


def detail(picture: Picture) -> Float32:
    """Local structure of unit length: each pixel against the mean and deviation round it, so light does not matter."""
    even = _evened(small_gray(picture))
    unit: Float32 = even / max(float(np.linalg.norm(even)), 1e-6)
    return unit


def best_correlation(one: Float32, other: Float32) -> float:
    """The highest correlation of two `detail`s over the eight ways, -1 to 1."""
    return max(float((one * turn(other, way)).sum()) for way in range(8))


def _evened(gray: Float32) -> Float32:
    flat = gray - cv2.GaussianBlur(gray, (0, 0), 4, borderType=cv2.BORDER_REFLECT)
    local = np.sqrt(cv2.GaussianBlur(flat * flat, (0, 0), 4, borderType=cv2.BORDER_REFLECT))
    even: Float32 = (flat / (local + 1)).astype(np.float32)
    even -= even.mean()
    return even


def _gradient_bits(flat: Float32) -> UInt8:
    cells = cv2.resize(flat, (9, 8), interpolation=cv2.INTER_AREA)
    return np.asarray(cells[:, 1:] > cells[:, :-1]).astype(np.uint8)


def _thumbnail(gray: Float32) -> Int8:
    """int8 16 x 16: the local structure, coarsely."""
    small = cv2.resize(_evened(gray), (_THUMB_PX, _THUMB_PX), interpolation=cv2.INTER_AREA)
    levels: Int8 = np.rint(small * (127 / max(float(np.abs(small).max()), 1e-6))).astype(np.int8)
    return levels


def _alike(thumbs: Int8, pairs: Int64) -> Bool:
    """Which pairs have thumbnails that correlate in some turn."""
    one, other = (thumbs[pairs[:, side]].astype(np.float32) for side in (0, 1))
    norms = np.linalg.norm(one, axis=(1, 2)) * np.linalg.norm(other, axis=(1, 2))
    best = np.full(len(pairs), -1.0)
    for way in range(8):
        turned = np.rot90(other[:, :, ::-1] if way >= 4 else other, way % 4, axes=(1, 2))
        best = np.maximum(best, (one * turned).sum(axis=(1, 2)) / np.maximum(norms, 1e-6))
    alike: Bool = best >= _THUMB_SIMILAR
    return alike


def _near_in_quarter(hashes: UInt64, quarter: int) -> Iterator[Int64]:
    """Pairs n x 2 of tiles, one as it is and one in any turn, that agree in one quarter and in most of the 64 bits."""
    ways = hashes.shape[1]
    words = hashes.reshape(-1)  # Tile t, way w at t * ways + w.
    keys = (words >> np.uint64(16 * quarter)) & np.uint64(0xFFFF)
    order = np.lexsort((words, keys))
    for step in range(1, _NEIGHBOURS + 1):
        left, right = order[:-step], order[step:]
        near = (keys[left] == keys[right]) & ((left % ways == 0) | (right % ways == 0))
        left, right = left[near], right[near]
        near = (np.bitwise_count(words[left] ^ words[right]) <= _BITS_APART) & (left // ways != right // ways)
        yield np.sort(np.stack([left[near] // ways, right[near] // ways], axis=1), axis=1)


class _Details:
    """Details of rows, the last few hundred kept."""

    def __init__(self, picture_of: Callable[[int], Picture]) -> None:
        self._picture_of = picture_of
        self._kept: OrderedDict[int, Float32] = OrderedDict()

    def similarity(self, first: int, second: int) -> float:
        return best_correlation(self._of(first), self._of(second))

    def _of(self, row: int) -> Float32:
        if row not in self._kept:
            self._kept[row] = detail(self._picture_of(row))
            if len(self._kept) > 256:
                self._kept.popitem(last=False)
        self._kept.move_to_end(row)
        return self._kept[row]
