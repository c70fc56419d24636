"""What a cell is judged by, and all that is kept of it: enough for every later figure, without a picture.

Pixels are counted group by group, as groups are what a bootstrap draws; parts are counted as an inspector without a
recipe would call them: NG where any region reaches the least size of its class, else OK.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from blemish.core.arrays import Float32, Int64, UInt8
from blemish.core.errors import DatasetError
from blemish.core.protocols import Segmenter
from blemish.core.records import TileRecord, Verdict
from blemish.core.taxonomy import IGNORE
from blemish.data.dataset import Dataset
from blemish.metrics.auroc import auroc
from blemish.metrics.part import Proportion, escape_rate, overkill_rate
from blemish.metrics.pixel import Confusion
from blemish.metrics.region import RegionCount, regions_at
from blemish.metrics.tile_class import CLEAN, TileAccuracy, tile_accuracy, tile_class, where_known
from blemish.segment.evaluation import list_batches, none_if_nan, probabilities_of
from blemish.segment.padding import shown_hw
from blemish.segment.part_figures import parts_of

# Raised when the same answers would be judged otherwise, or more is kept of them. 1: what was called where the label is
# 255 (padding) counted in the class of a tile, and so in accuracy and parts; never in pixels. 3: part scores, regions.
# 4: a region that reaches into padding can be false.
JUDGING, WITHOUT_PADDING = 4, 2
OVERLAP = 0.3  # What a region must be covered by to be met, and to be no false one (`metrics.region`).
SCORE_WINDOW_PX = 7  # A part scores as its likeliest window of this side: a single hot pixel is no defect.


@dataclass(frozen=True)
class PartCounts:
    """Parts by what they truly are and what was called; a part of which nobody knows whether it is good is left out."""

    defective: int
    escaped: int  # Of the defective ones: nothing found.
    clean: int
    overkilled: int  # Of the clean ones: something found.
    unknown: int

    def to_dict(self) -> dict[str, int]:
        return dict(vars(self))


@dataclass(frozen=True)
class Judgement:
    """The figures of one cell."""

    classes: tuple[str, ...]
    groups: dict[str, Int64]  # (K+1) x (K+1) pixels of each group: true class, predicted class.
    accuracy: TileAccuracy
    parts: PartCounts
    part_scores: dict[str, dict[str, float]]  # "defective" and "clean" parts: how likely a defect each shows, 0 to 1.
    regions: dict[str, RegionCount]  # By class, at `OVERLAP`, tile by tile.
    scans: int
    tiles: int

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; `groups` as `packed` writes them."""
        table = pooled(self.groups.values(), len(self.classes))
        return {
            "judging": JUDGING,
            "mean_iou": none_if_nan(table.mean_iou()),
            "iou": dict(zip(self.classes, map(none_if_nan, table.iou().tolist()), strict=True)),
            "accuracy": none_if_nan(self.accuracy.value),
            "tiles": {
                "judged": self.tiles,
                "right": self.accuracy.right,
                "counted": self.accuracy.judged,
                "several_classes_left_out": self.accuracy.several,
                "unknown_left_out": self.accuracy.unknown,
            },
            "parts": self.parts.to_dict(),
            "part_scores": {
                kind: {part: round(v, 4) for part, v in own.items()} for kind, own in self.part_scores.items()
            },
            "regions": {name: asdict(count) for name, count in self.regions.items()},
            "scans": self.scans,
            "groups": {group: packed(counts) for group, counts in sorted(self.groups.items())},
        }


def judge(segmenter: Segmenter, dataset: Dataset, records: Sequence[TileRecord], *, batch: int = 4) -> Judgement:
    """Judge a segmenter by these tiles; a batch in memory at a time, pixels of 255 count nowhere.

    Raises:
        DatasetError: no tiles.
    """
    if not records:
        raise DatasetError(f"{dataset.folder} has no tile to judge by in this view: give it val and test tiles")
    defects = len(dataset.taxonomy.defects)
    groups: dict[str, Confusion] = defaultdict(lambda: Confusion(defects))
    answers: list[int] = []
    scores: list[float] = []
    regions = dict.fromkeys(dataset.taxonomy.defect_names, RegionCount())
    for some in tqdm(list_batches(records, batch), desc="judge", unit="batch", leave=False, disable=None):
        samples = [dataset.sample(record) for record in some]
        for sample, probabilities in zip(samples, probabilities_of(segmenter, samples), strict=True):
            predicted = probabilities.argmax(axis=0).astype(np.uint8)
            scores.append(_score(probabilities, sample.label_map.defect))
            groups[sample.record.group].add(sample.label_map.defect, predicted)
            height, width = shown_hw(sample)
            truth, called = sample.label_map.defect[:height, :width], predicted[:height, :width]
            for index, kind in enumerate(dataset.taxonomy.defects, start=1):
                (count,) = regions_at(truth, called, index, (OVERLAP,), kind.least_size_px)
                regions[kind.name] += count
            answers.append(tile_class(where_known(predicted, sample.label_map.defect), dataset.taxonomy))
    return Judgement(
        classes=dataset.taxonomy.defect_names,
        groups={group: table.counts for group, table in groups.items()},
        accuracy=tile_accuracy([r.classes for r in records], [r.ignore_px > 0 for r in records], answers, defects),
        parts=count_parts(records, answers),
        part_scores=_of_parts(records, scores),
        regions=regions,
        scans=len({record.scan_id for record in records}),
        tiles=len(records),
    )


def judged_as_now(cell: Mapping[str, Any]) -> bool:
    """Whether a kept cell holds all that is kept of one now, counted as it is counted now."""
    return bool(cell.get("judging", 1) == JUDGING)


def without_padding(cell: Mapping[str, Any]) -> bool:
    """Whether accuracy and parts of a kept cell leave out what was called in padding."""
    return bool(cell.get("judging", 1) >= WITHOUT_PADDING)


def separation(cells: Iterable[Mapping[str, Any]]) -> float:
    """How well parts with a defect score above clean ones, whatever the threshold: 1 is best, 0.5 is chance.

    Pairs of parts of one cell only are compared: two networks' scores are not on one scale. NaN where there is no pair.
    """
    above, pairs = 0.0, 0
    for cell in cells:
        kinds = [list(cell["part_scores"][kind].values()) for kind in ("clean", "defective")]
        here = len(kinds[0]) * len(kinds[1])
        if here:
            above, pairs = above + here * auroc(*kinds), pairs + here
    return above / pairs if pairs else float("nan")


def regions_of(cells: Iterable[Mapping[str, Any]]) -> tuple[RegionCount, int]:
    """Regions of all classes of several cells together, and the scans that they were counted on."""
    total, scans = RegionCount(), 0
    for cell in cells:
        total = sum((RegionCount(**count) for count in cell["regions"].values()), total)
        scans += int(cell["scans"])
    return total, scans


def _score(probabilities: Float32, truth: UInt8) -> float:
    """The highest mean probability of any defect in a window; where the label is 255 it is 0."""
    defect = np.where(truth == IGNORE, 0, 1 - probabilities[0]).astype(np.float32)
    return float(cv2.blur(defect, (SCORE_WINDOW_PX, SCORE_WINDOW_PX), borderType=cv2.BORDER_CONSTANT).max())


def _of_parts(records: Sequence[TileRecord], scores: Sequence[float]) -> dict[str, dict[str, float]]:
    """Parts score as their highest tile; one of which nobody knows whether it is good is left out."""
    tiles: dict[str, list[tuple[TileRecord, float]]] = defaultdict(list)
    for record, score in zip(records, scores, strict=True):
        tiles[record.part_id].append((record, score))
    found: dict[str, dict[str, float]] = {"defective": {}, "clean": {}}
    for part, own in tiles.items():
        highest = max(score for _, score in own)
        if any(record.classes for record, _ in own):
            found["defective"][part] = highest
        elif all(record.is_clean for record, _ in own):
            found["clean"][part] = highest
    return found


def count_parts(records: Sequence[TileRecord], answers: Sequence[int]) -> PartCounts:
    """Parts from their tiles: defective where one shows a defect, clean where all are; NG where anything was found.

    Args:
        answers: `metrics.tile_class.tile_class` of each tile.
    """
    called = [Verdict.OK if answer == CLEAN else Verdict.NG for answer in answers]
    parts = parts_of(records, called)
    return PartCounts(parts.escape.total, parts.escape.count, parts.overkill.total, parts.overkill.count, parts.unknown)


def part_rates(counts: Iterable[Mapping[str, int]]) -> tuple[Proportion, Proportion]:
    """Escape and overkill of several cells together, with their Wilson intervals; NaN where there is no such part."""
    total: dict[str, int] = defaultdict(int)
    for one in counts:
        for name, value in one.items():
            total[name] += value
    verdicts = _verdicts(total["escaped"], total["defective"], total["overkilled"], total["clean"])
    defective = [True] * total["defective"] + [False] * total["clean"]
    return escape_rate(verdicts, defective), overkill_rate(verdicts, defective)


def pooled(counts: Iterable[Int64], defects: int) -> Confusion:
    """One table over many groups."""
    table = Confusion(defects)
    for one in counts:
        table.counts += one
    return table


def packed(counts: Int64) -> str:
    """The pixels of a group as text, zeros left out: `true>predicted:pixels`.

    Example:
        >>> packed(np.array([[90, 2], [0, 8]]))
        '0>0:90 0>1:2 1>1:8'
    """
    return " ".join(f"{t}>{p}:{int(counts[t, p])}" for t, p in np.argwhere(counts))


def unpacked(text: str, defects: int) -> Int64:
    """The inverse of `packed`: int64 (K+1) x (K+1).

    Example:
        >>> unpacked("0>0:90 0>1:2 1>1:8", 1).tolist()
        [[90, 2], [0, 8]]
    """
    counts = np.zeros((defects + 1, defects + 1), np.int64)
    for entry in text.split():
        place, pixels = entry.split(":")
        true, predicted = place.split(">")
        counts[int(true), int(predicted)] = int(pixels)
    return counts


def _verdicts(escaped: int, defective: int, overkilled: int, clean: int) -> list[Verdict]:
    return (
        [Verdict.OK] * escaped
        + [Verdict.NG] * (defective - escaped)
        + [Verdict.NG] * overkilled
        + [Verdict.OK] * (clean - overkilled)
    )
