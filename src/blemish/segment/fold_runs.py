"""The runs of `segment out-of-fold` as they lie on disk, and the view of the data set that each of them may judge."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from blemish.core.errors import InputError
from blemish.data.dataset import Dataset
from blemish.data.folds import fold_view
from blemish.segment.evaluation import refuse_other_classes
from blemish.segment.model import TorchSegmenter
from blemish.train.checkpoint import WEIGHTS

_FOLD = re.compile(r"(?P<data>\w+)/fold (?P<fold>\d+) of (?P<folds>\d+), seed (?P<seed>-?\d+)")


@dataclass(frozen=True)
class FoldRun:
    """One finished run, with the data set seen through its fold: val is what it never saw."""

    name: str
    segmenter: TorchSegmenter
    view: Dataset
    sha256: str  # Of its weights.


@dataclass(frozen=True)
class FoldRuns:
    """The runs of all folds of one cross-validation."""

    dataset: Dataset
    runs: tuple[FoldRun, ...]

    @property
    def made_from(self) -> Mapping[str, str]:
        """Hash of the data set (`data_hash`) and of each run's weights, by the run's name."""
        return {"data_hash": self.dataset.hash, **{run.name: run.sha256 for run in self.runs}}


def open_fold_runs(dataset: Dataset, folder: Path) -> FoldRuns:
    """Open fold-0, fold-1, ... of a folder, and refuse any that is not the out-of-fold run of this data set.

    Raises:
        InputError: fewer than two runs, one that learned from another data set or from the whole of it, or folds that
            do not belong together.
        BundleError: weights that are missing, damaged or altered.
    """
    folders = sorted(folder.glob("fold-*"), key=lambda path: (len(path.name), path.name))
    names = [path.name for path in folders]
    if len(folders) < 2 or names != [f"fold-{place}" for place in range(len(folders))]:
        found = ", ".join(names) or "none of them"
        raise InputError(f"{folder} must hold fold-0, fold-1, ... of segment out-of-fold, found {found}")
    segmenters = [TorchSegmenter.load(path) for path in folders]
    seeds = [_seed_of(one, dataset, path, len(folders)) for one, path in zip(segmenters, folders, strict=True)]
    if len(set(seeds)) > 1:
        raise InputError(f"the runs of {folder} are of folds drawn with seeds {seeds}: their judging tiles overlap")
    runs = [
        FoldRun(path.name, one, fold_view(dataset, n=len(folders), fold=place, seed=seeds[0]), _sha256(one, path))
        for place, (one, path) in enumerate(zip(segmenters, folders, strict=True))
    ]
    return FoldRuns(dataset, tuple(runs))


def _seed_of(segmenter: TorchSegmenter, dataset: Dataset, run: Path, folds: int) -> int:
    """The seed that the folds of a run were drawn with; refuses a run that may have seen what it would judge."""
    refuse_other_classes(segmenter.taxonomy, dataset.taxonomy)
    learned = str(segmenter.card.get("data_hash", ""))
    match = _FOLD.fullmatch(learned)
    wanted = f"fold {run.name.removeprefix('fold-')} of {folds}"
    if match is None or match["data"] != dataset.hash or wanted != f"fold {match['fold']} of {match['folds']}":
        raise InputError(
            f"{run} must have learned from {dataset.hash[:12]}/{wanted}, it learned from "
            f"'{learned[:12]}{learned[64:]}': give the folder that segment out-of-fold wrote for this data set"
        )
    return int(match["seed"])


def _sha256(segmenter: TorchSegmenter, run: Path) -> str:
    sha256 = segmenter.card.get("sha256", {}).get(WEIGHTS)
    if not isinstance(sha256, str):
        raise InputError(f"the card of {run} does not name its weights' hash: train it again")
    return sha256
