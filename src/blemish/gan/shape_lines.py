"""Cracks, scratches and streaks as a centre line with a width along it and branches: joined, grown and drawn.

A line is described by 32 headings and 32 widths at equal steps along its centre line. Grown lines are random walks with
the turning statistics of a real one: the deviation of heading and of log width is a sum of cosines with random weights
whose mean squares, octave by octave, are those that the real line shows. So they work from a single line on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np

from blemish.core.arrays import Bool, Float64, UInt8
from blemish.gan.shapes import cut_at_area

STEPS = 32  # Along a line.
_FINE = 3  # Points drawn for each step.
_OCTAVES = ((1, 2), (2, 4), (4, 8), (8, 16), (16, STEPS))  # Weights k of the cosines, first to last + 1.
_LEAST_WEIGHT, _MOST_WEIGHT = 0.1, 1.8  # Bounds of a random weight, in its standard deviations.


@dataclass(frozen=True)
class Branch:
    """A side arm: nearly straight."""

    at_frac: float  # Where along the line it leaves.
    angle_rad: float  # Its direction against that of the line there.
    length_frac: float  # Of the line's.
    width_frac: float  # Of the line's mean width.


@dataclass(frozen=True)
class Line:
    """One line-like region."""

    headings_rad: Float64  # STEPS, against the way from its first end to its last.
    widths_px: Float64  # STEPS.
    length_px: float
    angle_rad: float  # Of that way, 0 along x, y down.
    branches: tuple[Branch, ...] = ()

    @property
    def width_px(self) -> float:
        return float(self.widths_px.mean())

    @property
    def thinness(self) -> float:
        """Length over mean width."""
        return self.length_px / max(self.width_px, 1e-6)

    def reversed(self) -> Line:
        """From the other end."""
        branches = tuple(replace(b, at_frac=1 - b.at_frac, angle_rad=b.angle_rad + math.pi) for b in self.branches)
        return replace(self, headings_rad=self.headings_rad[::-1], widths_px=self.widths_px[::-1], branches=branches)

    def mirrored(self) -> Line:
        """Left and right of it exchanged."""
        branches = tuple(replace(b, angle_rad=-b.angle_rad) for b in self.branches)
        return replace(self, headings_rad=-self.headings_rad, branches=branches)

    def sized(self, length_px: float, width_px: float) -> Line:
        return replace(self, length_px=length_px, widths_px=self.widths_px * (width_px / self.width_px))


def joined(first: Line, second: Line, random: np.random.Generator) -> Line:
    """The beginning of one line goes on as the end of the other, without a kink or a step in width."""
    if random.random() < 0.5:
        second = second.reversed()
    if random.random() < 0.5:
        second = second.mirrored()
    at = int(random.integers(STEPS // 3, STEPS - STEPS // 3 + 1))
    share = 1 / (1 + np.exp(-(np.arange(STEPS) - at + 0.5) / 1.5))
    kink = first.headings_rad[at - 2 : at + 2].mean() - second.headings_rad[at - 2 : at + 2].mean()
    headings = (1 - share) * first.headings_rad + share * (second.headings_rad + kink)
    ours, theirs = np.log(first.widths_px / first.width_px), np.log(second.widths_px / second.width_px)
    widths = np.exp((1 - share) * ours + share * theirs) * first.width_px
    kept = [b for b in first.branches if b.at_frac * STEPS < at] + [
        b for b in second.branches if b.at_frac * STEPS >= at
    ]
    joint = replace(first, headings_rad=headings - headings.mean(), widths_px=widths, branches=tuple(kept))
    return joint.sized(first.length_px, first.width_px)


def grown(like: Line, random: np.random.Generator) -> Line:
    """A random walk with the turning, the width profile and the branching of a real line; length and width are its."""
    headings = _walk(like.headings_rad, random)
    widths = np.exp(_walk(np.log(like.widths_px / like.width_px), random, taper=True))
    branches = tuple(_regrown(branch, random) for branch in like.branches)
    fresh = replace(like, headings_rad=headings, widths_px=widths, branches=branches)
    return fresh.sized(like.length_px, like.width_px)


def drawn_line(line: Line, angle_rad: float) -> Bool:
    """bool h w: the line with its long axis at an angle (0 along x, y down), and a border of 2 px round it."""
    points = _points(line, angle_rad)
    widths = _fine(line.widths_px, len(points))
    strokes = [(points, widths)] + [_arm_stroke(points, line, branch, angle_rad) for branch in line.branches]
    every = np.concatenate([stroke for stroke, _ in strokes])
    reach = math.ceil(float(widths.max())) + 3
    low, high = np.floor(every.min(axis=0)) - reach, np.ceil(every.max(axis=0)) + reach
    finer = 4 if max(high - low) <= 160 else 2
    w, h = (int(side) for side in (high - low))
    canvas = np.zeros((h * finer, w * finer), np.uint8)
    for stroke, stroke_widths in strokes:
        _fill(canvas, (stroke - low) * finer, stroke_widths * finer)
    soft = cv2.resize(canvas, (w, h), interpolation=cv2.INTER_AREA).astype(np.float32) / np.float32(255)
    return cut_at_area(soft, float(soft.sum()))


def _cosines() -> Float64:
    k, n = np.arange(STEPS)[:, None], np.arange(STEPS)[None]
    basis: Float64 = np.cos(math.pi * k * (n + 0.5) / STEPS) * math.sqrt(2 / STEPS)
    basis[0] /= math.sqrt(2)
    return basis


_BASIS = _cosines()


def _walk(like: Float64, random: np.random.Generator, *, taper: bool = False) -> Float64:
    """Random values along a line with the power of the given ones in each octave, their mean left out.

    With `taper` the slowest even cosine, which is thinner ends (or thicker ones), keeps its weight and its sign.
    """
    weights = _BASIS @ like
    fresh = np.zeros(STEPS)
    for first, last in _OCTAVES:
        rms = math.sqrt(float((weights[first:last] ** 2).mean()))
        drawn = random.normal(0, 1, last - first)
        fresh[first:last] = rms * np.sign(drawn) * np.clip(np.abs(drawn), _LEAST_WEIGHT, _MOST_WEIGHT)
    if taper:
        fresh[2] = weights[2] * math.exp(random.normal(0, 0.2))
    values: Float64 = fresh @ _BASIS
    return values


def _regrown(branch: Branch, random: np.random.Generator) -> Branch:
    angle = branch.angle_rad * (1 if random.random() < 0.5 else -1) + random.normal(0, 0.15)
    at = min(max(branch.at_frac + random.normal(0, 0.2), 0.05), 0.95)
    return replace(
        branch, at_frac=at, angle_rad=angle, length_frac=branch.length_frac * math.exp(random.normal(0, 0.25))
    )


def _points(line: Line, angle_rad: float) -> Float64:
    """Points along the centre line; the way from its first to its last lies at the angle."""
    headings = _fine(line.headings_rad, STEPS * _FINE)
    step = line.length_px / len(headings)
    way = np.concatenate([[[0.0, 0.0]], np.cumsum(np.stack([np.cos(headings), np.sin(headings)], 1), axis=0)]) * step
    off = angle_rad - math.atan2(way[-1, 1], way[-1, 0])
    turn = np.array([[math.cos(off), math.sin(off)], [-math.sin(off), math.cos(off)]])
    points: Float64 = way @ turn
    return points


def _fine(values: Float64, count: int) -> Float64:
    return np.interp(np.linspace(0, STEPS - 1, count), np.arange(STEPS), values)


def _arm_stroke(points: Float64, line: Line, branch: Branch, angle_rad: float) -> tuple[Float64, Float64]:
    at = min(int(branch.at_frac * (len(points) - 1)), len(points) - 2)
    along = points[at + 1] - points[at]
    direction = math.atan2(along[1], along[0]) + branch.angle_rad
    reach = np.linspace(0, branch.length_frac * line.length_px, 16)[:, None]
    stroke = points[at] + reach * np.array([math.cos(direction), math.sin(direction)])
    return stroke, np.linspace(1, 0.6, 16) * branch.width_frac * line.width_px


def _fill(canvas: UInt8, points: Float64, widths: Float64) -> None:
    """A band of changing width, piece by piece, so that it may cross itself."""
    along = np.gradient(points, axis=0)
    normal = np.stack([-along[:, 1], along[:, 0]], 1) / np.maximum(np.hypot(*along.T), 1e-9)[:, None]
    sides = points[:, None] + normal[:, None] * np.array([-0.5, 0.5])[None, :, None] * widths[:, None, None]
    corners = np.round(sides * 16).astype(np.int32)
    for here, there in pairwise(corners):
        cv2.fillConvexPoly(canvas, np.array([here[0], here[1], there[1], there[0]]), (255,), cv2.LINE_8, 4)
