"""The labels of a data set, or of a folder of simulated scans, as what is true of each part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from blemish.core.arrays import UInt8
from blemish.core.errors import InputError
from blemish.core.labels import LabelMap
from blemish.core.records import Origin, Split, TileRecord
from blemish.core.taxonomy import IGNORE, Taxonomy
from blemish.data.dataset import Dataset
from blemish.data.least_size import ignore_small
from blemish.data.rejoin import by_scan, joined_labels
from blemish.picture.read import read_index


@dataclass(frozen=True)
class LabelledPart:
    """What the labels say of a part; `is_ok` is None where nobody knows: no defect, but pixels of 255.

    Args:
        classes: names, the class of the largest defect first.
        size: longest side of the largest defect.
    """

    serial: str
    is_ok: bool | None
    classes: tuple[str, ...] = ()
    size: float | None = None


@dataclass(frozen=True)
class LabelledParts:
    """All parts of a folder, and how their sizes are given."""

    parts: tuple[LabelledPart, ...]
    size_unit: str  # mm where the taxonomy knows the size of a pixel, else px.
    said_by: str  # Whose labels these are.


def labelled_parts(folder: Path, split: Split | None = None) -> LabelledParts:
    """The parts of a data set, or of a folder that `data simulate` wrote; a synthetic tile is of no part.

    Args:
        split: only the parts of this split of a data set; None = all.

    Raises:
        InputError: neither of both, a split asked of a simulated folder, or no part.
    """
    if (folder / "dataset.toml").is_file():
        dataset = Dataset(folder)
        chosen = dataset.records if split is None else dataset.select(split)
        records = [record for record in chosen if record.origin is not Origin.SYNTHETIC]
        planes, taxonomy = _of_dataset(dataset, records), dataset.taxonomy
        said_by = f"labels of {_origins(records)} tiles, data set {folder.resolve().name} ({dataset.hash[:12]})"
    elif (folder / "simulation.json").is_file():
        if split is not None:
            raise InputError(f"{folder} is a folder of simulated scans and has no splits: leave --split out")
        planes, taxonomy = _of_simulation(folder), Taxonomy.from_toml(folder / "taxonomy.toml")
        said_by = f"labels of the simulated line ({folder.resolve().name})"
    else:
        raise InputError(f"{folder} holds neither a data set nor simulated scans: give one of them")
    parts: dict[str, LabelledPart] = {}
    for serial, plane, is_whole in planes:
        seen = of_plane(serial, plane, is_whole, taxonomy)
        parts[serial] = _joined(parts[serial], seen) if serial in parts else seen
    if not parts:
        raise InputError(f"{folder} has no part{f' in split {split}' if split else ''}")
    return LabelledParts(tuple(parts.values()), "px" if taxonomy.pixel_mm_xy is None else "mm", said_by)


def pictures_of(folder: Path, pictures: Path, split: Split | None = None) -> dict[Path, str]:
    """The pictures that the parts of a data set were imported from, and of which part each is.

    Args:
        pictures: the folder that was imported.

    Raises:
        InputError: no data set, or a picture that is not there.
    """
    if not (folder / "dataset.toml").is_file():
        raise InputError(f"{folder} is no data set, so no picture was imported for it: leave --pictures out")
    dataset = Dataset(folder)
    chosen = dataset.records if split is None else dataset.select(split)
    found = {pictures / record.source: record.part_id for record in chosen if record.origin is not Origin.SYNTHETIC}
    lost = next((path for path in found if not path.is_file()), None)
    if lost is not None:
        raise InputError(f"there is no picture {lost}: is {pictures} the folder that {folder} was imported from?")
    return found


def _origins(records: Sequence[TileRecord]) -> str:
    return " and ".join(sorted({str(record.origin) for record in records}))


def _of_dataset(dataset: Dataset, records: Sequence[TileRecord]) -> Iterator[tuple[str, UInt8, bool]]:
    """Serial, defect plane of a scan, and whether nothing but padding is ignored."""
    for tiles in by_scan(records).values():
        labels = (dataset.label_map(record).defect for record in tiles)
        is_whole = not any(record.ignore_px for record in tiles)
        yield tiles[0].part_id, joined_labels(tiles, labels), is_whole


def _of_simulation(folder: Path) -> Iterator[tuple[str, UInt8, bool]]:
    taxonomy = Taxonomy.from_toml(folder / "taxonomy.toml")
    for path in sorted((folder / "labels").glob("*.png")):
        label_map = LabelMap(read_index(path), read_index(folder / "backgrounds" / path.name))
        yield path.stem, *as_imported(label_map, taxonomy)


def as_imported(label_map: LabelMap, taxonomy: Taxonomy) -> tuple[UInt8, bool]:
    """The defect plane of a scan as it is imported, small defects 255, and whether none of it is ignored."""
    plane = ignore_small(label_map, taxonomy).label_map.defect
    return plane, not (plane == IGNORE).any()


def of_plane(serial: str, plane: UInt8, is_whole: bool, taxonomy: Taxonomy) -> LabelledPart:
    """What a defect plane says of its part.

    Args:
        is_whole: whether nobody left any of it open.
    """
    scale = taxonomy.pixel_mm_xy or (1.0, 1.0)
    largest: dict[str, float] = {}
    for index, kind in enumerate(taxonomy.defects, start=1):
        mask = (plane == index).astype(np.uint8)
        if mask.any():
            _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
            sides = stats[1:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]] * np.array(scale)
            largest[kind.name] = float(sides.max())
    if not largest:
        return LabelledPart(serial, True if is_whole else None)
    order = sorted(largest, key=lambda name: -largest[name])
    return LabelledPart(serial, False, tuple(order), largest[order[0]])


def _joined(one: LabelledPart, other: LabelledPart) -> LabelledPart:
    """A part of several scans: defective if one is, good only if all are."""
    if one.is_ok is False or other.is_ok is False:
        larger, smaller = sorted((one, other), key=lambda part: -(part.size or 0))
        classes = tuple(dict.fromkeys((*larger.classes, *smaller.classes)))
        return LabelledPart(one.serial, False, classes, larger.size)
    return LabelledPart(one.serial, True if one.is_ok and other.is_ok else None)
