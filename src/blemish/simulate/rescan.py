"""The same cell laid before the camera again: new noise and jitter, a little shifted and turned, brighter or darker.

The cell is rendered once, without noise, and each scan samples it where it lies then. Light moves with the cell, and
the jitter of the first rendering stays in it under each scan's own: both are small beside a shift of some pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from blemish.core.arrays import Float32, Float64, UInt8
from blemish.core.labels import LabelMap
from blemish.core.seeds import rng
from blemish.simulate import fields
from blemish.simulate.line import Cell, SimulatedScan, as_points, build_cell, outside_of, serial_of
from blemish.simulate.sensor import expose
from blemish.simulate.settings import DEFAULT, LineSettings


@dataclass(frozen=True)
class Laying:
    """How a cell lies in one scan, against its first rendering."""

    shift_xy_px: tuple[float, float] = (0.0, 0.0)
    turn_deg: float = 0.0  # From x towards y, about the scan's middle.
    gain: float = 1.0
    rim_px: int = 0  # The scan is larger by so much table on every side, so that a turned cell has room.

    def matrix(self, size_hw: tuple[int, int]) -> Float64:
        """Float64 2 3: from the first rendering to this scan."""
        height, width = size_hw
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -self.turn_deg, 1.0).astype(np.float64)
        matrix[:, 2] += np.array(self.shift_xy_px) + self.rim_px
        return matrix


def draw_layings(
    seed: int, index: int, count: int, *, shift_px: float = 10.0, turn_deg: float = 0.3, gain_frac: float = 0.05
) -> list[Laying]:
    """Layings evenly spread within plus and minus these bounds.

    Example:
        >>> len(draw_layings(1, 0, 10))
        10
    """
    draw = rng(seed, "layings", index)
    return [
        Laying(
            shift_xy_px=(float(draw.uniform(-shift_px, shift_px)), float(draw.uniform(-shift_px, shift_px))),
            turn_deg=float(draw.uniform(-turn_deg, turn_deg)),
            gain=float(draw.uniform(1 - gain_frac, 1 + gain_frac)),
        )
        for _ in range(count)
    ]


def rescan_cell(
    seed: int, index: int, layings: Sequence[Laying], *, settings: LineSettings = DEFAULT
) -> Iterator[SimulatedScan]:
    """Scans of one cell, each with its own noise; labels and corners move with the cell.

    The defects of these scans are none: their boxes are those of the first rendering and lie elsewhere now.

    Example:
        >>> small = LineSettings.small(320, 256)
        >>> layings = [Laying(), Laying(turn_deg=2, rim_px=20)]
        >>> [scan.picture.shape for scan in rescan_cell(7, 0, layings, settings=small)]
        [(256, 320), (296, 360)]
    """
    cell = build_cell(seed, index, settings)
    for number, laying in enumerate(layings):
        yield _scan(cell, laying, rng(seed, "rescan", index, number), settings, serial_of(seed, index))


def _scan(
    cell: Cell, laying: Laying, generator: np.random.Generator, settings: LineSettings, serial: str
) -> SimulatedScan:
    height, width = cell.body.shape
    matrix = laying.matrix((height, width))
    from_x, from_y = _sampled_at(matrix, cell, laying, generator, settings)
    signal = cv2.remap(cell.signal, from_x, from_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    body = cv2.remap(cell.body, from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    plane = _labels(cell.plane, from_x, from_y)
    picture = expose(generator, fields.f32(signal * np.float32(laying.gain)), settings.noise_gray)
    corners = fields.f32(cell.corners @ matrix[:, :2].T + matrix[:, 2])
    label_map = LabelMap(plane, outside_of(np.asarray(body, np.uint8)))
    return SimulatedScan(serial, picture, label_map, (), as_points(corners))


def _labels(plane: UInt8, from_x: Float32, from_y: Float32) -> UInt8:
    """Each class where it covers half a pixel: taking the nearest pixel would keep every area to the pixel."""
    moved = np.zeros(from_x.shape, np.uint8)
    for index in (1 + np.flatnonzero(np.bincount(plane.ravel())[1:])).tolist():
        alone = (plane == index).astype(np.uint8) * 255
        cover = cv2.remap(alone, from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        moved[np.asarray(cover) >= 128] = index
    return moved


def _sampled_at(
    matrix: Float64, cell: Cell, laying: Laying, generator: np.random.Generator, settings: LineSettings
) -> tuple[Float32, Float32]:
    """Where on the first rendering each pixel of the scan comes from, float32 H W each."""
    height, width = (side + 2 * laying.rim_px for side in cell.body.shape)
    jitter = settings.jitter_px * (0.7 * fields.line(generator, width, 30) + 0.5 * fields.line(generator, width, 9))
    (a, b, c), (d, e, f) = cv2.invertAffineTransform(matrix)
    x = np.arange(width, dtype=np.float64)[None, :]
    y = np.arange(height, dtype=np.float64)[:, None] - jitter[None, :]
    return fields.f32(a * x + b * y + c), fields.f32(d * x + e * y + f)


def room_for(turn_deg: float, size_hw: tuple[int, int]) -> int:
    """The `rim_px` at which nothing of a scan turned so far is lost.

    Example:
        >>> room_for(5, (2000, 5400))
        236
    """
    height, width = size_hw
    return math.ceil(math.sin(math.radians(abs(turn_deg))) * max(height, width) / 2)
