"""Names in a merged set: what is another scan, part or group, or another tile, is not called alike."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from blemish.core.records import Box, Origin, TileRecord
from blemish.data.dataset import Dataset
from blemish.picture.read import read_bytes


def told_apart(datasets: Sequence[Dataset]) -> list[list[TileRecord]]:
    """The rows of every set as they stand in the merged one, in order.

    - An id that two sets use has the name of its set before it.
    - So have a source that two sets use for different scans, the part of such a scan, and a group that bears the name
      of that part or scan. Scans are the same where the pictures of all tiles that lie at one place are the same bytes,
      whatever their labels: a corrected label makes no other scan.
    - A synthetic tile is its own scan and part: it lies on no real one.
    """
    names = _names(datasets)
    ids = Counter(record.id for dataset in datasets for record in dataset.records)
    sources = _of_different_scans(datasets)
    rows = []
    for name, dataset in zip(names, datasets, strict=True):
        parts = {_part(record) for record in _shown(dataset) if record.source in sources}
        new_groups = _groups_of(dataset, parts, name)
        rows.append([_row(record, name, ids, parts, new_groups) for record in dataset.records])
    return rows


def _row(
    record: TileRecord, name: str, ids: Mapping[str, int], parts: set[str], new_groups: Mapping[str, str]
) -> TileRecord:
    new_id = f"{name}/{record.id}" if ids[record.id] > 1 else record.id
    group = new_groups.get(record.group, record.group)
    if record.origin is Origin.SYNTHETIC:
        return replace(record, id=new_id, part=new_id, source=new_id, group=group)
    if _part(record) not in parts:
        return replace(record, id=new_id)
    source = f"{name}/{record.source}"
    part = f"{name}/{record.part}" if record.part else ""
    return replace(record, id=new_id, part=part, source=source, group=group)


def _of_different_scans(datasets: Sequence[Dataset]) -> set[str]:
    """Sources that are not one scan in all sets that have them."""
    scans: dict[str, list[_Tiles]] = defaultdict(list)
    for dataset in datasets:
        own: dict[str, dict[Box, TileRecord]] = defaultdict(dict)
        for record in _shown(dataset):
            own[record.source][record.box] = record
        for source, tiles in own.items():
            scans[source].append((dataset, tiles))
    return {source for source, found in scans.items() if not all(_is_same(found[0], other) for other in found[1:])}


_Tiles = tuple[Dataset, Mapping[Box, TileRecord]]  # Of one scan in one set.


def _is_same(one: _Tiles, other: _Tiles) -> bool:
    shared = set(one[1]) & set(other[1])
    return bool(shared) and all(
        one[1][box].sha256 == other[1][box].sha256 or _picture_of(one, box) == _picture_of(other, box) for box in shared
    )


def _picture_of(tiles: _Tiles, box: Box) -> bytes:
    dataset, rows = tiles
    return read_bytes(dataset.folder / "images" / f"{rows[box].id}.png")


def _groups_of(dataset: Dataset, parts: set[str], name: str) -> dict[str, str]:
    """New names of the groups that are but the name of one of these parts, or of a scan of it."""
    members: dict[str, list[TileRecord]] = defaultdict(list)
    for record in _shown(dataset):
        members[record.group].append(record)
    return {
        group: f"{name}/{group}"
        for group, records in members.items()
        if all(_part(r) in parts and group in (r.part, _without_suffix(r.source)) for r in records)
    }


def _part(record: TileRecord) -> str:
    return record.part or record.source


def _without_suffix(source: str) -> str:
    return str(PurePosixPath(source).with_suffix(""))


def _shown(dataset: Dataset) -> Iterable[TileRecord]:
    """The rows that show a scan."""
    return (r for r in dataset.records if r.origin is not Origin.SYNTHETIC and r.source)


def _names(datasets: Sequence[Dataset]) -> list[str]:
    """A name for each set: its folder's, with a number where two folders are called the same."""
    found = [dataset.folder.resolve().name for dataset in datasets]
    return [name if found.count(name) == 1 else f"{name}-{place}" for place, name in enumerate(found, start=1)]
