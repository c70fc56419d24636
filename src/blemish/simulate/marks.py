"""What lies on a cell and is no defect: print, dust, smudges, fibres, scuffs. None of it is labelled."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from blemish.core.arrays import Float32, UInt8
from blemish.simulate import fields
from blemish.simulate.layout import Layout
from blemish.simulate.settings import LineSettings

_KINDS = ("dust", "dust", "dust", "dust", "fibre", "fibre", "smudge", "scuff")


def add_marks(
    generator: np.random.Generator, signal: Float32, layout: Layout, settings: LineSettings, serial: str
) -> None:
    """Draw a cell's print and the dirt on cell and table into its signal, in place."""
    height, width = layout.size_hw
    _print(generator, signal, layout, serial)
    for _ in range(int(generator.poisson(settings.marks_per_mpx * height * width / 1e6))):
        x, y = generator.uniform(0, width), generator.uniform(0, height)
        kind = _KINDS[int(generator.integers(len(_KINDS)))]
        change = _PAINTERS[kind](generator)
        _add(signal, change, round(x), round(y))


def _dust(generator: np.random.Generator) -> Float32:
    """A speck of 2 to 8 px, bright or dark, seldom round."""
    plane = np.zeros((24, 24), np.uint8)
    axes = generator.uniform(0.8, 3.6, 2) * 16
    centre, turn = (12 * 16, 12 * 16), float(generator.uniform(0, 180))
    cv2.ellipse(plane, centre, (round(axes[0]), round(axes[1])), turn, 0, 360, 255, -1, cv2.LINE_AA, 4)
    return _soft(plane, 0.7) * _gray(generator, 14, 60)


def _fibre(generator: np.random.Generator) -> Float32:
    """A hair: 30 to 160 px, about 1 px thick, curled, without a rim."""
    length = generator.uniform(30, 160)
    count = int(length / 2)
    heading = generator.uniform(0, 6.3) + np.cumsum(0.09 * fields.line(generator, count, 12))
    points = np.cumsum(2 * np.stack([np.cos(heading), np.sin(heading)], 1), axis=0)
    return _soft(_strokes([points]), 0.6) * _gray(generator, 14, 42)


def _smudge(generator: np.random.Generator) -> Float32:
    """A wiped or touched place: 40 to 240 px, faint, streaky."""
    height, width = (int(v) for v in generator.uniform(40, 240, 2))
    y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    hill = np.clip(1 - np.square(x) - np.square(y), 0, 1)
    streaks = 0.5 + 0.5 * np.tanh(fields.fractal(generator, height, width, generator.uniform(8, 40)))
    return fields.f32(hill * streaks) * _gray(generator, 4, 11)


def _scuff(generator: np.random.Generator) -> Float32:
    """A rub: a few fine parallel marks, without a rim."""
    turn, length = generator.uniform(0, 3.14), generator.uniform(20, 90)
    along = np.array([np.cos(turn), np.sin(turn)])
    across = np.array([-along[1], along[0]])
    marks = [
        generator.normal(0, 6) * along + generator.normal(0, 7) * across + np.outer([-0.5, 0.5], along) * length
        for _ in range(int(generator.integers(3, 9)))
    ]
    return _soft(_strokes(marks), 0.6) * _gray(generator, 6, 22)


_PAINTERS = {"dust": _dust, "fibre": _fibre, "smudge": _smudge, "scuff": _scuff}


def _print(generator: np.random.Generator, signal: Float32, layout: Layout, serial: str) -> None:
    """The ink-jet serial and its data matrix beside it, near a corner of the cup."""
    scale = min(1.6, max(0.5, min(layout.size_hw) / 900))
    (width, height), _ = cv2.getTextSize(serial, cv2.FONT_HERSHEY_SIMPLEX, scale, 2)
    side = 2 * height
    plane = np.zeros((2 * side, width + 3 * side), np.uint8)
    cells = (generator.random((14, 14)) < 0.5).astype(np.uint8) * 255
    cells[:, 0], cells[-1, :] = 255, 255
    cells[0, ::2], cells[::2, -1] = 255, 255
    plane[4 : 4 + side, 4 : 4 + side] = cv2.resize(cells, (side, side), interpolation=cv2.INTER_NEAREST)
    cv2.putText(
        plane, serial, (4 + side + height, 4 + side // 2 + height // 2), cv2.FONT_HERSHEY_SIMPLEX, scale, 255, 2
    )
    ink = _soft(plane, 0.8) * np.clip(0.8 + 0.2 * fields.smooth(generator, *plane.shape, 3), 0.2, 1)
    cup = layout.cup
    x = generator.uniform(cup.left + 0.04 * (cup.right - cup.left), cup.left + 0.3 * (cup.right - cup.left))
    y = generator.choice([cup.top + 0.08 * (cup.bottom - cup.top), cup.bottom - 0.08 * (cup.bottom - cup.top) - side])
    corner = round(x + plane.shape[1] / 2), round(float(y) + side)
    _add(signal, ink.astype(np.float32) * np.float32(-generator.uniform(38, 60)), *corner)


def _strokes(strokes: list[NDArray[Any]]) -> UInt8:
    """Thin lines on a plane that just holds them."""
    every = np.concatenate(strokes)
    low = every.min(axis=0) - 6
    width, height = np.ceil(every.max(axis=0) - low).astype(int) + 6
    plane = np.zeros((int(height), int(width)), np.uint8)
    for points in strokes:
        fixed = np.rint((points - low) * 16).astype(np.int32)
        cv2.polylines(plane, [fixed], False, 255, 1, cv2.LINE_AA, 4)
    return plane


def _soft(plane: UInt8, sigma_px: float) -> Float32:
    return fields.f32(cv2.GaussianBlur(plane, (0, 0), sigma_px)) * np.float32(1 / 255)


def _gray(generator: np.random.Generator, least: float, most: float) -> np.float32:
    """A change in gray levels, dark a little more often than bright."""
    return np.float32(generator.uniform(least, most) * (1 if generator.random() < 0.42 else -1))


def _add(signal: Float32, change: Float32, x: int, y: int) -> None:
    """Add a change with its middle at x, y; what lies beyond the scan is cut off."""
    height, width = signal.shape
    h, w = change.shape
    x0, y0 = x - w // 2, y - h // 2
    left, top, right, bottom = max(x0, 0), max(y0, 0), min(x0 + w, width), min(y0 + h, height)
    if left < right and top < bottom:
        signal[top:bottom, left:right] += change[top - y0 : bottom - y0, left - x0 : right - x0]
