"""What thresholds are chosen from: every region that a low threshold finds out of fold, and every labelled defect.

Struct of arrays: a row is a part, a region or a defect, and the tables refer to each other by row number. Everything
that a choice needs is here, so that choosing again runs no network.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from blemish.core.arrays import Bool, Float32, Int64

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5)  # Least probabilities of a pixel at which regions are found.


@dataclass(frozen=True)
class Parts:
    """Parts, and what the labels say of them. A part that is neither defective nor clean is unknown."""

    names: tuple[str, ...]
    groups: tuple[str, ...]
    fold: Int64
    shows: Bool  # P K: shows a defect of class k + 1.
    clean: Bool

    @property
    def defective(self) -> Bool:
        return np.asarray(self.shows.any(axis=1), np.bool_)

    @property
    def known(self) -> Bool:
        """What escape and overkill are counted over."""
        return self.defective | self.clean


@dataclass(frozen=True)
class Regions:
    """Regions that `inspect.defects.find_defects` found, at each level anew."""

    level: Float32  # One of `LEVELS`.
    part: Int64
    kind: Int64  # 1..K, the class that was called.
    score: Float32  # Mean probability over its pixels (`Defect.score`).
    area_px: Int64
    longest_px: Int64  # Longest side of its upright box.
    own: Bool  # Shares a pixel with a labelled defect of its class,
    real: Bool  # of any class,
    excused: Bool  # with an ignored pixel and no labelled defect: neither right nor false.

    @property
    def false(self) -> Bool:
        """Called where nothing is."""
        return ~self.real & ~self.excused


@dataclass(frozen=True)
class Defects:
    """Labelled defects: regions of touching pixels of one class."""

    part: Int64
    kind: Int64
    area_px: Int64
    longest_px: Int64


@dataclass(frozen=True)
class Pixels:
    """A sample of the pixels that the network takes for a defect, however doubtfully, for the calibration of scores."""

    part: Int64
    kind: Int64  # 1..K, the likeliest defect class.
    score: Float32  # Its probability.
    right: Bool  # The label says the same class.
    weight: Float32  # How many pixels each stands for.


@dataclass(frozen=True)
class Candidates:
    """All of it, and where it comes from."""

    codes: tuple[str, ...]
    names: tuple[str, ...]
    parts: Parts
    regions: Regions
    defects: Defects
    met_region: Int64  # Pairs of a region
    met_defect: Int64  # and a labelled defect, of whatever class, that it shares a pixel with.
    pixels: Pixels
    made_from: Mapping[str, str]  # `FoldRuns.made_from`.
    left_out: int = 0  # Regions beyond the most that one view may list, over all levels.

    @property
    def folds(self) -> tuple[int, ...]:
        return tuple(int(fold) for fold in np.unique(self.parts.fold))

    def inside(self, folds: Collection[int]) -> Bool:
        """Which parts are of these folds."""
        return np.isin(self.parts.fold, sorted(folds))

    def best_scores(self, kind: int, level: float, least_area_px: int) -> Float32:
        """For every labelled defect of a class the best score among the regions of that class that meet it; else -1."""
        regions, best = self.regions, np.full(len(self.defects.kind), -1, np.float32)
        rows, defects = self.met_region, self.met_defect
        counts = (regions.level[rows] == np.float32(level)) & (regions.area_px[rows] >= least_area_px)
        counts &= (self.defects.kind[defects] == kind) & (regions.kind[rows] == kind)
        np.maximum.at(best, defects[counts], regions.score[rows[counts]])
        own: Float32 = best[self.defects.kind == kind]
        return own

    def part_scores(self, kind: int, level: float, least_area_px: int) -> Float32:
        """For every part the best score among its regions of a class; -1 where it has none."""
        regions, best = self.regions, np.full(len(self.parts.names), -1, np.float32)
        counts = (regions.level == np.float32(level)) & (regions.kind == kind) & (regions.area_px >= least_area_px)
        np.maximum.at(best, regions.part[counts], regions.score[counts])
        return best
