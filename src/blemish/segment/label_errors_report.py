"""Suspected label errors found and on disk: JSON, a CSV to work through, a page with label and answer side by side."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from blemish.core.arrays import UInt8
from blemish.core.errors import InputError
from blemish.core.protocols import Segmenter
from blemish.core.records import Box, Split
from blemish.data.dataset import Dataset
from blemish.data.folds import fold_view
from blemish.picture.normalise import to_channels
from blemish.picture.write import write_bytes
from blemish.report.embed import jpeg_uri
from blemish.report.label_errors import LabelErrorsPage, ShownError, write_label_errors_page
from blemish.segment.evaluation import list_batches, predict, probabilities_of, refuse_other_classes
from blemish.segment.label_errors import Suspicion, SuspicionTally
from blemish.segment.panels import paint

SHOWN = 60  # On the page; the tables hold all.
_LEAST_VIEW_PX, _WIDEST_PX = 96, 300


def find_label_errors(dataset: Dataset, judges: Sequence[Segmenter]) -> SuspicionTally:
    """Look at every tile of train + val through the network of the fold that left it out.

    Args:
        judges: of fold 0, 1, ..., as `segment out-of-fold` trained them.

    Raises:
        InputError: fewer groups than folds.
        DatasetError: a network of other classes.
    """
    if len(judges) < 2:
        raise InputError(f"suspicions need networks of 2 folds or more, got {len(judges)}: run segment out-of-fold")
    tally = SuspicionTally(dataset.taxonomy)
    for fold, judge in enumerate(judges):
        refuse_other_classes(judge.taxonomy, dataset.taxonomy)
        view = fold_view(dataset, n=len(judges), fold=fold)
        for some in list_batches(view.select(Split.VAL), 4):
            samples = [view.sample(record) for record in some]
            for sample, probabilities in zip(samples, probabilities_of(judge, samples), strict=True):
                tally.see(sample, probabilities)
    return tally


def write_label_errors(
    folder: Path, found: Sequence[Suspicion], dataset: Dataset, judges: Sequence[Segmenter], facts: Mapping[str, Any]
) -> Path:
    """Write `label-errors.json`, `label-errors.csv` and `index.html`, and return the page's path."""
    rows = [{"rank": rank, **one.to_dict()} for rank, one in enumerate(found, start=1)]
    values = {**facts, "suspicions": rows}
    write_bytes(folder / "label-errors.json", (json.dumps(values, indent=1, allow_nan=False) + "\n").encode())
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, ["rank", *(found[0].to_dict() if found else ())])
    writer.writeheader()
    writer.writerows(rows)
    write_bytes(folder / "label-errors.csv", table.getvalue().encode())
    return write_label_errors_page(_page(found, dataset, judges), folder)


def to_text(found: Sequence[Suspicion], most: int = 20) -> str:
    """The worst of them, for people."""
    lines = [f"{'rank':>4}{'score':>8}  {'kind':<9}{'tile':<44}suspicion"]
    for rank, one in enumerate(found[:most], start=1):
        lines.append(f"{rank:>4}{one.score:>8.3f}  {one.kind:<9}{one.record.id[-42:]:<44}{one.words}")
    kinds = Counter(one.kind for one in found)
    return "\n".join([*lines, ", ".join(f"{kinds[k]} {k}" for k in ("missing", "unseen", "swapped"))])


def _page(found: Sequence[Suspicion], dataset: Dataset, judges: Sequence[Segmenter]) -> LabelErrorsPage:
    fold_of = {
        record.id: fold
        for fold in range(len(judges))
        for record in fold_view(dataset, n=len(judges), fold=fold).select(Split.VAL)
    }
    shown = tuple(
        _shown(rank, one, dataset, judges[fold_of[one.record.id]]) for rank, one in enumerate(found[:SHOWN], 1)
    )
    kinds = Counter(str(one.kind) for one in found)
    legend = tuple((kind.name, kind.colour) for kind in dataset.taxonomy.defects)
    return LabelErrorsPage(dataset.taxonomy.name, len(fold_of), dict(kinds), legend, shown)


def _shown(rank: int, one: Suspicion, dataset: Dataset, judge: Segmenter) -> ShownError:
    sample = dataset.sample(one.record)
    (called,) = predict(judge, [sample])
    window = _window(one.box, sample.label_map.size_hw)
    planes = (sample.label_map.defect, called)
    painted = [paint(sample.picture, plane, dataset.taxonomy, opacity=0.4) for plane in planes]
    pictures = [_framed(each, one.box, window) for each in (to_channels(sample.picture, 3), *painted)]
    return ShownError(
        rank, one.score, one.kind, one.words, one.record.id, one.confidence, tuple(jpeg_uri(each) for each in pictures)
    )


def _window(box: Box, size_hw: tuple[int, int]) -> tuple[slice, slice]:
    """A square of twice the region, at least 96 px, inside the tile."""
    places = []
    for start, length, whole in ((box.y, box.height, size_hw[0]), (box.x, box.width, size_hw[1])):
        side = min(whole, max(_LEAST_VIEW_PX, 2 * box.longest_px))
        first = min(max(0, start + length // 2 - side // 2), whole - side)
        places.append(slice(first, first + side))
    return places[0], places[1]


def _framed(picture: UInt8, box: Box, window: tuple[slice, slice]) -> UInt8:
    """The window enlarged, the suspected region in a thin frame."""
    cut = picture[window]
    factor = max(1, _WIDEST_PX // max(cut.shape[:2]))
    large = np.ascontiguousarray(np.repeat(np.repeat(cut, factor, axis=0), factor, axis=1))
    left, top = (box.x - window[1].start) * factor - 3, (box.y - window[0].start) * factor - 3
    right, bottom = left + box.width * factor + 5, top + box.height * factor + 5
    cv2.rectangle(large, (left, top), (right, bottom), (255, 255, 255), 3)
    cv2.rectangle(large, (left, top), (right, bottom), (20, 20, 20), 1)
    return large
