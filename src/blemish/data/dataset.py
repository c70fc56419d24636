"""A data set on disk: tiles, labels and a manifest, immutable, named by the hash of its contents.

dataset.toml             format version, taxonomy, tile size, channels, 16-bit range, hash
images/<id>.png          8-bit gray or RGB
labels/<id>.png          palette index of the defect class, 0 none, 255 ignore
backgrounds/<id>.png     palette index of the background class
manifest.parquet         one row a tile
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import tomli_w

from blemish.core.alone import alone_in
from blemish.core.arrays import Bool, UInt8
from blemish.core.errors import DatasetError
from blemish.core.labels import LabelMap
from blemish.core.records import Split, TileRecord
from blemish.core.taxonomy import IGNORE, Taxonomy, rgb
from blemish.core.toml_files import load_toml
from blemish.data.manifest import ManifestWriter, manifest_hash, read_manifest, refuse_bad_id
from blemish.picture.read import read_bytes, read_index, read_picture
from blemish.picture.whole import png_fault
from blemish.picture.write import png_bytes, write_bytes

FORMAT = 1
FOLDERS = ("images", "labels", "backgrounds")  # In the order of a row's hash.


_MOST_16_BIT = 65_535
_INFO_FILE = "dataset.toml"


@dataclass(frozen=True)
class Sample:
    """One tile in memory: picture uint8 H W or H W 3, its label map, its row."""

    picture: UInt8
    label_map: LabelMap
    record: TileRecord


@dataclass(frozen=True)
class DatasetInfo:
    """What `dataset.toml` holds."""

    taxonomy: Taxonomy
    tile_px: int
    channels: int  # 1 gray, 3 RGB
    value_range: tuple[int, int] | None = None  # of 16-bit sources; None = they were 8-bit
    hash: str = ""


class Dataset:
    """Read a data set. Rows are held (a few hundred bytes each); pictures are read one by one.

    Example:
        >>> Dataset(Path("cells")).sample(0).picture.shape  # doctest: +SKIP
        (512, 512)
    """

    def __init__(self, folder: Path, *, altered: bool = False) -> None:
        self.folder = folder
        self.info = _read_info(folder)
        self.records: list[TileRecord] = list(read_manifest(folder / "manifest.parquet"))
        self._altered = altered
        if not altered:
            self.refuse_altered()

    def __len__(self) -> int:
        return len(self.records)

    @property
    def taxonomy(self) -> Taxonomy:
        return self.info.taxonomy

    @property
    def channels(self) -> int:
        return self.info.channels

    @property
    def hash(self) -> str:
        return self.info.hash

    def refuse_altered(self) -> None:
        """Refuse a set whose rows or classes are not those that its hash was made of; files are looked at by `check`.

        Raises:
            DatasetError: they are others.
        """
        if manifest_hash(self.taxonomy.to_dict(), self.records, self.info.value_range) != self.hash:
            raise DatasetError(
                f"{self.folder} was altered after it was written: see blemish data check, and import again"
            )

    def select(self, split: Split) -> list[TileRecord]:
        """The rows of one split, in order."""
        return [record for record in self.records if record.split == split]

    def picture(self, record: TileRecord) -> UInt8:
        """uint8 H W or H W 3."""
        pixels = read_picture(self.folder / "images" / f"{record.id}.png")
        if pixels.dtype != np.uint8:
            raise DatasetError(f"images/{record.id}.png must be 8-bit, got 16-bit: import the data set again")
        return pixels.astype(np.uint8, copy=False)

    def label_map(self, record: TileRecord) -> LabelMap:
        label_map = LabelMap(
            read_index(self.folder / "labels" / f"{record.id}.png"),
            read_index(self.folder / "backgrounds" / f"{record.id}.png"),
        )
        return label_map if self._altered else label_map.check(self.taxonomy, f"{self.folder}: {record.id}")

    def sample(self, which: int | TileRecord) -> Sample:
        """One tile by its place or its row."""
        record = self.records[which] if isinstance(which, int) else which
        return Sample(self.picture(record), self.label_map(record), record)

    def samples(self) -> Iterator[Sample]:
        """All tiles, one in memory at a time."""
        return (self.sample(record) for record in self.records)


class DatasetWriter:
    """Write a data set tile by tile; the folder appears whole when the block ends well, else not at all.

    Args:
        resume_key: a text that stands for everything that decides the files (a hash of the settings). With it, a kill
            or Ctrl-C leaves the tiles written so far in a hidden folder beside the data set; the next writer with the
            same key goes on there: `keep` says which tiles need not be made again. Any other error leaves nothing.
            None = no resuming.

    Raises:
        DatasetError: the folder is there already, an id is used twice or would leave the folder, no tile was added, a
            synthetic tile would enter val or test, or a group crosses a split.

    Example:
        >>> with DatasetWriter(Path("out"), info) as writer:  # doctest: +SKIP
        ...     writer.add(sample)
    """

    def __init__(self, folder: Path, info: DatasetInfo, *, resume_key: str | None = None) -> None:
        if folder.exists():
            raise DatasetError(f"{folder} is there already and a data set is never changed: choose another --out")
        self.folder = folder
        self.info = info
        self.counted = 0
        self._resumable = resume_key is not None
        if resume_key is None:
            self._work = folder.with_name(f".{folder.name}.unfinished-{os.getpid()}")
        else:
            key = hashlib.sha256(resume_key.encode()).hexdigest()[:12]
            self._work = folder.with_name(f".{folder.name}.resumable-{key}")
        self._ids: set[str] = set()
        self._sides: dict[str, Split] = {}
        self._manifest: ManifestWriter | None = None
        self._held = ExitStack()

    def __enter__(self) -> Self:
        if not self._resumable:
            shutil.rmtree(self._work, ignore_errors=True)
        self._work.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            stack.enter_context(alone_in(self._work, "written"))
            for torn in self._work.rglob(".*.part"):  # Of a write that was killed.
                torn.unlink()
            self._manifest = ManifestWriter(self._work / "manifest.parquet")
            self._held = stack.pop_all()
        return self

    def add(self, sample: Sample, padding: Bool | None = None, files: Mapping[str, bytes] | None = None) -> TileRecord:
        """Write one tile; its pixel counts and hash are filled in, and the finished row is returned.

        Args:
            padding: True where the tile reaches beyond its scan (those pixels must be 255); None = nowhere.
            files: `tile_files(sample, taxonomy)`, where they were made already.
        """
        if self._manifest is None:
            raise DatasetError("a DatasetWriter is used in a with block")
        record = sample.record
        self._refuse(record)
        sample.label_map.check(self.info.taxonomy, record.id)
        if sample.picture.shape[:2] != sample.label_map.size_hw:
            raise DatasetError(
                f"{record.id}: picture {sample.picture.shape[:2]} and label {sample.label_map.size_hw} differ in size"
            )
        files = tile_files(sample, self.info.taxonomy) if files is None else files
        digest = hashlib.sha256()
        for name, data in files.items():
            write_bytes(self._work / name / f"{record.id}.png", data)
            digest.update(data)
        return self._register(record, sample.label_map, padding, digest.hexdigest())

    @property
    def resumes(self) -> bool:
        """Whether an earlier, unfinished run with the same resume key left work to go on with."""
        return self._resumable and self._work.is_dir()

    def has(self, tile_id: str) -> bool:
        """Whether an earlier, unfinished run with the same resume key left all three files of a tile, whole."""
        refuse_bad_id(tile_id)
        return all(_is_whole_png(self._work / name / f"{tile_id}.png") for name in FOLDERS)

    def keep(self, record: TileRecord, *, ignored_is_padding: bool = False) -> TileRecord:
        """Register a tile that `has` found, instead of adding it again; its row is counted from the files.

        Args:
            ignored_is_padding: every 255 of this tile is padding, none was ignored for another reason.
        """
        self._refuse(record)
        paths = {name: self._work / name / f"{record.id}.png" for name in FOLDERS}
        label_map = LabelMap(read_index(paths["labels"]), read_index(paths["backgrounds"]))
        label_map.check(self.info.taxonomy, record.id)
        digest = hashlib.sha256()
        for path in paths.values():
            digest.update(path.read_bytes())
        padding = label_map.defect == IGNORE if ignored_is_padding else None
        return self._register(record, label_map, padding, digest.hexdigest())

    def copy(self, source: Dataset, record: TileRecord, row: TileRecord) -> TileRecord:
        """Take a tile over from a data set of the same taxonomy, byte for byte, under another row.

        Args:
            record: the tile's row in `source`; its files must still be what it says.
            row: as `record` but for id, part, source, group, split; pixel counts and hash stay `record`'s.
        """
        if self._manifest is None:
            raise DatasetError("a DatasetWriter is used in a with block")
        self._refuse(row)
        digest = hashlib.sha256()
        for name in FOLDERS:
            data = read_bytes(source.folder / name / f"{record.id}.png")
            digest.update(data)
            write_bytes(self._work / name / f"{row.id}.png", data)
        if digest.hexdigest() != record.sha256:
            raise DatasetError(f"{record.id} in {source.folder} was altered after its import: run data check on it")
        self._manifest.add(row)
        self.counted += 1
        return row

    def _register(self, record: TileRecord, label_map: LabelMap, padding: Bool | None, sha256: str) -> TileRecord:
        if self._manifest is None:
            raise DatasetError("a DatasetWriter is used in a with block")
        finished = replace(count_pixels(record, label_map, self.info.taxonomy, padding), sha256=sha256)
        self._manifest.add(finished)
        self.counted += 1
        return finished

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        kept = self._resumable and isinstance(error, KeyboardInterrupt)
        try:
            if self._manifest is not None:
                self._manifest.close()
            if error is None:
                self._finish()
        finally:
            if not kept:
                shutil.rmtree(self._work, ignore_errors=True)
            self._held.close()

    def _finish(self) -> None:
        if self.counted == 0:
            raise DatasetError(f"no tile was written to {self.folder}: there was nothing to import")
        write_info(self._work, self.info)
        self._work.replace(self.folder)

    def _refuse(self, record: TileRecord) -> None:
        refuse_bad_id(record.id)
        if record.id in self._ids:
            raise DatasetError(f"two tiles are called '{record.id}': give every picture its own name or folder")
        if record.origin == "synthetic" and record.split in (Split.VAL, Split.TEST):
            raise DatasetError(f"{record.id}: a synthetic tile never enters {record.split}")
        side = self._sides.setdefault(record.group, record.split)
        if side != record.split:
            raise DatasetError(f"group '{record.group}' is in {side or 'no split'} and in {record.split or 'no split'}")
        self._ids.add(record.id)


def unfinished_work(folder: Path) -> list[Path]:
    """The hidden folders that stopped resumable writers of this data set left beside it."""
    if not folder.parent.is_dir():
        return []
    start = f".{folder.name}.resumable-"
    return sorted(path for path in folder.parent.iterdir() if path.name.startswith(start))


def is_dataset(folder: Path) -> bool:
    """Whether a folder is one that a `Dataset` may be opened on, sound or not."""
    return (folder / _INFO_FILE).is_file()


def write_info(folder: Path, info: DatasetInfo) -> None:
    """Write `dataset.toml`, with the hash of taxonomy and manifest as they stand in the folder."""
    taxonomy = info.taxonomy.to_dict()
    values: dict[str, Any] = {"format": FORMAT, "tile_px": info.tile_px, "channels": info.channels}
    if info.value_range is not None:
        values["value_range"] = list(info.value_range)
    values["hash"] = manifest_hash(taxonomy, read_manifest(folder / "manifest.parquet"), info.value_range)
    values["taxonomy"] = taxonomy
    write_bytes(folder / _INFO_FILE, tomli_w.dumps(values).encode())


def tile_files(sample: Sample, taxonomy: Taxonomy, picture_png: bytes | None = None) -> dict[str, bytes]:
    """The three PNG files of a tile by folder name.

    Args:
        picture_png: `png_bytes` of its picture, where they were made already.
    """
    return {
        "images": png_bytes(sample.picture) if picture_png is None else picture_png,
        "labels": png_bytes(sample.label_map.defect, [(0, 0, 0), *(rgb(d.colour) for d in taxonomy.defects)]),
        "backgrounds": png_bytes(sample.label_map.background, [rgb(b.colour) for b in taxonomy.backgrounds]),
    }


def count_pixels(record: TileRecord, label_map: LabelMap, taxonomy: Taxonomy, padding: Bool | None) -> TileRecord:
    """The row with its pixel counts."""
    defect = np.bincount(label_map.defect.ravel(), minlength=256)
    background = np.bincount(label_map.background.ravel(), minlength=256)
    padded = 0 if padding is None else int(padding.sum())
    return replace(
        record,
        defect_px=tuple(int(defect[i]) for i in range(1, len(taxonomy.defects) + 1)),
        background_px=tuple(int(background[i]) for i in range(len(taxonomy.backgrounds))),
        ignore_px=int(defect[IGNORE]) - padded,
        padding_px=padded,
    )


def _is_whole_png(path: Path) -> bool:
    """Every chunk is there and has its checksum, up to the last: no decoding."""
    return path.is_file() and not png_fault(path.read_bytes())


def _refuse_impossible(info: DatasetInfo) -> None:
    if info.tile_px < 1 or info.channels not in (1, 3):
        raise ValueError(f"tile_px {info.tile_px} or channels {info.channels}")
    if info.value_range is not None and not 0 <= info.value_range[0] < info.value_range[1] <= _MOST_16_BIT:
        raise ValueError(f"value_range {list(info.value_range)}")


def _read_info(folder: Path) -> DatasetInfo:
    path = folder / _INFO_FILE
    try:
        values = load_toml(path)
    except (OSError, ValueError) as error:
        raise DatasetError(
            f"{folder} is not a data set (no readable dataset.toml): make one with data import"
        ) from error
    if values.get("format") != FORMAT:
        raise DatasetError(f"{path} has format {values.get('format')}, this version reads {FORMAT}: import it again")
    try:
        span = values.get("value_range")
        info = DatasetInfo(
            taxonomy=Taxonomy.from_dict(values["taxonomy"], str(path)),
            tile_px=int(values["tile_px"]),
            channels=int(values["channels"]),
            value_range=None if span is None else (int(span[0]), int(span[1])),
            hash=str(values["hash"]),
        )
        _refuse_impossible(info)
        return info
    except (KeyError, TypeError, ValueError, OverflowError, IndexError) as error:
        raise DatasetError(f"{path} lacks or garbles {error}: import the data set again") from error
