"""The inspectors that scores come from, and the view of the data set that each of them may judge: what it never saw.

They are the runs of `segment out-of-fold`, or one inspector that learned from other data.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from blemish.bundle.bundle import Bundle
from blemish.core.errors import InputError
from blemish.core.protocols import Segmenter
from blemish.data.dataset import Dataset
from blemish.data.folds import fold_view
from blemish.data.seen_before import seen_of
from blemish.inspect.scan import Tiling
from blemish.segment.evaluation import refuse_other_classes
from blemish.segment.export import default_overlap, whole_strides
from blemish.segment.model import TorchSegmenter
from blemish.train.checkpoint import CARD, WEIGHTS

UNSEEN_FOLDS = 3  # Of the data set, where one inspector judges all of it: thresholds are tried on each by the others.
_FOLD = re.compile(r"(?P<data>\w+)/fold (?P<fold>\d+) of (?P<folds>\d+), seed (?P<seed>-?\d+)")


@dataclass(frozen=True)
class FoldRun:
    """One inspector, with the data set seen through a fold: val is what it judges, and never saw."""

    name: str
    segmenter: Segmenter
    tiling: Tiling  # As the line cuts scans for it.
    view: Dataset
    sha256: str  # Of its weights.


@dataclass(frozen=True)
class FoldRuns:
    """The inspectors of all folds, each with its own part of the data set."""

    dataset: Dataset
    runs: tuple[FoldRun, ...]
    bundle: str | None = None  # Its hash, where one bundle judges everything: thresholds are for that one alone.

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
        FoldRun(
            path.name,
            one,
            tiling_of(one.network.stride, dataset.info.tile_px),
            fold_view(dataset, n=len(folders), fold=place, seed=seeds[0]),
            _sha256(one, path),
        )
        for place, (one, path) in enumerate(zip(segmenters, folders, strict=True))
    ]
    return FoldRuns(dataset, tuple(runs))


def open_unseen(dataset: Dataset, inspector: Path) -> FoldRuns:
    """One run or bundle that learned from other data: it judges every fold, and folds only part what is chosen from.

    Raises:
        InputError: it learned from this data set or from tiles that are in it, or nobody knows from which.
        BundleError: neither a run nor a bundle, or a damaged one.
    """
    segmenter, tiling, learned, few, sha256 = _opened(inspector, dataset)
    bundle = sha256 if (inspector / CARD).is_file() else None
    refuse_other_classes(segmenter.taxonomy, dataset.taxonomy)
    seen = seen_of(dataset.records, few)
    if not learned or learned.startswith(dataset.hash) or seen:
        said = "learned from this data set" if learned else "does not say from which data set it learned"
        if seen and not learned.startswith(dataset.hash):
            said = f"learned from tiles that are in this data set ({seen} of the {len(few)} that it names)"
        raise InputError(
            f"{inspector} {said}: its scores on these tiles may flatter; give a data set that it never saw, or --runs "
            f"of segment out-of-fold"
        )
    runs = [
        FoldRun(f"fold-{fold}", segmenter, tiling, fold_view(dataset, n=UNSEEN_FOLDS, fold=fold), sha256)
        for fold in range(UNSEEN_FOLDS)
    ]
    return FoldRuns(dataset, tuple(runs), bundle)


def tiling_of(stride: int, tile_px: int) -> Tiling:
    """The tiles of a bundle that `segment export` makes without being told otherwise."""
    whole = whole_strides(tile_px, stride)
    return Tiling(whole, default_overlap(whole, stride), stride)


def _opened(inspector: Path, dataset: Dataset) -> tuple[Segmenter, Tiling, str, Sequence[str], str]:
    """The segmenter, its tiles, the hash of the data it learned from and of a few tiles of it, and its own hash."""
    if not (inspector / CARD).is_file():  # A run keeps its card beside its weights, in a folder of their own.
        run = TorchSegmenter.load(inspector)
        tiling = tiling_of(run.network.stride, dataset.info.tile_px)
        learned = str(run.card.get("data_hash", ""))
        return run, tiling, learned, run.card.get("learned_from", ()), _sha256(run, inspector)
    bundle = Bundle.open(inspector)
    card = bundle.card
    tiling = Tiling(card.tile_px, card.overlap_px, card.stride)
    return bundle.segmenter(), tiling, card.data_hash, card.learned_from or (), bundle.hash


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
