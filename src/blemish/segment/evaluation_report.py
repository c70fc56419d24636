"""An evaluation on disk: its figures as JSON, its worst tiles as pictures; and as text for people."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from blemish.data.dataset import Dataset
from blemish.picture.write import write_bytes, write_png
from blemish.segment.evaluation import Evaluation
from blemish.segment.panels import panel


def write_report(folder: Path, found: Evaluation, dataset: Dataset, facts: Mapping[str, Any]) -> None:
    """Write `evaluation.json` and `worst/NN-<tile>.png` (picture, truth, prediction); the folder appears whole.

    Args:
        facts: plain JSON values to stand beside the figures: which segmenter, which split.
    """
    work = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(work, ignore_errors=True)
    text = json.dumps({**facts, **found.to_dict()}, indent=2, allow_nan=False) + "\n"
    write_bytes(work / "evaluation.json", text.encode())
    for place, judged in enumerate(found.worst, start=1):
        name = judged.record.id.replace("/", "_")
        write_png(
            work / "worst" / f"{place:02}-{name}.png",
            panel(dataset.sample(judged.record), judged.predicted, found.taxonomy),
        )
    work.replace(folder)


def to_text(found: Evaluation) -> str:
    """A table for people: IoU per class with tiles and groups, the plain mean, accuracy, confusion of tiles."""
    lines = [f"{'class':<16}{'IoU':>8}{'tiles':>8}{'groups':>8}{'false px':>10}"]
    false_px = found.confusion.false_px()
    for place, (name, value) in enumerate(found.iou.items()):
        counts = f"{found.class_tiles[place]:>8}{found.class_groups[place]:>8}{false_px[place]:>10}"
        lines.append(f"{name:<16}{_figure(value):>8}{counts}")
    left_out = f" ({', '.join(found.absent)}: in no tile, left out)" if found.absent else ""
    lines.append(f"{'mean':<16}{_figure(found.mean_iou):>8}{found.tiles:>8}{found.groups:>8}{left_out}")
    accuracy = found.accuracy
    lines.append(
        f"accuracy {_figure(accuracy.value)}: {accuracy.right} of {accuracy.judged} tiles; left out: "
        f"{accuracy.several} with several classes, {accuracy.unknown} of unknown class"
    )
    return "\n".join([*lines, *_confusion(found)])


def _confusion(found: Evaluation) -> list[str]:
    """Tiles by true class (rows) and predicted class (columns)."""
    codes = ["-", *found.taxonomy.codes]
    lines = ["tiles, true class by predicted class (- is clean):", "    " + "".join(f"{code:>7}" for code in codes)]
    for code, row in zip(codes, found.accuracy.table.tolist(), strict=True):
        lines.append(f"{code:<4}" + "".join(f"{count:>7}" for count in row))
    return lines


def _figure(value: float) -> str:
    return "none" if value != value else f"{value:.4f}"
