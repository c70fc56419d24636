"""`blemish bench`: the tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blemish.cli.console import guarded, say, show
from blemish.core.errors import InputError


@guarded
def ladder(
    dataset: Annotated[Path, typer.Argument(help="Data set folder.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where the result goes, as JSON.")],
    work: Annotated[Path, typer.Option(metavar="DIR", help="Runs and finished cells; what is there is not repeated.")],
    rungs: Annotated[str, typer.Option(help="Comma-separated rungs.")] = "real,augment,balance,gan_paper",
    folds: Annotated[int, typer.Option(help="Folds of the cross-validation inside train + val.")] = 3,
    fold: Annotated[list[int] | None, typer.Option(help="Folds to run; all when not given.")] = None,
    seed: Annotated[list[int] | None, typer.Option(help="Seeds to run.")] = None,
    network: Annotated[str, typer.Option(help="Inspector network.")] = "hardnet-small",
    crop: Annotated[int, typer.Option(metavar="PX", help="Side of the training crops; 0 = whole tiles.")] = 224,
    steps: Annotated[int, typer.Option(help="Training steps of every rung.")] = 1500,
    batch: Annotated[int, typer.Option(help="Crops a step.")] = 16,
    learning_rate: Annotated[float, typer.Option(help="Of the inspector, in every rung.")] = 0.002,
    start_from: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Run whose weights every rung begins with.")
    ] = None,
    share: Annotated[float, typer.Option(help="Share of synthetic tiles among the samples drawn.")] = 0.5,
    per_class: Annotated[int, typer.Option(metavar="TILES", help="Real + synthetic tiles of each class.")] = 100,
    gan_width: Annotated[
        int, typer.Option(metavar="CHANNELS", help="Width of the paper's GAN (64 in the paper).")
    ] = 16,
    gan_size: Annotated[int, typer.Option(metavar="PX", help="Side of the GAN's training tiles.")] = 128,
    gan_batch: Annotated[int, typer.Option(help="Tiles a step of the GAN.")] = 8,
    gan_steps: Annotated[int, typer.Option(help="Steps of the GAN.")] = 1500,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Compare what an engineer would do in an afternoon with synthetic tiles, at equal steps, by folds of groups."""
    from blemish.bench.ladder import LadderPlan, climb, curves, ladder_result, table
    from blemish.bench.provenance import write_result
    from blemish.bench.rungs import Scale
    from blemish.data.dataset import Dataset
    from blemish.picture.write import write_bytes

    if out.suffix != ".json":
        raise InputError(f"--out is a .json file, got {out}")
    scale = Scale(
        network=network,
        crop_px=crop or None,
        steps=steps,
        batch=batch,
        learning_rate=learning_rate,
        start=str(start_from) if start_from else "",
        synthetic_share=share,
        per_class=per_class,
        gan_width=gan_width,
        gan_size_px=gan_size,
        gan_batch=gan_batch,
        gan_steps=gan_steps,
    )
    plan = LadderPlan(
        rungs=tuple(name.strip() for name in rungs.split(",")),
        folds=folds,
        chosen_folds=tuple(fold) if fold else tuple(range(folds)),
        seeds=tuple(seed) if seed else (0,),
        scale=scale,
    )
    data = Dataset(dataset)
    cells = climb(data, plan, work)
    values = write_result(out, ladder_result(data, plan, cells), seeds=plan.seeds)
    chart = out.with_suffix(".svg")
    write_bytes(chart, curves(cells, f"mean IoU, {out.stem}").encode())
    say(f"written: {out} and {chart}")
    show(values, table(cells, data.taxonomy.defect_names), as_json)
