"""How well one number tells two kinds apart: the area under the receiver operating characteristic."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def auroc(own: Sequence[float], strange: Sequence[float]) -> float:
    """The chance that a strange one has the higher score than an own one, ties half; 1 is best, 0.5 is chance.

    Returns:
        NaN where either side is empty (Mann and Whitney, 1947).

    Example:
        >>> auroc([0.1, 0.2], [0.2, 0.9])
        0.875
    """
    if not len(own) or not len(strange):
        return float("nan")
    low = np.sort(np.asarray(own, np.float64))
    below = np.searchsorted(low, strange, side="left") + np.searchsorted(low, strange, side="right")
    return float(below.sum() / (2 * len(own) * len(strange)))
