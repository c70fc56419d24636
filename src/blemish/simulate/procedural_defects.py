"""Six kinds of procedural defect: how a dot, a scratch, a crack, a stain, a rough patch or a band changes a surface.

A painter draws one mark on a whole tile; how strong it is and which way (brighter, darker) is decided when it is laid
on the surface, from what is visible there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from blemish.core.arrays import Float32, UInt8
from blemish.simulate import fields
from blemish.simulate.procedural_surface import across, clouds, grain, grid, log_uniform, ridges

_SUBPIXEL = 4  # Bits of cv2's fixed-point coordinates.
Points = NDArray[np.float64]  # N 2, x and y in px.


@dataclass(frozen=True)
class Mark:
    """One defect before it has a strength.

    Attributes:
        cover: float32 H W in [0, 1], how much of a pixel it covers; where it is above `SHOWN` it is labelled.
        change: float32 H W, about -1 to 1: its gray, times a strength, is added to the surface.
        hides: share of the surface's own texture that vanishes under it.
    """

    cover: Float32
    change: Float32
    hides: float = 0.0


Painter = Callable[[np.random.Generator, int], Mark]
SHOWN = 0.35


def dot(generator: np.random.Generator, size_px: int) -> Mark:
    """A pit or a speck, 3 to 30 px, alone or a handful; flat, or lit from one side."""
    plane = np.zeros((size_px, size_px), np.uint8)
    radius = log_uniform(generator, 1.6, 15)
    several = int(generator.integers(2, 9)) if generator.random() < 0.25 else 1
    at = generator.uniform(0.04, 0.96, 2) * size_px
    for _ in range(several):
        x, y = at if several == 1 else at + generator.normal(0, 5 * radius + 6, 2)
        axes = (radius * generator.uniform(0.7, 1.3), radius * generator.uniform(0.5, 1.2))
        _ellipse(plane, x, y, axes, generator.uniform(0, 180))
    cover = _soft(plane, radius * generator.uniform(0.05, 0.4))
    if generator.random() < 0.3:
        return Mark(cover, _lit(generator, cover, 0.5 * radius), 0.5)
    return Mark(cover, cover, float(generator.uniform(0.2, 1)))


def scratch(generator: np.random.Generator, size_px: int) -> Mark:
    """A thin line, straight or bent, fading in and out; sometimes a few side by side."""
    plane = np.zeros((size_px, size_px), np.uint8)
    width = log_uniform(generator, 1, 5)
    line = _bow(generator, size_px, log_uniform(generator, 14, 1.3 * size_px))
    for _ in range(int(generator.integers(2, 5)) if generator.random() < 0.2 else 1):
        _polyline(plane, line, width)
        line = line + generator.normal(0, 4 + 2 * width, 2)
    cover = _soft(plane, generator.uniform(0.3, 0.9))
    fading = np.clip(0.9 + 0.3 * fields.smooth(generator, size_px, size_px, 24), 0.45, 1.2)
    change = cover if generator.random() < 0.8 else _lit(generator, cover, 1.0)
    return Mark(cover, fields.f32(change * fading), float(generator.uniform(0.2, 0.9)))


def crack(generator: np.random.Generator, size_px: int) -> Mark:
    """A random walk that branches, thinner from branch to branch."""
    plane = np.zeros((size_px, size_px), np.uint8)
    width, length = log_uniform(generator, 1, 4.5), log_uniform(generator, 20, 1.2 * size_px)
    trunk = _walk(generator, generator.uniform(0.05, 0.95, 2) * size_px, generator.uniform(0, 2 * np.pi), length)
    _polyline(plane, trunk, width)
    for _ in range(int(generator.integers(0, 5))):
        root = int(generator.integers(len(trunk) - 1))
        heading = np.arctan2(*(trunk[root + 1] - trunk[root])[::-1]) + generator.choice([-1, 1]) * 0.8
        branch = _walk(generator, trunk[root], heading, length * generator.uniform(0.15, 0.5))
        _polyline(plane, branch, max(1.0, 0.7 * width))
    cover = _soft(plane, generator.uniform(0.3, 0.8))
    return Mark(cover, cover, float(generator.uniform(0.4, 1)))


def stain(generator: np.random.Generator, size_px: int) -> Mark:
    """A soft spot of 16 px to most of the tile, of even or cloudy gray, or darker along its rim."""
    radius = log_uniform(generator, 8, 0.38 * size_px)
    depth = _blob(generator, size_px, radius)
    cover = _step(depth, radius * generator.uniform(0.05, 0.5))
    kind = generator.random()
    if kind < 0.25:
        rim = np.exp(-np.square(depth / np.float32(0.18 * radius + 1)))
        return Mark(cover, fields.f32(cover * (0.35 + 0.65 * rim)))
    if kind < 0.6:
        return Mark(cover, fields.f32(cover * np.clip(1 + 0.3 * clouds(generator, size_px), 0.3, 1.5)))
    return Mark(cover, cover, float(generator.uniform(0, 0.4)))


def rough(generator: np.random.Generator, size_px: int) -> Mark:
    """A patch torn, broken or rubbed, with a ragged edge: another texture, often another gray."""
    radius = log_uniform(generator, 7, 0.4 * size_px)
    depth = _blob(generator, size_px, radius, at_rim=generator.random() < 0.35)
    ragged = fields.smooth(generator, size_px, size_px, log_uniform(generator, 2.5, 10))
    cover = _step(depth + ragged * np.float32(0.12 * radius + 1), generator.uniform(0.6, 2))
    inner = (grain, ridges, clouds)[int(generator.integers(3))](generator, size_px)
    inner = fields.unit(inner) * np.float32(generator.uniform(0.25, 0.8)) + np.float32(generator.uniform(0.2, 0.9))
    return Mark(cover, fields.f32(cover * inner), float(generator.uniform(0.4, 1)))


def band(generator: np.random.Generator, size_px: int) -> Mark:
    """A large soft area that reaches the tile's edge: a wavy half, a stripe, or a veil of clouds."""
    wave = fields.smooth(generator, size_px, size_px, size_px / generator.uniform(1, 5))
    wave *= np.float32(size_px * generator.uniform(0.01, 0.1))
    run = across(generator, size_px) + wave
    kind, soft = generator.random(), log_uniform(generator, 1.5, 0.12 * size_px)
    if kind < 0.4:
        depth = run - np.float32(size_px * generator.uniform(-0.1, 0.35))
    elif kind < 0.75:
        depth = size_px * generator.uniform(0.05, 0.2) - np.abs(run - size_px * generator.uniform(-0.3, 0.3))
    else:
        veil = fields.smooth(generator, size_px, size_px, size_px / generator.uniform(1.2, 2.5))
        depth = (veil - generator.uniform(0.1, 0.8)) * (0.2 * size_px)
    cover = _step(fields.f32(depth), soft)
    return Mark(cover, fields.f32(cover * (1 + 0.15 * clouds(generator, size_px))))


@dataclass(frozen=True)
class Kind:
    """How a class is laid on a surface."""

    paint: Painter
    area: bool  # Seen by its mean gray over an area, not pixel by pixel.
    low: float  # Strength as a multiple of what is visible there,
    high: float  # every ratio equally likely.


KINDS: Mapping[str, Kind] = MappingProxyType(  # Large ones first: small ones are laid over them.
    {
        "band": Kind(band, True, 1.3, 7),
        "stain": Kind(stain, True, 1.5, 7),
        "rough": Kind(rough, True, 1.8, 8),
        "crack": Kind(crack, False, 2.0, 9),
        "scratch": Kind(scratch, False, 2.0, 9),
        "dot": Kind(dot, False, 2.0, 9),
    }
)


def _ellipse(plane: UInt8, x: float, y: float, axes: tuple[float, float], degrees: float) -> None:
    one = 1 << _SUBPIXEL
    centre, sizes = (round(x * one), round(y * one)), (round(axes[0] * one), round(axes[1] * one))
    cv2.ellipse(plane, centre, sizes, degrees, 0, 360, 255, -1, cv2.LINE_AA, _SUBPIXEL)


def _polyline(plane: UInt8, points: Points, width: float) -> None:
    fixed = np.round(points * (1 << _SUBPIXEL)).astype(np.int32)
    cv2.polylines(plane, [fixed], False, 255, max(1, round(width)), cv2.LINE_AA, _SUBPIXEL)


def _soft(plane: UInt8, sigma_px: float) -> Float32:
    """Drawn coverage as [0, 1], its edge softened but its middle kept."""
    cover = cv2.GaussianBlur(fields.f32(plane) / np.float32(255), (0, 0), max(0.3, sigma_px))
    return fields.f32(np.clip(cover * np.float32(1.25), 0, 1))


def _step(depth: Float32, soft_px: float) -> Float32:
    """0 outside, 1 inside, over about `soft_px` at depth 0."""
    return fields.f32(1 / (1 + np.exp(np.clip(-depth / np.float32(0.4 * soft_px + 0.2), -30, 30))))


def _lit(generator: np.random.Generator, cover: Float32, blur_px: float) -> Float32:
    """A relief under slanting light: bright on one side, dark on the other."""
    hill = cv2.GaussianBlur(cover, (0, 0), max(0.6, blur_px))
    angle = generator.uniform(0, 2 * np.pi)
    across_x, across_y = (cv2.Sobel(hill, cv2.CV_32F, dx, 1 - dx, ksize=3) for dx in (1, 0))
    slope = np.cos(angle) * across_x + np.sin(angle) * across_y
    return fields.f32(slope / max(float(np.abs(slope).max()), 1e-6))


def _bow(generator: np.random.Generator, size_px: int, length_px: float) -> Points:
    """A quadratic curve through the tile."""
    middle, angle = generator.uniform(0.1, 0.9, 2) * size_px, generator.uniform(0, 2 * np.pi)
    along = np.array([np.cos(angle), np.sin(angle)]) * length_px / 2
    bend = np.array([-along[1], along[0]]) * (generator.normal(0, 0.5) if generator.random() < 0.6 else 0.0)
    t = np.linspace(-1, 1, 24)[:, None]
    return np.asarray(middle + t * along + (t**2 - 0.3) * bend, np.float64)


def _walk(generator: np.random.Generator, start: Points, heading: float, length_px: float) -> Points:
    """Steps of a few px whose heading wanders."""
    step = generator.uniform(2.5, 7)
    count = max(3, int(length_px / step))
    headings = heading + np.cumsum(generator.normal(0, 0.25, count)) + generator.normal(0, 0.35, count)
    steps = np.stack([np.cos(headings), np.sin(headings)], axis=1) * step
    return np.asarray(np.concatenate([[start], start + np.cumsum(steps, axis=0)]), np.float64)


def _blob(generator: np.random.Generator, size_px: int, radius_px: float, *, at_rim: bool = False) -> Float32:
    """About the distance in px to the rim of a round, wobbly area; positive inside. float32 H W."""
    x, y = grid(size_px)
    cx, cy = generator.uniform(-0.45, 0.45, 2)
    if at_rim:
        cx = float(generator.choice([-0.5, 0.5]))
        cx, cy = (cx, cy) if generator.random() < 0.5 else (cy, cx)
    angle, stretch = generator.uniform(0, np.pi), np.sqrt(log_uniform(generator, 0.35, 1))
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    u = ((x - np.float32(cx)) * cos + (y - np.float32(cy)) * sin) * np.float32(size_px * stretch)
    v = ((y - np.float32(cy)) * cos - (x - np.float32(cx)) * sin) * np.float32(size_px / stretch)
    wobble = fields.smooth(generator, size_px, size_px, max(4.0, 0.8 * radius_px))
    return fields.f32(
        radius_px - np.sqrt(u * u + v * v) + wobble * np.float32(generator.uniform(0.05, 0.3) * radius_px)
    )
