"""How each defect class changes the gray of its place: six painters, one signature.

A painter draws a change float32 h w with its largest value 1 in absolute terms, positive brighter; its deviation from
the surroundings is scaled later, to a contrast. Sizes are the longest side in px, hit about, not exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from blemish.core.arrays import Float32
from blemish.simulate import fields

_PAD_PX = 14
Painter = Callable[[np.random.Generator, float], Float32]


@dataclass(frozen=True)
class Kind:
    """What is typical of one defect class."""

    paint: Painter
    size_px: float  # Median of the longest side; sizes are log-normal.
    size_spread: float  # Deviation of the logarithm of the size.
    contrast: float  # Median contrast of those not drawn faint, as a multiple of the local texture's deviation.
    edge_bias: float  # How much likelier at an edge than the average defect.
    close_frac: float = 0.02  # Gaps up to twice this share of the size, where bright turns into dark, are visible too.


def groove(generator: np.random.Generator, size_px: float) -> Float32:
    """A long thin scratch: dark, its rim bright on the side that faces the light, fading in and out along its way."""
    points, shape = _curve(generator, size_px, bend=generator.uniform(0.1, 0.8))
    distance = _distance(points, shape)
    half = generator.uniform(1.1, 2.6)
    core = np.exp(-np.square(distance / half))
    rim = np.exp(-np.square((distance - 2.1 * half) / (0.75 * half)))
    down, right = (cv2.Sobel(distance, cv2.CV_32F, dx, 1 - dx, ksize=3, scale=0.125) for dx in (0, 1))
    facing = np.clip(0.65 + 0.4 * cv2.GaussianBlur(down + 0.55 * right, (0, 0), 1.0), 0.25, 1.1)
    strength = np.clip(0.85 + 0.25 * fields.smooth(generator, *shape, 28), 0.4, 1.15)
    return _peak_1((generator.uniform(0.5, 0.9) * rim * facing - core) * strength * _taper(points, shape, size_px))


def spore(generator: np.random.Generator, size_px: float) -> Float32:
    """A colony: many small dark specks, dense in the middle, in a faint uneven haze."""
    side = int(size_px) + 2 * _PAD_PX
    specks = np.zeros((side, side), np.uint8)
    spread = 0.24 * size_px * generator.uniform(0.6, 1.0, 2)
    for _ in range(int(generator.uniform(0.5, 1.1) * size_px**0.9) + 6):
        x, y = np.clip(side / 2 + generator.normal(0, spread), _PAD_PX, side - _PAD_PX)
        radius = generator.uniform(0.8, 3.0) * 16
        gray = int(generator.integers(110, 256))
        cv2.circle(specks, (round(x * 16), round(y * 16)), round(radius), gray, -1, cv2.LINE_AA, 4)
    dark = cv2.GaussianBlur(specks, (0, 0), 0.9).astype(np.float32) / 255
    haze = np.clip(1.25 - _blob(generator, side, 0.29 * size_px, 0.35), 0, 1)
    return _peak_1(-np.maximum(dark, 0.42 * haze))


def protrusion(generator: np.random.Generator, size_px: float) -> Float32:
    """A bump or a fold of the film: bright where it faces the light, in shade behind."""
    if generator.random() < 0.55:
        points, shape = _curve(generator, size_px, bend=0.25)
        width = generator.uniform(3.5, 5.0 + 0.05 * size_px)
        hill = np.exp(-np.square(_distance(points, shape) / width)) * _taper(points, shape, size_px)
    else:
        side = int(1.6 * size_px) + 2 * _PAD_PX
        blob = _blob(generator, side, 0.42 * size_px, 0.14, generator.uniform(0.55, 1.0))
        hill = np.exp(-np.square(blob * 1.35))
    hill = cv2.GaussianBlur(hill.astype(np.float32), (0, 0), 1.2)
    shading = cv2.Sobel(hill, cv2.CV_32F, 0, 1, ksize=3) + 0.6 * cv2.Sobel(hill, cv2.CV_32F, 1, 0, ksize=3)
    glint = np.square(np.clip(_peak_1(shading), 0, 1)) * generator.uniform(0.0, 0.5)
    return _peak_1(_peak_1(shading) * generator.uniform(0.8, 1.0) + glint)


def leakage(generator: np.random.Generator, size_px: float) -> Float32:
    """A stain of electrolyte: diffuse, many-lobed, darker, at times with a dried rim or satellites; seldom whitish."""
    side = int(1.6 * size_px) + 2 * _PAD_PX
    blob = _blob(generator, side, 0.42 * size_px, 0.34, generator.uniform(0.4, 1.0))
    for _ in range(int(generator.integers(0, 4))):
        reach = generator.uniform(0.10, 0.2) * size_px
        aside = float(generator.normal(0, 0.25 * size_px)), float(generator.normal(0, 0.25 * size_px))
        blob = np.minimum(blob, _blob(generator, side, reach, 0.25, 0.9, aside))
    soft = generator.uniform(0.2, 0.5)
    stain = _step((1.0 - blob) / soft + 0.5) * (0.8 + 0.16 * fields.fractal(generator, side, side, 26))
    if generator.random() < 0.45:
        stain += generator.uniform(0.2, 0.6) * np.exp(-np.square((blob - 0.92) / 0.09))
    return _peak_1(stain if generator.random() < 0.15 else -stain)


def white_dot(generator: np.random.Generator, size_px: float) -> Float32:
    """A bright round spot with a thin dark surround."""
    return _dot(generator, size_px)


def black_dot(generator: np.random.Generator, size_px: float) -> Float32:
    """A dark round spot with a thin light surround."""
    return -_dot(generator, size_px)


KINDS = (
    Kind(groove, 130, 0.60, 7.0, 0.6),
    Kind(spore, 64, 0.45, 6.5, 1.0),
    Kind(protrusion, 62, 0.50, 7.0, 1.0, 0.22),
    Kind(leakage, 84, 0.50, 6.5, 1.4),
    Kind(white_dot, 24, 0.38, 9.0, 0.6),
    Kind(black_dot, 24, 0.38, 9.0, 0.6),
)  # In the order of the taxonomy preset "pouch-cell".


def _dot(generator: np.random.Generator, size_px: float) -> Float32:
    side = int(size_px) + 2 * _PAD_PX
    blob = _blob(generator, side, 0.5 * size_px, 0.1, generator.uniform(0.75, 1.0))
    spot = _step((1.0 - blob) / generator.uniform(0.2, 0.6) + 0.5) * (1 - generator.uniform(0, 0.35) * np.square(blob))
    surround = np.exp(-np.square((blob - 1.3) / 0.16)) * generator.uniform(0, 0.25)
    return _peak_1(np.clip(spot, 0, None) - surround)


def _blob(
    generator: np.random.Generator,
    side: int,
    radius_px: float,
    roughness: float,
    flatness: float = 1.0,
    offset_xy: tuple[float, float] = (0.0, 0.0),
) -> Float32:
    """Distance from the middle of a rough ellipse in units of its radius: below 1 inside; float32 side side."""
    grid = np.arange(side, dtype=np.float32) - np.float32(side / 2)
    x, y = grid[None, :] - np.float32(offset_xy[0]), grid[:, None] - np.float32(offset_xy[1])
    turn = generator.uniform(0, np.pi)
    cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    long, short = x * cos + y * sin, (y * cos - x * sin) / np.float32(flatness)
    rough = np.clip(fields.fractal(generator, side, side, max(6.0, 0.8 * radius_px)), -1.6, 1.6)
    distance: Float32 = np.sqrt(np.square(long) + np.square(short)) / np.float32(radius_px)
    return distance + np.float32(roughness) * rough * np.minimum(distance, 1)


def _curve(generator: np.random.Generator, length_px: float, bend: float) -> tuple[Float32, tuple[int, int]]:
    """A bent path, float32 N 2 (x, y), and the size of the window (h, w) that holds it."""
    count = max(8, int(length_px / 2))
    heading = (
        generator.uniform(0, np.pi) + bend * np.cumsum(fields.line(generator, count, count / 3)) * 2 / count**0.5 / 4
    )
    steps = np.stack([np.cos(heading), np.sin(heading)], 1) * (length_px / count)
    points = np.cumsum(steps, axis=0)
    pad = _PAD_PX + 0.18 * length_px
    points -= points.min(axis=0) - pad
    width, height = np.ceil(points.max(axis=0) + pad).astype(int)
    return points.astype(np.float32), (int(height), int(width))


def _distance(points: Float32, shape: tuple[int, int]) -> Float32:
    """Distance to a path in px, float32 h w."""
    plane = np.full(shape, 255, np.uint8)
    cv2.polylines(plane, [np.rint(points).astype(np.int32)], False, 0, 1)
    return fields.f32(cv2.distanceTransform(plane, cv2.DIST_L2, 5))


def _taper(points: Float32, shape: tuple[int, int], length_px: float) -> Float32:
    """1 along a path, falling to 0 at both its ends."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    ends = [np.hypot(x - px, y - py) for px, py in (points[0], points[-1])]
    return fields.f32(np.clip(np.minimum(*ends) / (0.22 * length_px), 0.0, 1.0))


def _step(t: Float32) -> Float32:
    """Smooth step from 0 at t = 0 to 1 at t = 1."""
    t = np.clip(t, 0, 1)
    return fields.f32(t * t * (3 - 2 * t))


def _peak_1(change: NDArray[Any]) -> Float32:
    """Scaled so that the largest absolute value is 1."""
    return fields.f32(change / max(float(np.abs(change).max()), 1e-6))
