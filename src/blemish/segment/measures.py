"""What a quality engineer asks beside the IoU: regions met and false, sizes, AUPRO, and what becomes of the parts.

A `MeasureTally` looks on while `evaluate` judges (its `see`). All is measured tile by tile: a defect that is cut by a
tile's border is two, and a region's size is that of its piece, real and found alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from blemish.core.arrays import Float32, UInt8
from blemish.core.errors import InputError
from blemish.core.records import Defect, TileRecord, Verdict
from blemish.core.taxonomy import IGNORE, Taxonomy
from blemish.data.dataset import Sample
from blemish.inspect.defects import Limits, find_defects
from blemish.inspect.scan import ScoreMap
from blemish.metrics.aupro import LIMITS, Aupro, OverlapCurve
from blemish.metrics.region import OVERLAPS, RegionCount, regions_at
from blemish.metrics.size_error import SizeError, matched
from blemish.metrics.tile_class import CLEAN, tile_class, where_known
from blemish.segment.evaluation import none_if_nan
from blemish.segment.padding import shown_hw
from blemish.segment.part_figures import PartFigures, parts_of

ALL = "all"


@dataclass(frozen=True)
class Measures:
    """The figures of one segmenter on one set of tiles.

    Attributes:
        regions: of each class, at each of `overlaps`.
        scans: pictures that the tiles were cut from.
        aupro: at each limit of the false positive rate.
        lengths, areas: found minus real, by class name and `all`.
        review_above: least probability that made a part REVIEW; None = there was no such band.
    """

    taxonomy: Taxonomy
    overlaps: tuple[float, ...]
    regions: tuple[tuple[RegionCount, ...], ...]
    scans: int
    aupro: tuple[Aupro, ...]
    lengths: Mapping[str, SizeError]
    areas: Mapping[str, SizeError]
    parts: PartFigures
    review_above: float | None

    def regions_of_all(self, place: int) -> RegionCount:
        """Over all classes, at one of the overlaps."""
        return sum((row[place] for row in self.regions), RegionCount())

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        names = self.taxonomy.defect_names
        return {
            "regions": [self._at(place, overlap) for place, overlap in enumerate(self.overlaps)],
            "scans": self.scans,
            "aupro": [
                {
                    "limit": one.limit,
                    "value": none_if_nan(one.value),
                    "classes": dict(zip(names, map(none_if_nan, one.classes), strict=True)),
                }
                for one in self.aupro
            ],
            "length_error": {name: error.to_dict() for name, error in self.lengths.items()},
            "area_error": {name: error.to_dict() for name, error in self.areas.items()},
            "parts": {**self.parts.to_dict(), "review_above": self.review_above},
        }

    def _at(self, place: int, overlap: float) -> dict[str, Any]:
        rows = dict(zip(self.taxonomy.defect_names, (row[place] for row in self.regions), strict=True))
        return {
            "overlap": overlap,
            **self._counted(self.regions_of_all(place)),
            "classes": {name: self._counted(count) for name, count in rows.items()},
        }

    def _counted(self, count: RegionCount) -> dict[str, Any]:
        per_scan = round(count.false / self.scans, 6)
        own = {"real": count.real, "met": count.met, "recall": none_if_nan(count.recall), "false": count.false}
        return {**own, "false_per_scan": per_scan}


class MeasureTally:
    """Give its `see` to `evaluate`; after the last tile ask for the `measures`.

    Args:
        review_above: a part without a defect is REVIEW where a region's pixels reach this probability of one class,
            though none is the likeliest; 0 to 1. None = no part is REVIEW.

    Raises:
        InputError: a probability outside 0 to 1.
    """

    def __init__(self, taxonomy: Taxonomy, *, review_above: float | None = None) -> None:
        if review_above is not None and not 0 < review_above < 1:
            raise InputError(f"a review probability must be between 0 and 1, got {review_above}")
        self.taxonomy, self.review_above = taxonomy, review_above
        self._curve = OverlapCurve(len(taxonomy.defects))
        self._regions = [[RegionCount() for _ in OVERLAPS] for _ in taxonomy.defects]
        self._pairs: list[tuple[str, tuple[float, float], tuple[float, float]]] = []  # Class, real and found sizes.
        self._records: list[TileRecord] = []
        self._verdicts: list[Verdict] = []

    def see(self, sample: Sample, probabilities: Float32) -> None:
        """Take one tile and its probabilities, float32 (K+1) H W."""
        truth = sample.label_map.defect
        likeliest = probabilities.argmax(axis=0).astype(np.uint8)
        called = where_known(likeliest, truth)
        self._curve.add(truth, probabilities[1:].sum(axis=0))
        height, width = shown_hw(sample)
        self._count_regions(truth[:height, :width], likeliest[:height, :width])
        real, found = self._defects(np.where(truth == IGNORE, 0, truth).astype(np.uint8)), self._defects(called)
        self._pairs += [(one.name, _sizes(one), _sizes(other)) for one, other in matched(real, found)]
        self._records.append(sample.record)
        self._verdicts.append(self._verdict(called, np.where(truth == IGNORE, 0, probabilities[1:])))

    def measures(self) -> Measures:
        """What was measured so far.

        Raises:
            InputError: no tile was seen.
        """
        if not self._records:
            raise InputError("nothing was measured: no tile was seen")
        in_mm = self.taxonomy.pixel_mm_xy is not None
        return Measures(
            taxonomy=self.taxonomy,
            overlaps=OVERLAPS,
            regions=tuple(tuple(row) for row in self._regions),
            scans=len({record.scan_id for record in self._records}),
            aupro=tuple(self._curve.aupro(limit) for limit in LIMITS),
            lengths=self._errors(0, "mm" if in_mm else "px"),
            areas=self._errors(1, "mm2" if in_mm else "px2"),
            parts=parts_of(self._records, self._verdicts),
            review_above=self.review_above,
        )

    def _count_regions(self, truth: UInt8, called: UInt8) -> None:
        """Whole regions: one that reaches into what is ignored is never false, so it must not be cut off there.

        Padding is cut off: it mirrors the picture, and what is called at its edge is called on in there.
        """
        for index, kind in enumerate(self.taxonomy.defects, start=1):
            row = self._regions[index - 1]
            for place, count in enumerate(regions_at(truth, called, index, OVERLAPS, kind.least_size_px)):
                row[place] += count

    def _defects(self, plane: UInt8) -> Sequence[Defect]:
        """As the inspector measures them; a labelled region is as sure as can be."""
        sizes = {kind.code: kind.least_size_px for kind in self.taxonomy.defects}
        scores = ScoreMap(np.maximum(plane, 1), (plane > 0).astype(np.float32))
        return find_defects(scores, self.taxonomy, Limits(dict.fromkeys(sizes, 0.5), sizes)).defects

    def _verdict(self, called: UInt8, defects: Float32) -> Verdict:
        """Of one tile, from the likeliest classes and the probabilities of all defects, float32 K H W."""
        if tile_class(called, self.taxonomy) != CLEAN:
            return Verdict.NG
        if self.review_above is None:
            return Verdict.OK
        unsure = np.where(defects.max(axis=0) >= self.review_above, defects.argmax(axis=0) + 1, 0).astype(np.uint8)
        return Verdict.OK if tile_class(unsure, self.taxonomy) == CLEAN else Verdict.REVIEW

    def _errors(self, which: int, unit: str) -> dict[str, SizeError]:
        errors = {}
        for name in (ALL, *self.taxonomy.defect_names):
            own = [(real[which], found[which]) for kind, real, found in self._pairs if name in (ALL, kind)]
            errors[name] = SizeError.of(unit, [real for real, _ in own], [found for _, found in own])
        return errors


def _sizes(defect: Defect) -> tuple[float, float]:
    """Length and area in mm where the pixel size is known, else in px."""
    length = defect.length_px if defect.length_mm is None else defect.length_mm
    return length, float(defect.area_px) if defect.area_mm2 is None else defect.area_mm2
