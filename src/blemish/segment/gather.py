"""Run each fold's inspector over the scans that it never saw, through the line's own path, and note what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from blemish.core.arrays import Bool, Int64, UInt8
from blemish.core.protocols import Segmenter
from blemish.core.records import Defect, Split
from blemish.core.seeds import rng
from blemish.core.taxonomy import IGNORE, Taxonomy
from blemish.inspect.defects import Limits, find_defects
from blemish.inspect.scan import ScoreMap, Tiling, scan_scores
from blemish.picture.normalise import to_channels
from blemish.segment.candidates import LEVELS, Candidates, Defects, Parts, Pixels, Regions
from blemish.segment.fold_runs import FoldRuns
from blemish.segment.scans import LabelledScan, labelled_scans

LEAST_PIXEL_SCORE = 0.05  # Below it a pixel is surely called clean, and millions of them would say nothing else.
_PIXELS = 200_000  # Kept in all, about.


def gather(runs: FoldRuns, *, progress: bool = False) -> Candidates:
    """Judge every tile outside the test split by the inspector that did not learn from it.

    Scans are put together from their tiles and cut again as on the line (`inspect.scan.scan_scores`).

    Args:
        progress: a bar on standard error, where that is a terminal.
    """
    taxonomy = runs.dataset.taxonomy
    notes = _Notes(taxonomy, pixels_a_tile=_pixels_a_tile(runs))
    for fold, run in enumerate(runs.runs):
        records = run.view.select(Split.VAL)
        with tqdm(total=len(records), desc=f"judge {run.name}", unit="tile", disable=None if progress else True) as bar:
            for scan in labelled_scans(run.view, records):
                notes.add(fold, scan, score_map(scan, run.segmenter, run.tiling))
                bar.update(scan.tiles)
    return notes.candidates(dict(runs.made_from))


def score_map(scan: LabelledScan, segmenter: Segmenter, tiling: Tiling) -> ScoreMap:
    """As the line sees this scan."""
    return scan_scores(to_channels(scan.picture, segmenter.channels), segmenter, tiling)


@dataclass
class _Notes:
    """Rows as they come."""

    taxonomy: Taxonomy
    pixels_a_tile: int
    part_rows: dict[str, int] = field(default_factory=dict)
    groups: list[set[str]] = field(default_factory=list)
    folds: list[int] = field(default_factory=list)
    shows: list[Bool] = field(default_factory=list)
    clean: list[bool] = field(default_factory=list)
    regions: list[tuple[Any, ...]] = field(default_factory=list)
    defects: list[tuple[int, ...]] = field(default_factory=list)
    met: list[tuple[int, int]] = field(default_factory=list)
    pixels: list[tuple[Any, ...]] = field(default_factory=list)
    left_out: int = 0

    def add(self, fold: int, scan: LabelledScan, scores: ScoreMap) -> None:
        part = self._part(fold, scan)
        labels = _label_regions(scan.truth, len(self.taxonomy.defects), first=len(self.defects))
        for kind, box_longest, area in labels.rows:
            self.defects.append((part, kind, area, box_longest))
        sizes = {defect.code: defect.least_size_px for defect in self.taxonomy.defects}
        for level in LEVELS:
            found = find_defects(scores, self.taxonomy, Limits(dict.fromkeys(self.taxonomy.codes, level), sizes))
            self.left_out += found.left_out
            for defect in found.defects:
                self._region(part, level, defect, scores, scan.truth, labels)
        self._pixels(part, scan, scores)

    def _part(self, fold: int, scan: LabelledScan) -> int:
        row = self.part_rows.setdefault(scan.part, len(self.part_rows))
        shown = np.array([bool((scan.truth == kind).any()) for kind in range(1, len(self.taxonomy.defects) + 1)])
        if row == len(self.groups):
            self.groups.append(set())
            self.folds.append(fold)
            self.shows.append(np.zeros_like(shown))
            self.clean.append(True)
        self.groups[row].add(scan.group)
        self.shows[row] |= shown
        self.clean[row] &= scan.is_clean
        return row

    def _region(self, part: int, level: float, defect: Defect, scores: ScoreMap, truth: UInt8, labels: _Labels) -> None:
        kind = self.taxonomy.codes.index(defect.code) + 1
        there = (
            slice(defect.box.y, defect.box.y + defect.box.height),
            slice(defect.box.x, defect.box.x + defect.box.width),
        )
        mask = _mask_of(defect, (scores.best[there] == kind) & (scores.score[there] >= np.float32(level)))
        met = np.unique(labels.plane[there][mask])
        met = met[met >= 0]
        own = any(self.defects[row][1] == kind for row in met)
        ignored = bool((truth[there][mask] == IGNORE).any())
        self.met += [(len(self.regions), int(row)) for row in met]
        self.regions.append(
            (level, part, kind, defect.score, defect.area_px, defect.box.longest_px, own, met.size > 0,
             ignored and not met.size)
        )  # fmt: skip

    def _pixels(self, part: int, scan: LabelledScan, scores: ScoreMap) -> None:
        doubtful = (scores.score >= LEAST_PIXEL_SCORE) & (scan.truth != IGNORE)
        places = np.flatnonzero(doubtful)
        most = self.pixels_a_tile * scan.tiles
        kept = places
        if len(places) > most:
            kept = np.sort(rng(0, "calibration", scan.name).choice(places, most, replace=False))
        best, truth = scores.best.ravel()[kept], scan.truth.ravel()[kept]
        weight, score = len(places) / max(len(kept), 1), scores.score.ravel()[kept]
        self.pixels += [(part, *row, weight) for row in zip(best, score, best == truth, strict=True)]

    def candidates(self, made_from: dict[str, str]) -> Candidates:
        met = np.array(self.met, np.int64).reshape(-1, 2)
        return Candidates(
            codes=self.taxonomy.codes,
            names=self.taxonomy.defect_names,
            parts=Parts(
                names=tuple(self.part_rows),
                groups=tuple(" + ".join(sorted(own)) for own in self.groups),
                fold=np.array(self.folds, np.int64),
                shows=np.array(self.shows, np.bool_).reshape(-1, len(self.taxonomy.defects)),
                clean=np.array(self.clean, np.bool_),
            ),
            regions=Regions(**_columns(self.regions, _REGION)),
            defects=Defects(**_columns(self.defects, _DEFECT)),
            met_region=met[:, 0],
            met_defect=met[:, 1],
            pixels=Pixels(**_columns(self.pixels, _PIXEL)),
            made_from=made_from,
            left_out=self.left_out,
        )


_REGION = {
    "level": np.float32, "part": np.int64, "kind": np.int64, "score": np.float32, "area_px": np.int64,
    "longest_px": np.int64, "own": np.bool_, "real": np.bool_, "excused": np.bool_,
}  # fmt: skip
_DEFECT = {"part": np.int64, "kind": np.int64, "area_px": np.int64, "longest_px": np.int64}
_PIXEL = {"part": np.int64, "kind": np.int64, "score": np.float32, "right": np.bool_, "weight": np.float32}


def _columns(rows: Sequence[Sequence[Any]], kinds: Mapping[str, type]) -> dict[str, Any]:
    """Rows as columns by name."""
    columns = zip(*rows, strict=True) if rows else [()] * len(kinds)
    return {name: np.array(values, kind) for (name, kind), values in zip(kinds.items(), columns, strict=True)}


@dataclass(frozen=True)
class _Labels:
    """The labelled defects of one scan: a plane of their row numbers, -1 elsewhere; class, longest side, area."""

    plane: Int64
    rows: tuple[tuple[int, int, int], ...]


def _label_regions(truth: UInt8, kinds: int, *, first: int) -> _Labels:
    plane = np.full(truth.shape, -1, np.int64)
    rows: list[tuple[int, int, int]] = []
    for kind in range(1, kinds + 1):
        mask = truth == kind
        if not mask.any():
            continue
        count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
        plane[mask] = labels[mask] - 1 + first + len(rows)
        for label in range(1, count):
            _, _, width, height, area = (int(value) for value in stats[label])
            rows.append((kind, max(width, height), area))
    return _Labels(plane, tuple(rows))


def _mask_of(defect: Defect, passing: Bool) -> Bool:
    """A region's own pixels among all that pass in its box: those connected with its outline."""
    _, labels = cv2.connectedComponents(passing.astype(np.uint8), connectivity=8)
    columns, rows = (np.array(values) for values in zip(*defect.outline_xy, strict=True))
    own = np.unique(labels[rows - defect.box.y, columns - defect.box.x])
    mask: Bool = np.isin(labels, own[own > 0])
    return mask


def _pixels_a_tile(runs: FoldRuns) -> int:
    tiles = sum(len(run.view.select(Split.VAL)) for run in runs.runs)
    return int(np.clip(_PIXELS // max(tiles, 1), 20, 500))
