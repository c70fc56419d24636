"""A data set with other splits: a new one, whose pictures are links to the old one's files where the disk allows it."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from blemish.core.errors import DatasetError, InputError
from blemish.core.records import Origin, Split, TileRecord
from blemish.core.whole_folder import whole_folder
from blemish.data.dataset import FOLDERS, Dataset, write_info
from blemish.data.import_groups import read_groups
from blemish.data.manifest import ManifestWriter
from blemish.data.splits import draw_splits, folds

Sides = Mapping[str, Split]  # Group -> its side.


def drawn_sides(
    dataset: Dataset, shares: Sequence[float], *, seed: int = 0, keep_test: bool = False
) -> dict[str, Split]:
    """New sides by group.

    With `keep_test` the test groups stay where they are. In a set with synthetic tiles train stays as it is, for they
    were made from its pixels: the other groups are drawn for val and test, in the proportion of their shares.

    Raises:
        InputError: with `keep_test`, no share for train or val.
    """
    groups = group_classes(dataset.records)
    fixed = _fixed(dataset.records, keep_test=keep_test)
    free = {group: classes for group, classes in groups.items() if group not in fixed}
    if keep_test:
        rest = shares[0] + shares[1]
        if rest <= 0:
            raise InputError("with --keep-test the shares of train and val cannot both be 0")
        shares = (shares[0] / rest, shares[1] / rest, 0.0)
    others = shares[1] + shares[2]
    if Split.TRAIN in fixed.values() and others > 0:
        shares = (0.0, shares[1] / others, shares[2] / others)
    return fixed | draw_splits(free, shares, seed=seed)


def fold_sides(dataset: Dataset, n: int, *, seed: int = 0) -> list[dict[str, Split]]:
    """Sides of each of `n` folds: one part is val, the others train; test groups stay test in all.

    Raises:
        InputError: the set holds synthetic tiles, or has fewer groups than folds.
    """
    synthetic = sum(record.origin is Origin.SYNTHETIC for record in dataset.records)
    if synthetic:
        raise InputError(
            f"{dataset.folder} holds {synthetic} synthetic tiles, made from groups that a fold would judge by: make "
            f"folds of the real set, and synthetic tiles from the train groups of each fold"
        )
    groups = group_classes(dataset.records)
    fixed = _fixed(dataset.records, keep_test=True)
    parts = folds({group: classes for group, classes in groups.items() if group not in fixed}, n, seed)
    return [
        fixed | {group: Split.VAL if k == i else Split.TRAIN for k, part in enumerate(parts) for group in part}
        for i in range(n)
    ]


def sides_from_file(dataset: Dataset, path: Path, *, keep_test: bool = False) -> dict[str, Split]:
    """The sides that a groups file gives to the data set's groups, by the group's name or its pictures.

    Args:
        keep_test: refuse a file that moves a test group.

    Raises:
        InputError: no split column, a group that the file does not have, or one that it puts on two sides or moves from
            where it has to stay: from train in a set with synthetic tiles, from test with `keep_test`.
    """
    file = read_groups(path)
    if not file.has_splits:
        raise InputError(f"{path} must have a split column to take splits from")
    by_source = file.match(sorted({record.source for record in dataset.records})).rows
    by_group = {row.group: row.split for row in file.rows.values()}
    sides: dict[str, Split] = {}
    for record in dataset.records:
        row = by_source.get(record.source)
        side = row.split if row is not None else by_group.get(record.group)
        if side is None and record.origin is Origin.SYNTHETIC:
            continue  # No picture of its own to be listed; its side is train.
        if side is None:
            raise InputError(
                f"{path} has neither the picture {record.source} nor the group '{record.group}': add a row"
            )
        if sides.setdefault(record.group, side) is not side:
            raise InputError(f"{path} puts group '{record.group}' in {sides[record.group]} and in {side}")
    fixed = _fixed(dataset.records, keep_test=keep_test)
    moved = next((group for group, side in sides.items() if fixed.get(group, side) is not side), None)
    if moved is not None:
        why = "--keep-test" if fixed[moved] is Split.TEST else "synthetic tiles were made from what is in train"
        raise InputError(
            f"{path} moves group '{moved}' from {fixed[moved]} to {sides[moved] or 'no split'}, where it may not be "
            f"({why}): correct its row"
        )
    return fixed | sides


def write_with_sides(dataset: Dataset, out: Path, sides: Sides) -> None:
    """Write the data set anew with these sides; it appears whole or not at all.

    Raises:
        DatasetError: `out` is there already, the set was altered, or a synthetic tile would enter val or test.
    """
    if out.exists():
        raise DatasetError(f"{out} is there already and a data set is never changed: choose another --out")
    dataset.refuse_altered()
    with whole_folder(out) as work:
        manifest = ManifestWriter(work / "manifest.parquet")
        for record in tqdm(dataset.records, desc="split", unit="tile", disable=None, leave=False):
            side = sides[record.group]
            if record.origin is Origin.SYNTHETIC and side in (Split.VAL, Split.TEST):
                raise DatasetError(f"{record.id}: a synthetic tile never enters {side}")
            for name in FOLDERS:
                _link(dataset.folder / name / f"{record.id}.png", work / name / f"{record.id}.png")
            manifest.add(replace(record, split=side))
        manifest.close()
        write_info(work, dataset.info)


def write_folds(dataset: Dataset, out: Path, folds_sides: Sequence[Sides]) -> list[Path]:
    """Write a data set for each fold, `out/fold-1` and on; all appear together or none does."""
    if out.exists():
        raise DatasetError(f"{out} is there already and a data set is never changed: choose another --out")
    names = [f"fold-{i}" for i in range(1, len(folds_sides) + 1)]
    with whole_folder(out) as work:
        for name, sides in zip(names, folds_sides, strict=True):
            write_with_sides(dataset, work / name, sides)
    return [out / name for name in names]


def group_classes(records: Sequence[TileRecord]) -> dict[str, set[str]]:
    """The classes that each group shows, as text."""
    groups: dict[str, set[str]] = defaultdict(set)
    for record in records:
        groups[record.group].update(str(index) for index in record.classes)
    return dict(groups)


def _fixed(records: Sequence[TileRecord], *, keep_test: bool) -> dict[str, Split]:
    """Groups that stay: those in train where synthetic tiles may hold their pixels, and with `keep_test` test's."""
    fixed: dict[str, Split] = {}
    if any(record.origin is Origin.SYNTHETIC for record in records):
        fixed = {record.group: Split.TRAIN for record in records if record.split is Split.TRAIN}
    if keep_test:
        fixed |= {record.group: Split.TEST for record in records if record.split is Split.TEST}
    return fixed


def _link(old: Path, new: Path) -> None:
    """Both names are one file where the disk allows it: a data set is never changed, so neither can spoil the other."""
    new.parent.mkdir(parents=True, exist_ok=True)
    try:
        new.hardlink_to(old.resolve())
    except OSError:
        shutil.copyfile(old, new)
