"""What a tile shows of its picture: padding continues a picture beyond its edge, and nothing there is judged."""

from __future__ import annotations

import numpy as np

from blemish.core.taxonomy import IGNORE
from blemish.data.dataset import Sample


def shown_hw(sample: Sample) -> tuple[int, int]:
    """Height and width without padding, which is to the right and below, as much of it as the tile's row says.

    Last rows and columns that are 255 throughout may be an open label as well: the number of padding pixels tells. A
    tile that shows nothing is left whole.
    """
    truth = sample.label_map.defect
    height, width = truth.shape[0], truth.shape[1]
    known = truth != IGNORE
    if not sample.record.padding_px or not known.any():
        return height, width
    rows, columns = (int(np.flatnonzero(known.any(axis=axis))[-1]) + 1 for axis in (1, 0))
    shown_px = height * width - sample.record.padding_px
    fits = [
        (h, shown_px // h) for h in range(rows, height + 1) if not shown_px % h and columns <= shown_px // h <= width
    ]
    return min(fits, key=lambda hw: (hw[0] < height and hw[1] < width, hw)) if fits else (rows, columns)
