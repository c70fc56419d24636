"""Generate a synthetic data set: draw label maps, paint them batch by batch, write them with where they come from.

`draw_batch` and `paint_batch` are pure functions of their arguments, so batches can go to many machines; a tile's bytes
depend on the job, the seed and the tile's id, not on the run that made it.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from tqdm import tqdm

from blemish.core.arrays import UInt8, with_channels, without_channels
from blemish.core.errors import DatasetError, InputError
from blemish.core.labels import LabelMap
from blemish.core.protocols import Generator
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.core.seeds import derive_seed
from blemish.core.taxonomy import IGNORE, Taxonomy
from blemish.data.dataset import Dataset, DatasetInfo, DatasetWriter, Sample, unfinished_work
from blemish.gan.any_size import paint_any_size
from blemish.gan.bank import Background, Bank, background_picture
from blemish.gan.labels import NotDrawn, draw_tile
from blemish.gan.plan import Plan, PlanItem

DRAWING = 1  # Version of how labels are drawn; unfinished work of another version is not gone on with.


@dataclass(frozen=True)
class Provenance:
    """What every synthetic tile's row says of its maker."""

    generator: str  # Hash of the generator,
    preset: str  # and its preset.
    seed: int

    def tile_id(self, item: PlanItem, taxonomy: Taxonomy) -> str:
        """A folder for each class, so that pictures can be looked through; differs between generators and seeds."""
        names = "+".join(taxonomy.defect(index).name.replace(" ", "-") for index in item.classes)
        return f"synthetic-{self.generator[:8]}-s{self.seed}/{names}/{item.index:06d}"


@dataclass(frozen=True)
class RealPictures:
    """The pictures of a data set by tile id, for real backgrounds."""

    dataset: Dataset
    rows: dict[str, TileRecord]

    @classmethod
    def of(cls, dataset: Dataset) -> Self:
        return cls(dataset, {record.id: record for record in dataset.records})

    def beneath(self, background: Background) -> UInt8:
        """uint8 H W C."""
        return with_channels(background_picture(self.dataset.picture(self.rows[background.tile]), background))


@dataclass(frozen=True)
class Job:
    """All that decides the bytes of a tile, besides its place in the plan."""

    generator: Generator
    bank: Bank
    provenance: Provenance
    real: RealPictures | None = None  # None = generated backgrounds.


@dataclass(frozen=True)
class Task:
    """One tile that is drawn and waits to be painted."""

    record: TileRecord
    label_map: LabelMap
    background: Background


@dataclass(frozen=True)
class Synthesis:
    """What came of a plan; planned = written + failed."""

    planned: int
    written: int
    kept: int  # Of those written, made by an earlier run that was stopped.
    failed: dict[str, int]  # Reason -> tiles.
    per_class: dict[str, int]  # Written tiles that show a class, by its name.
    hash: str  # Of the data set.
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class _Tally:
    written: Counter[int] = field(default_factory=Counter)  # Class -> tiles.
    failed: Counter[str] = field(default_factory=Counter)
    kept: int = 0


def draw_batch(job: Job, items: Sequence[PlanItem]) -> tuple[list[Task], list[NotDrawn]]:
    """The label maps of some planned tiles in order, and the reasons of those that could not be drawn."""
    tasks, failed = [], []
    for item in items:
        drawn = draw_tile(job.bank, item, job.provenance.seed)
        if isinstance(drawn, NotDrawn):
            failed.append(drawn)
        else:
            record = _record(job, item, drawn.label_map, drawn.background)
            tasks.append(Task(record, drawn.label_map, drawn.background))
    return tasks, failed


def paint_batch(job: Job, tasks: Sequence[Task]) -> list[Sample]:
    """The pictures of some drawn tiles, in order."""
    beneath = None if job.real is None else np.stack([job.real.beneath(task.background) for task in tasks])
    seeds = [derive_seed(job.provenance.seed, "paint", task.record.id) for task in tasks]
    pictures = paint_any_size(job.generator, [task.label_map for task in tasks], seeds, beneath)
    return [
        Sample(without_channels(picture), task.label_map, task.record)
        for picture, task in zip(pictures, tasks, strict=True)
    ]


def synthesise(job: Job, plan: Plan, dataset: Dataset, out: Path, *, batch: int = 8, resume: bool = False) -> Synthesis:
    """Write the data set of a plan.

    A kill or Ctrl-C leaves the finished tiles in a hidden folder beside `out`. With `resume` they are verified and
    kept, and the result has the same bytes as an uninterrupted run; without it they are refused.

    Args:
        dataset: what the bank was built from.
        batch: tiles painted together.

    Raises:
        InputError: generator and data set do not go together, or nothing is planned.
        DatasetError: `out` is there, no tile could be drawn, or work of a stopped run is
            there and `resume` is not set, or was begun with other settings.
    """
    if not plan.items or batch < 1:
        raise InputError(
            f"--batch must be 1 or more, got {batch}"
            if plan.items
            else "nothing to generate: every class has as many tiles as wanted; ask for more with --per-class"
        )
    check_agreement(job.generator, dataset)
    started = time.monotonic()
    if resume and out.exists():
        return _finished_before(job, plan, out)
    info = DatasetInfo(dataset.taxonomy, dataset.info.tile_px, job.generator.channels)
    writer = DatasetWriter(out, info, resume_key=_resume_key(job, plan, dataset, batch))
    _refuse_unfinished(writer, out, resume)
    tally = _Tally()
    with writer, tqdm(total=len(plan.items), desc="gan generate", unit="tile") as bar:
        for start in range(0, len(plan.items), batch):
            items = plan.items[start : start + batch]
            _write_batch(job, items, writer, tally)
            bar.update(len(items))
        if not writer.counted:
            raise DatasetError(f"none of {len(plan.items)} tiles could be drawn: {tally.failed.most_common(1)[0][0]}")
    return Synthesis(
        planned=len(plan.items),
        written=writer.counted,
        kept=tally.kept,
        failed=dict(tally.failed),
        per_class=_by_name(tally.written, dataset.taxonomy),
        hash=Dataset(out).hash,
        seconds=round(time.monotonic() - started, 3),
    )


def check_agreement(generator: Generator, dataset: Dataset) -> None:
    """Refuse a data set whose classes or channels are not those that the generator learned.

    Raises:
        InputError: naming the first difference.
    """
    learned, there = generator.taxonomy, dataset.taxonomy
    for what, ours, theirs in (
        ("defect classes", learned.defect_names, there.defect_names),
        ("background classes", tuple(b.name for b in learned.backgrounds), tuple(b.name for b in there.backgrounds)),
    ):
        if ours != theirs:
            raise InputError(
                f"{dataset.folder} has the {what} {', '.join(theirs)}, but the generator learned {', '.join(ours)}: "
                f"give the data set that it was trained on, or one with the same classes in the same order"
            )
    if generator.channels != dataset.channels:
        raise InputError(
            f"{dataset.folder} has pictures of {dataset.channels} channel(s), but the generator paints "
            f"{generator.channels}: give the data set that it was trained on"
        )


def _write_batch(job: Job, items: Sequence[PlanItem], writer: DatasetWriter, tally: _Tally) -> None:
    """A batch of which a tile is missing is painted whole, so that its numbers do not depend on the interruption."""
    tasks, failed = draw_batch(job, items)
    tally.failed.update(each.reason for each in failed)
    there = [writer.has(task.record.id) for task in tasks]
    samples = [] if all(there) else paint_batch(job, tasks)
    for i, task in enumerate(tasks):
        if there[i]:
            record = writer.keep(task.record, ignored_is_padding=True)
            tally.kept += 1
        else:
            record = writer.add(samples[i], padding=task.label_map.defect == IGNORE)
        tally.written.update(record.classes)


def _record(job: Job, item: PlanItem, label_map: LabelMap, background: Background) -> TileRecord:
    made_by = job.provenance
    tile_id = made_by.tile_id(item, job.bank.taxonomy)
    height, width = label_map.size_hw
    return TileRecord(
        id=tile_id,
        part="",
        view="",
        source=background.tile,  # The tile whose background classes (and, if real, picture) lie beneath.
        box=Box(0, 0, width, height),
        group=tile_id,
        split=Split.TRAIN,
        origin=Origin.SYNTHETIC,
        defect_px=(),
        background_px=(),
        generator=made_by.generator,
        seed=made_by.seed,
        preset=made_by.preset,
    )


def _resume_key(job: Job, plan: Plan, dataset: Dataset, batch: int) -> str:
    items = hashlib.sha256(json.dumps([[item.index, *item.classes] for item in plan.items]).encode()).hexdigest()
    return json.dumps([DRAWING, asdict(job.provenance), items, dataset.hash, job.real is not None, batch])


def _refuse_unfinished(writer: DatasetWriter, out: Path, resume: bool) -> None:
    left = unfinished_work(out)
    if left and not resume:
        raise DatasetError(
            f"{left[0]} holds the tiles of a run that was stopped: go on with --resume, or delete it to begin anew"
        )
    if left and not writer.resumes:
        raise DatasetError(
            f"{left[0]} was begun with other settings (data set, generator, seed, plan, backgrounds or batch): "
            f"give the same ones, or delete it to begin anew"
        )


def _finished_before(job: Job, plan: Plan, out: Path) -> Synthesis:
    """What a run that had already ended when it was resumed has written."""
    made = Dataset(out)
    expected = {job.provenance.tile_id(item, job.bank.taxonomy) for item in plan.items}
    strange = [record.id for record in made.records if record.id not in expected]
    if strange or any(record.generator != job.provenance.generator for record in made.records):
        raise DatasetError(f"{out} is there already and is not what these settings make: choose another --out")
    per_class = Counter(index for record in made.records for index in record.classes)
    missing = len(plan.items) - len(made)
    failed = {"could not be drawn by the run that ended": missing} if missing else {}
    named = _by_name(per_class, made.taxonomy)
    return Synthesis(len(plan.items), len(made), len(made), failed, named, made.hash, 0.0)


def _by_name(counts: Counter[int], taxonomy: Taxonomy) -> dict[str, int]:
    return {taxonomy.defect(index).name: counts[index] for index in sorted(counts)}
