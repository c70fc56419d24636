"""Whether a defect is recognised for what its label says: an ImageNet network's features against bare surface.

A label on a surface that shows nothing teaches a segmenter that nothing is a defect. Gray levels do not tell: a defect
of texture may be no brighter than its surface. So for each class a linear probe is learned on EfficientNet-Lite0's
features inside the mask less those round it: real training defects against the same masks laid where there is none.
What it must say of a synthetic defect is what it says, out of fold by group, of real ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from blemish.core.arrays import Bool, Float32, Float64, Picture, UInt8
from blemish.core.records import TileRecord
from blemish.core.seeds import rng
from blemish.data.dataset import Dataset, Sample
from blemish.gan.bank import source_tiles
from blemish.gan.gate_rules import dilated

TILES_PER_CLASS = 200  # At most so many training tiles of a class are looked at, groups in turn,
BARE = 120  # and so many of its masks laid on bare surface.
LEAST_TILES, LEAST_BARE = 5, 20  # Fewer set no limit.
FAINTEST, BAREST = 0.05, 0.95  # A synthetic defect must reach 95 % of the real ones, and pass 95 % of bare surface.
NEAR_PX = 3  # A mask is laid no nearer to a label than this.
_FOLDS, _TRIES, _SHRINK = 5, 12, 1.0

Describe = Callable[[Picture, Bool, Bool], "Float32 | None"]


@dataclass(frozen=True)
class Probe:
    """How one class is told from bare surface: `weights @ features + offset`, about 1 for real ones and -1 for bare.

    Args:
        limit: what a synthetic defect must reach; None = the rule is off for this class, for the reason `why_off`.
        told_apart: area under the curve, real against bare, out of fold; 0.5 = not at all, 1 = always.
    """

    weights: Float64
    offset: float
    limit: float | None
    told_apart: float
    tiles: int
    groups: int
    bare: int
    why_off: str = ""

    def score(self, features: Float32) -> float:
        return float(features @ self.weights + self.offset)

    def to_dict(self) -> dict[str, Any]:
        return {
            "limit": None if self.limit is None else round(self.limit, 4),
            "told_apart": round(self.told_apart, 4) if np.isfinite(self.told_apart) else None,
            "tiles": self.tiles,
            "groups": self.groups,
            "bare": self.bare,
        }


@dataclass(frozen=True)
class Recognition:
    """The probes of some classes, and the network that they look through."""

    probes: Mapping[int, Probe]
    describe: Describe

    def score(self, sample: Sample, index: int) -> float | None:
        """What a class's probe says of a tile; None where the tile does not show it, or too little of it."""
        defect = sample.label_map.defect
        features = self.describe(sample.picture, defect == index, (defect != 0) & (defect != index))
        return None if features is None else self.probes[index].score(features)


def learn_recognition(dataset: Dataset, defects: Sequence[int], describe: Describe) -> Recognition:
    """Learn the probes of some classes from the real training tiles.

    Args:
        defects: class indices, 1..K.
        describe: features of a defect (`gan.recognition_features`).
    """
    records = source_tiles(dataset.records)
    return Recognition({index: _learn(dataset, records, index, describe) for index in defects}, describe)


def probe_of(real: Float64, groups: Sequence[str], bare: Float64) -> Probe:
    """Learn a probe, and its limit out of fold.

    Args:
        real: features of real defects, N D; `groups` the group of each.
        bare: features of masks on bare surface, M D.
    """
    names = sorted(set(groups))
    if len(real) < LEAST_TILES or len(bare) < LEAST_BARE:
        few = (
            f"{len(real)} tiles with real defects" if len(real) < LEAST_TILES else f"{len(bare)} places of bare surface"
        )
        why = f"only {few} to learn by"
        nothing = np.zeros(real.shape[1] if real.ndim == 2 else 0)
        return Probe(nothing, 0.0, None, float("nan"), len(real), len(names), len(bare), why)
    parts = names if len(names) > 1 else [str(i) for i in range(len(real))]
    of_real = np.array([parts.index(g) if len(names) > 1 else i for i, g in enumerate(groups)]) % _FOLDS
    of_bare = np.arange(len(bare)) % _FOLDS
    said_real, said_bare = np.full(len(real), np.nan), np.full(len(bare), np.nan)
    for fold in range(min(_FOLDS, len(parts))):
        weights, offset = _fitted(real[of_real != fold], bare[of_bare != fold])
        said_real[of_real == fold] = real[of_real == fold] @ weights + offset
        said_bare[of_bare == fold] = bare[of_bare == fold] @ weights + offset
    said_bare = said_bare[np.isfinite(said_bare)]
    limit = float(max(np.quantile(said_real, FAINTEST), np.quantile(said_bare, BAREST)))
    told_apart = float((said_real[:, None] > said_bare[None, :]).mean())
    off = limit > float(np.median(said_real))
    why = f"half of the real ones look like bare surface to it (told apart {told_apart:.2f})" if off else ""
    weights, offset = _fitted(real, bare)
    return Probe(weights, offset, None if off else limit, told_apart, len(real), len(names), len(bare), why)


def _learn(dataset: Dataset, records: Sequence[TileRecord], index: int, describe: Describe) -> Probe:
    shown = list(_groups_in_turn(records, index))[:TILES_PER_CLASS]
    real, groups, masks = [], [], []
    for record in shown:
        sample = dataset.sample(record)
        defect = sample.label_map.defect
        features = describe(sample.picture, defect == index, (defect != 0) & (defect != index))
        if features is not None:
            real.append(features)
            groups.append(record.group)
            masks.append(np.packbits(defect == index, axis=None))
    size_hw = (dataset.info.tile_px, dataset.info.tile_px)
    enough = [_unpacked(mask, size_hw) for mask in masks] if len(real) >= LEAST_TILES else []
    bare = list(_bare(dataset, records, enough, index, describe))  # Of no use, and slow, where the probe is off anyway.
    return probe_of(np.array(real, np.float64), groups, np.array(bare, np.float64))


def _bare(
    dataset: Dataset, records: Sequence[TileRecord], masks: Sequence[Bool], index: int, describe: Describe
) -> Iterator[Float32]:
    """Features of the class's own masks, moved and mirrored, where no label is: on clean tiles where there are any."""
    grounds = [record for record in records if record.is_clean] or list(records)
    for number in range(BARE if masks and grounds else 0):
        random = rng(0, "bare", index, number)
        sample = dataset.sample(grounds[int(random.integers(len(grounds)))])
        labelled = sample.label_map.defect != 0
        for _ in range(_TRIES):
            mask = moved(masks[int(random.integers(len(masks)))], random)
            if not (dilated(mask, NEAR_PX) & labelled).any():
                features = describe(sample.picture, mask, labelled)
                if features is not None:
                    yield features
                break


def moved(mask: Bool, random: np.random.Generator) -> Bool:
    """A mask mirrored at random and moved to a random place of its tile, whole."""
    mask = mask[:: random.choice((-1, 1)), :: random.choice((-1, 1))]
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    placed = np.zeros_like(mask)
    top, left = (int(random.integers(side - of + 1)) for side, of in zip(mask.shape, (height, width), strict=True))
    placed[top : top + height, left : left + width] = mask[y : y + height, x : x + width]
    return placed


def _groups_in_turn(records: Sequence[TileRecord], index: int) -> Iterator[TileRecord]:
    """The tiles that show a class: the first of each group, then the second of each, ..."""
    of_group: dict[str, list[TileRecord]] = {}
    for record in records:
        if index in record.classes:
            of_group.setdefault(record.group, []).append(record)
    for place in range(max((len(held) for held in of_group.values()), default=0)):
        yield from (held[place] for held in of_group.values() if place < len(held))


def _fitted(real: Float64, bare: Float64) -> tuple[Float64, float]:
    """Ridge regression on +1 and -1, both sides weighing alike, features scaled to deviation 1."""
    both = np.concatenate([real, bare])
    middle, scale = both.mean(axis=0), both.std(axis=0) + 1e-3
    wanted = np.concatenate([np.ones(len(real)), -np.ones(len(bare))])
    weigh = np.concatenate([np.full(len(real), 0.5 / len(real)), np.full(len(bare), 0.5 / len(bare))])
    scaled = (both - middle) / scale
    normal = (scaled * weigh[:, None]).T @ scaled + _SHRINK * np.eye(scaled.shape[1])
    solved = np.linalg.solve(normal, (scaled * weigh[:, None]).T @ wanted) / scale
    return solved, float(-middle @ solved)


def _unpacked(bits: UInt8, size_hw: tuple[int, int]) -> Bool:
    mask: Bool = np.unpackbits(bits, count=size_hw[0] * size_hw[1]).reshape(size_hw).astype(bool)
    return mask
