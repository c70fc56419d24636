"""The centre line through a line-like region, from one far end to the other, and its side arms.

Lines keep to the middle: on the pixels as a graph, the shortest way between the two ends that lie farthest apart, where
a pixel costs more the nearer it is to the outline.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass

import cv2
import numpy as np

from blemish.core.arrays import Bool, Float64, Int64
from blemish.gan.shape_lines import STEPS, Branch, Line

MOST_BRANCHES = 4
_TRACED_PX = 2000  # Larger masks are traced at a coarser scale of about so many pixels.
_WIDTH_DETAIL = 0.5  # Widths are smoothed along the line over so many of its own widths (standard deviation).


def trace(mask: Bool) -> Line:
    """The line through one connected region, from one far end to the other, and its side arms.

    Example:
        >>> mask = np.zeros((40, 60), bool)
        >>> mask[20:24, 5:55] = True
        >>> line = trace(mask)
        >>> round(line.length_px), round(line.width_px), len(line.branches)
        (50, 4, 0)
    """
    shrink = max(1.0, math.sqrt(np.count_nonzero(mask) / _TRACED_PX))
    area_px = np.count_nonzero(mask)
    if shrink > 1:
        mask = _shrunk(mask, shrink)
    tree = _Pixels.of(mask)
    path = tree.longest_path()
    mean_width = len(tree.xy) / max(len(path), 1)
    points = _evenly(_smoothed(tree.xy[path].astype(np.float64), max(1.5, 0.75 * mean_width)), STEPS)
    arms, of_arms = _arms(tree, path, mean_width)
    steps = np.diff(points, axis=0)
    length = float(np.hypot(*steps.T).sum()) + 1  # Pixels reach half a pixel beyond their middles.
    own = tree.xy[~of_arms]
    middles = (points[1:] + points[:-1]) / 2
    nearest = np.argmin(((own[:, None, :] - middles[None]) ** 2).sum(-1), axis=1)
    counts = np.maximum(np.bincount(nearest, minlength=STEPS), 0.25)
    sigma = _WIDTH_DETAIL * max(mean_width, 3.0) * STEPS / length  # Finer changes are the pixel grid's.
    widths = _smoothed(counts[:, None], sigma)[:, 0].clip(0.1) * STEPS / length
    headings = np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))
    chord = points[-1] - points[0]
    angle = math.atan2(chord[1], chord[0])
    across = area_px / (len(tree.xy) * shrink)  # As along it, but where a line was too thin for the coarser scale.
    branches = tuple(_branch(points, headings, tree.xy[arm], length, mean_width) for arm in arms)
    return Line(headings - angle, widths * across, length * shrink, angle, branches)


def _shrunk(mask: Bool, shrink: float) -> Bool:
    """At a coarser scale, in one piece: lines thinner than a pixel there would fall apart, and stay a pixel wide."""
    size = max(1, round(mask.shape[1] / shrink)), max(1, round(mask.shape[0] / shrink))
    share = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    half: Bool = share >= 0.5
    pieces, _ = cv2.connectedComponents(half.astype(np.uint8), connectivity=8)
    return half if pieces == 2 else share > 0  # The ground is a piece too.


@dataclass(frozen=True)
class _Pixels:
    """A region as a graph: its pixels, their neighbours, and their distance to the outline."""

    xy: Int64  # N 2.
    places: Int64  # h w, -1 outside.
    depth: Float64  # N.

    @classmethod
    def of(cls, mask: Bool) -> _Pixels:
        padded = np.pad(mask, 1)
        depth = cv2.distanceTransform(padded.astype(np.uint8), cv2.DIST_L2, 5)
        ys, xs = np.nonzero(padded)
        places = np.full(padded.shape, -1, np.int64)
        places[ys, xs] = np.arange(len(ys))
        return cls(np.stack([xs, ys], axis=1) - 1, places, depth[ys, xs].astype(np.float64))

    def reach(self, starts: list[int], *, central: bool = False) -> tuple[Float64, Int64]:
        """Way from the nearest start to every pixel: its length, and the pixel before; or `central`, in the middle."""
        cost = (1 / self.depth**2 if central else np.ones(len(self.xy))).tolist()
        length, before = [math.inf] * len(self.xy), [-1] * len(self.xy)
        queue = [(0.0, start) for start in starts]
        for start in starts:
            length[start] = 0.0
        xs, ys = (self.xy[:, 0] + 1).tolist(), (self.xy[:, 1] + 1).tolist()
        places = self.places.tolist()
        while queue:
            so_far, here = heapq.heappop(queue)
            if so_far > length[here]:
                continue
            x, y = xs[here], ys[here]
            for dx, dy, step in _NEIGHBOURS:
                there = places[y + dy][x + dx]
                if there >= 0 and so_far + step * cost[there] < length[there]:
                    length[there] = so_far + step * cost[there]
                    before[there] = here
                    heapq.heappush(queue, (length[there], there))
        return np.array(length), np.array(before, np.int64)

    def longest_path(self) -> Int64:
        """From one of the two ends that lie farthest apart to the other, through the middle."""
        one = _farthest(self.reach([0])[0])
        other = _farthest(self.reach([one])[0])
        return _way(self.reach([one], central=True)[1], other)


_NEIGHBOURS = tuple((dx, dy, math.hypot(dx, dy)) for dx in (-1, 0, 1) for dy in (-1, 0, 1) if dx != 0 or dy != 0)


def _farthest(lengths: Float64) -> int:
    return int(np.argmax(np.where(np.isfinite(lengths), lengths, -1)))


def _way(before: Int64, end: int) -> Int64:
    way = [end]
    while before[way[-1]] >= 0:
        way.append(int(before[way[-1]]))
    return np.array(way[::-1], np.int64)


def _arms(tree: _Pixels, path: Int64, mean_width: float) -> tuple[list[Int64], Bool]:
    """Ways from the line out to what lies far beside it, and which pixels are theirs."""
    on, arms = path.tolist(), []
    of_arms = np.zeros(len(tree.xy), bool)
    least = max(1.5 * mean_width + 2, 0.12 * len(path))
    for _ in range(MOST_BRANCHES):
        lengths, before = tree.reach(on)
        end = _farthest(lengths)
        if not math.isfinite(lengths[end]) or lengths[end] < least:
            break
        arm = _way(before, end)
        arms.append(arm)
        root = tree.xy[arm[0]]
        towards = tree.xy[arm[len(arm) // 2 :]]
        near = ((tree.xy[:, None, :] - towards[None]) ** 2).sum(-1).min(axis=1) <= (mean_width + 1) ** 2
        of_arms |= near & (np.hypot(*(tree.xy - root).T) > mean_width)
        on += arm.tolist()
    of_arms[path] = False
    return arms, of_arms


def _branch(points: Float64, headings: Float64, arm: Int64, length: float, mean_width: float) -> Branch:
    root, tip = arm[0], arm[-1]
    at = int(np.argmin(((points[1:-1] - root) ** 2).sum(-1)))
    angle = math.atan2(*(tip - root)[::-1].tolist()) - float(headings[at])
    reach = float(np.hypot(*(tip - root)))
    return Branch((at + 1) / STEPS, angle, min(reach / length, 1.0), 0.8 if mean_width > 3 else 1.0)


def _smoothed(points: Float64, sigma: float) -> Float64:
    """Gaussian along the rows; beyond the ends they go on as their own point reflection, so that the ends stay."""
    half = min(math.ceil(3 * sigma), len(points) - 1)
    if half < 1:
        return points
    before, after = 2 * points[0] - points[half:0:-1], 2 * points[-1] - points[-2 : -half - 2 : -1]
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    longer = np.concatenate([before, points, after])
    return np.stack([np.convolve(longer[:, axis], kernel, "valid") for axis in range(points.shape[1])], axis=1)


def _evenly(points: Float64, steps: int) -> Float64:
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    if along[-1] == 0:
        points, along = points[0] + np.array([[-0.5, 0.0], [0.5, 0.0]]), np.array([0.0, 1.0])
    at = np.linspace(0, along[-1], steps + 1)
    return np.stack([np.interp(at, along, points[:, axis]) for axis in (0, 1)], axis=1)
