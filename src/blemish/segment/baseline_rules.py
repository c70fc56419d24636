"""Shape rules: intervals of a region's features that name its class, found one best cut at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from blemish.core.arrays import Bool, Float64, Int64, UInt8


@dataclass(frozen=True)
class ShapeRule:
    """A region is of this class when every feature f lies in low < f <= high; None = no bound.

    The rules of one baseline do not overlap and leave no gap. Class 0 is no defect: an edge, dirt, texture.
    """

    class_index: int
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]

    def holds(self, features: Float64) -> Bool:
        """For which of the regions (float64 N F) it holds, bool N."""
        low = np.array([-np.inf if v is None else v for v in self.low])
        high = np.array([np.inf if v is None else v for v in self.high])
        return np.asarray(np.all((features > low) & (features <= high), axis=1))


def name_regions(features: Float64, rules: Sequence[ShapeRule]) -> UInt8:
    """The class of each region, uint8 N; 0 where no rule holds."""
    names = np.zeros(len(features), np.uint8)
    for rule in rules:
        names[rule.holds(features)] = rule.class_index
    return names


def learn_rules(
    features: Float64, classes: Int64, weights: Float64, *, depth: int = 5, least_regions: int = 1
) -> tuple[ShapeRule, ...]:
    """Cut the feature space so that each part holds one class as purely as may be (a classification tree, Gini).

    Args:
        features: float64 N F.
        classes: int64 N, 0 no defect.
        weights: float64 N, how much each region counts.
        depth: cuts that may follow one another.
        least_regions: no part holds fewer.

    Example:
        >>> sizes, classes = np.array([[1.0], [2.0], [8.0], [9.0]]), np.array([0, 0, 2, 2])
        >>> rules = learn_rules(sizes, classes, np.ones(4))
        >>> [(rule.class_index, rule.low, rule.high) for rule in rules]
        [(0, (None,), (5.0,)), (2, (5.0,), (None,))]
    """
    bounds: list[float | None] = [None] * features.shape[1]
    if not len(features):
        return (ShapeRule(0, tuple(bounds), tuple(bounds)),)
    return tuple(_parts(features, classes, weights, bounds, list(bounds), depth, least_regions))


def _parts(
    features: Float64,
    classes: Int64,
    weights: Float64,
    low: list[float | None],
    high: list[float | None],
    depth: int,
    least_regions: int,
) -> Iterator[ShapeRule]:
    cut = _best_cut(features, classes, weights, least_regions) if depth > 0 else None
    if cut is None:
        name = int(np.bincount(classes, weights).argmax())
        yield ShapeRule(name, tuple(low), tuple(high))
        return
    feature, value = cut
    below = features[:, feature] <= value
    lower_high, upper_low = list(high), list(low)
    lower_high[feature] = upper_low[feature] = value
    for side, side_low, side_high in ((below, low, lower_high), (~below, upper_low, high)):
        yield from _parts(features[side], classes[side], weights[side], side_low, side_high, depth - 1, least_regions)


def _best_cut(features: Float64, classes: Int64, weights: Float64, least_regions: int) -> tuple[int, float] | None:
    """The feature and value whose cut leaves the purest two sides; None where no cut helps."""
    mass = np.zeros((len(classes), int(classes.max()) + 1))
    mass[np.arange(len(classes)), classes] = weights
    best, cut = _impurity(mass.sum(axis=0)) * (1 - 1e-6), None
    for feature in range(features.shape[1]):
        order = np.argsort(features[:, feature], kind="stable")
        values = features[order, feature]
        below = np.cumsum(mass[order], axis=0)[:-1]
        impurity = _impurity(below) + _impurity(mass.sum(axis=0) - below)
        sizes = np.arange(1, len(classes))
        allowed = (values[1:] > values[:-1]) & (sizes >= least_regions) & (sizes[::-1] >= least_regions)
        impurity = np.where(allowed, impurity, np.inf)
        if len(impurity) and impurity.min() < best:
            place = int(impurity.argmin())
            middle = float((values[place] + values[place + 1]) / 2)
            best, cut = impurity[place], (feature, min(middle, float(np.nextafter(values[place + 1], -np.inf))))
    return cut


def _impurity(mass: Float64) -> Float64:
    """Gini impurity times mass, for masses of each class along the last axis."""
    total = np.maximum(mass.sum(axis=-1), 1e-12)
    impurity: Float64 = total - np.square(mass).sum(axis=-1) / total
    return impurity
