"""Are scores probabilities? Reliability, expected calibration error, and the two numbers that mend most of it.

A score is calibrated where, of all pixels (or regions) that get 0.7, seven in ten are what was called. Expected
calibration error and temperature scaling as in Guo et al., "On Calibration of Modern Neural Networks", ICML 2017; here
for the score of one called class against "right or not", so that it applies to what the line keeps of a scan.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from blemish.core.arrays import Float64
from blemish.core.errors import InputError

BINS = 15
COLDEST, HOTTEST = 0.05, 20.0  # Where a temperature is looked for.
_SURE = 1e-6  # Scores of 0 and 1 have no logit.


@dataclass(frozen=True)
class Reliability:
    """Bins of equal width over [0, 1]; what an empty bin would say is NaN.

    Attributes:
        share: of the weight that falls in each bin.
        score: mean score of each bin.
        right: share of it that is right; equal to `score` where scores are probabilities.
        error: expected calibration error, the mean of |right - score| weighted by `share`, 0 is best; NaN of nothing.
    """

    share: Float64
    score: Float64
    right: Float64
    error: float

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; bins that are empty are left out."""
        rows = zip(self.share, self.score, self.right, strict=True)
        return {
            "error": None if math.isnan(self.error) else round(self.error, 6),
            "bins": [
                {"share": round(float(share), 6), "score": round(float(score), 6), "right": round(float(right), 6)}
                for share, score, right in rows
                if share > 0
            ],
        }


def reliability(scores: ArrayLike, right: ArrayLike, weights: ArrayLike | None = None, bins: int = BINS) -> Reliability:
    """How often what was called is right, by how sure the call was.

    A score on the border of two bins belongs to the lower one.

    Args:
        scores: N, in [0, 1].
        right: N, whether each call is right.
        weights: N, how much each counts; None = alike.

    Raises:
        InputError: lengths that differ, or a score that is no probability.

    Example:
        >>> found = reliability([0.9, 0.9, 0.2], [True, False, False])
        >>> round(found.error, 6)  # (2 x |0.5 - 0.9| + 1 x |0 - 0.2|) / 3
        0.333333
    """
    s, y, w = _checked(scores, right, weights)
    place = np.clip(np.ceil(s * bins).astype(np.int64) - 1, 0, bins - 1)
    mass, scored, correct = (np.bincount(place, values, bins).astype(np.float64) for values in (w, w * s, w * y))
    filled = mass > 0
    mean, rate = (np.divide(sums, mass, out=np.full(bins, np.nan), where=filled) for sums in (scored, correct))
    total = float(mass.sum())
    share = mass / (total or 1.0)
    error = float((share * np.abs(rate - mean))[filled].sum()) if total else float("nan")
    return Reliability(share, mean, rate, error)


def log_loss(scores: ArrayLike, right: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Mean negative log-likelihood, 0 is best; NaN of nothing.

    Example:
        >>> round(log_loss([0.5, 0.5], [True, False]), 4)
        0.6931
    """
    s, y, w = _checked(scores, right, weights)
    if not w.sum():
        return float("nan")
    z = _logit(s)
    return float((w * (np.logaddexp(0, z) - y * z)).sum() / w.sum())


@dataclass(frozen=True)
class Scaling:
    """Scores as probabilities: logit(probability) = logit(score) / temperature + offset. Their order stays."""

    temperature: float = 1.0  # Above 1: less sure than the score, below 1 surer.
    offset: float = 0.0  # Below 0: what is called is rarer than the network thinks.

    def __call__(self, scores: ArrayLike) -> Float64:
        """Probabilities in (0, 1) of scores in [0, 1].

        Example:
            >>> Scaling(2.0)([0.5, 0.9]).round(2).tolist()
            [0.5, 0.75]
        """
        z = _logit(np.asarray(scores, np.float64))
        result: Float64 = _sigmoid(z / self.temperature + self.offset)
        return result


def fit_temperature(scores: ArrayLike, right: ArrayLike, weights: ArrayLike | None = None) -> Scaling:
    """The temperature of the least log loss, 0.05 to 20, without an offset; 1 of nothing (Guo et al., section 4.2).

    The loss is convex in 1 / temperature, so halving the interval by its slope finds the least.

    Example:
        >>> round(fit_temperature([0.9] * 4, [True, True, True, False]).temperature, 3)  # log 9 / log 3
        2.0
    """
    s, y, w = _checked(scores, right, weights)
    if not w.sum():
        return Scaling()
    z = _logit(s)
    low, high = 1 / HOTTEST, 1 / COLDEST
    for _ in range(60):
        middle = (low + high) / 2
        slope = float((w * z * (_sigmoid(z * middle) - y)).sum())
        low, high = (middle, high) if slope < 0 else (low, middle)
    return Scaling(2 / (low + high))


def fit_scaling(scores: ArrayLike, right: ArrayLike, weights: ArrayLike | None = None) -> Scaling:
    """Temperature and offset of the least log loss (Platt, 1999), by Newton's method; drawn a little towards 1 and 0.

    The pull is that of one more observation: it decides only where there is next to nothing to learn from, or where all
    calls are right. A network trained on balanced classes needs the offset: it has never seen how rare defects are.

    Example:
        >>> fitted = fit_scaling([0.5] * 1000, [True] * 100 + [False] * 900)
        >>> round(float(fitted([0.5])[0]), 2)
        0.1
    """
    s, y, w = _checked(scores, right, weights)
    z = np.stack([_logit(s), np.ones_like(s)], axis=1)
    start = np.array([1.0, 0.0])

    def loss(at: Float64) -> float:
        raw = z @ at
        return float((w * (np.logaddexp(0, raw) - y * raw)).sum() + ((at - start) ** 2).sum() / 2)

    found = start
    for _ in range(100):
        p = _sigmoid(z @ found)
        slope = z.T @ (w * (p - y)) + (found - start)
        step = np.linalg.solve((z * (w * p * (1 - p))[:, None]).T @ z + np.eye(2), slope)
        size, here = 1.0, loss(found)
        while size > 1e-9 and loss(found - size * step) > here - 1e-4 * size * float(slope @ step):
            size /= 2  # A whole step may overshoot; the loss is convex, so a shorter one goes down.
        found = found - size * step
        if float(np.abs(size * step).max()) < 1e-8:
            break
    steepness, offset = float(np.clip(found[0], 1 / HOTTEST, 1 / COLDEST)), float(found[1])
    if steepness != found[0]:  # Higher scores that are less often right: the order stays, the level is fitted.
        offset = _offset_at(z[:, 0] * steepness, y, w)
    return Scaling(1 / steepness, offset)


def _offset_at(z: Float64, right: Float64, weights: Float64) -> float:
    low, high = -50.0, 50.0
    for _ in range(60):
        middle = (low + high) / 2
        slope = float((weights * (_sigmoid(z + middle) - right)).sum()) + middle
        low, high = (middle, high) if slope < 0 else (low, middle)
    return (low + high) / 2


def _sigmoid(z: Float64) -> Float64:
    result: Float64 = 1 / (1 + np.exp(-np.clip(z, -500, 500)))
    return result


def _logit(scores: Float64) -> Float64:
    clipped = np.clip(scores, _SURE, 1 - _SURE)
    result: Float64 = np.log(clipped / (1 - clipped))
    return result


def _checked(scores: ArrayLike, right: ArrayLike, weights: ArrayLike | None) -> tuple[Float64, Float64, Float64]:
    s, y = np.asarray(scores, np.float64), np.asarray(right, np.float64)
    w = np.ones_like(s) if weights is None else np.asarray(weights, np.float64)
    if s.ndim != 1 or s.shape != y.shape or s.shape != w.shape:
        raise InputError(f"scores, right and weights must be of one length, got shapes {s.shape}, {y.shape}, {w.shape}")
    if not ((s >= 0) & (s <= 1)).all():
        raise InputError("scores must be probabilities in [0, 1]")
    return s, y, w
