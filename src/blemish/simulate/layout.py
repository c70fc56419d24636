"""Where the parts of a cell lie on its scan: pouch outline, cup, tabs and their films, as rings of points.

Everything goes through one warp: the cell lies a little askew, and every camera line (a column) is shifted across the
table by the line-scan jitter.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from blemish.core.arrays import Float32, UInt8
from blemish.simulate import fields
from blemish.simulate.settings import LineSettings

_SUBPIXEL_BITS = 4
_PAINTED_BEYOND_PX = 0.62  # OpenCV fills a polygon so far beyond its border, measured where half a pixel is covered.


@dataclass(frozen=True)
class Rect:
    """A rounded rectangle before the warp, in px; right and bottom are just outside."""

    left: float
    top: float
    right: float
    bottom: float
    radius: float = 0.0

    def grown(self, px: float) -> Rect:
        """Larger by so much on every side; negative is smaller."""
        radius = max(0.0, self.radius + px)
        return Rect(self.left - px, self.top - px, self.right + px, self.bottom + px, radius)


@dataclass(frozen=True)
class Warp:
    """How the cell lies on the table: askew by `tilt` (px per px) and shaken by `jitter` (float32 W, px)."""

    tilt: float
    centre_xy: tuple[float, float]
    jitter: Float32

    def __call__(self, points: Float32) -> Float32:
        """Points float32 N 2 (x, y) where the camera sees them."""
        x = points[:, 0] - self.tilt * (points[:, 1] - self.centre_xy[1])
        column = np.clip(np.rint(x), 0, len(self.jitter) - 1).astype(np.intp)
        y = points[:, 1] + self.tilt * (points[:, 0] - self.centre_xy[0]) + self.jitter[column]
        return np.stack([x, y], axis=1).astype(np.float32)


@dataclass(frozen=True)
class Layout:
    """One cell's geometry. The seal is what lies between outline and cup."""

    outline: Rect
    cup: Rect
    tabs: tuple[Rect, ...]
    films: tuple[Rect, ...]
    warp: Warp
    size_hw: tuple[int, int]

    def body(self) -> UInt8:
        """Coverage of the cell (pouch and tabs), uint8 H W, 255 inside, smoothed at the edge."""
        return self.cover(self.outline, *self.tabs)

    def corners(self) -> Float32:
        """Where the pouch's straight edges meet, float32 4 2 (x, y): upper left, upper right, lower right, lower left.

        Jitter has no part in it: it averages out along an edge.
        """
        rect = self.outline.grown(_PAINTED_BEYOND_PX)
        sharp = [(rect.left, rect.top), (rect.right, rect.top), (rect.right, rect.bottom), (rect.left, rect.bottom)]
        still = Warp(self.warp.tilt, self.warp.centre_xy, np.zeros_like(self.warp.jitter))
        return still(np.array(sharp, np.float32))

    def cover(self, *rects: Rect, scale: float = 1.0) -> UInt8:
        """Coverage of rounded rectangles, uint8 H W, on a plane smaller by `scale`."""
        height, width = self.size_hw
        plane = np.zeros((round(height * scale), round(width * scale)), np.uint8)
        for rect in rects:
            fixed = np.rint(self.ring(rect) * (scale * 2**_SUBPIXEL_BITS)).astype(np.int32)
            cv2.fillPoly(plane, [fixed], 255, cv2.LINE_AA, _SUBPIXEL_BITS)
        return plane

    def ring(self, rect: Rect) -> Float32:
        """The border of a rounded rectangle as the camera sees it, float32 N 2."""
        return self.warp(_rounded(rect))


def lay_out(generator: np.random.Generator, settings: LineSettings) -> Layout:
    """Draw one cell's geometry; margins shrink with the scan, as on a small cell they must."""
    height, width = settings.height_px, settings.width_px
    margin = min(0.05 * height, 90.0) * generator.uniform(0.7, 1.2)
    tab_length = min(0.06 * width, 260.0) * generator.uniform(0.9, 1.1)
    seal = min(0.045 * height, 78.0) * generator.uniform(0.9, 1.1)
    shift = generator.uniform(-0.2, 0.2, 2) * margin
    outline = Rect(
        left=tab_length + margin * 0.5 + shift[0],
        top=margin + shift[1],
        right=width - tab_length - margin * 0.5 + shift[0],
        bottom=height - margin + shift[1],
        radius=min(0.02 * height, 22.0),
    )
    cup = Rect(
        outline.left + 1.3 * seal,
        outline.top + seal,
        outline.right - 1.3 * seal,
        outline.bottom - seal,
        radius=min(0.05 * height, 60.0),
    )
    tabs, films = _tabs(generator, outline, tab_length, seal)
    tilt = float(generator.uniform(-0.35, 0.35)) * margin / width
    warp = Warp(tilt, (width / 2, height / 2), _jitter(generator, settings))
    return Layout(outline, cup, tabs, films, warp, (height, width))


def _tabs(
    generator: np.random.Generator, outline: Rect, length: float, seal: float
) -> tuple[tuple[Rect, ...], tuple[Rect, ...]]:
    """One tab at each end, reaching under the seal, and the insulating film round its foot."""
    tall = outline.bottom - outline.top
    half, film_half = 0.11 * tall, 0.128 * tall
    middle = (outline.top + outline.bottom) / 2 + generator.uniform(-0.03, 0.03, 2) * tall
    film = 0.45 * seal
    tabs = (
        Rect(outline.left - length, middle[0] - half, outline.left + 2, middle[0] + half, 3.0),
        Rect(outline.right - 2, middle[1] - half, outline.right + length, middle[1] + half, 3.0),
    )
    films = (
        Rect(outline.left - film, middle[0] - film_half, outline.left + 0.3 * film, middle[0] + film_half, 2.0),
        Rect(outline.right - 0.3 * film, middle[1] - film_half, outline.right + film, middle[1] + film_half, 2.0),
    )
    return tabs, films


def _jitter(generator: np.random.Generator, settings: LineSettings) -> Float32:
    """Shift of each camera line across the table: a vibration of the drive, and a slower wander."""
    width = settings.width_px
    x = np.arange(width, dtype=np.float32)
    vibration = np.sin(x * (2 * np.pi / generator.uniform(23, 41)) + generator.uniform(0, 6.3))
    strength = 0.6 + 0.4 * fields.line(generator, width, 300)
    jitter = (
        0.7 * vibration * strength + 0.5 * fields.line(generator, width, 9) + 0.6 * fields.line(generator, width, 90)
    )
    return fields.f32(jitter * settings.jitter_px)


def _rounded(rect: Rect) -> Float32:
    """Points every few px along a rounded rectangle, clockwise from the top left."""
    r = min(rect.radius, (rect.right - rect.left) / 2, (rect.bottom - rect.top) / 2)
    quarter = np.linspace(0, np.pi / 2, max(2, int(r)), dtype=np.float32)
    sin, cos = r * np.sin(quarter), r * np.cos(quarter)
    corners: list[Float32] = [
        np.stack([rect.left + r - cos, rect.top + r - sin], 1),
        np.stack([rect.right - r + sin, rect.top + r - cos], 1),
        np.stack([rect.right - r + cos, rect.bottom - r + sin], 1),
        np.stack([rect.left + r - sin, rect.bottom - r + cos], 1),
    ]
    pieces: list[Float32] = []
    for here, following in zip(corners, [*corners[1:], corners[0]], strict=True):
        pieces += [here, _between(here[-1], following[0])]
    return np.concatenate(pieces)


def _between(start: Float32, end: Float32) -> Float32:
    count = max(2, int(np.hypot(*(end - start)) / 3))
    step = np.linspace(0, 1, count, dtype=np.float32)[1:-1, None]
    between: Float32 = start + (end - start) * step
    return between
