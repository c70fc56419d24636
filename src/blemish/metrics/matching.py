"""True defects against answers, region by region: found, called something else, or missed; and false alarms.

A region is a set of touching pixels (8 neighbours) of one class. Answers under the least size of their class are
dropped first, as the line drops them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from blemish.core.arrays import Bool, Float32, Int64, UInt8
from blemish.core.errors import LabelError
from blemish.core.records import Box
from blemish.core.taxonomy import IGNORE


@dataclass(frozen=True)
class TrueRegion:
    """One true defect. `called` is its class where one pixel of it was called so, else the class that most of its
    called pixels got, else 0: nothing was found there."""

    index: int  # 1..K
    box: Box
    area_px: int
    called: int
    best_score: float  # The highest probability of its class inside it.

    @property
    def is_found(self) -> bool:
        return self.called == self.index


@dataclass(frozen=True)
class FalseRegion:
    """An answer that touches no true defect and no ignored pixel."""

    index: int  # 1..K, as it was called.
    box: Box
    area_px: int
    score: float  # Mean probability over its pixels, 0 to 1.

    @property
    def weight(self) -> float:
        """Score x area: what makes one false alarm worse than another."""
        return self.score * self.area_px


@dataclass(frozen=True)
class Matched:
    """The regions of one picture, and what became of its answers: every answer counts in one of the four."""

    true: tuple[TrueRegion, ...]
    false: tuple[FalseRegion, ...]
    on_own: int = 0  # Answers that touch a defect of their class,
    on_other: int = 0  # or else one of another class,
    ignored: int = 0  # or else only ignored pixels.


@dataclass(frozen=True)
class Planes:
    """What is matched: planes of one size.

    Args:
        truth: uint8 of 0, 1..K, 255.
        answer: uint8 of 0..K.
        true_score: float in [0, 1], probability of the pixel's true class.
        answer_score: float in [0, 1], probability of the class that was called.
    """

    truth: UInt8
    answer: UInt8
    true_score: Float32
    answer_score: Float32


def match_regions(planes: Planes, least_sizes_px: Sequence[int]) -> Matched:
    """Match the regions of one picture.

    Args:
        least_sizes_px: longest side of each class, in the order of the classes.

    Raises:
        LabelError: truth and answer differ in size.

    Example:
        >>> truth, answer = np.array([[1, 1, 0, 2]], np.uint8), np.array([[0, 1, 0, 1]], np.uint8)
        >>> ones = np.ones((1, 4), np.float32)
        >>> [region.called for region in match_regions(Planes(truth, answer, ones, ones), [0, 0]).true]
        [1, 1]
    """
    if planes.truth.shape != planes.answer.shape:
        raise LabelError(f"truth and answer must be of one size, got {planes.truth.shape} and {planes.answer.shape}")
    answers = _answers(planes, least_sizes_px)
    kept = np.zeros_like(planes.answer)
    for found in answers:
        kept[found.rows, found.columns] = found.index
    true = [region for index in _classes(least_sizes_px) for region in _true_regions(planes, kept, index)]
    false, counts = _judged(planes, answers)
    return Matched(tuple(true), tuple(false), *counts)


@dataclass(frozen=True)
class _Regions:
    """All regions of one class: their statistics, and the pixels with the region that each is of, 0..n-1."""

    index: int
    boxes: list[Box]
    areas: Int64
    rows: Int64
    columns: Int64
    region: Int64


def _classes(least_sizes_px: Sequence[int]) -> range:
    return range(1, len(least_sizes_px) + 1)


def _regions(mask: Bool, index: int, least_px: int = 0) -> _Regions:
    """Regions whose longest side reaches the least."""
    x0, y0, width, height = cv2.boundingRect(mask.astype(np.uint8))
    inner = np.ascontiguousarray(mask[y0 : y0 + height, x0 : x0 + width]).astype(np.uint8)
    if not inner.size:
        none = np.zeros(0, np.int64)
        return _Regions(index, [], none, none, none, none)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(inner, connectivity=8, ltype=cv2.CV_32S)
    keep = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]) >= least_px
    keep[0] = False  # What is no region.
    number = np.cumsum(keep) - 1
    rows, columns = np.nonzero(keep[labels])
    boxes = [Box(x0 + int(x), y0 + int(y), int(w), int(h)) for x, y, w, h, _ in stats[keep]]
    region = number[labels[rows, columns]]
    return _Regions(index, boxes, stats[keep, cv2.CC_STAT_AREA].astype(np.int64), rows + y0, columns + x0, region)


def _answers(planes: Planes, least_sizes_px: Sequence[int]) -> list[_Regions]:
    return [
        _regions(planes.answer == index, index, least)
        for index, least in zip(_classes(least_sizes_px), least_sizes_px, strict=True)
    ]


def _true_regions(planes: Planes, kept: UInt8, index: int) -> list[TrueRegion]:
    regions = _regions(planes.truth == index, index)
    count, classes = len(regions.boxes), int(kept.max(initial=index)) + 1
    called = kept[regions.rows, regions.columns].astype(np.int64)
    table = np.bincount(regions.region * classes + called, minlength=count * classes).reshape(count, classes)
    table[:, 0] = 0
    best = np.zeros(count, np.float32)
    np.maximum.at(best, regions.region, planes.true_score[regions.rows, regions.columns].astype(np.float32))
    names = np.where(table[:, index] > 0, index, table.argmax(axis=1))
    return [
        TrueRegion(index, box, int(area), int(name), float(score))
        for box, area, name, score in zip(regions.boxes, regions.areas, names, best, strict=True)
    ]


def _judged(planes: Planes, answers: Sequence[_Regions]) -> tuple[list[FalseRegion], tuple[int, int, int]]:
    """The false answers, and how many touch their own class, another, or only ignored pixels."""
    false: list[FalseRegion] = []
    totals = np.zeros(3, np.int64)
    for found in answers:
        count = len(found.boxes)
        truth = planes.truth[found.rows, found.columns]
        own = _touching(found, truth == found.index)
        other = _touching(found, (truth > 0) & (truth != IGNORE)) & ~own
        ignored = _touching(found, truth == IGNORE) & ~own & ~other
        totals += [own.sum(), other.sum(), ignored.sum()]
        score = planes.answer_score[found.rows, found.columns].astype(np.float64)
        mean = np.bincount(found.region, weights=score, minlength=count) / np.maximum(found.areas, 1)
        for place in np.flatnonzero(~(own | other | ignored)):
            false.append(FalseRegion(found.index, found.boxes[place], int(found.areas[place]), float(mean[place])))
    return false, (int(totals[0]), int(totals[1]), int(totals[2]))


def _touching(found: _Regions, pixels: Bool) -> Bool:
    """Whether each region holds one of these pixels."""
    touching = np.zeros(len(found.boxes), bool)
    touching[found.region[pixels]] = True
    return touching
