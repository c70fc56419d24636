"""Fixed-parameter machine vision beside inspectors that are there: the same tiles, the same measures, every class.

    python benchmarks/baseline_beside.py work/tile RUN RUN RUN --name magnetic-tile

The baseline is tuned on the train split alone, cross-validated inside it. The inspectors are named as they are: a run
that a ladder left has learned from train + val. Each judges the split that --split names.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from blemish.bench.provenance import write_result
from blemish.core.records import Split, TileRecord
from blemish.data.dataset import Dataset
from blemish.data.rejoin import by_scan
from blemish.segment.baseline_beside import Beside, tuned_beside
from blemish.segment.evaluation import Evaluation, evaluate
from blemish.segment.measures import MeasureTally
from blemish.segment.model import TorchSegmenter


def main() -> None:
    options = _options()
    dataset = Dataset(options.dataset)
    records = [record for tiles in by_scan(dataset.select(Split(options.split))).values() for record in tiles]
    inspectors = [_judged(run, dataset, records) for run in options.runs]
    beside = tuned_beside(dataset, records, trials=options.trials, seed=options.seed)
    iou = _by_class([found for found, _ in inspectors], beside.column.found)
    figures = {
        "data": {"name": options.name, "hash": dataset.hash, "split": options.split, "tiles": len(records)},
        "classes": list(dataset.taxonomy.defect_names),
        "iou": iou,
        "inspectors": [
            {"run": run.name, **found.to_dict(), "measures": measures}
            for run, (found, measures) in zip(options.runs, inspectors, strict=True)
        ],
        "machine_vision": beside.to_dict(),
    }
    print(_table(iou, beside))
    out = Path(f"benchmarks/results/baseline-beside-{options.name}.json")
    write_result(out, figures, seeds=[options.seed])
    print(f"written: {out}")


def _judged(run: Path, dataset: Dataset, records: Sequence[TileRecord]) -> tuple[Evaluation, dict[str, Any]]:
    tally = MeasureTally(dataset.taxonomy)
    found = evaluate(TorchSegmenter.load(run), dataset, records, worst=0, progress=True, see=tally.see)
    return found, tally.measures().to_dict()


def _by_class(inspectors: Sequence[Evaluation], baseline: Evaluation) -> dict[str, Any]:
    """Mean of the inspectors and the baseline, by class and over the classes; None = the split shows none."""
    told = [one.to_dict() for one in (*inspectors, baseline)]
    rows = {name: [one["iou"][name] for one in told] for name in told[0]["iou"]}
    rows["mean"] = [one["mean_iou"] for one in told]
    return {
        name: {"inspector": None if None in values else fmean(values[:-1]), "machine_vision": values[-1]}
        for name, values in rows.items()
    }


def _table(rows: dict[str, Any], beside: Beside) -> str:
    lines = [f"{'class':<16}{'inspector':>12}{'machine vision':>18}"]
    for name, row in rows.items():
        cells = ["-" if value is None else f"{value:.3f}" for value in row.values()]
        lines.append(f"{name:<16}{cells[0]:>12}{cells[1]:>18}")
    return "\n".join([*lines, f"settings tried: {beside.trials}, each at five quorums"])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, metavar="DATASET")
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument("--name", required=True, help="of the set, for the file's name")
    parser.add_argument("--split", default="test", choices=[split.value for split in Split])
    parser.add_argument("--trials", type=int, default=16, metavar="N", help="settings of the baseline tried")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of that search")
    return parser.parse_args()


if __name__ == "__main__":
    main()
