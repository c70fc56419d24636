"""Is the simulated line a fair task? Scans a second on one core, class shares, faint defects, and the tuned baseline.

    python benchmarks/simulated_line.py            # minutes; writes benchmarks/results/simulated-line.json
    python benchmarks/simulated_line.py --smoke    # seconds, to see that it works; writes no result

The fixed-parameter baseline learns on some cells, its parameters chosen by cross-validation inside them, and is judged
on the tiles of others. Wanted: 0.15 to 0.50 mean IoU (a cartoon gives more, a riddle less), a tenth or more of the
defects under twice the local texture's deviation, one scan a second or more on one core.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import cv2

from blemish.bench.provenance import write_result
from blemish.core.records import Split
from blemish.data.dataset import Dataset
from blemish.data.importing import ImportOptions, import_folder
from blemish.segment.baseline import FixedParameters
from blemish.segment.evaluation import evaluate
from blemish.simulate.folder import write_scans
from blemish.simulate.line import DEFAULT, LineSettings, simulate_cell

OUT = Path("benchmarks/results/simulated-line.json")


@dataclass(frozen=True)
class Task:
    """How much is simulated and how it is judged."""

    cells: int = 45
    judged_share: float = 1 / 3  # Of the cells.
    timed: int = 10
    tile_px: int = 512
    trials: int = 16
    settings: LineSettings = DEFAULT


def main() -> None:
    options = _options()
    task = Task(6, 1 / 3, 2, 128, 2, LineSettings.small(900, 500)) if options.smoke else Task()
    cv2.setNumThreads(1)
    figures = {
        "task": {"cells": task.cells, "judged_share": task.judged_share, "tile_px": task.tile_px},
        "scans_per_second_one_core": _rate(task, options.seed),
        **_judge(task, options.seed),
    }
    print(figures)
    if not options.smoke:
        write_result(options.out, figures, seeds=[options.seed])
        print(f"written: {options.out}")


def _rate(task: Task, seed: int) -> dict[str, float]:
    """Cells in memory, without writing them; OpenCV and NumPy on one thread."""
    seconds = []
    for index in range(task.timed):
        started = perf_counter()
        simulate_cell(seed, index, settings=task.settings)
        seconds.append(perf_counter() - started)
    return {
        "median": round(1 / median(seconds), 2),
        "slowest": round(1 / max(seconds), 2),
        "fastest": round(1 / min(seconds), 2),
    }


def _judge(task: Task, seed: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        scans, data = Path(folder) / "scans", Path(folder) / "set"
        counts = write_scans(scans, task.cells, seed, task.settings)
        split = (1 - task.judged_share, 0.0, task.judged_share)
        import_folder(scans, data, ImportOptions(tile_px=task.tile_px, split=split, seed=seed))
        dataset = Dataset(data)
        learning, judged = dataset.select(Split.TRAIN), dataset.select(Split.TEST)
        started = perf_counter()
        samples = (dataset.sample(record) for record in learning)
        baseline = FixedParameters.tuned(samples, dataset.taxonomy, dataset.channels, seed, trials=task.trials)
        seconds = perf_counter() - started
        evaluation = evaluate(baseline, dataset, judged)
        defects = sum(counts.defects.values())
        return {
            "counts": counts.to_dict(),
            "shares_pct": {name: round(100 * n / defects, 1) for name, n in counts.defects.items()},
            "faint_share": round(counts.faint / defects, 3),
            "tiles": {"learning": len(learning), "judged": len(judged)},
            "baseline": {
                **{name: evaluation.to_dict()[name] for name in ("mean_iou", "iou", "class_tiles", "class_groups")},
                "parameters": baseline.to_dict()["parameters"],
                "tuning_s": round(seconds, 1),
            },
        }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--smoke", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
