"""Is a data set what its manifest says, and does nothing leak from one split into another?

Tiles are read one by one. What is wrong makes the set unfit for training or judging; what is only worth knowing is a
note.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tqdm import tqdm

from blemish.core.arrays import Picture
from blemish.core.errors import BlemishError
from blemish.core.records import Origin, Split, TileRecord
from blemish.core.taxonomy import IGNORE
from blemish.data.cutouts import usable_window
from blemish.data.dataset import Dataset, Sample, count_pixels
from blemish.data.duplicates import DuplicateSearch, Twin
from blemish.data.manifest import manifest_hash
from blemish.picture.read import read_bytes
from blemish.picture.tiling import cut

LISTED = 200  # Of one kind; the rest is only counted.


@dataclass(frozen=True)
class Finding:
    """One thing found."""

    kind: str
    where: str  # A tile's id, two of them, a group or a file.
    what: str


@dataclass
class CheckReport:
    """What was found; `wrong` and `notes` list the first 200 of a kind, the counters count all."""

    tiles: int = 0
    wrong: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    wrong_counts: Counter[str] = field(default_factory=Counter)
    note_counts: Counter[str] = field(default_factory=Counter)

    @property
    def is_sound(self) -> bool:
        return not self.wrong_counts

    @property
    def summary(self) -> str:
        """One line."""
        if self.is_sound:
            return f"{self.tiles} tiles, nothing wrong"
        found = ", ".join(f"{count} {kind}" for kind, count in self.wrong_counts.items())
        return f"{self.tiles} tiles, wrong: {found}"

    def add_wrong(self, finding: Finding) -> None:
        _add(self.wrong, self.wrong_counts, finding)

    def add_note(self, finding: Finding) -> None:
        _add(self.notes, self.note_counts, finding)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "tiles": self.tiles,
            "sound": self.is_sound,
            "wrong_counts": dict(self.wrong_counts),
            "note_counts": dict(self.note_counts),
            "wrong": [vars(finding) for finding in self.wrong],
            "notes": [vars(finding) for finding in self.notes],
        }


def check_dataset(dataset: Dataset) -> CheckReport:
    """Look at every row and file of a data set.

    Wrong: a file that is missing, damaged or altered; another size or kind of pixel; a value that the taxonomy does not
    know; pixel counts or a set's hash that differ from what is written; a group or a part on two sides; a synthetic
    tile in val or test; the same surface (exactly or nearly, turned or mirrored) in two splits; one picture with two
    labels. Notes: duplicates within a split, tiles ignored everywhere, blank tiles, classes without a tile in a split,
    stray files.
    """
    report = CheckReport()
    for finding in _of_rows(dataset):
        report.add_wrong(finding)
    search = DuplicateSearch()
    for row, record in enumerate(tqdm(dataset.records, unit="tile", desc="check", disable=None)):
        report.tiles += 1
        sample = _read(dataset, record, report)
        if sample is not None:
            _look_at(sample, dataset, report)
            search.add(row, _surface(sample))
    for twin in search.pairs(lambda row: _surface(dataset.sample(row))):
        _add_twin(dataset, twin, report)
    _add_notes(dataset, search.blank, report)
    return report


def _of_rows(dataset: Dataset) -> Iterator[Finding]:
    """What the manifest alone gives away."""
    written = manifest_hash(dataset.taxonomy.to_dict(), dataset.records, dataset.info.value_range)
    if written != dataset.hash:
        what = f"dataset.toml says {dataset.hash[:12]}, its other entries and the manifest hash to {written[:12]}"
        yield Finding("altered", "dataset.toml", what)
    sides: dict[tuple[str, str], Split] = {}
    for record in dataset.records:
        if record.origin == Origin.SYNTHETIC and record.split in (Split.VAL, Split.TEST):
            yield Finding("synthetic outside train", record.id, f"a synthetic tile is in {record.split}")
        of_part = "" if record.origin == Origin.SYNTHETIC else record.part
        for kind, name in (("group", record.group), ("part", of_part)):
            side = sides.setdefault((kind, name), record.split) if name else record.split
            if side != record.split:
                what = f"its tiles are in {side or 'no split'} and in {record.split or 'no split'}"
                yield Finding(f"{kind} in two splits", name, what)
    for tile_id, count in Counter(record.id for record in dataset.records).items():
        if count > 1:
            yield Finding("id used twice", tile_id, f"{count} rows have this id")


def _read(dataset: Dataset, record: TileRecord, report: CheckReport) -> Sample | None:
    """The tile, or None where it cannot be read; its bytes are held against the manifest first."""
    digest = hashlib.sha256()
    try:
        for kind in ("images", "labels", "backgrounds"):
            digest.update(read_bytes(dataset.folder / kind / f"{record.id}.png"))
        if digest.hexdigest() != record.sha256:
            what = "its files are not the bytes that the manifest names: they were changed after the import"
            report.add_wrong(Finding("altered", record.id, what))
        return dataset.sample(record)
    except BlemishError as error:
        report.add_wrong(Finding("unreadable", record.id, str(error)))
        return None


def _look_at(sample: Sample, dataset: Dataset, report: CheckReport) -> None:
    """Size, kind and values of one tile, and the counts in its row."""
    record, info = sample.record, dataset.info
    expected = (info.tile_px, info.tile_px) if info.channels == 1 else (info.tile_px, info.tile_px, 3)
    if sample.picture.shape != expected:
        what = f"picture must be {_by(expected)}, got {_by(sample.picture.shape)}"
        report.add_wrong(Finding("size", record.id, what))
    if sample.label_map.size_hw != expected[:2]:
        what = f"label must be {_by(expected[:2])}, got {_by(sample.label_map.size_hw)}"
        report.add_wrong(Finding("size", record.id, what))
    try:
        sample.label_map.check(info.taxonomy, record.id)
    except BlemishError as error:
        report.add_wrong(Finding("unknown value", record.id, str(error)))
        return
    found = count_pixels(record, sample.label_map, info.taxonomy, None)
    counts = (record.defect_px, record.background_px, record.ignore_px + record.padding_px)
    if counts != (found.defect_px, found.background_px, found.ignore_px):
        report.add_wrong(Finding("count", record.id, "the pixel counts of its row are not those of its label"))
    if (sample.label_map.defect == IGNORE).all():
        report.add_note(Finding("ignored everywhere", record.id, "its label says nothing of any pixel"))


def _surface(sample: Sample) -> Picture:
    """The picture without its padding (as far as its label has the picture's size)."""
    if sample.picture.shape[:2] != sample.label_map.size_hw:
        return sample.picture
    return cut(sample.picture, usable_window(sample.label_map))


def _add_twin(dataset: Dataset, twin: Twin, report: CheckReport) -> None:
    one, other = dataset.records[twin.first], dataset.records[twin.second]
    where = f"{one.id} and {other.id}"
    like = "the same picture" if twin.exact else f"one surface (correlation {twin.similarity:.2f})"
    if twin.exact and one.sha256 != other.sha256:
        report.add_wrong(Finding("two labels", where, "the same picture with different labels"))
    if one.split != other.split and Split.NONE not in (one.split, other.split):
        report.add_wrong(Finding("leak", where, f"{like} in {one.split} and in {other.split}"))
    elif one.group == other.group:
        report.add_note(Finding("duplicate in a group", where, f"{like}, as groups are for"))
    else:
        what = f"{like} in groups '{one.group}' and '{other.group}': a later split may part them"
        report.add_note(Finding("duplicate", where, what))


def _add_notes(dataset: Dataset, blank: int, report: CheckReport) -> None:
    if blank:
        what = f"{blank} tiles show an even surface, by which no duplicate can be told"
        report.add_note(Finding("blank", str(dataset.folder), what))
    for split in sorted({record.split for record in dataset.records}):
        shown = {index for record in dataset.select(split) for index in record.classes}
        for index, defect in enumerate(dataset.taxonomy.defects, start=1):
            if index not in shown:
                report.add_note(Finding("absent class", defect.name, f"no tile of {split or 'no split'} shows it"))
    known = {record.id for record in dataset.records}
    for kind in ("images", "labels", "backgrounds"):
        root = dataset.folder / kind
        for path in root.rglob("*"):
            if path.is_file() and path.relative_to(root).with_suffix("").as_posix() not in known:
                name = path.relative_to(dataset.folder).as_posix()
                report.add_note(Finding("stray file", name, "the manifest has no row for it"))


def _add(findings: list[Finding], counts: Counter[str], finding: Finding) -> None:
    counts[finding.kind] += 1
    if counts[finding.kind] <= LISTED:
        findings.append(finding)


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(str(length) for length in shape)
