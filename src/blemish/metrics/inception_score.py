"""Inception score: are the classes that a network sees clear, and many? For comparison with the literature."""

from __future__ import annotations

import numpy as np

from blemish.core.arrays import Float64
from blemish.core.errors import InputError
from blemish.core.seeds import rng
from blemish.metrics.distribution import NOTHING, Spread


def inception_score(probabilities: Float64, *, splits: int = 10, seed: int = 0) -> Spread:
    """exp(mean KL(p(y|x) || p(y))), mean and deviation over splits of the pictures (Salimans et al., 2016).

    It knows no real pictures: a wrong but varied set scores high. 1 is the least.

    Args:
        probabilities: float N C, rows sum to 1.

    Returns:
        NaN with fewer pictures than splits.

    Raises:
        InputError: rows that are no probabilities.

    Example:
        >>> round(inception_score(np.eye(4).repeat(10, axis=0), splits=1).mean, 6)
        4.0
    """
    p = np.asarray(probabilities, np.float64)
    if p.ndim != 2 or (p < 0).any() or not np.allclose(p.sum(axis=1), 1, atol=1e-3):
        raise InputError(f"class probabilities must be N C with rows that sum to 1, got shape {p.shape}")
    if len(p) < splits:
        return NOTHING
    scores = []
    for part in np.array_split(p[rng(seed, "inception").permutation(len(p))], splits):
        ratio = np.log(np.maximum(part, 1e-12)) - np.log(np.maximum(part.mean(axis=0), 1e-12))
        scores.append(np.exp((part * ratio).sum(axis=1).mean()))
    return Spread(float(np.mean(scores)), float(np.std(scores)))
