"""`blemish gan generate`: fill a lopsided set up, or make the defect that a user painted."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from blemish.cli.console import guarded, say, show
from blemish.cli.gan_paint import paint, redrawn
from blemish.cli.loading import chosen_device, load_painter
from blemish.core.errors import DatasetError, InputError

if TYPE_CHECKING:
    from blemish.core.protocols import Generator, Segmenter
    from blemish.data.dataset import Dataset
    from blemish.gan.gate import Gate
    from blemish.gan.job import Job
    from blemish.gan.plan import Plan
    from blemish.gan.recognition import Recognition
    from blemish.gan.trial import ClassTrial

_FILL = "Fill a set up"
_PAINT = "Paint a defect"
_GATE = "The quality gate"


@guarded
def generate(
    run: Path = typer.Argument(..., metavar="RUN|BUNDLE", help="A folder of gan train, or of gan export."),
    out: Path | None = typer.Option(None, metavar="DIR|PNG", help="The synthetic data set, or the painted picture."),
    dataset: Path | None = typer.Option(
        None, metavar="DATASET", help="Shapes, places and backgrounds come from its train split.", rich_help_panel=_FILL
    ),
    per_class: int | None = typer.Option(
        None, metavar="N", help="Train tiles of each class, real and synthetic together.", rich_help_panel=_FILL
    ),
    tiles: int | None = typer.Option(
        None, metavar="N", help="So many tiles of one --class instead.", rich_help_panel=_FILL
    ),
    class_name: str | None = typer.Option(
        None, "--class", metavar="NAME", help="Name, alias or code, with --tiles.", rich_help_panel=_FILL
    ),
    pairs: bool = typer.Option(
        False, help="Classes together on a tile as often as on real ones; else one a tile.", rich_help_panel=_FILL
    ),
    leave_out: str = typer.Option(
        "", metavar="NAMES", help="Comma-separated classes that get no tile, with --per-class.", rich_help_panel=_FILL
    ),
    batch: int = typer.Option(8, metavar="TILES", help="Painted together.", rich_help_panel=_FILL),
    processes: int = typer.Option(
        0, metavar="N", min=0, help="That draw and judge side by side, with the gate. (this one)", rich_help_panel=_FILL
    ),
    resume: bool = typer.Option(False, help="Go on with what a stopped run left.", rich_help_panel=_FILL),
    dry_run: bool = typer.Option(False, help="Print the plan, and end.", rich_help_panel=_FILL),
    gate: bool = typer.Option(
        True, "--gate/--no-gate", help="Reject by written rules, and draw anew.", rich_help_panel=_GATE
    ),
    segmenter: Path | None = typer.Option(
        None, metavar="RUN|BUNDLE", help="Must find each mask as it finds real ones.", rich_help_panel=_GATE
    ),
    thresholds: Path | None = typer.Option(
        None, metavar="FILE", help="out-of-fold.json of segment out-of-fold, with --segmenter.", rich_help_panel=_GATE
    ),
    second_look: bool = typer.Option(
        False, "--second-look", help="Look through the start weights too; slower.", rich_help_panel=_GATE
    ),
    attempts: int = typer.Option(8, metavar="N", help="Of one tile, at most.", rich_help_panel=_GATE),
    weak: bool = typer.Option(
        False, "--weak", help="Also draw classes that came out weak, or failed the gate's trial.", rich_help_panel=_GATE
    ),
    label: Path | None = typer.Option(
        None, metavar="PNG", help="A label painted in the taxonomy's colours, or class indices.", rich_help_panel=_PAINT
    ),
    background: str = typer.Option(
        "auto",
        metavar="auto|real|generated|PICTURE",
        help="auto: real (clean train tiles, or clean areas) where there are any; with --label: a clean picture.",
    ),
    surroundings: bool = typer.Option(
        False,
        "--surroundings",
        help="On real backgrounds: a defect lies where it looks as it does round real ones; slower.",
        rich_help_panel=_FILL,
    ),
    redraw: list[str] = typer.Option(
        [],
        metavar="N:SEED",
        help="Defect N of the label (0 = the topmost) from a seed of its own.",
        rich_help_panel=_PAINT,
    ),
    seed: int = typer.Option(0, metavar="N"),
    device: str = typer.Option("auto", metavar="auto|cpu|cuda", help="auto: cuda where there is one."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object on standard output."),
) -> None:
    """Generate synthetic tiles until every class has enough, or the defect of a painted label (--label)."""
    if label is not None:
        if dataset is not None or per_class is not None or tiles is not None:
            raise InputError("--label paints one picture: leave out --dataset, --per-class and --tiles")
        paint(run, label, background, _required(out, "--out PNG"), seed, redrawn(redraw), device, as_json)
        return
    if redraw:
        raise InputError("--redraw goes with --label: it draws one defect of a painted label again")
    if background not in ("auto", "generated", "real"):
        raise InputError(
            f"--background must be auto, real or generated (a picture only with --label), got '{background}'"
        )
    from blemish.data.dataset import Dataset
    from blemish.gan.bank import without_shapeless
    from blemish.gan.plan import without_named

    if not gate and (segmenter is not None or thresholds is not None or processes or second_look):
        raise InputError("--no-gate goes without --segmenter, --thresholds, --second-look and --processes")
    source = Dataset(_required(dataset, "--dataset DATASET"))
    wanted = _plan(source, per_class, tiles, class_name, pairs, seed)
    plan = without_shapeless(without_named(wanted, source.taxonomy, leave_out.split(",")), source)
    if dry_run:
        if not run.exists():
            say(f"there is no generator yet in {run}: classes that it will not learn are not left out")
        plan, left_out = _without_weak(run, plan, device) if run.exists() and not weak else (plan, {})
        for reason, count in left_out.items():
            say(f"{count} tiles not planned: {reason}")
        show({"dry_run": True, "background": background, "left_out": left_out, **plan.to_dict()}, plan.table(), as_json)
        return
    folder = _required(out, "--out DIR")
    if folder.exists() and not resume:
        raise DatasetError(f"{folder} is there already and a data set is never changed: choose another --out")
    wiring = _Wiring(segmenter, thresholds, second_look) if gate else None
    order = _Order(run, source.folder, background, seed, device, wiring, surroundings)
    _fill_up(order, source, plan, folder, batch, resume, attempts, weak, processes, as_json)


def _without_weak(run: Path, plan: Plan, device: str) -> tuple[Plan, dict[str, int]]:
    from blemish.gan.outcomes import outcomes_of, without_weak

    return without_weak(plan, outcomes_of(load_painter(run, device).card))


@dataclass(frozen=True)
class _Wiring:
    """What the gate is given from outside; segmenter and thresholds both or neither."""

    segmenter: Path | None
    thresholds: Path | None
    second_look: bool


@dataclass(frozen=True)
class _Order:
    """From what every process makes the same job and the same gate."""

    run: Path
    dataset: Path
    background: str
    seed: int
    device: str
    wiring: _Wiring | None  # None = no gate.
    surroundings: bool

    def job(self, generator: Generator, source: Dataset, defects: list[int]) -> Job:
        """On real backgrounds where these are asked for, or there are any."""
        from blemish.gan.bank import build_bank
        from blemish.gan.job import Job, Provenance, RealPictures

        composes = self.background == "auto" and _composes_on_real(generator, source)
        real = self.background == "real" or composes
        if self.surroundings and not real:
            raise InputError("--surroundings looks at real backgrounds, and none are used: leave it out")
        bank = build_bank(source, defects, real_backgrounds=real, by_surroundings=self.surroundings)
        made_by = Provenance(generator.hash, generator.preset, self.seed)  # type: ignore[attr-defined]
        return Job(generator, bank, made_by, RealPictures.of(source) if real else None)

    def gate(self, generator: Generator, source: Dataset, defects: list[int]) -> Gate | None:
        return None if self.wiring is None else _gate(self.wiring, source, defects, generator, self.device)


def _in_another_process(order: _Order, defects: list[int]) -> tuple[Job, Gate]:
    """The same once more, on one thread: there are as many processes as the user wants cores at work."""
    from blemish.data.dataset import Dataset

    with suppress(ModuleNotFoundError):  # A bundle draws without it.
        import torch

        torch.set_num_threads(1)
    generator, source = load_painter(order.run, order.device, threads=1), Dataset(order.dataset)
    gate = order.gate(generator, source, defects)
    if gate is None:
        raise AssertionError("unreachable: without a gate there are no other processes")
    return order.job(generator, source, defects), gate


def _fill_up(
    order: _Order,
    source: Dataset,
    plan: Plan,
    out: Path,
    batch: int,
    resume: bool,
    attempts: int,
    weak: bool,
    processes: int,
    as_json: bool,
) -> None:
    from blemish.data.dataset import unfinished_work
    from blemish.gan.outcomes import outcomes_of, without_weak
    from blemish.gan.side_by_side import SideBySide
    from blemish.gan.synthesis import check_agreement, knows_beneath, synthesise
    from blemish.gan.trial import without_unfound

    generator = load_painter(order.run, order.device)
    check_agreement(generator, source)
    plan, left_out = (plan, {}) if weak else without_weak(plan, outcomes_of(generator.card))
    say(plan.table())
    defects = sorted({index for item in plan.items for index in item.classes})
    job, gate = order.job(generator, source, defects), order.gate(generator, source, defects)
    if job.real is not None:
        say(_where_backgrounds_come_from(job.bank.clean_tiles, len(job.bank.backgrounds)))
    few = job.bank.few_defects()
    for name, count in few.items():
        defects_of = f"{count} physical defect{'s' if count > 1 else ''}"
        say(f"{name} is drawn from {defects_of} of the train split: its tiles vary what is there, and show no other")
    for rule, why in ({} if gate is None else gate.off(beneath=knows_beneath(job))).items():
        say(f"gate: {rule} is off: {why}")
    trials = [] if weak or gate is None or gate.segmenter is None else _tried(job, gate, plan, attempts)
    plan, unfound = without_unfound(plan, trials)
    beside = SideBySide(partial(_in_another_process, order, defects), processes) if processes else None
    try:
        made = synthesise(
            job,
            plan,
            source,
            out,
            batch=batch,
            resume=resume,
            gate=gate,
            attempts=attempts,
            side_by_side=beside,
            trials=trials,
        )
    except KeyboardInterrupt:
        if kept := unfinished_work(out):
            say(f"the finished tiles are kept in {', '.join(str(folder) for folder in kept)}")
        raise
    left_out |= unfound
    made = replace(made, planned=made.planned + sum(left_out.values()), failed={**left_out, **made.failed})
    for reason, count in made.failed.items():
        say(f"{count} tiles not made: {reason}")
    values = {
        "out": str(out),
        "background": "generated" if job.real is None else "real",
        **({} if job.real is None else {"clean_tiles": job.bank.clean_tiles}),
        "few_defects": few,
        "plan": plan.to_dict(),
        **made.to_dict(),
    }
    counts = f"{made.planned} planned = {made.written} written + {sum(made.failed.values())} not made"
    told = "" if made.gate is None else f"\n{made.gate['sentence']}\nrejects: {made.gate['rejects']}/index.html"
    show(values, f"{out}: {counts} ({made.kept} kept from before, {made.seconds:.1f} s){told}", as_json)


def _tried(job: Job, gate: Gate, plan: Plan, attempts: int) -> list[ClassTrial]:
    """Which classes the gate's segmenter finds, or why it cannot be told."""
    from blemish.gan.trial import TRIAL_TILES, try_classes, why_untried

    for row in plan.classes:
        planned = sum(row.index in item.classes for item in plan.items)
        if planned and (untried := why_untried(gate, row.name, min(planned, TRIAL_TILES))):
            say(f"gate: no trial of {row.name}: {untried}")
    say(f"gate: up to {TRIAL_TILES} tiles of each other class are drawn for a trial")
    trials = try_classes(job, gate, plan, attempts=attempts)
    for trial in trials:
        if not trial.fails:
            say(f"gate: {trial.name}: {trial.words()}")
    return trials


def _gate(wiring: _Wiring, source: Dataset, defects: list[int], generator: Generator, device: str) -> Gate:
    from blemish.cli.loading import read_json
    from blemish.gan.gate import Gate
    from blemish.gan.gate_reference import measure_real
    from blemish.metrics.tile_iou import GateThresholds

    limits, network = None, None
    if wiring.thresholds is not None:
        limits = GateThresholds.from_dict(read_json(wiring.thresholds), str(wiring.thresholds))
        if limits.data_hash != source.hash:
            say(f"{wiring.thresholds} was measured on another data set than {source.folder}: is that what you want?")
    if wiring.segmenter is not None:
        network = _segmenter(wiring.segmenter, device)
    return Gate(
        source.taxonomy,
        measure_real(source, defects),
        ring_px=getattr(generator, "ring_px", None),
        recognition=_recognition(source, defects),
        second_look=_second_look(source, defects) if wiring.second_look else None,
        segmenter=network,
        thresholds=limits,
        segmenter_hash="" if wiring.segmenter is None else _hash_of(wiring.segmenter),
    )


def _recognition(source: Dataset, defects: list[int]) -> Recognition | None:
    """The probes of the rule `recognised`; None on a PC without torch, where the gate says that the rule is off."""
    from blemish.gan.recognition import learn_recognition

    try:
        from blemish.gan.recognition_features import packaged_features
    except ImportError:
        return None
    return learn_recognition(source, defects, packaged_features())


def _second_look(source: Dataset, defects: list[int]) -> Recognition:
    from blemish.gan.recognition import learn_recognition
    from blemish.gan.recognition_features import described_by
    from blemish.segment.start_features import start_features

    return learn_recognition(source, defects, described_by(start_features()))


def _segmenter(folder: Path, device: str) -> Segmenter:
    """A torch run on the device that paints; a bundle, or a baseline's file, where it always runs."""
    from blemish.cli.loading import load_segmenter

    if not (folder / "weights").is_dir():
        return load_segmenter(folder)  # A bundle needs no torch.
    from blemish.segment.model import TorchSegmenter

    return TorchSegmenter.load(folder, device=chosen_device(device))


def _hash_of(segmenter: Path) -> str:
    """Of its card, which holds the hashes of its weights."""
    places = (segmenter, segmenter / "card.json", segmenter / "weights" / "card.json")
    card = next(path for path in places if path.is_file())
    return hashlib.sha256(card.read_bytes()).hexdigest()


def _composes_on_real(generator: Generator, source: Dataset) -> bool:
    """Whether defects alone are painted, and the training tiles have real surface to put them on."""
    from blemish.gan.bank import has_surface

    return hasattr(generator, "ring_px") and has_surface(source)


def _plan(
    source: Dataset, per_class: int | None, tiles: int | None, class_name: str | None, pairs: bool, seed: int
) -> Plan:
    from blemish.gan.plan import plan_per_class, plan_tiles

    if per_class is not None and tiles is None and class_name is None:
        return plan_per_class(source.records, source.taxonomy, per_class, pairs=pairs, seed=seed)
    if tiles is not None and class_name is not None and per_class is None and not pairs:
        return plan_tiles(source.records, source.taxonomy, source.taxonomy.defect_index(class_name), tiles)
    raise InputError("give --per-class N, or --tiles N with --class NAME")


def _where_backgrounds_come_from(clean: int, count: int) -> str:
    if clean == count:
        return f"real backgrounds: {count} clean training tiles"
    return (
        f"real backgrounds: the set has {clean or 'no'} clean training tile{'' if clean == 1 else 's'}, so "
        f"{count - clean} defect-free areas of training tiles are used{' too' if clean else ''}, continued by their "
        f"reflection to a whole tile"
    )


def _required(path: Path | None, flag: str) -> Path:
    if path is None:
        raise InputError(f"{flag} is needed: see blemish gan generate --help")
    return path
