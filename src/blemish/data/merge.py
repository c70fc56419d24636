"""Several data sets of one product become one: frozen test groups stay frozen, counts add up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tqdm import tqdm

from blemish.core.errors import DatasetError
from blemish.core.records import Origin, Split, TileRecord
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Dataset, DatasetWriter
from blemish.data.merge_names import told_apart
from blemish.data.whole_parts import with_whole_parts


@dataclass(frozen=True)
class MergeReport:
    """What became of the tiles: `read` = `written` + `dropped`."""

    read: tuple[int, ...]  # Tiles of each input, in the order given.
    written: int
    dropped: int  # Tiles left out because their group is on a frozen side elsewhere.
    renamed: int  # Tiles whose id another input uses too: the name of their data set is set before it.
    conflicts: tuple[str, ...]  # The groups of the tiles left out.


def merge_datasets(datasets: Sequence[Dataset], out: Path, *, drop_conflicts: bool = False) -> MergeReport:
    """Write one data set with the tiles of all, byte for byte; origins, generators, seeds and presets are kept.

    A group is the same group wherever its name occurs, unless it is but the name of a scan that is another one there
    (`merge_names.told_apart`); groups that share a part are one. One that is in test (or val) in any input may not be
    on another side in the result.

    Args:
        drop_conflicts: leave out the tiles of such groups that are on another side (test is kept before val, and val
            before train), instead of refusing; without it a group on two sides is refused, and with synthetic tiles,
            which may hold its pixels, in any case.

    Raises:
        DatasetError: fewer than two sets; another taxonomy, tile size, channels or 16-bit range; a group on two sides;
            a set or tile altered after its import; `out` exists.
    """
    if len(datasets) < 2:
        raise DatasetError(f"merging takes two data sets or more, got {len(datasets)}")
    _refuse_altered(datasets)
    for other in datasets[1:]:
        _refuse_different(datasets[0], other)
    rows = _with_whole_parts(told_apart(datasets))
    sides = _sides(rows)
    conflicts = sorted(group for group, found in sides.items() if len(found) > 1)
    if conflicts and not drop_conflicts:
        raise DatasetError(_crossing(conflicts, sides))
    synthetic = sum(record.origin is Origin.SYNTHETIC for own in rows for record in own)
    if conflicts and synthetic:
        raise DatasetError(
            f"{len(conflicts)} groups are on two sides, and {synthetic} synthetic tiles may hold their pixels: merge "
            f"the real sets alone, and make synthetic tiles from what is in train then"
        )
    kept_side = {group: min(found, key=_FROZEN_FIRST.index) for group, found in sides.items()}
    written = renamed = dropped = 0
    with (
        DatasetWriter(out, replace(datasets[0].info, hash="")) as writer,
        tqdm(total=sum(map(len, datasets)), unit="tile", desc="merge", disable=None) as bar,
    ):
        for dataset, own in zip(datasets, rows, strict=True):
            for record, row in zip(dataset.records, own, strict=True):
                bar.update()
                if row.split != kept_side[row.group]:
                    dropped += 1
                    continue
                writer.copy(dataset, record, row)
                written, renamed = written + 1, renamed + (row.id != record.id)
    return MergeReport(tuple(map(len, datasets)), written, dropped, renamed, tuple(conflicts))


_FROZEN_FIRST = (Split.TEST, Split.VAL, Split.TRAIN, Split.NONE)


def _with_whole_parts(rows: Sequence[Sequence[TileRecord]]) -> list[list[TileRecord]]:
    """The rows, with groups that share a part under one name; synthetic tiles follow their group."""
    real = {r.id: (r.group, r.part) for own in rows for r in own if r.origin is not Origin.SYNTHETIC and r.part}
    places, _ = with_whole_parts(real)
    names = {real[tile][0]: group for tile, (group, _) in places.items()}
    return [[replace(record, group=names.get(record.group, record.group)) for record in own] for own in rows]


def _refuse_altered(datasets: Sequence[Dataset]) -> None:
    for dataset in datasets:
        dataset.refuse_altered()


def _sides(rows: Sequence[Sequence[TileRecord]]) -> dict[str, set[Split]]:
    sides: dict[str, set[Split]] = {}
    for own in rows:
        for record in own:
            sides.setdefault(record.group, set()).add(record.split)
    return sides


def _crossing(conflicts: Sequence[str], sides: dict[str, set[Split]]) -> str:
    group = conflicts[0]
    where = " and in ".join(side or "no split" for side in _FROZEN_FIRST if side in sides[group])
    others = f" ({len(conflicts) - 1} more groups cross as well)" if len(conflicts) > 1 else ""
    return (
        f"group '{group}' is in {where}{others}: a frozen group stays on its side; "
        f"split the sets alike, or leave the tiles on the other side out with --drop-conflicts"
    )


def _refuse_different(one: Dataset, other: Dataset) -> None:
    both = f"{one.folder} and {other.folder}"
    difference = taxonomy_difference(one.taxonomy, other.taxonomy)
    if difference:
        raise DatasetError(f"{both} have different taxonomies: {difference}; import them with one --taxonomy")
    for what in ("tile_px", "channels", "value_range"):
        here, there = getattr(one.info, what), getattr(other.info, what)
        if here != there:
            how = "with one --range LOW/HIGH" if what == "value_range" and here and there else "alike"
            raise DatasetError(f"{both} differ in {what}: {here} and {there}; import them {how}")


def taxonomy_difference(one: Taxonomy, other: Taxonomy) -> str:
    """The first thing in which two taxonomies differ, as text; "" = they agree (their names may differ).

    Example:
        >>> taxonomy_difference(Taxonomy.of_names("a", ["dot"]), Taxonomy.of_names("b", ["spot"]))
        "defect 1 is 'dot' and 'spot' (name)"
    """
    for kind, here, there in (
        ("background", one.backgrounds, other.backgrounds),
        ("defect", one.defects, other.defects),
    ):
        if len(here) != len(there):
            return f"{len(here)} and {len(there)} {kind} classes"
        for place, (left, right) in enumerate(zip(here, there, strict=True), start=1):
            for key, value in vars(left).items():
                if value != getattr(right, key):
                    return f"{kind} {place} is {value!r} and {getattr(right, key)!r} ({key})"
    if one.pixel_mm_xy != other.pixel_mm_xy:
        return f"pixels of {one.pixel_mm_xy} and {other.pixel_mm_xy} mm"
    return ""
