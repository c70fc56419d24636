"""A simulated pouch line: the scan of any cell, with exact labels, from a seed and the cell's number.

The room's other modules hold one idea each: settings, fields (smooth randomness), layout (geometry and jitter), surface
(texture), light, marks (dirt that is no defect), shapes and defects, sensor, folder (writing many).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blemish.core.arrays import Float32, UInt8
from blemish.core.labels import LabelMap
from blemish.core.seeds import rng
from blemish.simulate.defects import SimulatedDefect, add_defects
from blemish.simulate.layout import lay_out
from blemish.simulate.light import shine
from blemish.simulate.marks import add_marks
from blemish.simulate.sensor import expose
from blemish.simulate.settings import DEFAULT, LineSettings
from blemish.simulate.surface import paint_cell

__all__ = ["DEFAULT", "VERSION", "LineSettings", "SimulatedDefect", "SimulatedScan", "serial_of", "simulate_cell"]

VERSION = 1  # Raised whenever the same seed gives other bytes.


@dataclass(frozen=True)
class SimulatedScan:
    """One cell as the camera sees it.

    Args:
        picture: uint8 H W, gray.
        label_map: taxonomy preset "pouch-cell": background 0 body (tabs included), 1 outside; defects 1..6.
        defects: in the order drawn; of two that overlap, the label shows the class of higher priority.
        corners_xy: where the pouch's edges meet, in px: upper left, upper right, lower right, lower left.
    """

    serial: str
    picture: UInt8
    label_map: LabelMap
    defects: tuple[SimulatedDefect, ...]
    corners_xy: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Cell:
    """A cell before it is exposed.

    Args:
        signal: float32 H W in gray levels, lit, with its marks and defects, without the sensor's noise.
        body: coverage of pouch and tabs, uint8 H W.
        plane: the defect plane, uint8 H W.
        corners: as `Layout.corners`.
    """

    signal: Float32
    body: UInt8
    plane: UInt8
    defects: tuple[SimulatedDefect, ...]
    corners: Float32


def simulate_cell(seed: int, index: int, *, settings: LineSettings = DEFAULT) -> SimulatedScan:
    """Scan cell number `index` of the line `seed`; the same arguments give the same bytes.

    With `settings.with_defects` off, the same cell comes without its defects: every other pixel is the same.

    Example:
        >>> scan = simulate_cell(7, 0, settings=LineSettings.small(320, 256))
        >>> scan.serial, scan.picture.shape
        ('PC7-00000', (256, 320))
    """
    cell = build_cell(seed, index, settings)
    picture = expose(rng(seed, "sensor", index), cell.signal, settings.noise_gray)
    return SimulatedScan(
        serial_of(seed, index),
        picture,
        LabelMap(cell.plane, outside_of(cell.body)),
        cell.defects,
        as_points(cell.corners),
    )


def build_cell(seed: int, index: int, settings: LineSettings = DEFAULT) -> Cell:
    """Cell number `index` of the line `seed`, before any camera's noise."""
    layout = lay_out(rng(seed, "layout", index), settings)
    body = layout.body()
    signal = paint_cell(rng(seed, "surface", index), layout, body)
    light = shine(rng(seed, "light", index), settings)
    signal *= light.across[:, None]
    signal *= light.along[None, :]
    add_marks(rng(seed, "marks", index), signal, layout, settings, serial_of(seed, index))
    plane, defects = np.zeros(layout.size_hw, np.uint8), tuple[SimulatedDefect, ...]()
    if settings.with_defects:
        plane, defects = add_defects(seed, index, signal, body, layout, settings)
    return Cell(signal, body, plane, defects, layout.corners())


def outside_of(body: UInt8) -> UInt8:
    """The background plane: 1 where less than half a pixel is covered by the cell."""
    return (body < 128).astype(np.uint8)


def as_points(corners: Float32) -> tuple[tuple[float, float], ...]:
    """Plain numbers of an array N 2."""
    return tuple((float(x), float(y)) for x, y in corners)


def serial_of(seed: int, index: int) -> str:
    """The serial of a simulated cell: line and number.

    Example:
        >>> serial_of(7, 12)
        'PC7-00012'
    """
    return f"PC{seed}-{index:05d}"
