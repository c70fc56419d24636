"""What every measure of features refuses."""

from __future__ import annotations

import numpy as np

from blemish.core.arrays import Float64
from blemish.core.errors import InputError


def features_of(one: object, other: object) -> tuple[Float64, Float64]:
    """Two sets of features as float64 N D and M D.

    Raises:
        InputError: other shapes, or a value that is not finite.
    """
    x, y = np.asarray(one, np.float64), np.asarray(other, np.float64)
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise InputError(f"features must be N D and M D of one network, got shapes {x.shape} and {y.shape}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InputError("features must be finite numbers: the network gave NaN or infinity, look at its weights")
    return x, y
