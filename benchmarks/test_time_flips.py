"""Do flips at test time help an inspector? Each picture four ways round, the probabilities averaged, against once.

    python benchmarks/test_time_flips.py work/tile --runs work/ladder/tile/runs --name magnetic-tile

The runs are those that the selection ladder left for the folds of one rung and seed; each judges the fold it never saw.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from blemish.bench.compare import gain
from blemish.bench.figures import of_rung
from blemish.bench.judging import judge
from blemish.bench.provenance import write_result
from blemish.bench.views import View
from blemish.core.arrays import Float32, UInt8
from blemish.core.errors import InputError
from blemish.core.protocols import Segmenter
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Dataset
from blemish.segment.model import TorchSegmenter

_WAYS: tuple[tuple[int, ...], ...] = ((), (1,), (2,), (1, 2))  # Axes of N H W C that are turned round.


class Flipped:
    """A segmenter that sees every picture four ways round."""

    def __init__(self, segmenter: Segmenter) -> None:
        self._segmenter = segmenter

    @property
    def taxonomy(self) -> Taxonomy:
        return self._segmenter.taxonomy

    @property
    def channels(self) -> int:
        return self._segmenter.channels

    def probabilities(self, pictures: UInt8) -> Float32:
        """float32 N (K+1) H W."""
        seen = [np.flip(self._one_way(np.flip(pictures, way)), [axis + 1 for axis in way]) for way in _WAYS]
        mean: Float32 = np.mean(seen, axis=0, dtype=np.float32)
        return mean

    def _one_way(self, pictures: UInt8) -> Float32:
        return self._segmenter.probabilities(np.ascontiguousarray(pictures))


def main() -> None:
    options = _options()
    dataset = Dataset(options.dataset)
    cells = []
    for fold in range(options.folds):
        view = View(folds=options.folds, fold=fold)
        opened = view.open(dataset)
        segmenter = TorchSegmenter.load(_run_of(options, fold))
        for name, each in (("once", segmenter), ("flips", Flipped(segmenter))):
            found = judge(each, opened, opened.select(view.judged))
            cells.append({"rung": name, "fold": fold, "seed": options.seed, **found.to_dict()})
    classes = list(dataset.taxonomy.defect_names)
    figures: dict[str, Any] = {
        "data": {"name": options.name, "hash": dataset.hash},
        "rung": options.rung,
        "folds": options.folds,
        "rungs": [of_rung(name, cells, classes) for name in ("once", "flips")],
        "gain": gain(cells, classes, "flips", "once"),
    }
    print(figures)
    out = Path(f"benchmarks/results/test-time-flips-{options.name}.json")
    write_result(out, figures, seeds=[options.seed])
    print(f"written: {out}")


def _run_of(options: argparse.Namespace, fold: int) -> Path:
    found = sorted(options.runs.glob(f"{options.rung}-fold-{fold}-seed-{options.seed}-*"))
    if len(found) != 1:
        raise InputError(f"{options.runs} holds {len(found)} runs of {options.rung}, fold {fold}: expected one")
    path: Path = found[0]
    return path


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, metavar="DATASET")
    parser.add_argument("--runs", type=Path, required=True, metavar="DIR", help="`runs` of a ladder's --work")
    parser.add_argument("--name", required=True, help="of the set, for the file's name")
    parser.add_argument("--rung", default="copy_paste")
    parser.add_argument("--folds", type=int, default=3, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    return parser.parse_args()


if __name__ == "__main__":
    main()
