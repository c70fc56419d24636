"""Tune the machine-vision baseline honestly: a random search, each setting judged on tiles that its rules never saw."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from tqdm import tqdm

from blemish.core.arrays import Bool, Float64, Int64, UInt8
from blemish.core.errors import DatasetError
from blemish.core.seeds import derive_seed, rng
from blemish.core.taxonomy import IGNORE
from blemish.data.dataset import Sample
from blemish.metrics.pixel import Confusion
from blemish.picture.normalise import to_channels
from blemish.segment.baseline_regions import FEATURES, Regions, VisionParameters, find_regions
from blemish.segment.baseline_rules import RuleSet, count_votes, learn_committee, name_regions

FOLDS = 3
_QUORUMS = (0.5, 0.4, 0.3, 0.2, 0.13)
_CLEAN_TIMES = 6  # Clean tiles kept for each tile of a class: what is no defect has more faces.
_ENOUGH = 0.25  # A region is of a class when this share of it is.


@dataclass(frozen=True)
class Tuned:
    """The settings found, and the cross-validated mean IoU by which they were chosen."""

    parameters: VisionParameters
    committee: tuple[RuleSet, ...]
    mean_iou: float


@dataclass(frozen=True)
class _Tiles:
    """The tiles that are kept, gray; for how many each of them stands; its fold."""

    grays: list[UInt8]
    truths: list[UInt8]
    weights: Float64
    folds: Int64


@dataclass(frozen=True)
class _Found:
    """All regions of all tiles under one setting: enough to name them and to count the pixels, without the pixels.

    Args:
        features: float64 R F.
        truth_px: float64 R K+1, pixels of each true class in each region (255 left out), times the tile's weight.
        missed_px: float64 K+1, the same outside all regions.
        classes: int64 R, what each region really is, 255 unknown.
        weights: float64 R, of their tiles.
        folds: int64 R, of their tiles.
    """

    features: Float64
    truth_px: Float64
    missed_px: Float64
    classes: Int64
    weights: Float64
    folds: Int64


def tune(samples: Iterable[Sample], defects: int, seed: int, *, trials: int, tiles_per_class: int) -> Tuned:
    """The best of `trials` settings and its rules.

    Raises:
        DatasetError: no tile shows a defect.
    """
    tiles = _choose_tiles(samples, defects, tiles_per_class, seed)
    best: Tuned | None = None
    for parameters in tqdm(_settings(seed, trials), desc="tune baseline", unit="setting"):
        found = _find(tiles, parameters, defects)
        votes = _votes_of_others(found, seed)
        for quorum_frac in _QUORUMS:
            score = _mean_iou(found, name_regions(votes, quorum_frac))
            if best is None or score > best.mean_iou:
                committee = _committee_of(found, np.ones(len(found.folds), bool), seed)
                best = Tuned(replace(parameters, quorum_frac=quorum_frac), committee, score)
    assert best is not None
    return best


def true_classes(truth_px: Float64 | Int64, area_px: Float64 | Int64) -> Int64:
    """What regions really are, int64 R: the commonest defect where that fills a quarter, else 0; 255 mostly unknown.

    Args:
        truth_px: R K+1, pixels of each true class in each region, 255 left out.
        area_px: R, all its pixels.
    """
    best = 1 + truth_px[:, 1:].argmax(axis=1)
    classes = np.where(truth_px[np.arange(len(best)), best] >= _ENOUGH * area_px, best, 0)
    return np.where(truth_px.sum(axis=1) < 0.5 * area_px, IGNORE, classes)


def _find(tiles: _Tiles, parameters: VisionParameters, defects: int) -> _Found:
    features, tables = [np.zeros((0, len(FEATURES)))], []
    for gray, truth in zip(tiles.grays, tiles.truths, strict=True):
        regions = find_regions(gray, parameters)
        features.append(regions.features)
        tables.append(_count(regions, truth, defects))
    counts = [len(table) - 1 for table in tables]
    inside = np.concatenate([table[1:] for table in tables])
    weights = np.repeat(tiles.weights, counts)
    return _Found(
        features=np.concatenate(features),
        truth_px=inside[:, :-1] * weights[:, None],
        missed_px=np.sum([w * table[0, :-1] for w, table in zip(tiles.weights, tables, strict=True)], axis=0),
        classes=true_classes(inside[:, :-1], inside.sum(axis=1)),
        weights=weights,
        folds=np.repeat(tiles.folds, counts),
    )


def _count(regions: Regions, truth: UInt8, defects: int) -> Int64:
    """int64 R+1 K+2: pixels of each true class (the last column: 255) in no region, then in each region."""
    columns = np.minimum(truth, defects + 1).astype(np.int64)
    side, rows = defects + 2, len(regions.features) + 1
    pairs = regions.plane.ravel() * side + columns.ravel()
    return np.bincount(pairs, minlength=rows * side).reshape(rows, side)


def _votes_of_others(found: _Found, seed: int) -> Int64:
    """Votes on each region, int64 R 256, by a committee that learnt from the other folds."""
    votes = np.zeros((len(found.folds), 256), np.int64)
    for fold in range(FOLDS):
        judged = found.folds == fold
        votes[judged] = count_votes(found.features[judged], _committee_of(found, ~judged, seed))
    return votes


def _mean_iou(found: _Found, names: UInt8) -> float:
    """Mean IoU as it would be on all the tiles that these stand for; 0 where it has no value."""
    table = Confusion(len(found.missed_px) - 1)
    for name in range(table.defects + 1):
        table.counts[:, name] = np.rint(found.truth_px[names == name].sum(axis=0))
    table.counts[:, 0] += np.rint(found.missed_px).astype(np.int64)
    score = table.mean_iou()
    return 0.0 if np.isnan(score) else score


def _committee_of(found: _Found, used: Bool, seed: int) -> tuple[RuleSet, ...]:
    """Rules from the regions used; the mean IoU wants large regions and rare classes to count, each by its root."""
    used = used & (found.classes != IGNORE)
    classes = found.classes[used]
    weights = found.weights[used] * np.sqrt(10 ** found.features[used, 0])
    if len(classes):
        weights = weights / np.sqrt(np.bincount(classes, weights)[classes])
    return learn_committee(found.features[used], classes, weights, seed)


def _choose_tiles(samples: Iterable[Sample], defects: int, each: int, seed: int) -> _Tiles:
    """Of every class, and of tiles without a defect, a random few: memory holds no more than those."""
    pools: list[dict[str, tuple[int, Sample]]] = [{} for _ in range(defects + 1)]
    seen = [0] * (defects + 1)
    for sample in samples:
        ticket = derive_seed(seed, "tile", sample.record.id)
        for index in [int(i) for i in np.unique(sample.label_map.defect) if 0 < i < IGNORE] or [0]:
            pool = pools[index]
            pool[sample.record.id] = ticket, sample
            seen[index] += 1
            if len(pool) > (each if index else _CLEAN_TIMES * each):
                del pool[max(pool, key=lambda name: pool[name][0])]
    if not any(pools[1:]):
        raise DatasetError("the baseline needs training tiles that show a defect, got none: give it labelled tiles")
    weights: dict[str, float] = {}
    for pool, count in zip(pools, seen, strict=True):
        for name in pool:
            weights[name] = min(weights.get(name, np.inf), count / len(pool))
    together = {name: sample for pool in pools for name, (_, sample) in pool.items()}
    return _gathered([together[name] for name in sorted(together)], weights, seed)


def _gathered(kept: Sequence[Sample], weights: dict[str, float], seed: int) -> _Tiles:
    return _Tiles(
        grays=[np.ascontiguousarray(to_channels(sample.picture, 1)[:, :, 0]) for sample in kept],
        truths=[sample.label_map.defect for sample in kept],
        weights=np.array([weights[sample.record.id] for sample in kept]),
        folds=folds_of([sample.record.group or sample.record.id for sample in kept], seed),
    )


def folds_of(groups: Sequence[str], seed: int) -> Int64:
    """The fold of each tile by its group, int64 N: groups in a seeded order, one fold after the other.

    So no fold is empty where there are as many groups as folds.
    """
    order = sorted(set(groups), key=lambda group: (derive_seed(seed, "fold", group), group))
    fold_of = {group: place % FOLDS for place, group in enumerate(order)}
    return np.array([fold_of[group] for group in groups], np.int64)


def _settings(seed: int, trials: int) -> list[VisionParameters]:
    """Random settings, the first of them the default."""
    settings = [VisionParameters()]
    for trial in range(1, trials):
        draw = rng(seed, "baseline", trial)
        settings.append(
            VisionParameters(
                background_px=int(draw.choice([41, 81, 121, 161])),
                smooth_px=float(draw.choice([0.8, 1.5, 2.5])),
                bright=round(float(draw.uniform(2.5, 5)), 2),
                dark=round(float(draw.uniform(2.5, 5)), 2),
                weak_frac=float(draw.choice([0.5, 0.65, 0.8])),
                trim_frac=float(draw.choice([0.0, 0.35, 0.5])),
                close_px=int(draw.choice([3, 7, 11, 15])),
                open_px=int(draw.choice([1, 3])),
                least_area_px=int(draw.choice([20, 40, 80])),
                least_ground=int(draw.choice([0, 60])),
            )
        )
    return settings[:trials]
