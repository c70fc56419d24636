"""A batch of planned tiles through the gate: each is drawn anew until it is admitted, or has had its attempts.

`admit_batch` is a pure function of its arguments, so a batch that was interrupted and is made again comes out the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Sample, tile_files
from blemish.gan.gate import Candidate, Gate, Rejection
from blemish.gan.gate_counts import GateCounts
from blemish.gan.job import Job, Task, beneath_batch, draw_batch, paint_batch
from blemish.gan.plan import PlanItem
from blemish.picture.read import decode_picture
from blemish.picture.write import png_bytes

ATTEMPTS = 8  # Of one planned tile, at most.


@dataclass(frozen=True)
class Admitted:
    """One tile that passed, and its files as the data set will hold them."""

    task: Task
    sample: Sample
    files: Mapping[str, bytes]


@dataclass(frozen=True)
class Reject:
    """One attempt that was rejected."""

    task: Task
    sample: Sample
    why: Rejection


@dataclass
class BatchOutcome:
    """What came of a batch."""

    admitted: list[Admitted] = field(default_factory=list)  # In the order of the plan.
    rejects: list[Reject] = field(default_factory=list)  # By attempt, then by the plan.
    counts: GateCounts = field(default_factory=GateCounts)


def admit_batch(job: Job, gate: Gate, items: Sequence[PlanItem], attempts: int = ATTEMPTS) -> BatchOutcome:
    """Draw, paint and judge some planned tiles until every one is admitted or has been tried `attempts` times."""
    outcome = BatchOutcome()
    waiting, reasons = list(items), {item.index: Counter[str]() for item in items}
    for attempt in range(attempts):
        if not waiting:
            break
        tasks, not_drawn = draw_batch(job, waiting, attempt)
        drawn = {task.item.index for task in tasks}
        outcome.counts.near_copies += sum(task.near_copies for task in tasks)
        for item, failed in zip((i for i in waiting if i.index not in drawn), not_drawn, strict=True):
            outcome.counts.not_drawn[names_of(item, job.bank.taxonomy)] += 1
            reasons[item.index][failed.reason] += 1
        _judge(job, gate, tasks, outcome, reasons)
        done = {each.task.item.index for each in outcome.admitted}
        waiting = [item for item in waiting if item.index not in done]
    for item in waiting:
        outcome.counts.miss(names_of(item, job.bank.taxonomy), reasons[item.index].most_common(1)[0][0])
    outcome.admitted.sort(key=lambda each: each.task.item.index)
    return outcome


def names_of(item: PlanItem, taxonomy: Taxonomy) -> str:
    """The classes of a planned tile as counts name them."""
    return " + ".join(taxonomy.defect(index).name for index in item.classes)


def class_of(reject: Reject, taxonomy: Taxonomy) -> str:
    """The class that a rejection counts for: the one that failed, else those that the tile was planned for."""
    if reject.why.defect:
        return taxonomy.defect(reject.why.defect).name
    return names_of(reject.task.item, taxonomy)


def _judge(
    job: Job, gate: Gate, tasks: Sequence[Task], outcome: BatchOutcome, reasons: dict[int, Counter[str]]
) -> None:
    if not tasks:
        return
    beneath = beneath_batch(job, tasks)
    pngs = [png_bytes(sample.picture) for sample in paint_batch(job, tasks, beneath)]
    samples = [_as_written(task, png) for task, png in zip(tasks, pngs, strict=True)]
    under = [None] * len(tasks) if beneath is None else list(beneath)
    asking = zip(samples, under, tasks, strict=True)
    verdicts = gate.judge([Candidate(sample, below, task.shape_iou) for sample, below, task in asking])
    for task, sample, png, why in zip(tasks, samples, pngs, verdicts, strict=True):
        if why is None:
            outcome.admitted.append(Admitted(task, sample, tile_files(sample, job.bank.taxonomy, png)))
            outcome.counts.admitted[names_of(task.item, job.bank.taxonomy)] += 1
        else:
            reject = Reject(task, sample, why)
            outcome.rejects.append(reject)
            outcome.counts.reject(why.rule, class_of(reject, job.bank.taxonomy))
            reasons[task.item.index][f"every attempt rejected, most often by '{why.rule}'"] += 1


def _as_written(task: Task, png: bytes) -> Sample:
    """The tile as its PNG reads: the gate judges what is written, not what is in memory."""
    pixels = decode_picture(png, Path(f"{task.record.id}.png"))
    return Sample(pixels.astype(np.uint8, copy=False), task.label_map, task.record)
