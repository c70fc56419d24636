"""How far two sets of features lie apart: KID, Frechet distance, its extrapolation, and the floor of real against real.

Features are float N D, one row a picture, of any network: numpy only, the network passed in by whoever made them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blemish.core.arrays import Bool, Float64, Int64
from blemish.core.seeds import rng
from blemish.metrics.checks import features_of

LEAST = 4  # Fewer pictures on a side give NaN.
SUBSETS = 100
SUBSET_MOST = 1000
FRACTIONS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # Of both sides, for the extrapolation.

Distance = Callable[[Float64, Float64], float]


@dataclass(frozen=True)
class Spread:
    """A figure and its standard deviation; NaN where there were too few pictures."""

    mean: float
    std: float


NOTHING = Spread(float("nan"), float("nan"))


def polynomial_mmd2(real: Float64, synthetic: Float64) -> float:
    """Unbiased squared maximum mean discrepancy with the kernel (x·y / D + 1)^3; 0 for equal distributions.

    It may be a little negative. NaN with fewer than 2 pictures on a side (Binkowski et al., "Demystifying MMD GANs").

    Example:
        >>> polynomial_mmd2(np.array([[0.0], [0.0]]), np.array([[1.0], [1.0]]))  # 1 + 8 - 2
        7.0
    """
    x, y = features_of(real, synthetic)
    n, m, dimensions = len(x), len(y), x.shape[1]
    if min(n, m) < 2:
        return float("nan")
    xx, yy, xy = ((a @ b.T / dimensions + 1) ** 3 for a, b in ((x, x), (y, y), (x, y)))
    within = (xx.sum() - np.trace(xx)) / (n * (n - 1)) + (yy.sum() - np.trace(yy)) / (m * (m - 1))
    return float(within - 2 * xy.mean())


def kid(real: Float64, synthetic: Float64, *, subsets: int = SUBSETS, size: int | None = None, seed: int = 0) -> Spread:
    """Kernel inception distance: `polynomial_mmd2` over random subsets, mean and standard deviation; 0 is best.

    Args:
        size: pictures of each side in a subset; None = half of the smaller side, at most 1,000. The deviation over half
            samples is about the standard error of the figure itself.

    Returns:
        NaN with fewer than 4 pictures on a side.

    Raises:
        InputError: features that are not N D and M D, or not finite.

    Example:
        >>> kid(np.zeros((8, 1)), np.ones((8, 1)))
        Spread(mean=7.0, std=0.0)
    """
    x, y = features_of(real, synthetic)
    least = min(len(x), len(y))
    if least < LEAST:
        return NOTHING
    count = min(size or least // 2, least, SUBSET_MOST)
    random = rng(seed, "kid")
    values = [polynomial_mmd2(_some(x, count, random), _some(y, count, random)) for _ in range(subsets)]
    return Spread(float(np.mean(values)), float(np.std(values)))


def frechet_distance(real: Float64, synthetic: Float64) -> float:
    """Frechet distance of the two Gaussians that the features are taken for; 0 is best.

    |mu_r - mu_s|^2 + Tr(S_r + S_s - 2 (S_r S_s)^(1/2)), with means mu and unbiased covariances S (Heusel et al., 2017;
    the paper's Eq. 1 misprints it). The trace of the root is the sum of the singular values of R_r R_s^T, where
    S = R^T R and R comes from a QR of the centred features: no matrix root, no complex part, exact for N < D too.

    It is biased: with few pictures it is far above 0 for equal distributions. See `real_floor` and `frechet_infinity`.

    Returns:
        NaN with fewer than 4 pictures on a side.

    Example:
        >>> x = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 2.0]])
        >>> round(frechet_distance(x, x + [3.0, 4.0]), 6)
        25.0
    """
    x, y = features_of(real, synthetic)
    if min(len(x), len(y)) < LEAST:
        return float("nan")
    root_x, root_y = _covariance_root(x), _covariance_root(y)
    shared = np.linalg.svd(root_x @ root_y.T, compute_uv=False).sum()
    apart = float(((x.mean(axis=0) - y.mean(axis=0)) ** 2).sum())
    return max(0.0, float(apart + (root_x**2).sum() + (root_y**2).sum() - 2 * shared))


def frechet_infinity(
    real: Float64, synthetic: Float64, *, fractions: Sequence[float] = FRACTIONS, repeats: int = 3, seed: int = 0
) -> float:
    """The Frechet distance at infinitely many pictures: a line in 1/N, fitted to growing shares of both sides.

    As FID-infinity (Chong and Forsyth, 2020), but both sides grow, for with few real pictures their bias is as large.
    It may be negative. Far below N = D the bias is not linear yet, and the figure still too high.

    Returns:
        NaN with fewer than 16 pictures on a side.
    """
    x, y = features_of(real, synthetic)
    if min(len(x), len(y)) < 4 * LEAST:
        return float("nan")
    random, inverse, values = rng(seed, "infinity"), [], []
    for fraction in fractions:
        for _ in range(repeats if fraction < 1 else 1):
            n, m = round(fraction * len(x)), round(fraction * len(y))
            inverse.append(1 / fraction)
            values.append(frechet_distance(_some(x, n, random), _some(y, m, random)))
    return float(np.polyfit(inverse, values, 1)[1])


def real_floor(real: Float64, groups: Sequence[str], distance: Distance, *, repeats: int = 10, seed: int = 0) -> Spread:
    """The same distance between two halves of the real pictures: what a perfect generator could be expected to reach.

    Args:
        groups: one a picture; a group is never on both sides, as pictures of one defect are alike.
        distance: of two sets of features. A biased one (Frechet) is biased more here: a half has half the pictures.

    Returns:
        Mean and deviation over `repeats` random halvings; NaN with fewer than 2 groups or 8 pictures.
    """
    x, _ = features_of(real, real)
    names = np.array(sorted(set(groups)))
    if len(names) < 2 or len(x) < 2 * LEAST:
        return NOTHING
    random = rng(seed, "floor")
    values = []
    for _ in range(repeats):
        left = in_left_half(np.asarray(groups), names[random.permutation(len(names))])
        values.append(distance(x[left], x[~left]))
    known = [value for value in values if not np.isnan(value)]
    return Spread(float(np.mean(known)), float(np.std(known))) if known else NOTHING


def in_left_half(groups: NDArray[np.str_], order: NDArray[np.str_]) -> Bool:
    """True for the pictures of the first groups in an order, until half of all pictures is reached (bool N).

    Example:
        >>> in_left_half(np.array(["a", "b", "b", "c"]), np.array(["b", "a", "c"])).tolist()
        [False, True, True, False]
    """
    sizes = np.array([(groups == name).sum() for name in order])
    before = np.cumsum(sizes) - sizes
    chosen = order[(before + sizes / 2 <= len(groups) / 2) | (before == 0)]
    left: Bool = np.isin(groups, chosen)
    return left


def _covariance_root(x: Float64) -> Float64:
    """R (at most D rows) with R^T R = the unbiased covariance."""
    centred = (x - x.mean(axis=0)) / np.sqrt(len(x) - 1)
    return centred if len(centred) <= x.shape[1] else np.asarray(np.linalg.qr(centred).R, np.float64)


def _some(x: Float64, count: int, random: np.random.Generator) -> Float64:
    rows: Int64 = random.permutation(len(x))[:count]
    return x[rows]
