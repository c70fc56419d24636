"""How far may a score lie from that of a like part? Thresholds of the least expected cost at several spreads.

    python benchmarks/threshold_spread.py work/tile RUN [RUN ...] --fold 0 --name magnetic-tile
    python benchmarks/threshold_spread.py --candidates work/line/calibration/candidates --name simulated

Each inspector judges the fold that it never saw; its groups are dealt into three folds six times, and thresholds chosen
from two are tried on the third. The least spread is as good as none: the scores that were seen are taken as they are.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from blemish.bench.provenance import write_result
from blemish.core.errors import InputError
from blemish.data.dataset import Dataset
from blemish.data.folds import fold_view
from blemish.segment.candidates import Candidates
from blemish.segment.candidates_file import read_candidates
from blemish.segment.choice import ranks_of
from blemish.segment.choice_by_cost import Costs, by_cost, cost_of
from blemish.segment.fold_runs import FoldRun, FoldRuns, tiling_of
from blemish.segment.gather import gather
from blemish.segment.model import TorchSegmenter

SPREADS = (0.02, 0.15, 0.3, 0.5, 0.8)
PRICES = (Costs(100, 5, 1, 0.05), Costs(100, 5, 1), Costs(10, 30), Costs(10, 10))
LEVELS = (0.1, 0.3, 0.5)
DEALS, FOLDS = 6, 3


def main() -> None:
    options = _options()
    rows = [
        {"inspector": name, "costs": asdict(costs), "pixel": pixel, "spread": spread, **tried}
        for name, candidates in _candidates(options)
        for costs in PRICES
        for pixel in LEVELS
        for spread in SPREADS
        if (tried := _tried(candidates, costs, pixel, spread))
    ]
    means = [
        {"costs": asdict(costs), "spread": spread, "mean_cost": _mean(rows, asdict(costs), spread)}
        for costs in PRICES
        for spread in SPREADS
    ]
    for row in means:
        print(row)
    out = Path(f"benchmarks/results/threshold-spread-{options.name}.json")
    write_result(out, {"deals": DEALS, "folds": FOLDS, "means": means, "rows": rows}, seeds=list(range(DEALS)))
    print(f"written: {out}")


def _candidates(options: argparse.Namespace) -> Iterator[tuple[str, Candidates]]:
    for folder in options.candidates:
        yield str(folder), read_candidates(folder)
    if not options.runs:
        return
    dataset = Dataset(options.dataset)
    for run in options.runs:
        segmenter = TorchSegmenter.load(run)
        view = fold_view(dataset, n=FOLDS, fold=options.fold)
        tiling = tiling_of(segmenter.network.stride, dataset.info.tile_px)
        yield str(run), gather(FoldRuns(dataset, (FoldRun(run.name, segmenter, tiling, view, ""),)), progress=True)


def _tried(candidates: Candidates, costs: Costs, pixel: float, spread: float) -> dict[str, float]:
    """Means over the deals: cost of a part, escape, overkill and REVIEW, on the parts that chose nothing."""
    known, bad = candidates.parts.known, candidates.parts.defective
    found = []
    for seed in range(DEALS):
        parts = replace(candidates.parts, fold=_dealt(candidates, seed))
        dealt = replace(candidates, parts=parts)
        ranks = np.zeros(len(parts.names), np.int64)
        for fold in range(FOLDS):
            others = [other for other in range(FOLDS) if other != fold]
            inside = dealt.inside([fold])
            ranks[inside] = ranks_of(dealt, by_cost(dealt, others, costs, pixel, spread=spread))[inside]
        found.append(
            {
                "mean_cost": cost_of(ranks, dealt, range(FOLDS), costs),
                "escape": float((ranks[bad & known] == 0).mean()),
                "overkill": float((ranks[~bad & known] == 2).mean()),
                "review": float((ranks[known] == 1).mean()),
            }
        )
    return {name: round(float(np.mean([row[name] for row in found])), 4) for name in found[0]}


def _dealt(candidates: Candidates, seed: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """A fold for each part, whole groups together, good and defective groups dealt apart."""
    random = np.random.default_rng(seed)
    named = zip(candidates.parts.groups, candidates.parts.defective, strict=True)
    defective = {group for group, bad in named if bad}
    fold: dict[str, int] = {}
    for groups in (sorted(defective), sorted(set(candidates.parts.groups) - defective)):
        fold |= {str(group): place % FOLDS for place, group in enumerate(random.permutation(groups))}
    return np.array([fold[group] for group in candidates.parts.groups], np.int64)


def _mean(rows: Sequence[dict[str, Any]], costs: dict[str, Any], spread: float) -> float:
    return round(float(np.mean([r["mean_cost"] for r in rows if r["costs"] == costs and r["spread"] == spread])), 4)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, nargs="?", metavar="DATASET")
    parser.add_argument("runs", type=Path, nargs="*", metavar="RUN", help="inspectors that never saw the fold")
    parser.add_argument("--fold", type=int, default=0, metavar="N", help=f"of {FOLDS}")
    parser.add_argument("--candidates", type=Path, action="append", default=[], metavar="DIR", help="of a calibration")
    parser.add_argument("--name", required=True, metavar="SET")
    options = parser.parse_args()
    if not options.runs and not options.candidates:
        raise InputError("nothing to choose by: give DATASET and RUN, or --candidates")
    return options


if __name__ == "__main__":
    main()
