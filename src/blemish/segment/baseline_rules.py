"""Shape rules: intervals of a region's features that name its class, and a committee of rule sets that votes.

One rule set cut from few regions is a gamble (measured on simulated cells: mean IoU 0.09 to 0.15, the committee 0.15 to
0.21), so several are cut from redrawn regions and random features each, and the majority names the region.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from blemish.core.arrays import Bool, Float64, Int64, UInt8
from blemish.core.seeds import rng

MEMBERS = 15
FEATURES_EACH = 5  # Of a committee's member.
DEPTH = 9


@dataclass(frozen=True)
class RuleSet:
    """Rules that leave no gap and do not overlap: a region is of rule r's class where low < each feature <= high.

    Args:
        classes: uint8 R, 0 = no defect: an edge, dirt, texture.
        low: float64 R F, -inf = no bound.
        high: float64 R F, inf = no bound.
    """

    classes: UInt8
    low: Float64
    high: Float64

    def holds(self, features: Float64) -> Bool:
        """Which rule holds for which region (float64 N F), bool N R."""
        values = features[:, None, :]
        return np.asarray(np.all((values > self.low) & (values <= self.high), axis=2))

    def name(self, features: Float64) -> UInt8:
        """The class of each region, uint8 N."""
        named: UInt8 = self.classes[self.holds(features).argmax(axis=1)]
        return named

    def to_list(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """One table a rule, holding only its real bounds by feature name; `from_list` reads them back."""
        return [
            {
                "class_index": int(index),
                "low": {n: float(v) for n, v in zip(names, low, strict=True) if np.isfinite(v)},
                "high": {n: float(v) for n, v in zip(names, high, strict=True) if np.isfinite(v)},
            }
            for index, low, high in zip(self.classes, self.low, self.high, strict=True)
        ]

    @classmethod
    def from_list(cls, rules: Sequence[dict[str, Any]], names: Sequence[str]) -> RuleSet:
        """Build from the tables of `to_list`."""
        low = [[float(rule["low"].get(name, -np.inf)) for name in names] for rule in rules]
        high = [[float(rule["high"].get(name, np.inf)) for name in names] for rule in rules]
        return cls(np.array([int(rule["class_index"]) for rule in rules], np.uint8), np.array(low), np.array(high))


def count_votes(features: Float64, committee: Sequence[RuleSet]) -> Int64:
    """How many rule sets give each region each class, int64 N 256."""
    votes = np.zeros((len(features), 256), np.int64)
    for rules in committee:
        votes[np.arange(len(features)), rules.name(features)] += 1
    return votes


def name_regions(votes: Int64, quorum_frac: float) -> UInt8:
    """The class of each region, uint8 N: the defect with most votes where the votes for any defect reach the quorum.

    Example:
        >>> votes = np.zeros((2, 256), np.int64)
        >>> votes[0, [0, 1, 2]], votes[1, [0, 1, 2]] = (6, 1, 3), (7, 3, 0)
        >>> name_regions(votes, 0.4).tolist()
        [2, 0]
    """
    share = 1 - votes[:, 0] / np.maximum(votes.sum(axis=1), 1)
    return np.where(share >= quorum_frac - 1e-9, 1 + votes[:, 1:].argmax(axis=1), 0).astype(np.uint8)


def learn_committee(features: Float64, classes: Int64, weights: Float64, seed: int) -> tuple[RuleSet, ...]:
    """Rule sets of `MEMBERS` random views of the same regions; equal seeds give equal committees."""
    committee = []
    for member in range(MEMBERS):
        draw = rng(seed, "member", member)
        columns = np.sort(draw.permutation(features.shape[1])[:FEATURES_EACH])
        rows = draw.integers(0, max(1, len(features)), len(features))
        committee.append(learn_rules(features[rows], classes[rows], weights[rows], columns=columns))
    return tuple(committee)


def learn_rules(
    features: Float64, classes: Int64, weights: Float64, *, columns: Int64 | None = None, depth: int = DEPTH
) -> RuleSet:
    """Cut the feature space so that each part holds one class as purely as may be (a classification tree, Gini).

    Args:
        features: float64 N F.
        classes: int64 N, 0 no defect.
        weights: float64 N, how much each region counts.
        columns: the features that may be cut; None = all.
        depth: cuts that may follow one another.

    Example:
        >>> sizes, classes = np.array([[1.0], [2.0], [8.0], [9.0]]), np.array([0, 0, 2, 2])
        >>> learn_rules(sizes, classes, np.ones(4)).to_list(["size"])
        [{'class_index': 0, 'low': {}, 'high': {'size': 5.0}}, {'class_index': 2, 'low': {'size': 5.0}, 'high': {}}]
    """
    columns = np.arange(features.shape[1]) if columns is None else columns
    low, high = np.full(features.shape[1], -np.inf), np.full(features.shape[1], np.inf)
    if not len(features):
        return RuleSet(np.zeros(1, np.uint8), low[None], high[None])
    parts = list(_parts(features, classes, weights, columns, low, high, depth))
    names, lows, highs = zip(*parts, strict=True)
    return RuleSet(np.array(names, np.uint8), np.stack(lows), np.stack(highs))


def _parts(
    features: Float64, classes: Int64, weights: Float64, columns: Int64, low: Float64, high: Float64, depth: int
) -> Iterator[tuple[int, Float64, Float64]]:
    cut = _best_cut(features, classes, weights, columns) if depth > 0 else None
    if cut is None:
        yield int(np.bincount(classes, weights).argmax()), low, high
        return
    feature, value = cut
    below = features[:, feature] <= value
    lower_high, upper_low = high.copy(), low.copy()
    lower_high[feature] = upper_low[feature] = value
    for side, side_low, side_high in ((below, low, lower_high), (~below, upper_low, high)):
        yield from _parts(features[side], classes[side], weights[side], columns, side_low, side_high, depth - 1)


def _best_cut(features: Float64, classes: Int64, weights: Float64, columns: Int64) -> tuple[int, float] | None:
    """The feature and value whose cut leaves the purest two sides; None where no cut helps."""
    mass = np.zeros((len(classes), int(classes.max()) + 1))
    mass[np.arange(len(classes)), classes] = weights
    whole = mass.sum(axis=0)
    best, cut = float(_impurity(whole)) * (1 - 1e-6), None
    for feature in columns:
        order = np.argsort(features[:, feature], kind="stable")
        values = features[order, feature]
        below = np.cumsum(mass[order], axis=0)[:-1]
        impurity = np.where(values[1:] > values[:-1], _impurity(below) + _impurity(whole - below), np.inf)
        if len(impurity) and impurity.min() < best:
            place = int(impurity.argmin())
            middle = float((values[place] + values[place + 1]) / 2)
            best, cut = impurity[place], (int(feature), min(middle, float(np.nextafter(values[place + 1], -np.inf))))
    return cut


def _impurity(mass: Float64) -> Float64:
    """Gini impurity times mass, for masses of each class along the last axis."""
    total = np.maximum(mass.sum(axis=-1), 1e-12)
    impurity: Float64 = total - np.square(mass).sum(axis=-1) / total
    return impurity
