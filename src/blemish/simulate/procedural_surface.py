"""Endless gray surfaces of no product in particular: clouds, brushed metal, cast grain, weaves, ridges; their light.

They are what start weights learn on (`segment.pretrain`), so they are wide rather than true: nothing here is fitted to
a data set or to the pouch line.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np

from blemish.core.arrays import Float32
from blemish.simulate import fields

Layer = Callable[[np.random.Generator, int], Float32]


def log_uniform(generator: np.random.Generator, low: float, high: float) -> float:
    """Between two positive numbers, every ratio equally likely."""
    return float(np.exp(generator.uniform(np.log(low), np.log(high))))


@lru_cache(maxsize=8)
def grid(size_px: int) -> tuple[Float32, Float32]:
    """x and y of every pixel from the tile's middle, in sides: float32 H W in [-0.5, 0.5]; not to be written to."""
    steps = (np.arange(size_px, dtype=np.float32) + 0.5) / size_px - 0.5
    x, y = (fields.f32(axis) for axis in np.meshgrid(steps, steps))
    x.flags.writeable = y.flags.writeable = False
    return x, y


def across(generator: np.random.Generator, size_px: int) -> Float32:
    """A coordinate in px that grows in a random direction, 0 in the middle: float32 H W."""
    x, y = grid(size_px)
    angle = generator.uniform(0, 2 * np.pi)
    return fields.f32((x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))) * np.float32(size_px))


def clouds(generator: np.random.Generator, size_px: int) -> Float32:
    """Fractal noise of any first cell and any roughness."""
    cell, keep = log_uniform(generator, 4, size_px / 2), generator.uniform(0.4, 1.0)
    total = fields.smooth(generator, size_px, size_px, cell)
    for octave in range(1, int(generator.integers(2, 5))):
        finer = max(1.5, cell / 2**octave)
        total += fields.smooth(generator, size_px, size_px, finer) * np.float32(keep**octave)
    return total


def brushed(generator: np.random.Generator, size_px: int) -> Float32:
    """Grain drawn out in one direction, upright, level or at any angle."""
    side, stretch = int(1.5 * size_px), log_uniform(generator, 6, 80)
    coarse = fields.normal(generator, side, int(side / stretch) + 3)
    coarse = fields.f32(cv2.GaussianBlur(coarse, (1, 5), 0.1, sigmaY=log_uniform(generator, 0.3, 2.0)))
    angle = float(generator.choice([0, 90])) + generator.normal(0, 3)
    if generator.random() < 0.4:
        angle = generator.uniform(0, 180)
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), angle, 1.0)
    turn[:, 2] = turn[:, 2] - (side - size_px) / 2
    return fields.f32(cv2.warpAffine(fields.enlarge(coarse, side, side), turn, (size_px, size_px)))


def grain(generator: np.random.Generator, size_px: int) -> Float32:
    """Sand or a casting: noise of one fineness, its grains sharpened or flattened."""
    noise = fields.normal(generator, size_px, size_px)
    noise = fields.unit(fields.f32(cv2.GaussianBlur(noise, (0, 0), log_uniform(generator, 0.5, 2.8))))
    return fields.f32(np.sign(noise) * np.abs(noise) ** np.float32(generator.uniform(0.6, 1.8)))


def woven(generator: np.random.Generator, size_px: int) -> Float32:
    """Something periodic in one or two directions, slightly warped: cloth, milling, a grating, a raster."""
    period = log_uniform(generator, 4, 40)
    warp = fields.smooth(generator, size_px, size_px, size_px / 3) * np.float32(generator.uniform(0, 0.15) * period)
    angle, square = generator.uniform(0, np.pi), np.float32(generator.uniform(0.8, 1.25) / period * 2 * np.pi)
    x, y = (axis * np.float32(size_px) for axis in grid(size_px))
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    first = np.sin((x * cos + y * sin + warp) * np.float32(2 * np.pi / period))
    second = np.sin((y * cos - x * sin + warp) * square)
    patterns = (first, first + second, first * second, np.where(first * second > 0, first, second), np.tanh(4 * first))
    return fields.f32(patterns[int(generator.integers(len(patterns)))])


def ridges(generator: np.random.Generator, size_px: int) -> Float32:
    """Leather, dried paint, orange peel: folds where a cloud crosses zero."""
    cell = log_uniform(generator, 4, 40)
    folds = np.abs(fields.smooth(generator, size_px, size_px, cell))
    return fields.f32(folds + np.float32(0.5) * np.abs(fields.smooth(generator, size_px, size_px, cell / 2 + 1)))


LAYERS: tuple[Layer, ...] = (clouds, brushed, grain, woven, ridges)


def texture(generator: np.random.Generator, size_px: int) -> Float32:
    """One to three layers, mean 0, deviation 1: float32 H W."""
    total = np.zeros((size_px, size_px), np.float32)
    for layer in generator.choice(len(LAYERS), int(generator.integers(1, 4)), replace=False):
        total += fields.unit(LAYERS[int(layer)](generator, size_px)) * np.float32(generator.uniform(0.2, 1.0))
    fields.unit(total)
    return fields.unit(fields.f32(total + np.float32(generator.uniform(-0.25, 0.25)) * total * total))


def surface(generator: np.random.Generator, size_px: int) -> Float32:
    """A clean surface in even light, in gray levels: any mean of 35 to 220, from nearly flat to strongly textured."""
    deviation = log_uniform(generator, 0.7, 22)
    return fields.f32(texture(generator, size_px) * np.float32(deviation) + np.float32(generator.uniform(35, 220)))


def border(generator: np.random.Generator, gray: Float32) -> Float32:
    """What lies behind a straight edge of the part, at the tile's rim: another gray, another texture; no defect."""
    size_px = gray.shape[0]
    behind = across(generator, size_px) - np.float32(size_px * generator.uniform(0.15, 0.5))
    share = np.clip(behind / np.float32(generator.uniform(0.7, 3)) + np.float32(0.5), 0, 1)
    return fields.f32(gray + share * (surface(generator, size_px) - gray))


def light(generator: np.random.Generator, size_px: int) -> Float32:
    """The lamp: a factor near 1 for every pixel, with slope, unevenness, vignetting or a step; float32 H W."""
    x, y = grid(size_px)
    factor = 1 + across(generator, size_px) * np.float32(generator.normal(0, 0.15) / size_px)
    if generator.random() < 0.5:
        factor += fields.smooth(generator, size_px, size_px, size_px / 1.5) * np.float32(generator.uniform(0, 0.06))
    if generator.random() < 0.3:
        factor -= (x * x + y * y) * np.float32(generator.uniform(0, 0.6))
    if generator.random() < 0.1:
        step = across(generator, size_px) - np.float32(size_px * generator.uniform(-0.4, 0.4))
        factor *= 1 + np.float32(generator.uniform(-0.3, 0.3)) * (step > 0)
    return fields.f32(np.maximum(factor, 0.2))


def sensor(generator: np.random.Generator, gray: Float32, noise: float) -> Float32:
    """The camera: some blur, noise of so many gray levels, sometimes lines that are a little brighter."""
    height, width = gray.shape
    if generator.random() < 0.5:
        gray = fields.f32(cv2.GaussianBlur(gray, (0, 0), generator.uniform(0.3, 1.2)))
    gray = gray + fields.normal(generator, height, width) * np.float32(noise)
    if generator.random() < 0.1:
        gray += fields.normal(generator, 1, width) * np.float32(generator.uniform(0, 2))
    return gray
