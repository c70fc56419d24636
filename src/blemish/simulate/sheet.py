"""A contact sheet of simulated scans, small: what the line looks like at a glance.

`docs/pictures/simulated-line.jpg` is `python -m blemish.simulate.sheet docs/pictures/simulated-line.jpg`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from blemish.core.arrays import UInt8
from blemish.picture.write import write_bytes
from blemish.simulate.line import DEFAULT, LineSettings, simulate_cell

_GAP_PX = 8
_JPEG_QUALITY = 80


def contact_sheet(
    seed: int, cells: int = 12, *, columns: int = 3, width_px: int = 640, settings: LineSettings = DEFAULT
) -> UInt8:
    """Cells 0 to `cells` - 1 of the line `seed`, each `width_px` wide, row by row on white; uint8 H W.

    Example:
        >>> contact_sheet(0, 2, columns=2, width_px=64, settings=LineSettings.small(256, 128)).shape
        (48, 152)
    """
    height_px = round(width_px * settings.height_px / settings.width_px)
    rows = -(-cells // columns)
    sheet = np.full((rows * (height_px + _GAP_PX) + _GAP_PX, columns * (width_px + _GAP_PX) + _GAP_PX), 255, np.uint8)
    for index in range(cells):
        picture = simulate_cell(seed, index, settings=settings).picture
        row, column = divmod(index, columns)
        top, left = _GAP_PX + row * (height_px + _GAP_PX), _GAP_PX + column * (width_px + _GAP_PX)
        sheet[top : top + height_px, left : left + width_px] = cv2.resize(
            picture, (width_px, height_px), interpolation=cv2.INTER_AREA
        )
    return sheet


if __name__ == "__main__":
    _, jpeg = cv2.imencode(".jpg", contact_sheet(0), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    write_bytes(Path(sys.argv[1]), jpeg.tobytes())
