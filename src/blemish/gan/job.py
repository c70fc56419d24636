"""One tile of a synthetic set, from the plan to its picture: pure functions, so that batches can go to many machines.

A tile's bytes depend on the job, the seed, its place in the plan and the attempt, not on the run that made it.
Attempt 0 is what is drawn where nothing is rejected; each further attempt draws label and picture anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from blemish.core.arrays import UInt8, with_channels, without_channels
from blemish.core.labels import LabelMap
from blemish.core.protocols import Generator
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.core.seeds import derive_seed
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Dataset, Sample
from blemish.gan.any_size import backgrounds_any_size, paint_any_size
from blemish.gan.bank import Background, Bank, background_picture
from blemish.gan.labels import NotDrawn, draw_tile
from blemish.gan.plan import PlanItem


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
    """All that decides the bytes of a tile, besides its place in the plan and the attempt."""

    generator: Generator
    bank: Bank
    provenance: Provenance
    real: RealPictures | None = None  # None = generated backgrounds.


@dataclass(frozen=True)
class Task:
    """One tile that is drawn and waits to be painted."""

    item: PlanItem
    attempt: int
    record: TileRecord
    label_map: LabelMap
    background: Background
    shape_iou: float = 0.0  # The highest overlap of its shapes with a training defect.
    near_copies: int = 0  # Shapes drawn again because they were near-copies of one.


def draw_batch(job: Job, items: Sequence[PlanItem], attempt: int = 0) -> tuple[list[Task], list[NotDrawn]]:
    """The label maps of some planned tiles in order, and the reasons of those that could not be drawn."""
    tasks, failed = [], []
    for item in items:
        drawn = draw_tile(job.bank, item, attempt_seed(job.provenance.seed, attempt))
        if isinstance(drawn, NotDrawn):
            failed.append(drawn)
        else:
            record = _record(job, item, drawn.label_map, drawn.background)
            told = drawn.copy_iou, drawn.near_copies
            tasks.append(Task(item, attempt, record, drawn.label_map, drawn.background, *told))
    return tasks, failed


def paint_batch(job: Job, tasks: Sequence[Task], beneath: UInt8 | None = None) -> list[Sample]:
    """The pictures of some drawn tiles, in order.

    Args:
        beneath: their real backgrounds where those were read already (`beneath_batch`).
    """
    if job.real is not None and beneath is None:
        beneath = beneath_batch(job, tasks)
    given = beneath if job.real is not None else None
    pictures = paint_any_size(job.generator, [task.label_map for task in tasks], _paint_seeds(job, tasks), given)
    return [
        Sample(without_channels(picture), task.label_map, task.record)
        for picture, task in zip(pictures, tasks, strict=True)
    ]


def beneath_batch(job: Job, tasks: Sequence[Task]) -> UInt8 | None:
    """The background pictures that some tiles are painted on, uint8 N H W C.

    Real ones where the job has them, else what the generator paints beneath; None for a generator that cannot say.
    """
    if job.real is not None:
        return np.stack([job.real.beneath(task.background) for task in tasks])
    return backgrounds_any_size(job.generator, [task.label_map for task in tasks], _paint_seeds(job, tasks))


def attempt_seed(seed: int, attempt: int) -> int:
    """The seed of an attempt; attempt 0 keeps the job's.

    Example:
        >>> attempt_seed(5, 0), attempt_seed(5, 1) == attempt_seed(5, 2)
        (5, False)
    """
    return seed if attempt == 0 else derive_seed(seed, "attempt", attempt)


def _paint_seeds(job: Job, tasks: Sequence[Task]) -> list[int]:
    seed = job.provenance.seed
    return [derive_seed(attempt_seed(seed, task.attempt), "paint", task.record.id) for task in tasks]


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
