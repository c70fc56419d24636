"""Can a simple classifier tell real from synthetic features? 0.5 is best: it can only guess."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blemish.core.arrays import Bool, Float64, Int64
from blemish.core.seeds import rng
from blemish.metrics.checks import features_of
from blemish.metrics.part import wilson

FOLDS = 5
PENALTY = 0.01  # Features of a picture have a norm of about 1. A stronger one tells less (measured: 1.0 missed 4 %).
_NEWTON_STEPS = 50


@dataclass(frozen=True)
class Told:
    """Accuracy on pictures that the classifier did not learn from, with its 95 % interval; 0.5 is best.

    The interval is Wilson's for as many answers as there are groups on the smaller side, twice: pictures of one group
    are alike, and count once. Folds share what they learn from, so it is a little narrow (about 90 % for equal sides).
    """

    accuracy: float  # Mean of the shares told right among real and among synthetic; NaN where it cannot be measured.
    low: float
    high: float
    pictures: int
    groups: int


def fit_logistic(features: Float64, is_synthetic: Bool, penalty: float = PENALTY) -> Float64:
    """Weights (D + 1, the intercept last) of a ridge logistic regression.

    Minimises sum of log(1 + exp(-y w.x)) + penalty / 2 |w|^2, the intercept not punished, by Newton's method in the
    space that the pictures span.
    """
    centre = features.mean(axis=0)
    axes = _axes(features - centre)
    design = np.column_stack([(features - centre) @ axes, np.ones(len(features))])
    found = _newton(design, is_synthetic.astype(np.float64), penalty)
    weights = axes @ found[:-1]
    return np.append(weights, found[-1] - centre @ weights)


def _axes(centred: Float64) -> Float64:
    """Orthonormal directions D k in which rows differ, by the smaller Gram matrix: LAPACK's SVD did not always end."""
    rows, columns = centred.shape
    values, vectors = np.linalg.eigh(centred @ centred.T if rows < columns else centred.T @ centred)
    kept = values > 1e-12 * max(float(values.max(initial=0)), 1e-24)
    if rows >= columns:
        return vectors[:, kept]
    axes: Float64 = centred.T @ (vectors[:, kept] / np.sqrt(values[kept]))
    return axes


def told_apart(
    real: Float64,
    synthetic: Float64,
    real_groups: Sequence[str],
    synthetic_groups: Sequence[str],
    *,
    folds: int = FOLDS,
    seed: int = 0,
) -> Told:
    """Accuracy of real-or-synthetic by cross-validation over groups, features standardised on the learning part.

    Give equal numbers of both. A group name that both sides use is one group.

    Returns:
        NaN with the interval (0, 1) where a side has fewer groups than folds.
    """
    x, y = features_of(real, synthetic)
    if min(len(set(real_groups)), len(set(synthetic_groups))) < folds:
        return Told(float("nan"), 0.0, 1.0, len(x) + len(y), len({*real_groups, *synthetic_groups}))
    features = np.concatenate([x, y])
    truth = np.arange(len(features)) >= len(x)
    fold_of = _folds(real_groups, synthetic_groups, folds, seed)
    right = np.zeros(len(features), bool)
    for fold in range(folds):
        held = fold_of == fold
        if held.any() and 0 < truth[~held].sum() < (~held).sum():
            right[held] = _answers(features[~held], truth[~held], features[held]) == truth[held]
    accuracy = float((right[~truth].mean() + right[truth].mean()) / 2)
    groups = 2 * min(len(set(real_groups)), len(set(synthetic_groups)))
    interval = wilson(round(accuracy * groups), groups)
    return Told(accuracy, min(interval.low, accuracy), max(interval.high, accuracy), len(features), groups)


def _answers(features: Float64, truth: Bool, asked: Float64) -> Bool:
    mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-6
    scale = deviation * np.sqrt(features.shape[1])  # So that the penalty means the same for any number of features.
    weights = fit_logistic((features - mean) / scale, truth)
    answers: Bool = ((asked - mean) / scale) @ weights[:-1] + weights[-1] > 0
    return answers


def _newton(design: Float64, truth: Float64, penalty: float) -> Float64:
    punished = np.full(design.shape[1], penalty)
    punished[-1] = 0.0
    weights = np.zeros(design.shape[1])
    for _ in range(_NEWTON_STEPS):
        p = 0.5 * (1 + np.tanh(design @ weights / 2))
        slope = design.T @ (p - truth) + punished * weights
        curve = (design * (p * (1 - p))[:, None]).T @ design + np.diag(punished + 1e-10)
        step = np.linalg.solve(curve, slope)
        weights = weights - step
        if np.abs(step).max() < 1e-9:
            break
    return weights


def _folds(real_groups: Sequence[str], synthetic_groups: Sequence[str], folds: int, seed: int) -> Int64:
    """Each group's fold, groups dealt in a random order: first those that hold real pictures, then the others."""
    dealt: dict[str, int] = {}
    for side, names in (("real", real_groups), ("synthetic", synthetic_groups)):
        fresh = sorted({*names} - dealt.keys())
        for place, which in enumerate(rng(seed, "folds", side).permutation(len(fresh))):
            dealt[fresh[int(which)]] = place % folds
    return np.array([dealt[name] for name in [*real_groups, *synthetic_groups]], np.int64)
