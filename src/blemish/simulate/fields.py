"""Smooth random fields, made small and enlarged: the cheap way to natural texture over 10 million pixels."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from blemish.core.arrays import Float32, UInt8


def f32(values: NDArray[Any]) -> Float32:
    """Any numbers as float32, without a copy where they are."""
    return np.asarray(values, np.float32)


def normal(generator: np.random.Generator, height: int, width: int) -> Float32:
    """float32 H W, independent, mean 0, deviation 1."""
    return generator.standard_normal((height, width), dtype=np.float32)


def smooth(generator: np.random.Generator, height: int, width: int, cell_px: float) -> Float32:
    """float32 H W, mean about 0, deviation about 1, with detail no finer than `cell_px`."""
    rows, columns = int(height / cell_px) + 3, int(width / cell_px) + 3
    coarse = f32(cv2.GaussianBlur(normal(generator, rows, columns), (3, 3), 0.7))
    return unit(enlarge(coarse, height, width))


def fractal(generator: np.random.Generator, height: int, width: int, cell_px: float) -> Float32:
    """Three octaves of `smooth`, each half as large and half as strong: stains and clouds."""
    total = smooth(generator, height, width, cell_px)
    for octave in (1, 2):
        total += smooth(generator, height, width, max(1.5, cell_px / 2**octave)) * np.float32(0.5**octave)
    return unit(total)


def line(generator: np.random.Generator, length: int, cell_px: float) -> Float32:
    """float32 L, deviation about 1: a slow drift along one axis."""
    return smooth(generator, 1, length, min(cell_px, length / 2)).ravel()


def enlarge(coarse: Float32, height: int, width: int) -> Float32:
    """A coarse field at full size, without the facets of linear interpolation."""
    return f32(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))


def unit(field: Float32) -> Float32:
    """The field with mean 0 and deviation 1, in place."""
    mean, deviation = cv2.meanStdDev(field)
    field -= np.float32(mean[0, 0])
    field *= np.float32(1.0 / max(float(deviation[0, 0]), 1e-6))
    return field


def bytes_like(generator: np.random.Generator, height: int, width: int) -> UInt8:
    """uint8 H W, every value equally likely: the fastest randomness there is."""
    return np.frombuffer(generator.bytes(height * width), np.uint8).reshape(height, width)
