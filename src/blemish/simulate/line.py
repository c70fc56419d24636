"""A simulated pouch line: the scan of any cell, with exact labels, from a seed and the cell's number.

The room's other modules hold one idea each: settings, fields (smooth randomness), layout (geometry and jitter), surface
(texture), light, marks (dirt that is no defect), shapes and defects, sensor, folder (writing many).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blemish.core.arrays import UInt8
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
    """

    serial: str
    picture: UInt8
    label_map: LabelMap
    defects: tuple[SimulatedDefect, ...]


def simulate_cell(seed: int, index: int, *, settings: LineSettings = DEFAULT) -> SimulatedScan:
    """Scan cell number `index` of the line `seed`; the same arguments give the same bytes.

    With `settings.with_defects` off, the same cell comes without its defects: every other pixel is the same.

    Example:
        >>> scan = simulate_cell(7, 0, settings=LineSettings.small(320, 256))
        >>> scan.serial, scan.picture.shape
        ('PC7-00000', (256, 320))
    """
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
    picture = expose(rng(seed, "sensor", index), signal, settings.noise_gray)
    outside: UInt8 = (body < 128).astype(np.uint8)
    return SimulatedScan(serial_of(seed, index), picture, LabelMap(plane, outside), defects)


def serial_of(seed: int, index: int) -> str:
    """The serial of a simulated cell: line and number.

    Example:
        >>> serial_of(7, 12)
        'PC7-00012'
    """
    return f"PC{seed}-{index:05d}"
