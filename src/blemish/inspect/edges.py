"""Straight lines through points of which many lie elsewhere, and edges found finer than a pixel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from blemish.core.arrays import Bool, Float64, Int64, UInt8

_PAIRS = 120  # With 0.4 of all points on the line, so many pairs all miss it once in 10^9 times.
_REACH_PX = 16  # How far from where an edge is expected it is looked for.
_ALONG_PX = 2  # A profile is the mean of so many neighbours on either side.


@dataclass(frozen=True)
class Line:
    """cross = start + slope * along: y over x of a lying edge, x over y of a standing one."""

    start: float
    slope: float

    def at(self, along: Float64) -> Float64:
        """Where the line crosses these places."""
        return self.start + self.slope * along


def fit_line(along: Float64, cross: Float64, tolerance: float, most_slope: float) -> tuple[Line, Bool] | None:
    """The line that most points lie on, refitted through those by least squares, and which they are.

    Args:
        along, cross: float64 P; NaN in `cross` is no point.
        tolerance: how far from the line a point may lie.
        most_slope: no steeper line is tried.

    Returns:
        None where there is no such line through three points.
    """
    known = np.flatnonzero(np.isfinite(cross))
    if len(known) < 3:
        return None
    x, y = along[known], cross[known]
    first, second = np.divmod((_pairs() * len(known) ** 2).astype(np.int64), len(known))
    far = np.abs(x[second] - x[first]) > 0.1 * np.ptp(x)
    slopes = (y[second] - y[first])[far] / (x[second] - x[first])[far]
    first, slopes = first[far][np.abs(slopes) <= most_slope], slopes[np.abs(slopes) <= most_slope]
    if not len(slopes):
        return None
    starts = y[first] - slopes * x[first]
    near = np.abs(starts[:, None] + slopes[:, None] * x - y) <= tolerance
    on = near[int(np.argmax(near.sum(axis=1)))]
    if on.sum() < 3:
        return None
    line = _least_squares(x[on], y[on])
    on = np.abs(line.at(x) - y) <= tolerance
    which = np.zeros(len(along), bool)
    which[known[on]] = True
    return _least_squares(x[on], y[on]), which


def _least_squares(x: Float64, y: Float64) -> Line:
    middle_x, middle_y = float(x.mean()), float(y.mean())
    slope = float(np.dot(x - middle_x, y - middle_y) / np.square(x - middle_x).sum())
    return Line(middle_y - slope * middle_x, slope)


@cache
def _pairs() -> Float64:
    """Always the same, so that one picture always gives the same line."""
    return np.random.default_rng(0).random(_PAIRS)


def refine(plane: UInt8, along: Int64, line: Line, *, from_low: bool, outside_gray: float, part_gray: float) -> Float64:
    """Where along a coarse line the picture really changes from outside to part, float64 P, NaN where it does not.

    Args:
        plane: H W; rows are crossed, `along` counts columns (transpose it for a standing edge).
        from_low: the outside is where the rows are lower.
        outside_gray, part_gray: what the two look like, roughly; levels are measured anew beside every place.
    """
    height, width = plane.shape
    reach = np.arange(-_REACH_PX, _REACH_PX + 1) * (1 if from_low else -1)
    expected = np.rint(line.at(along.astype(np.float64))).astype(np.int64)
    rows = expected[:, None] + reach
    columns = along[:, None] + np.arange(-_ALONG_PX, _ALONG_PX + 1)
    # Beyond the scan's rim its last row goes on, which is outside, or else the part is cut off and nothing is clear.
    inside = np.clip(rows, 0, height - 1)[:, :, None], np.clip(columns, 0, width - 1)[:, None, :]
    profiles = plane[inside].mean(axis=2)
    outer, inner = np.median(profiles[:, : _REACH_PX // 2], axis=1), np.median(profiles[:, -_REACH_PX // 2 :], axis=1)
    sign = 1.0 if part_gray > outside_gray else -1.0
    over = sign * (profiles - (outer + inner)[:, None] / 2)
    crossing = (over[:, :-1] < 0) & (over[:, 1:] >= 0)
    at = np.argmax(crossing, axis=1)
    every = np.arange(len(along))
    before, after = over[every, at], over[every, at + 1]
    where = at + before / np.where(before == after, 1.0, before - after) - _REACH_PX
    clear = crossing.any(axis=1) & (sign * (inner - outer) > 0.4 * abs(part_gray - outside_gray))
    return np.where(clear, expected + where * (1 if from_low else -1), np.nan)
