"""What every export shares: a folder that appears whole or not at all, pictures as they are, groups as CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tomli_w
from tqdm import tqdm

from blemish.core.errors import DatasetError
from blemish.core.labels import LabelMap
from blemish.core.records import TileRecord
from blemish.core.whole_folder import whole_folder
from blemish.data.dataset import Dataset
from blemish.data.import_groups import EXPORTED
from blemish.picture.read import read_bytes
from blemish.picture.write import write_bytes


@contextmanager
def export_folder(out: Path) -> Iterator[Path]:
    """A hidden folder to write to, which becomes `out` when the block ends well and is removed when it does not.

    Raises:
        DatasetError: `out` exists.
    """
    if out.exists():
        raise DatasetError(f"{out} is there already: choose another --out")
    with whole_folder(out) as work:
        yield work


def tiles_of(dataset: Dataset, pictures: Path) -> Iterator[tuple[TileRecord, LabelMap]]:
    """Every tile in turn, its label checked and its picture copied, byte for byte, to `<pictures>/<id>.png`.

    Raises:
        LabelError: a value outside the taxonomy.
    """
    for record in tqdm(dataset.records, unit="tile", desc="export", disable=None):
        write_bytes(pictures / f"{record.id}.png", read_bytes(dataset.folder / "images" / f"{record.id}.png"))
        yield record, dataset.label_map(record).check(dataset.taxonomy, f"labels/{record.id}.png")


def write_lists(dataset: Dataset, work: Path, pictures: str) -> None:
    """`groups.csv` (file, class, group, split, part, origin: a row for each tile) and `taxonomy.toml`."""
    with (work / "groups.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file", *EXPORTED])
        for record in dataset.records:
            names = ";".join(dataset.taxonomy.defect(index).name for index in record.classes)
            name = f"{pictures}/{record.id}.png" if pictures else f"{record.id}.png"
            writer.writerow([name, names, record.group, record.split, record.part, record.origin])
    write_bytes(work / "taxonomy.toml", tomli_w.dumps(dataset.taxonomy.to_dict()).encode())
