"""Generate a synthetic data set: draw label maps, paint them batch by batch, write them with where they come from.

With a gate (`gan.gate`) every tile is admitted or rejected, and drawn anew until it is admitted or out of attempts.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Generator as Stream
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from blemish.core.errors import DatasetError, InputError
from blemish.core.protocols import Generator
from blemish.core.taxonomy import IGNORE, Taxonomy
from blemish.data.dataset import Dataset, DatasetWriter, Sample, unfinished_work
from blemish.gan.gate import Gate
from blemish.gan.gate_counts import GateCounts
from blemish.gan.gate_gallery import FILE, Gallery
from blemish.gan.gate_page import finish_gallery
from blemish.gan.gated import ATTEMPTS, BatchOutcome, admit_batch
from blemish.gan.job import Job, Provenance, RealPictures, Task, draw_batch, paint_batch
from blemish.gan.made_with import MadeWith, read_made_with, write_made_with
from blemish.gan.plan import Plan, PlanItem
from blemish.gan.side_by_side import SideBySide
from blemish.gan.trial import ClassTrial

__all__ = ["Job", "Provenance", "RealPictures", "Synthesis", "draw_batch", "paint_batch", "synthesise"]
DRAWING = 4  # Version of how labels are drawn; unfinished work of another version is not gone on with.


class NothingMadeError(DatasetError):
    """Not one tile of a plan could be drawn, or was admitted; the message says why."""

    @property
    def reason(self) -> str:
        """The message without the place to look at, for figures that leave this machine."""
        return str(self).partition("; look at")[0]


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
    near_copies: int | None = None  # Shapes drawn again, as near-copies of training defects; None = made before.
    gate: dict[str, Any] | None = None  # Counts, what is off and why, the folder of rejects; None = no gate.

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class _Tally:
    written: Counter[int] = field(default_factory=Counter)  # Class -> tiles.
    failed: Counter[str] = field(default_factory=Counter)
    kept: int = 0
    near_copies: int = 0


def synthesise(
    job: Job,
    plan: Plan,
    dataset: Dataset,
    out: Path,
    *,
    batch: int = 8,
    resume: bool = False,
    gate: Gate | None = None,
    attempts: int = ATTEMPTS,
    side_by_side: SideBySide | None = None,
    trials: Sequence[ClassTrial] = (),
) -> Synthesis:
    """Write the data set of a plan, and with a gate the folder of its rejects beside it.

    A kill or Ctrl-C leaves the finished tiles in a hidden folder beside `out`. With `resume` they are verified and
    kept, and the result has the same bytes as an uninterrupted run; without it they are refused.

    Args:
        dataset: what the bank was built from.
        batch: tiles painted together.
        gate: None = every tile that is drawn is admitted.
        attempts: with a gate, how often a planned tile is drawn at most.
        side_by_side: with a gate, the processes that draw, paint and judge; None = this one.
        trials: with a gate, those that decided which classes are planned (`gan.trial`), for its page.

    Raises:
        InputError: generator and data set do not go together, or nothing is planned.
        DatasetError: `out` (or the folder of its rejects) is there, or work of a stopped run is there and `resume` is
            not set; with `resume`, `out` or that work was made with other settings.
        NothingMadeError: no tile could be drawn or admitted.
    """
    _refuse_settings(plan, batch, attempts)
    check_agreement(job.generator, dataset)
    started = time.monotonic()
    key = _resume_key(job, plan, dataset, batch) + ("" if gate is None else _gate_key(gate, attempts))
    made_with = MadeWith(key, dataset.hash)
    gallery = None if gate is None else Gallery(out, key, dataset.taxonomy, trials)
    if resume and out.exists():
        return _finished_before(job, plan, out, made_with, gate, gallery, batch)
    info = replace(dataset.info, channels=job.generator.channels, hash="")  # With the range of 16-bit sources.
    writer = DatasetWriter(out, info, resume_key=key)
    _refuse_unfinished(writer, out, resume)
    tally = _Tally()
    with ExitStack() as stack:
        if gallery is not None:
            stack.enter_context(gallery.begin(resume=resume))
        with writer, tqdm(total=len(plan.items), desc="gan generate", unit="tile") as bar:
            batches = [(start, plan.items[start : start + batch]) for start in range(0, len(plan.items), batch)]
            if gate is None or gallery is None:
                for _, items in batches:
                    _write_batch(job, items, writer, tally)
                    bar.update(len(items))
            else:
                _write_admitted(job, batches, _Admitting(gate, attempts, side_by_side), writer, gallery, tally, bar)
            if not writer.counted:
                raise NothingMadeError(_why_none(job, plan, gate, gallery, tally))
        made = Dataset(out)
        write_made_with(out, made_with)
        told = None if gate is None or gallery is None else _finish(job, plan, gate, gallery, made)
    return Synthesis(
        planned=len(plan.items),
        written=writer.counted,
        kept=tally.kept,
        failed=dict(tally.failed) if gallery is None else _not_filled(gallery.counts),
        per_class=_by_name(tally.written, dataset.taxonomy),
        hash=made.hash,
        seconds=round(time.monotonic() - started, 3),
        near_copies=tally.near_copies if gallery is None else gallery.counts.near_copies,
        gate=told,
    )


def knows_beneath(job: Job) -> bool:
    """Whether the picture beneath a tile can be told: real, or the generator says what it paints."""
    return job.real is not None or hasattr(job.generator, "backgrounds")


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
    tally.near_copies += sum(task.near_copies for task in tasks)
    samples = [] if all(writer.has(task.record.id) for task in tasks) else paint_batch(job, tasks)
    for place, task in enumerate(tasks):
        _write(task, samples[place] if samples else None, writer, tally)


@dataclass(frozen=True)
class _Admitting:
    gate: Gate
    attempts: int
    side_by_side: SideBySide | None

    def outcomes(self, job: Job, batches: Iterable[Sequence[PlanItem]]) -> Stream[BatchOutcome, None, None]:
        """What comes of each batch, in order, made when it is due; by other processes a little before."""
        if self.side_by_side is not None:
            yield from self.side_by_side.outcomes(batches, self.attempts)
        else:
            yield from (admit_batch(job, self.gate, items, self.attempts) for items in batches)


def _write_admitted(
    job: Job,
    batches: Sequence[tuple[int, Sequence[PlanItem]]],
    admitting: _Admitting,
    writer: DatasetWriter,
    gallery: Gallery,
    tally: _Tally,
    bar: tqdm[None],
) -> None:
    """A batch whose end is in the gallery's journal, and whose tiles are all there, is not painted again."""
    left: dict[int, bool] = {}  # By a batch's start; found out as late as it is needed.

    def is_left(start: int, items: Sequence[PlanItem]) -> bool:
        if start not in left:
            left[start] = _is_left(job, items, gallery.recalled(start), writer)
        return left[start]

    anew = (items for start, items in batches if not is_left(start, items))
    with closing(admitting.outcomes(job, anew)) as outcomes:
        for start, items in batches:
            if is_left(start, items):
                for task in _drawn_again(job, items, gallery.recalled(start) or {}):
                    _write(task, None, writer, tally)
            else:
                outcome = next(outcomes)
                for admitted in outcome.admitted:
                    _write(admitted.task, admitted.sample, writer, tally, admitted.files)
                gallery.record(start, outcome)
            gallery.take(start)
            bar.update(len(items))


def _is_left(job: Job, items: Sequence[PlanItem], admitted: dict[int, int] | None, writer: DatasetWriter) -> bool:
    """Whether a stopped run ended a batch, and all its tiles are there, whole."""
    if admitted is None:
        return False
    ids = [job.provenance.tile_id(item, job.bank.taxonomy) for item in items if item.index in admitted]
    return all(writer.has(tile_id) for tile_id in ids)


def _drawn_again(job: Job, items: Sequence[PlanItem], admitted: dict[int, int]) -> Iterator[Task]:
    for item in items:
        if item.index in admitted:
            yield draw_batch(job, [item], admitted[item.index])[0][0]


def _write(
    task: Task,
    sample: Sample | None,
    writer: DatasetWriter,
    tally: _Tally,
    files: Mapping[str, bytes] | None = None,
) -> None:
    """A tile that is there already is kept; then no sample is needed."""
    if sample is None or writer.has(task.record.id):
        record = writer.keep(task.record, ignored_is_padding=True)
        tally.kept += 1
    else:
        record = writer.add(sample, task.label_map.defect == IGNORE, files)
    tally.written.update(record.classes)


def _finish(job: Job, plan: Plan, gate: Gate, gallery: Gallery, made: Dataset | None) -> dict[str, Any]:
    beneath = knows_beneath(job)
    folder = finish_gallery(gallery, gate, made, len(plan.items), beneath=beneath)
    return _told(folder, gallery.counts, gate.off(beneath=beneath))


def _told(folder: Path, counts: GateCounts, off: dict[str, str]) -> dict[str, Any]:
    return {**counts.to_dict(), "sentence": counts.sentence(), "off": off, "rejects": str(folder)}


def _not_filled(counts: GateCounts) -> dict[str, int]:
    return {f"{name}: {reason}": n for name, reasons in counts.not_filled.items() for reason, n in reasons.items()}


def _why_none(job: Job, plan: Plan, gate: Gate | None, gallery: Gallery | None, tally: _Tally) -> str:
    """With a gate the rejects stay, so that they can be looked at."""
    if gate is None or gallery is None:
        return f"none of {len(plan.items)} tiles could be drawn: {tally.failed.most_common(1)[0][0]}"
    told = _finish(job, plan, gate, gallery, None)
    return f"none of {len(plan.items)} tiles was admitted: {told['sentence']}; look at {told['rejects']}/index.html"


def _refuse_settings(plan: Plan, batch: int, attempts: int) -> None:
    for flag, value in (("--batch", batch), ("--attempts", attempts)):
        if value < 1:
            raise InputError(f"{flag} must be 1 or more, got {value}")
    if not plan.items:
        raise InputError("nothing to generate: every class has as many tiles as wanted; ask for more with --per-class")


def _gate_key(gate: Gate, attempts: int) -> str:
    return json.dumps([attempts, gate.limits()])


def _resume_key(job: Job, plan: Plan, dataset: Dataset, batch: int) -> str:
    items = hashlib.sha256(json.dumps([[item.index, *item.classes] for item in plan.items]).encode()).hexdigest()
    mix = asdict(job.bank.mix)
    asked = ["surroundings"] if job.bank.by_surroundings else []
    return json.dumps([DRAWING, asdict(job.provenance), mix, items, dataset.hash, job.real is not None, batch, *asked])


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


def _finished_before(
    job: Job, plan: Plan, out: Path, wanted: MadeWith, gate: Gate | None, gallery: Gallery | None, batch: int
) -> Synthesis:
    """What a run that had already ended when it was resumed has written; it must be what these settings make."""
    made = Dataset(out)
    if gallery is not None:
        _refuse_ungated(made, gallery)
    missing = _missing(job, plan, made)
    if missing is None or read_made_with(out) not in (wanted, None):
        raise _other_settings(out)
    told, copies = None, None
    if gate is not None and gallery is not None:
        if gallery.resumes:  # It was begun with these settings, and stopped before all was written down.
            write_made_with(out, wanted)
        told, counts = _gate_before(job, plan, made, gate, gallery, batch)
        failed, copies = _not_filled(counts), counts.near_copies
    else:
        failed = dict(Counter(each.reason for each in draw_batch(job, missing)[1]))
    if len(made) + sum(failed.values()) != len(plan.items):
        raise _other_settings(out)
    per_class = Counter(index for record in made.records for index in record.classes)
    named = _by_name(per_class, made.taxonomy)
    return Synthesis(len(plan.items), len(made), len(made), failed, named, made.hash, 0.0, copies, told)


def _missing(job: Job, plan: Plan, made: Dataset) -> list[PlanItem] | None:
    """What a set lacks of a plan; None where it holds a tile that is not in the plan, or of another generator."""
    wanted = {job.provenance.tile_id(item, job.bank.taxonomy): item for item in plan.items}
    if any(r.id not in wanted or r.generator != job.provenance.generator for r in made.records):
        return None
    there = {record.id for record in made.records}
    return [item for tile_id, item in wanted.items() if tile_id not in there]


def _other_settings(out: Path) -> DatasetError:
    return DatasetError(
        f"{out} is there already and is not what these settings make (data set, generator, seed, plan, backgrounds, "
        f"batch or gate): give the same ones, or choose another --out"
    )


def _refuse_ungated(made: Dataset, gallery: Gallery) -> None:
    if not gallery.resumes and not (gallery.folder / FILE).is_file():
        raise DatasetError(f"{made.folder} was made without a gate: give --no-gate, or choose another --out")


def _gate_before(
    job: Job, plan: Plan, made: Dataset, gate: Gate, gallery: Gallery, batch: int
) -> tuple[dict[str, Any], GateCounts]:
    """The counts of a run that ended; its gallery is finished where it was stopped just before that."""
    if gallery.resumes:
        for start in range(0, len(plan.items), batch):
            gallery.take(start)
        return _finish(job, plan, gate, gallery, made), gallery.counts
    values = json.loads((gallery.folder / FILE).read_text(encoding="utf-8"))
    counts = GateCounts.from_dict(values["counts"])
    return _told(gallery.folder, counts, values["off"]), counts


def _by_name(counts: Counter[int], taxonomy: Taxonomy) -> dict[str, int]:
    return {taxonomy.defect(index).name: counts[index] for index in sorted(counts)}
