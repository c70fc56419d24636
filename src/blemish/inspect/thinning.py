"""The skeleton of a region, one pixel thick, and the longest way along it.

Thinning is that of Guo and Hall ("Parallel thinning with two-subiteration algorithms", CACM 32, 1989): what a pixel's
eight neighbours say whether it goes is looked up in a table, so that a pass over the region is two calls of OpenCV.
"""

from __future__ import annotations

import heapq
import math
from itertools import pairwise

import cv2
import numpy as np

from blemish.core.arrays import Bool, Float64, UInt8

# Neighbours clockwise from above, as (row, column); the n-th one is bit n of a pixel's code.
_AROUND = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))


def thinned(mask: Bool) -> Bool:
    """The skeleton of a region: 8-connected where the region is, and lines keep their ends.

    Example:
        >>> mask = np.zeros((9, 30), bool)
        >>> mask[3:6, 2:28] = True
        >>> skeleton = thinned(mask)
        >>> skeleton.sum(axis=0).max(), skeleton[4].sum() == skeleton.sum()
        (np.int64(1), np.True_)
    """
    plane = np.pad(mask, 1).astype(np.uint8)
    left = -1
    while left != (left := cv2.countNonZero(plane)):
        for table in _TABLES:
            code = cv2.filter2D(plane, cv2.CV_8U, _WEIGHTS, borderType=cv2.BORDER_CONSTANT)
            cv2.bitwise_and(plane, cv2.LUT(code, table), plane)
    return plane[1:-1, 1:-1] > 0


def longest_way(skeleton: Bool) -> Float64:
    """The pixels (x, y), float64 P 2, of the longest of all shortest ways between two pixels of a skeleton, in order.

    Exact on a tree; round a loop the way is the shorter one. Of several pieces it is that of the first.
    """
    rows, columns = np.nonzero(skeleton)
    nodes = list(zip(rows.tolist(), columns.tolist(), strict=True))
    end, _ = _farthest(nodes[0], set(nodes))
    end, before = _farthest(end, set(nodes))
    way = [end]
    while before[way[-1]] is not None:
        way.append(before[way[-1]])  # type: ignore[arg-type]
    return np.array(way, np.float64)[:, ::-1]


_Node = tuple[int, int]
_STEPS = tuple((dy, dx, math.hypot(dx, dy)) for dy, dx in _AROUND)


def _farthest(start: _Node, nodes: set[_Node]) -> tuple[_Node, dict[_Node, _Node | None]]:
    """The node with the longest shortest way from the start, and each node's neighbour on its way back."""
    length, before = {start: 0.0}, dict[_Node, _Node | None]({start: None})
    queue, done = [(0.0, start)], start
    while queue:
        so_far, here = heapq.heappop(queue)
        if so_far > length[here]:
            continue
        done = here
        for dy, dx, step in _STEPS:
            there = here[0] + dy, here[1] + dx
            if there in nodes and so_far + step < length.get(there, math.inf):
                length[there], before[there] = so_far + step, here
                heapq.heappush(queue, (so_far + step, there))
    return done, before


def _table(odd: bool) -> UInt8:
    """For each code 0 where the pixel goes, else 1 (Guo and Hall's A1, conditions (a), (b) and (c))."""
    stays = np.ones(256, np.uint8)
    for code in range(256):
        p = [bool(code >> bit & 1) for bit in range(8)]  # p[0] is the paper's P2, ..., p[7] its P9.
        crossings = sum(not p[i] and (p[i + 1] or p[(i + 2) % 8]) for i in (0, 2, 4, 6))
        one = sum(p[(i - 1) % 8] or p[i] for i in (0, 2, 4, 6))
        other = sum(p[i] or p[i + 1] for i in (0, 2, 4, 6))
        if odd:
            keep = (p[0] or p[1] or not p[3]) and p[2]
        else:
            keep = (p[4] or p[5] or not p[7]) and p[6]
        if crossings == 1 and 2 <= min(one, other) <= 3 and not keep:
            stays[code] = 0
    return stays


def _weights() -> Float64:
    kernel = np.zeros((3, 3))
    for bit, (dy, dx) in enumerate(_AROUND):
        kernel[1 + dy, 1 + dx] = 1 << bit
    return kernel


_TABLES = (_table(True), _table(False))
_WEIGHTS = _weights()


def way_length(points: Float64) -> float:
    """Length of a polygon line, float64 P 2.

    Example:
        >>> way_length(np.array([[0.0, 0.0], [3.0, 4.0], [3.0, 5.0]]))
        6.0
    """
    return sum(math.dist(a, b) for a, b in pairwise(points))
