"""How much a segmenter loses on pictures worse than those it learned from: mean IoU by disturbance and strength."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from blemish.core.errors import DatasetError, InputError
from blemish.core.protocols import Segmenter
from blemish.core.records import TileRecord
from blemish.core.seeds import derive_seed
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Dataset, Sample
from blemish.metrics.pixel import Confusion
from blemish.picture.disturb import DISTURBANCES, STRENGTHS
from blemish.segment.evaluation import list_batches, none_if_nan, predict, refuse_other_classes

UNDISTURBED = ""


@dataclass(frozen=True)
class Robustness:
    """What one segmenter reached on the same tiles under every disturbance.

    Attributes:
        name: of the segmenter, for people.
        taxonomy: of the tiles.
        tables: pixels by true and called class; the key is (disturbance, strength 1 to 5), ("", 0) for none.
    """

    name: str
    taxonomy: Taxonomy
    tables: Mapping[tuple[str, int], Confusion]

    @property
    def disturbances(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for name, _ in self.tables if name != UNDISTURBED))

    def mean_iou(self, disturbance: str, strength: int) -> float:
        """Mean over the classes that are shown; strength 0 = undisturbed."""
        return self._table(disturbance, strength).mean_iou()

    def curve(self, disturbance: str) -> tuple[float, ...]:
        """Mean IoU at strengths 0 to 5."""
        return tuple(self.mean_iou(disturbance, strength) for strength in range(STRENGTHS + 1))

    def kept(self, disturbance: str) -> float:
        """Mean over strengths 1 to 5 of the IoU, as a share of the undisturbed: 1 = nothing lost; NaN from 0.

        Of the classes that are shown at every strength: one that is moved out of sight changes no mean.
        """
        found = np.array([self._table(disturbance, strength).iou() for strength in range(STRENGTHS + 1)])
        shown = ~np.isnan(found).any(axis=0)
        clean, *spoilt = found[:, shown].mean(axis=1).tolist() if shown.any() else [0.0]
        return sum(spoilt) / len(spoilt) / clean if clean > 0 else math.nan

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "segmenter": self.name,
            "mean_iou": none_if_nan(self.mean_iou(UNDISTURBED, 0)),
            "iou": self._by_class(self.tables[UNDISTURBED, 0]),
            "disturbances": {name: self._row(name) for name in self.disturbances},
        }

    def _row(self, name: str) -> dict[str, Any]:
        tables = [self.tables[name, strength] for strength in range(1, STRENGTHS + 1)]
        return {
            "unit": DISTURBANCES[name].unit.strip(),
            "values": list(DISTURBANCES[name].values),
            "mean_iou": [none_if_nan(table.mean_iou()) for table in tables],
            "iou": [self._by_class(table) for table in tables],
            "false_px": [int(table.false_px().sum()) for table in tables],
            "kept": none_if_nan(self.kept(name)),
        }

    def _by_class(self, table: Confusion) -> dict[str, float | None]:
        return dict(zip(self.taxonomy.defect_names, map(none_if_nan, table.iou().tolist()), strict=True))

    def _table(self, disturbance: str, strength: int) -> Confusion:
        return self.tables[(disturbance, strength) if strength else (UNDISTURBED, 0)]


def measure_robustness(
    segmenters: Mapping[str, Segmenter],
    dataset: Dataset,
    records: Sequence[TileRecord],
    *,
    names: Iterable[str] = tuple(DISTURBANCES),
    seed: int = 0,
    batch: int = 8,
    progress: bool = False,
) -> list[Robustness]:
    """Judge segmenters by tiles, undisturbed and under each disturbance at five strengths; all see equal pictures.

    Args:
        segmenters: by the name that people read.
        names: of `picture.disturb.DISTURBANCES`.
        seed: of what a strength leaves open.

    Raises:
        DatasetError: no tiles, or a segmenter of other classes.
        InputError: no such disturbance.
    """
    asked = _known(names)
    for segmenter in segmenters.values():
        refuse_other_classes(segmenter.taxonomy, dataset.taxonomy)
    if not records:
        raise DatasetError(f"{dataset.folder} has no tiles to judge by in this split: choose another --split")
    cases = [(UNDISTURBED, 0), *((name, strength) for name in asked for strength in range(1, STRENGTHS + 1))]
    found = {name: {case: Confusion(len(dataset.taxonomy.defects)) for case in cases} for name in segmenters}
    for some in tqdm(list_batches(records, batch), desc="robustness", unit="batch", disable=not progress):
        samples = [dataset.sample(record) for record in some]
        for case in cases:
            spoilt = [disturbed(sample, *case, seed=seed) for sample in samples]
            for name, segmenter in segmenters.items():
                for sample, predicted in zip(spoilt, predict(segmenter, spoilt), strict=True):
                    found[name][case].add(sample.label_map.defect, predicted)
    return [Robustness(name, dataset.taxonomy, tables) for name, tables in found.items()]


def disturbed(sample: Sample, name: str, strength: int, *, seed: int = 0) -> Sample:
    """A tile under a disturbance, by its own id; strength 0 gives the tile back."""
    if strength == 0:
        return sample
    disturbance = DISTURBANCES[name]
    picture, label_map = disturbance.apply(sample.picture, sample.label_map, strength, seed=seed, key=sample.record.id)
    return Sample(np.ascontiguousarray(picture), label_map, sample.record)


def tiles_of_every_class(records: Sequence[TileRecord], defects: int, most: int, seed: int = 0) -> list[TileRecord]:
    """At most so many tiles by lot, each class and the clean ones in turn, in the order of the records.

    Example:
        >>> tiles_of_every_class([], 3, 10)
        []
    """
    if len(records) <= most:
        return list(records)
    lot = sorted(records, key=lambda record: derive_seed(seed, "robustness", record.id))
    pools = [[r for r in lot if (index in r.classes if index else not r.classes)] for index in range(defects + 1)]
    chosen: set[str] = set()
    for turn in range(len(records)):
        for pool in pools:
            if turn < len(pool) and len(chosen) < most:
                chosen.add(pool[turn].id)
    return [record for record in records if record.id in chosen]


def to_table(found: Sequence[Robustness]) -> str:
    """For people: a row a disturbance and segmenter, mean IoU by strength, and the share that is kept."""
    head = f"{'disturbance':<14}{'segmenter':<22}" + "".join(f"{s:>8}" for s in range(STRENGTHS + 1)) + f"{'kept':>8}"
    rows = [head]
    for name in found[0].disturbances:
        for one in found:
            figures = "".join(_figure(value) for value in (*one.curve(name), one.kept(name)))
            rows.append(f"{name:<14}{one.name[-20:]:<22}{figures}")
    return "\n".join([*rows, "0 = undisturbed; kept = mean over strengths 1 to 5 as a share of the undisturbed"])


def _known(names: Iterable[str]) -> list[str]:
    asked = list(dict.fromkeys(names))
    for name in asked:
        if name not in DISTURBANCES:
            raise InputError(f"no disturbance '{name}': there are {', '.join(DISTURBANCES)}")
    return asked


def _figure(value: float) -> str:
    return f"{'none':>8}" if math.isnan(value) else f"{value:>8.3f}"
