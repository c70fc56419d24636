"""Collect findings while a segmenter is judged: tiles become scans again, scans are matched, the worst are kept.

One scan is held at a time where the tiles of a scan come one after another (`data.rejoin.by_scan`); of the worst cases
only their surroundings are kept, made small. A part is called NG where any answer reaches the least size of its class.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from blemish.core.arrays import Float32, UInt8
from blemish.core.records import Box, TileRecord
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Sample
from blemish.data.lots import lots_of
from blemish.data.rejoin import Canvas, by_scan
from blemish.metrics.findings import SIZE_STEPS_PX, Case, Findings, Tally, View, size_bin
from blemish.metrics.matching import FalseRegion, Matched, Planes, TrueRegion, match_regions
from blemish.segment.padding import shown_hw

MOST_VIEW_PX = 360  # A larger view is made smaller.
LEAST_VIEW_PX = 96


class FindingsCollector:
    """Give it every tile with its probabilities, in any order; then ask for the findings.

    Args:
        records: all tiles that will come.
        of_a_class: how many misses and how many false alarms of each class are kept with pictures.
    """

    def __init__(self, taxonomy: Taxonomy, records: Sequence[TileRecord], *, of_a_class: int = 6) -> None:
        self._taxonomy = taxonomy
        self._scans = by_scan(records)
        self._waiting = {scan: len(tiles) for scan, tiles in self._scans.items()}
        self._canvases: dict[str, Canvas] = {}
        self._lots = lots_of(records)
        classes = len(taxonomy.defects)
        self._called = np.zeros((classes + 1, classes + 1), np.int64)
        self._sizes = np.zeros((classes, len(SIZE_STEPS_PX), 2), np.int64)
        self._on_other = self._ignored = 0
        self._tallies: dict[str, dict[str, Tally]] = {kind: defaultdict(Tally) for kind in ("total", "lot", "group")}
        self._ng: dict[str, bool] = {}
        self._found: dict[str, bool] = {}
        self._misses = {index: _Worst(of_a_class) for index in range(1, classes + 1)}
        self._alarms = {index: _Worst(of_a_class) for index in range(1, classes + 1)}

    def add(self, sample: Sample, probabilities: Float32) -> None:
        """Take one tile: its probabilities are float32 (K+1) H W."""
        record = sample.record
        scan = record.scan_id
        if scan not in self._canvases:
            self._canvases[scan] = Canvas([tile.box for tile in self._scans[scan]])
        truth, answer = sample.label_map.defect, probabilities.argmax(axis=0).astype(np.uint8)
        shown = np.where(truth < len(probabilities), truth, 0)
        planes = {
            "picture": sample.picture,
            "truth": truth,
            "answer": answer,
            "true_score": _of_class(probabilities, shown),
            "answer_score": _of_class(probabilities, answer),
        }
        height, width = shown_hw(sample)  # Padding stays off the scan; what is open at its edge is of it.
        shown_box = Box(record.box.x, record.box.y, width, height)
        self._canvases[scan].place(shown_box, {name: plane[:height, :width] for name, plane in planes.items()})
        self._waiting[scan] -= 1
        if self._waiting[scan] == 0:
            self._count(self._canvases.pop(scan), self._scans[scan])

    def findings(self) -> Findings:
        """What was found; call it once, after the last tile."""
        self._count_parts()
        return Findings(
            total=self._tallies["total"][""],
            called=self._called,
            sizes=self._sizes,
            answers_on_other=self._on_other,
            answers_ignored=self._ignored,
            lots=dict(self._tallies["lot"]) if self._lots.words else {},
            lots_by=self._lots.words,
            groups=dict(self._tallies["group"]),
            misses={index: worst.cases for index, worst in self._misses.items() if worst.cases},
            alarms={index: worst.cases for index, worst in self._alarms.items() if worst.cases},
        )

    def _count(self, canvas: Canvas, tiles: Sequence[TileRecord]) -> None:
        rows, columns = canvas.covered()
        names = ("truth", "answer", "true_score", "answer_score")
        planes = Planes(*(canvas[name][rows, columns] for name in names))
        corner = (canvas.left + columns.start, canvas.top + rows.start)
        scan = _Scan(tiles, planes, canvas["picture"][rows, columns], corner)
        matched = match_regions(planes, [kind.least_size_px for kind in self._taxonomy.defects])
        self._add_up(matched, tiles[0])
        for region in matched.true:
            if not region.is_found and self._misses[region.index].wants(region.area_px):
                case = scan.case(region, region.called, region.best_score, region.area_px)
                self._misses[region.index].add(case)
        for alarm in matched.false:
            if self._alarms[alarm.index].wants(alarm.weight):
                self._alarms[alarm.index].add(scan.case(alarm, alarm.index, alarm.score, alarm.weight))

    def _add_up(self, matched: Matched, record: TileRecord) -> None:
        for region in matched.true:
            self._called[region.index, region.called] += 1
            self._sizes[region.index - 1, size_bin(region.box.longest_px)] += (1, region.is_found)
        for alarm in matched.false:
            self._called[0, alarm.index] += 1
        self._on_other += matched.on_other
        self._ignored += matched.ignored
        part = record.part_id
        anything = bool(matched.false) or matched.on_own + matched.on_other > 0
        self._ng[part] = self._ng.get(part, False) or anything
        self._found[part] = self._found.get(part, False) or any(region.is_found for region in matched.true)
        for tally in self._tallies_of(record):
            tally.scans += 1
            tally.true += len(matched.true)
            tally.found += sum(region.is_found for region in matched.true)
            tally.false += len(matched.false)

    def _tallies_of(self, record: TileRecord) -> Iterable[Tally]:
        keys = {"total": "", "lot": self._lots.of(record), "group": record.group}
        return [self._tallies[kind][key] for kind, key in keys.items()]

    def _count_parts(self) -> None:
        parts: dict[str, list[TileRecord]] = defaultdict(list)
        for tiles in self._scans.values():
            parts[tiles[0].part_id] += tiles
        for part, tiles in parts.items():
            defective = any(tile.classes for tile in tiles)
            good = all(tile.is_clean for tile in tiles)
            for tally in self._tallies_of(tiles[0]):
                tally.defective += defective
                tally.escaped += defective and not self._ng[part]
                tally.blind += defective and self._ng[part] and not self._found[part]
                tally.good += good
                tally.overkilled += good and self._ng[part]
                tally.unknown += not defective and not good


@dataclass(frozen=True)
class _Scan:
    """One scan laid together, without the padding round it."""

    tiles: Sequence[TileRecord]
    planes: Planes
    picture: UInt8
    corner_xy: tuple[int, int]

    def case(self, region: TrueRegion | FalseRegion, called: int, score: float, severity: float) -> Case:
        place = region.box
        box = Box(place.x + self.corner_xy[0], place.y + self.corner_xy[1], place.width, place.height)
        return Case(
            part=self.tiles[0].part_id,
            tile=_tile_of(box, self.tiles).id,
            index=region.index,
            called=called,
            box=box,
            area_px=region.area_px,
            score=score,
            severity=severity,
            view=cut_view(self.picture, self.planes.truth, self.planes.answer, place),
        )


class _Worst:
    """The most severe cases, the most severe first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._cases: list[Case] = []

    @property
    def cases(self) -> tuple[Case, ...]:
        return tuple(self._cases)

    def wants(self, severity: float) -> bool:
        return len(self._cases) < self._most or (self._most > 0 and severity > self._cases[-1].severity)

    def add(self, case: Case) -> None:
        self._cases.append(case)
        self._cases.sort(key=lambda other: -other.severity)
        del self._cases[self._most :]


def cut_view(picture: UInt8, truth: UInt8, answer: UInt8, focus: Box) -> View:
    """A region with as much around it as its longest side, at least 96 px in all, made smaller beyond 360 px."""
    side = max(LEAST_VIEW_PX, round(focus.longest_px * 1.8))
    height, width = truth.shape
    top, tall = _span(focus.y, focus.height, side, height)
    left, wide = _span(focus.x, focus.width, side, width)
    area = (slice(top, top + tall), slice(left, left + wide))
    scale = min(1.0, MOST_VIEW_PX / max(tall, wide))
    size = (max(1, round(wide * scale)), max(1, round(tall * scale)))
    place = Box(
        round((focus.x - left) * scale),
        round((focus.y - top) * scale),
        max(1, round(focus.width * scale)),
        max(1, round(focus.height * scale)),
    )
    return View(
        picture=_resized(picture[area], size, cv2.INTER_AREA),
        truth=_resized(truth[area], size, cv2.INTER_NEAREST),
        answer=_resized(answer[area], size, cv2.INTER_NEAREST),
        focus=place,
    )


def _span(start: int, length: int, wanted: int, available: int) -> tuple[int, int]:
    """Where a span of the wanted length round another begins inside what is available, and how long it is."""
    whole = min(wanted, available)
    first = start + length // 2 - whole // 2
    return min(max(first, 0), available - whole), whole


def _resized(plane: UInt8, size_wh: tuple[int, int], how: int) -> UInt8:
    if plane.shape[1::-1] == size_wh:
        return plane.copy()
    return np.asarray(cv2.resize(np.ascontiguousarray(plane), size_wh, interpolation=how), np.uint8)


def _of_class(probabilities: Float32, classes: UInt8) -> NDArray[np.float16]:
    """The probability of each pixel's class, 0 where the class is 0."""
    chosen = np.take_along_axis(probabilities, classes[None].astype(np.int64), axis=0)[0]
    return np.where(classes > 0, chosen, 0).astype(np.float16)


def _tile_of(box: Box, tiles: Sequence[TileRecord]) -> TileRecord:
    x, y = box.x + box.width / 2, box.y + box.height / 2

    def depth(tile: TileRecord) -> float:
        b = tile.box
        return min(x - b.x, b.x + b.width - x, y - b.y, b.y + b.height - y)

    return max(tiles, key=depth)
