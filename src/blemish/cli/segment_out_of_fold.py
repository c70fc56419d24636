"""`blemish segment out-of-fold`: how well each class is found on tiles that the network never saw."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from blemish.cli.console import guarded, say, show
from blemish.cli.precisions import trained_in

if TYPE_CHECKING:
    from blemish.data.dataset import Dataset
    from blemish.segment.like import Like
    from blemish.segment.settings import TrainSettings

_TRAINING = "Training of each fold"


@guarded
def out_of_fold(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="Its train and val tiles are folded by group.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Runs of the folds, and out-of-fold.json.")],
    folds: Annotated[int, typer.Option("--folds", metavar="N", min=2)] = 3,
    like: Annotated[
        Path | None,
        typer.Option(
            "--like",
            metavar="RUN",
            help="Learn as this inspector did; what else is given goes before.",
            rich_help_panel=_TRAINING,
        ),
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(
            "--network", help="fc-hardnet-70, or hardnet-small for CPUs. (hardnet-small)", rich_help_panel=_TRAINING
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", metavar="N", min=1, help="(1500)", rich_help_panel=_TRAINING)
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option("--batch", metavar="N", min=1, help="Samples a step. (16)", rich_help_panel=_TRAINING),
    ] = None,
    crop: Annotated[
        int | None,
        typer.Option(
            "--crop", metavar="PX", help="Side; 0 = whole tiles. (256 of larger tiles)", rich_help_panel=_TRAINING
        ),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option("--learning-rate", metavar="RATE", help="The highest. (0.002)", rich_help_panel=_TRAINING),
    ] = None,
    loss: Annotated[
        str | None, typer.Option("--loss", help="As of training. (focal+dice)", rich_help_panel=_TRAINING)
    ] = None,
    precision: Annotated[
        str | None, typer.Option("--precision", help="fp32 or bf16.", rich_help_panel=_TRAINING)
    ] = None,
    start_from: Annotated[
        str,
        typer.Option(
            "--start-from",
            metavar="RUN",
            help="Or procedural, scratch or auto, as of training.",
            rich_help_panel=_TRAINING,
        ),
    ] = "auto",
    threads: Annotated[
        int, typer.Option("--threads", metavar="N", min=1, help="That draw samples.", rich_help_panel=_TRAINING)
    ] = 2,
    seed: Annotated[int | None, typer.Option("--seed", help="(0)", rich_help_panel=_TRAINING)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Train a network a fold and judge it by that fold: for thresholds (--like the inspector) and the quality gate.

    A stopped one goes on where it was; finished folds are not trained again.
    """
    from blemish.data.dataset import Dataset
    from blemish.segment.out_of_fold import out_of_fold as judge_out_of_fold
    from blemish.segment.start import SCRATCH, start_named

    data = Dataset(dataset)
    asked = {
        "network": network,
        "steps": steps,
        "batch": batch,
        "learning_rate": learning_rate,
        "seed": seed,
    }
    settings, learned = _settings(like, asked, crop, loss, data.info.tile_px)
    from_scratch = learned is not None and learned.from_scratch
    start = start_named(SCRATCH if from_scratch and start_from == "auto" else start_from, settings.network)
    if learned is not None and start_from == "auto" and start is not None:
        _say_other_start(learned, start, settings, data)
    trained = trained_in(precision if precision is not None or learned is None else learned.precision)
    found = judge_out_of_fold(
        data,
        out,
        settings,
        folds=folds,
        precision=trained,
        start=start,
        threads=threads,
    )
    for name in found.thresholds.classes:
        why = found.thresholds.why_off(name)
        if why:
            say(f"{name}: {why}")
    values = {"file": str(found.file), "runs": [str(run) for run in found.runs], **found.thresholds.to_dict()}
    show(values, f"{found.table()}\nwritten: {found.file}", as_json)


def _settings(
    like: Path | None, asked: dict[str, Any], crop: int | None, loss: str | None, tile_px: int
) -> tuple[TrainSettings, Like | None]:
    """Of every fold: the inspector's, or the defaults, with what was asked; and how the inspector learned."""
    from blemish.segment.like import like_run
    from blemish.segment.settings import crop_of, loss_of, settings_of

    given = {name: value for name, value in asked.items() if value is not None}
    if loss is not None:
        given["loss"] = loss_of("default", loss)
    if like is None:
        steps = given.setdefault("steps", 1500)
        rest = {"crop_px": crop_of(crop, tile_px), "ema_half_life_steps": max(1, steps // 30), "val_steps": steps}
        return settings_of("default", {"network": "hardnet-small", **given, **rest}), None
    learned = like_run(like)
    for difference in learned.differs:
        say(f"{like}: {difference}")
    if "steps" in given:
        given |= {"val_steps": given["steps"], "ema_half_life_steps": max(1, given["steps"] // 30)}
    if crop is not None:
        given["crop_px"] = crop_of(crop, tile_px)
    return replace(learned.settings, **given), learned


def _say_other_start(learned: Like, start: Path, settings: TrainSettings, data: Dataset) -> None:
    from blemish.segment.networks import build
    from blemish.segment.start import start_from

    names = data.taxonomy.defect_names
    begun = start_from(build(settings.network, data.channels, len(names) + 1), start, names)
    if begun.sha256 != learned.start_sha256:
        say("the inspector began with other weights than its folds: give them with --start-from")
