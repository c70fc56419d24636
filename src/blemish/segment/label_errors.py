"""Suspected label errors, worst first: where a network that never saw a tile contradicts its label.

Three suspicions, region by region, as confident learning has it for whole pictures (Northcutt et al., "Confident
Learning", JAIR 2021): what is sure is held against how sure the networks are where the label is as they say.

missing    a region is called a class with a high score where the label says nothing
unseen     on nine tenths of a labelled region no defect is likelier than one, though its class is seen elsewhere
swapped    a labelled region is called another class

A network that cries wolf convinces nobody: over the whole set, `missing` is weighed by how often calls of its class are
right, `swapped` by how often they are right where something is labelled, `unseen` by how well its class is seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import cv2
import numpy as np

from blemish.core.arrays import Bool, Float32, Float64, UInt8
from blemish.core.records import Box, TileRecord
from blemish.core.taxonomy import IGNORE, Taxonomy
from blemish.data.dataset import Sample
from blemish.segment.padding import shown_hw

Kind = Literal["missing", "unseen", "swapped"]
NEAR_PX = 3  # A call so near a labelled region belongs to it: borders are drawn loosely.
LEAST_PX = 12  # Smaller regions are not spoken of.
_UNSEEN = 0.5  # A labelled region on nine tenths of which no defect is this likely, or more, is unseen.
_PRIOR = 2.0  # Regions of a coin's worth: a class with few regions is trusted half.


@dataclass(frozen=True)
class Suspicion:
    """One region whose label may be wrong.

    Attributes:
        score: 0 to 1, 1 is the worst; to sort by, not a probability.
        labelled, called: defect names; empty = none.
        confidence: mean probability of what is called over the region; `unseen`: the probability of no defect that nine
            tenths of its pixels exceed, so that a defect seen in part is seen.
    """

    record: TileRecord
    kind: Kind
    score: float
    labelled: str
    called: str
    confidence: float
    box: Box
    area_px: int

    @property
    def words(self) -> str:
        """What is suspected, for people."""
        return {
            "missing": f"{self.called} may be missing from the label",
            "unseen": f"{self.labelled} is labelled, nothing is seen there",
            "swapped": f"{self.labelled} may be {self.called}",
        }[self.kind]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, a row of the table."""
        return {
            "tile": self.record.id,
            "part": self.record.part,
            "kind": self.kind,
            "score": round(self.score, 4),
            "labelled": self.labelled,
            "called": self.called,
            "confidence": round(self.confidence, 4),
            "x_px": self.box.x,
            "y_px": self.box.y,
            "width_px": self.box.width,
            "height_px": self.box.height,
            "area_px": self.area_px,
        }


class SuspicionTally:
    """Show it every tile with the probabilities of a network that never saw it (`see`); then ask for the `worst`."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self.taxonomy = taxonomy
        count = len(taxonomy.defects) + 1
        self._raw: list[tuple[Suspicion, int, int]] = []  # With the classes labelled and called.
        self._areas: list[list[int]] = [[] for _ in range(count)]
        self._seen = np.zeros((count, 2))  # Of labelled regions: sum of how far anything is seen there, number.
        self._right = np.zeros((count, 2))  # Of called regions: those on a region of that class, number;
        self._named = np.zeros((count, 2))  # the same of those on any labelled region.

    def see(self, sample: Sample, probabilities: Float32) -> None:
        """Take one tile and its probabilities, float32 (K+1) H W; what reaches an ignored pixel says nothing."""
        height, width = shown_hw(sample)
        truth, probabilities = sample.label_map.defect[:height, :width], probabilities[:, :height, :width]
        self._look_at_labels(sample.record, truth, probabilities)
        self._look_at_calls(sample.record, truth, probabilities)

    def worst(self, most: int | None = None) -> list[Suspicion]:
        """Suspicions of all tiles seen, highest score first; those of score 0 are left out."""
        trusts = {"unseen": _share(self._seen), "missing": _share(self._right), "swapped": _share(self._named)}
        weighed = []
        for one, labelled, called in self._raw:
            trust = trusts[one.kind][labelled if one.kind == "unseen" else called]
            score = one.confidence * trust * self._size_weight(one.area_px, called or labelled)
            weighed.append(replace(one, score=float(score)))
        weighed.sort(key=lambda one: (-one.score, one.record.id, one.box.y, one.box.x))
        return [one for one in weighed if one.score > 0][:most]

    def _look_at_labels(self, record: TileRecord, truth: UInt8, probabilities: Float32) -> None:
        for index in np.unique(truth[(truth > 0) & (truth != IGNORE)]):
            for box, mask in _regions(truth == index):
                means = _means(probabilities, box, mask)
                area = int(mask.sum())
                self._areas[index].append(area)
                nothing = float(np.quantile(_inside(probabilities[:1], box, mask), 0.1))
                self._seen[index] += 1 - nothing, 1
                other = int(means[1:].argmax()) + 1
                if area < LEAST_PX:
                    continue
                if other != index and means[other] > means[0]:
                    self._suspect(record, "swapped", int(index), other, float(means[other] - means[index]), box, area)
                elif nothing >= _UNSEEN:
                    self._suspect(record, "unseen", int(index), 0, nothing, box, area)

    def _look_at_calls(self, record: TileRecord, truth: UInt8, probabilities: Float32) -> None:
        called = probabilities.argmax(axis=0)
        labelled = ((truth > 0) & (truth != IGNORE)).astype(np.uint8)
        near = cv2.dilate(labelled, np.ones((2 * NEAR_PX + 1, 2 * NEAR_PX + 1), np.uint8)) > 0
        for index in np.unique(called[called > 0]):
            for box, mask in _regions(called == index):
                rows, columns = slice(box.y, box.y + box.height), slice(box.x, box.x + box.width)
                under = truth[rows, columns][mask]
                if (under == IGNORE).any():
                    continue
                hit = bool((under == index).any())
                self._right[index] += hit, 1
                self._named[index] += hit, labelled[rows, columns][mask].any()
                if not near[rows, columns][mask].any() and mask.sum() >= LEAST_PX:
                    sure = float(_means(probabilities, box, mask)[index])
                    self._suspect(record, "missing", 0, int(index), sure, box, int(mask.sum()))

    def _suspect(
        self, record: TileRecord, kind: Kind, labelled: int, called: int, confidence: float, box: Box, area_px: int
    ) -> None:
        names = ("", *self.taxonomy.defect_names)
        one = Suspicion(record, kind, 0.0, names[labelled], names[called], confidence, box, area_px)
        self._raw.append((one, labelled, called))

    def _size_weight(self, area_px: int, index: int) -> float:
        """1 for a region of its class's middle size or more, less for a speck."""
        areas = self._areas[index]
        return min(1.0, (area_px / float(np.median(areas))) ** 0.5) if areas else 1.0


def _share(counts: Float64) -> Float64:
    """Of two columns, hits and number; near a half where the number is small."""
    return np.asarray((counts[:, 0] + _PRIOR / 2) / (counts[:, 1] + _PRIOR))


def _regions(mask: Bool) -> Iterator[tuple[Box, Bool]]:
    count, numbers, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    for number in range(1, count):
        x, y, width, height = (int(value) for value in stats[number, :4])
        yield Box(x, y, width, height), np.asarray(numbers[y : y + height, x : x + width] == number)


def _means(probabilities: Float32, box: Box, mask: Bool) -> Float32:
    """float32 K+1: mean probability of each class over a region."""
    return np.asarray(_inside(probabilities, box, mask).mean(axis=1), np.float32)


def _inside(probabilities: Float32, box: Box, mask: Bool) -> Float32:
    """float32 N P: the planes at a region's pixels."""
    cut = probabilities[:, box.y : box.y + box.height, box.x : box.x + box.width]
    return np.asarray(cut[:, mask], np.float32)
