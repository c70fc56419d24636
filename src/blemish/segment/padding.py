"""What a tile shows of its picture: padding continues a picture beyond its edge, and nothing there is judged."""

from __future__ import annotations

import numpy as np

from blemish.core.taxonomy import IGNORE
from blemish.data.dataset import Sample


def shown_hw(sample: Sample) -> tuple[int, int]:
    """Height and width without padding: last rows and columns that are 255 throughout, where the tile has any.

    A tile that shows nothing is left whole.
    """
    truth = sample.label_map.defect
    shown = truth != IGNORE
    if not sample.record.padding_px or not shown.any():
        return truth.shape[0], truth.shape[1]
    height, width = (int(np.flatnonzero(shown.any(axis=axis))[-1]) + 1 for axis in (1, 0))
    return height, width
