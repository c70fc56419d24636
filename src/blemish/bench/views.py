"""A data set as one cell of the ladder sees it: what it learns from, and what it is judged by."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from blemish.core.arrays import UInt8
from blemish.core.errors import DatasetError, InputError
from blemish.core.labels import LabelMap
from blemish.core.records import Origin, Split, TileRecord
from blemish.core.seeds import derive_seed
from blemish.data.dataset import Dataset
from blemish.data.folds import fold_view
from blemish.data.splits import folds

_PREFIX = "more-real/"


@dataclass(frozen=True, kw_only=True)
class View:
    """A fold of the selection ladder, or the test split of the published one.

    Args:
        folds: of the cross-validation by group inside train + val.
        fold: which one judges; None = the published ladder: learn from train + val, be judged by test.
        one_in: learn from one in so many of the training groups, class by class; 1 = all.
        more_real: folder of another set whose train tiles are added as real ones; empty = none.
        few_class: a defect class of which only so many training groups are kept; empty = none is cut.
        few_groups, few_seed: how many of its groups, and the seed that chooses them.
    """

    folds: int = 3
    fold: int | None = 0
    one_in: int = 1
    more_real: str = ""
    few_class: str = ""
    few_groups: int = 0
    few_seed: int = 0

    @property
    def name(self) -> str:
        """Short, for file names and tables: `fold-0`, `test`, `fold-0-few-5`."""
        name = "test" if self.fold is None else f"fold-{self.fold}"
        return f"{name}-few-{self.few_groups}" if self.few_class else name

    @property
    def judged(self) -> Split:
        return Split.TEST if self.fold is None else Split.VAL

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        return cls(**values)

    def inputs(self) -> dict[str, Any]:
        """What decides the cells of this view, beside the data set: contents, never places."""
        values: dict[str, Any] = {"test": True} if self.fold is None else {"folds": self.folds, "fold": self.fold}
        if self.one_in > 1:
            values["one_in"] = self.one_in
        if self.few_class:
            values["few"] = [self.few_class, self.few_groups, self.few_seed]
        if self.more_real:
            values["more_real"] = Dataset(Path(self.more_real)).hash
        return values

    def open(self, dataset: Dataset) -> Dataset:
        """The data set with its rows split as this view says; no synthetic tile is in it.

        Raises:
            InputError: no such fold, or too few groups.
            DatasetError: the published view without a test split, or another set that does not fit.
        """
        view = _published(dataset) if self.fold is None else fold_view(dataset, n=self.folds, fold=self.fold)
        if self.one_in > 1:
            view = _fewer_groups(view, self.one_in)
        if self.few_class:
            view = _few_of_class(view, self.few_class, self.few_groups, self.few_seed)
        return with_more_real(view, Dataset(Path(self.more_real))) if self.more_real else view


class Joined(Dataset):
    """A view with the train tiles of another data set beside its own; pictures are read from where they lie."""

    def __init__(self, view: Dataset, other: Dataset) -> None:
        added = [replace(r, id=_PREFIX + r.id, group=_PREFIX + r.group, part=_PREFIX + r.part) for r in _learned(other)]
        self.folder = view.folder
        self.info = replace(view.info, hash=f"{view.hash} + {other.hash}")
        self.records = [*view.records, *added]
        self._other = other

    def picture(self, record: TileRecord) -> UInt8:
        if record.id.startswith(_PREFIX):
            return self._other.picture(_as_there(record))
        return super().picture(record)

    def label_map(self, record: TileRecord) -> LabelMap:
        if record.id.startswith(_PREFIX):
            return self._other.label_map(_as_there(record))
        return super().label_map(record)


def with_more_real(view: Dataset, other: Dataset) -> Dataset:
    """The view, learning from another set's train tiles too.

    Raises:
        DatasetError: other classes, channels or tile size, or a tile that is judged here is learned from there.
    """
    ours, theirs = view.info, other.info
    for what, here, there in (
        ("the classes", ", ".join(ours.taxonomy.defect_names), ", ".join(theirs.taxonomy.defect_names)),
        ("channels", ours.channels, theirs.channels),
        ("tiles of px", ours.tile_px, theirs.tile_px),
    ):
        if here != there:
            raise DatasetError(
                f"--more-real {other.folder} has {what} {there}, {view.folder} has {here}: they must agree"
            )
    judged = {r.sha256 for r in view.records if r.split != Split.TRAIN}
    leaks = [r.id for r in _learned(other) if r.sha256 in judged]
    if leaks:
        raise DatasetError(
            f"--more-real {other.folder}: its train tile {leaks[0]} is judged by in {view.folder} ({len(leaks)} tiles "
            f"are): give a set made from other parts, say another seed of data simulate"
        )
    return Joined(view, other)


def classes_by_group(dataset: Dataset, records: Iterable[TileRecord]) -> dict[str, set[str]]:
    """Names of the classes that each group shows; none for a clean group."""
    classes: dict[str, set[str]] = defaultdict(set)
    for record in records:
        classes[record.group] |= {dataset.taxonomy.defect(index).name for index in record.classes}
    return classes


def _published(dataset: Dataset) -> Dataset:
    """Train and val are both learned from: steps are fixed and nothing is chosen here (docs/adr/0010)."""
    real = [r for r in dataset.records if r.origin != Origin.SYNTHETIC and r.split != Split.NONE]
    if not any(r.split == Split.TEST for r in real):
        raise DatasetError(f"{dataset.folder} has no test split to publish on: draw one with data split")
    return with_records(
        dataset,
        [r if r.split == Split.TEST else replace(r, split=Split.TRAIN) for r in real],
        f"{dataset.hash}/train + val against test",
    )


def _fewer_groups(view: Dataset, one_in: int) -> Dataset:
    learned = view.select(Split.TRAIN)
    kept = folds(classes_by_group(view, learned), one_in)[0]
    return with_records(
        view,
        [r for r in view.records if r.split != Split.TRAIN or r.group in kept],
        f"{view.hash}, one in {one_in} groups",
    )


def _few_of_class(view: Dataset, name: str, groups: int, seed: int) -> Dataset:
    """The training tiles of a class cut to some of its groups; a tile of another group goes, whatever else it shows.

    Raises:
        InputError: the class has fewer groups, or none are wanted.
    """
    index = view.taxonomy.defect_index(name)
    there = sorted({record.group for record in view.select(Split.TRAIN) if index in record.classes})
    if not 1 <= groups <= len(there):
        raise InputError(
            f"{view.folder}: class '{view.taxonomy.defect(index).name}' has {len(there)} training groups (physical "
            f"defects) here, so 1 to {len(there)} can be kept, got {groups}"
        )
    kept = set(sorted(there, key=lambda group: derive_seed(seed, "few", group))[:groups])
    return with_records(
        view,
        [r for r in view.records if r.split != Split.TRAIN or index not in r.classes or r.group in kept],
        f"{view.hash}, {groups} groups of class {index}, seed {seed}",
    )


def with_records(dataset: Dataset, records: Sequence[TileRecord], name: str) -> Dataset:
    """The same data set with other rows, under another name; the pictures stay where they are."""
    view = copy.copy(dataset)
    view.records = list(records)
    view.info = replace(dataset.info, hash=name)
    return view


def _learned(other: Dataset) -> list[TileRecord]:
    records = [r for r in other.select(Split.TRAIN) if r.origin != Origin.SYNTHETIC]
    if not records:
        raise InputError(f"--more-real {other.folder} has no real train tile: split it with data split")
    return records


def _as_there(record: TileRecord) -> TileRecord:
    return replace(record, id=record.id.removeprefix(_PREFIX))
