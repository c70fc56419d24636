"""`blemish segment out-of-fold`: how well each class is found on tiles that the network never saw."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blemish.cli.console import guarded, say, show
from blemish.cli.precisions import trained_in

_TRAINING = "Training of each fold"


@guarded
def out_of_fold(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="Its train and val tiles are folded by group.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Runs of the folds, and out-of-fold.json.")],
    folds: Annotated[int, typer.Option("--folds", metavar="N", min=2)] = 3,
    network: Annotated[
        str, typer.Option("--network", help="fc-hardnet-70, or hardnet-small for CPUs.", rich_help_panel=_TRAINING)
    ] = "hardnet-small",
    steps: Annotated[int, typer.Option("--steps", metavar="N", min=1, rich_help_panel=_TRAINING)] = 1500,
    batch: Annotated[
        int, typer.Option("--batch", metavar="N", min=1, help="Samples a step.", rich_help_panel=_TRAINING)
    ] = 16,
    crop: Annotated[
        int | None,
        typer.Option(
            "--crop", metavar="PX", help="Side; 0 = whole tiles. (256 of larger tiles)", rich_help_panel=_TRAINING
        ),
    ] = None,
    learning_rate: Annotated[
        float, typer.Option("--learning-rate", metavar="RATE", help="The highest.", rich_help_panel=_TRAINING)
    ] = 0.002,
    loss: Annotated[
        str | None,
        typer.Option("--loss", help="As of training; give the inspector's. (focal+dice)", rich_help_panel=_TRAINING),
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
    seed: Annotated[int, typer.Option("--seed", rich_help_panel=_TRAINING)] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Train a network a fold and judge it by that fold: what the quality gate asks of synthetic tiles.

    A stopped one goes on where it was; finished folds are not trained again.
    """
    from blemish.data.dataset import Dataset
    from blemish.segment.out_of_fold import out_of_fold as judge_out_of_fold
    from blemish.segment.settings import crop_of, loss_of, settings_of
    from blemish.segment.start import start_named

    data = Dataset(dataset)
    changes = {
        "network": network,
        "steps": steps,
        "batch": batch,
        "crop_px": crop_of(crop, data.info.tile_px),
        "learning_rate": learning_rate,
        "loss": loss_of("default", loss),
        "ema_half_life_steps": max(1, steps // 30),
        "val_steps": steps,
        "seed": seed,
    }
    settings = settings_of("default", changes)
    found = judge_out_of_fold(
        data,
        out,
        settings,
        folds=folds,
        precision=trained_in(precision),
        start=start_named(start_from, network),
        threads=threads,
    )
    for name in found.thresholds.classes:
        why = found.thresholds.why_off(name)
        if why:
            say(f"{name}: {why}")
    values = {"file": str(found.file), "runs": [str(run) for run in found.runs], **found.thresholds.to_dict()}
    show(values, f"{found.table()}\nwritten: {found.file}", as_json)
