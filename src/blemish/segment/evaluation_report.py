"""An evaluation on disk: its page for people, its figures as JSON, its worst tiles as pictures; and as text."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from blemish.core.arrays import Float32
from blemish.core.records import TileRecord
from blemish.core.taxonomy import Taxonomy
from blemish.core.whole_folder import whole_folder
from blemish.data.dataset import Dataset, Sample
from blemish.metrics.findings import Findings
from blemish.metrics.part import Proportion
from blemish.metrics.precision_recall import ScoreCounts
from blemish.picture.write import shortened, write_bytes, write_png
from blemish.report.chart import Curve
from blemish.report.evaluation import Evaluated, write_evaluation_page
from blemish.segment.evaluation import Evaluation, none_if_nan
from blemish.segment.evaluation_findings import FindingsCollector
from blemish.segment.panels import panel
from blemish.train.run_folder import RunFolder


class Onlooker:
    """What `evaluate` shows its tiles to (`see`), so that a report can be written afterwards.

    Args:
        records: those that will be judged, best scan by scan (`data.rejoin.by_scan`).
        of_a_class: how many misses and false alarms of each class are kept with pictures.
    """

    def __init__(self, dataset: Dataset, records: Sequence[TileRecord], *, of_a_class: int = 6) -> None:
        self.scores = ScoreCounts(len(dataset.taxonomy.defects))
        self._collector = FindingsCollector(dataset.taxonomy, records, of_a_class=of_a_class)

    def see(self, sample: Sample, probabilities: Float32) -> None:
        self.scores.add(sample.label_map.defect, probabilities)
        self._collector.add(sample, probabilities)

    def findings(self) -> Findings:
        """Call it once, after the last tile."""
        return self._collector.findings()


def write_report(
    folder: Path, found: Evaluation, dataset: Dataset, facts: Mapping[str, Any], onlooker: Onlooker, run: Path
) -> None:
    """Write `index.html`, `evaluation.json` and `worst/NN-<tile>.png` (picture, truth, prediction); all or nothing.

    Args:
        facts: plain JSON values to stand beside the figures: which segmenter, which split.
        onlooker: that saw all tiles of `found`.
        run: where the learning curve is looked for.
    """
    findings = onlooker.findings()
    figures = {**facts, **found.to_dict(), "findings": _findings_to_dict(findings, onlooker.scores, found)}
    with whole_folder(folder) as work:
        write_bytes(work / "evaluation.json", (json.dumps(figures, indent=2, allow_nan=False) + "\n").encode())
        for place, judged in enumerate(found.worst, start=1):
            name = shortened(judged.record.id.replace("/", "_"))
            write_png(
                work / "worst" / f"{place:02}-{name}.png",
                panel(dataset.sample(judged.record), judged.predicted, found.taxonomy),
            )
        write_evaluation_page(_evaluated(found, dataset, facts, findings, onlooker.scores, run), work)


def _evaluated(
    found: Evaluation,
    dataset: Dataset,
    facts: Mapping[str, Any],
    findings: Findings,
    scores: ScoreCounts,
    run: Path,
) -> Evaluated:
    told = {
        "data set": f"{dataset.folder.resolve().name} ({found.data_hash[:12]})",
        "tiles, groups, scans": f"{found.tiles}, {found.groups}, {findings.total.scans}",
        "accuracy over tiles (Eq. 3)": f"{_figure(found.accuracy.value)}",
        "pixels ignored": f"{found.confusion.ignored_px:,}",
    }
    return Evaluated(
        name=f"{run.resolve().name} on {dataset.folder.resolve().name}"
        + (f", {facts['split']} split" if facts.get("split") else ""),
        taxonomy=found.taxonomy,
        tiles=found.tiles,
        confusion=found.confusion,
        accuracy=found.accuracy,
        class_tiles=found.class_tiles,
        class_groups=found.class_groups,
        findings=findings,
        scores=scores,
        learning=_learning(run, found.taxonomy),
        facts={name: str(value) for name, value in {**facts, **told}.items() if not isinstance(value, Mapping | list)},
    )


def _learning(run: Path, taxonomy: Taxonomy) -> tuple[Curve, ...]:
    """Validation IoU of a run, classes and mean; empty where there is none."""
    rows = RunFolder(run, {}).rows() if (run / "figures.jsonl").is_file() else []
    curves = []
    classes = [(f"{kind.code} {kind.name}", f"val_iou_{kind.name}") for kind in taxonomy.defects]
    for title, key in [*classes, ("mean", "val_iou")]:
        points = tuple((float(row["step"]), float(row[key])) for row in rows if row.get(key) is not None)
        if points:
            curves.append(Curve(title, points))
    return tuple(curves)


def _findings_to_dict(findings: Findings, scores: ScoreCounts, found: Evaluation) -> dict[str, Any]:
    """What the page shows, region by region (`metrics.matching`); `measures` holds the figures of the table."""
    total, names = findings.total, found.taxonomy.defect_names
    numbered = list(enumerate(names, start=1))
    return {
        "parts": {
            "escape": _share(total.escape),
            "overkill": _share(total.overkill),
            "stopped_though_nothing_found": total.blind,
            "unknown_left_out": total.unknown,
        },
        "regions": {
            "recall": _share(total.recall),
            "false": total.false,
            "scans": total.scans,
            "class_recall": {name: _share(findings.class_recall(index)) for index, name in numbered},
            "class_false": {name: int(findings.called[0, index]) for index, name in numbered},
        },
        "confusion_regions": findings.called.tolist(),
        "average_precision": {name: none_if_nan(scores.average_precision(index)) for index, name in numbered},
    }


def _share(value: Proportion) -> dict[str, Any]:
    """JSON has no NaN: a share of nothing is None."""
    known = not math.isnan(value.value)
    return {
        "count": value.count,
        "total": value.total,
        "value": round(value.value, 6) if known else None,
        "interval": [round(value.low, 6), round(value.high, 6)] if known else None,
    }


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
