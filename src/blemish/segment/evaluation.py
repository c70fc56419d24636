"""How good any `Segmenter` is on a data set: IoU over the whole set, accuracy over tiles, confusion, worst tiles."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from blemish.core.arrays import Float32, Int64, UInt8
from blemish.core.errors import DatasetError
from blemish.core.protocols import Segmenter
from blemish.core.records import TileRecord
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Dataset, Sample
from blemish.metrics.pixel import Confusion
from blemish.metrics.tile_class import TileAccuracy, tile_accuracy, tile_class, where_known
from blemish.picture.normalise import to_channels


@dataclass(frozen=True)
class Judged:
    """One tile with its answer; `iou` is the mean over the classes that its truth or its answer shows, 1 with none."""

    record: TileRecord
    predicted: UInt8
    iou: float
    wrong_px: int


@dataclass(frozen=True)
class Evaluation:
    """The figures of one segmenter on one set of tiles; an absent class has IoU NaN and is left out of the mean."""

    taxonomy: Taxonomy
    data_hash: str
    tiles: int
    groups: int
    confusion: Confusion
    accuracy: TileAccuracy
    class_tiles: tuple[int, ...]  # Tiles that truly show each class,
    class_groups: tuple[int, ...]  # and groups.
    worst: tuple[Judged, ...]

    @property
    def iou(self) -> dict[str, float]:
        """By class name, 0 to 1, 1 is best; NaN where no tile shows the class."""
        return dict(zip(self.taxonomy.defect_names, (float(v) for v in self.confusion.iou()), strict=True))

    @property
    def mean_iou(self) -> float:
        """Plain mean over the classes that are present (paper, Table 6)."""
        return self.confusion.mean_iou()

    @property
    def absent(self) -> tuple[str, ...]:
        """Names of the classes that no tile shows."""
        return tuple(name for name, value in self.iou.items() if math.isnan(value))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: NaN becomes None."""
        names = self.taxonomy.defect_names
        return {
            "data_hash": self.data_hash,
            "tiles": self.tiles,
            "groups": self.groups,
            "mean_iou": none_if_nan(self.mean_iou),
            "iou": {name: none_if_nan(value) for name, value in self.iou.items()},
            "absent": list(self.absent),
            "class_tiles": dict(zip(names, self.class_tiles, strict=True)),
            "class_groups": dict(zip(names, self.class_groups, strict=True)),
            "false_px": dict(zip(names, self.confusion.false_px().tolist(), strict=True)),
            "ignored_px": self.confusion.ignored_px,
            "accuracy": {
                "value": none_if_nan(self.accuracy.value),
                "right": self.accuracy.right,
                "judged": self.accuracy.judged,
                "several_classes_left_out": self.accuracy.several,
                "unknown_left_out": self.accuracy.unknown,
            },
            "confusion_px": self.confusion.counts.tolist(),
            "confusion_tiles": self.accuracy.table.tolist(),
            "classes": ["no defect", *names],
            "worst": [{"id": j.record.id, "iou": round(j.iou, 4), "wrong_px": j.wrong_px} for j in self.worst],
        }


def evaluate(
    segmenter: Segmenter,
    dataset: Dataset,
    records: Sequence[TileRecord],
    *,
    batch: int = 4,
    worst: int = 12,
    progress: bool = False,
    see: Callable[[Sample, Float32], None] | None = None,
) -> Evaluation:
    """Judge a segmenter by these tiles of a data set, a batch in memory at a time.

    A pixel's class is the most probable one. Pixels of 255 count nowhere.

    Args:
        worst: how many of the worst tiles are kept, with their answers.
        progress: a bar on standard error.
        see: called with each tile and its probabilities, float32 (K+1) H W; None = nobody looks.

    Raises:
        DatasetError: no tiles, or a segmenter of other classes.
    """
    refuse_other_classes(segmenter.taxonomy, dataset.taxonomy)
    if not records:
        raise DatasetError(f"{dataset.folder} has no tiles to judge by in this split: choose another --split")
    confusion = Confusion(len(dataset.taxonomy.defects))
    answers: list[int] = []
    kept: list[Judged] = []
    for some in tqdm(list_batches(records, batch), desc="evaluate", unit="batch", disable=not progress):
        tiles = [dataset.sample(record) for record in some]
        for sample, probabilities in zip(tiles, probabilities_of(segmenter, tiles), strict=True):
            predicted = probabilities.argmax(axis=0).astype(np.uint8)
            if see is not None:
                see(sample, probabilities)
            confusion.add(sample.label_map.defect, predicted)
            answers.append(tile_class(where_known(predicted, sample.label_map.defect), dataset.taxonomy))
            kept.append(_judge(sample, predicted, len(dataset.taxonomy.defects)))
        kept = sorted(kept, key=lambda j: (j.iou, -j.wrong_px, j.record.id))[:worst]
    return Evaluation(
        taxonomy=dataset.taxonomy,
        data_hash=dataset.hash,
        tiles=len(records),
        groups=len({record.group for record in records}),
        confusion=confusion,
        accuracy=tile_accuracy(
            [r.classes for r in records], [r.ignore_px > 0 for r in records], answers, len(dataset.taxonomy.defects)
        ),
        class_tiles=tuple(len(_showing(records, k)) for k in _classes(dataset.taxonomy)),
        class_groups=tuple(len({r.group for r in _showing(records, k)}) for k in _classes(dataset.taxonomy)),
        worst=tuple(kept),
    )


def predict(segmenter: Segmenter, samples: Sequence[Sample]) -> list[UInt8]:
    """The most probable class of each pixel, uint8 H W for each tile; tiles of one size go through together."""
    return [each.argmax(axis=0).astype(np.uint8) for each in probabilities_of(segmenter, samples)]


def probabilities_of(segmenter: Segmenter, samples: Sequence[Sample]) -> Iterator[Float32]:
    """float32 (K+1) H W for each tile, in order; tiles of one size go through together."""
    for alike in runs_of_one_size(samples):
        pictures = np.stack([to_channels(sample.picture, segmenter.channels) for sample in alike])
        yield from segmenter.probabilities(pictures)


def refuse_other_classes(network: Taxonomy, data: Taxonomy) -> None:
    """Raise where the defect classes of two taxonomies differ in name or order."""
    if network.defect_names != data.defect_names:
        raise DatasetError(
            f"the network knows {', '.join(network.defect_names)}, the data set has {', '.join(data.defect_names)}: "
            f"give a data set of the same classes in the same order"
        )


def runs_of_one_size(samples: Sequence[Sample]) -> Iterator[list[Sample]]:
    """Neighbouring samples of one picture size."""
    run: list[Sample] = []
    for sample in samples:
        if run and run[0].label_map.size_hw != sample.label_map.size_hw:
            yield run
            run = []
        run.append(sample)
    if run:
        yield run


def list_batches(records: Sequence[TileRecord], size: int) -> list[Sequence[TileRecord]]:
    """Records in runs of at most `size`."""
    return [records[start : start + size] for start in range(0, len(records), size)]


def none_if_nan(value: float) -> float | None:
    """JSON has no NaN."""
    return None if math.isnan(value) else round(value, 6)


def _judge(sample: Sample, predicted: UInt8, defects: int) -> Judged:
    table = Confusion(defects)
    table.add(sample.label_map.defect, predicted)
    counts: Int64 = table.counts
    hit = np.diag(counts)[1:]
    union = counts.sum(axis=0)[1:] + counts.sum(axis=1)[1:] - hit
    shown = union > 0
    iou = float((hit[shown] / union[shown]).mean()) if shown.any() else 1.0
    return Judged(sample.record, predicted, iou, int(counts.sum() - np.trace(counts)))


def _classes(taxonomy: Taxonomy) -> range:
    return range(1, len(taxonomy.defects) + 1)


def _showing(records: Sequence[TileRecord], index: int) -> list[TileRecord]:
    return [record for record in records if index in record.classes]
