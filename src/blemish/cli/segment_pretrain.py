"""`blemish segment pretrain`: start weights, learned on procedural surfaces."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blemish.cli.console import guarded, show
from blemish.cli.precisions import trained_in
from blemish.cli.segment import AsJson, PlainNetwork, PrecisionText


@guarded
def pretrain(
    out: Annotated[Path, typer.Option("--out", metavar="RUN", help="Folder of the run.")],
    network: PlainNetwork = "hardnet-small",
    channels: Annotated[int, typer.Option("--channels", metavar="1|3", help="Gray starts RGB networks too.")] = 1,
    steps: Annotated[int, typer.Option("--steps", metavar="N", min=1, help="Of training.")] = 8000,
    batch: Annotated[int, typer.Option("--batch", metavar="N", min=1, help="Tiles a step.")] = 16,
    size: Annotated[int, typer.Option("--size", metavar="PX", min=32, help="Side of a tile.")] = 96,
    learning_rate: Annotated[float, typer.Option("--learning-rate", metavar="RATE", help="The highest.")] = 0.003,
    teacher: Annotated[
        float, typer.Option("--teacher", metavar="WEIGHT", help="Of imitating EfficientNet-Lite0; 0 = no teacher.")
    ] = 2.0,
    precision: PrecisionText = None,
    threads: Annotated[int, typer.Option("--threads", metavar="N", min=1, help="That draw tiles.")] = 1,
    processes: Annotated[
        int, typer.Option("--processes", metavar="N", min=0, help="That draw tiles instead, beside a GPU. (threads)")
    ] = 0,
    seed: Annotated[int, typer.Option("--seed", help="Same seed, same machine: same weights.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the run was stopped.")] = False,
    as_json: AsJson = False,
) -> None:
    """Train start weights on endless procedural surfaces; the run is what `segment train --start-from` takes."""
    from blemish.segment.pretrain import PretrainSettings
    from blemish.segment.pretrain import pretrain as run_pretraining
    from blemish.segment.training import Pace

    settings = PretrainSettings(
        network=network,
        channels=channels,
        steps=steps,
        batch=batch,
        size_px=size,
        learning_rate=learning_rate,
        teacher_weight=teacher,
        seed=seed,
    )
    done = run_pretraining(
        out,
        settings,
        pace=Pace.of(steps, threads),
        precision=trained_in(precision),
        resume=resume,
        processes=processes,
    )
    judged = done.card["judged"]
    text = "  ".join(f"{name} {value:.3f}" for name, value in judged.items())
    show({"weights": str(done.weights), "seconds": round(done.outcome.seconds, 1), "judged": judged}, text, as_json)
