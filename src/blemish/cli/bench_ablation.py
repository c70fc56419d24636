"""`blemish bench ablation`: what is each part of the default preset worth?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from blemish.cli.bench import AsJson, Folder, Jobs, Out, Seeds, Work, each_once, listed, refuse_other_suffix
from blemish.cli.console import guarded, say, show

if TYPE_CHECKING:
    from blemish.bench.scale import Scale

_WHICH, _SCALE, _TILES = "What is run", "Scale of every row", "Synthetic tiles"

Steps = Annotated[int, typer.Option(help="Training steps of the inspector.", rich_help_panel=_SCALE)]
Batch = Annotated[int, typer.Option(help="Crops a step.", rich_help_panel=_SCALE)]
Crop = Annotated[
    int | None,
    typer.Option(metavar="PX", help="Of training; 0 = whole tiles. (256 of larger ones)", rich_help_panel=_SCALE),
]
StartFrom = Annotated[str, typer.Option(metavar="RUN", help="Or auto, procedural or scratch.", rich_help_panel=_SCALE)]
Base = Annotated[str, typer.Option(help="BASE of the ladder: what learns from the tiles.", rich_help_panel=_SCALE)]
Share = Annotated[float, typer.Option(help="Of synthetic tiles in the samples.", rich_help_panel=_TILES)]
PerClass = Annotated[int, typer.Option(metavar="TILES", help="Real + synthetic of a class.", rich_help_panel=_TILES)]
GanSteps = Annotated[int | None, typer.Option(help="Of our GAN. (by preset)", rich_help_panel=_TILES)]
GanBatch = Annotated[int | None, typer.Option(help="Crops a step of it. (by preset)", rich_help_panel=_TILES)]
GanSize = Annotated[int | None, typer.Option(metavar="PX", help="Of its crops. (by preset)", rich_help_panel=_TILES)]
Fold = Annotated[int, typer.Option(help="The fold that judges.", rich_help_panel=_WHICH)]
OfFolds = Annotated[int, typer.Option(help="Of the cross-validation inside train + val.", rich_help_panel=_WHICH)]


@guarded
def ablation(
    dataset: Folder,
    out: Out,
    work: Work,
    only: Annotated[
        str, typer.Option(metavar="NAMES", help="Comma-separated rows; default: all.", rich_help_panel=_WHICH)
    ] = "",
    iou: Annotated[
        bool,
        typer.Option(
            "--iou/--no-iou", help="Train an inspector a row too; else what --work has is told.", rich_help_panel=_WHICH
        ),
    ] = True,
    fold: Fold = 0,
    folds: OfFolds = 3,
    seed: Seeds = None,
    jobs: Jobs = 1,
    steps: Steps = 1000,
    batch: Batch = 8,
    crop: Crop = None,
    start_from: StartFrom = "auto",
    base: Base = "loss",
    share: Share = 0.25,
    per_class: PerClass = 300,
    gan_steps: GanSteps = None,
    gan_batch: GanBatch = None,
    gan_size: GanSize = None,
    gate: Annotated[
        bool, typer.Option("--gate/--no-gate", help="Tiles pass the quality gate.", rich_help_panel=_TILES)
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Turn each part of the default preset off in turn: KID, mask consistency, diversity, and IoU on one fold.

    Rows are kept in --work under the hash of their inputs, so the same command goes on where it was stopped.
    """
    from blemish.bench.ablation import AblationPlan, ablate
    from blemish.bench.provenance import read_own, write_result
    from blemish.bench.views import View
    from blemish.data.dataset import Dataset
    from blemish.report.ablation import table, write_ablation
    from blemish.segment.settings import crop_of

    refuse_other_suffix(out)
    read_own(out, "an ablation", lambda there: {"kid", "rows"} <= there.keys())
    data = Dataset(dataset)
    seeds = each_once(seed, (0,))
    crop_px = crop_of(crop, data.info.tile_px)
    scale = scale_of(steps, batch, crop_px, start_from, share, per_class, gan_steps, gan_batch, gan_size, gate=gate)
    plan = AblationPlan(
        view=View(folds=folds, fold=fold), scale=scale, base=base, seeds=seeds, only=tuple(listed(only)), iou=iou
    )
    values = write_result(out, ablate(data, plan, work, jobs=jobs), seeds=seeds)
    files = write_ablation(values, out)
    say(f"written: {out}, {', '.join(file.name for file in files)}")
    show(values, table(out.stem, values), as_json)


def scale_of(
    steps: int, batch: int, crop_px: int | None, start: str, share: float, per_class: int, gan_steps: int | None,
    gan_batch: int | None, gan_size: int | None, *, gate: bool = True,
) -> Scale:  # fmt: skip
    """The scale that the flags ask for."""
    from blemish.bench.scale import Scale

    return Scale(
        steps=steps,
        batch=batch,
        crop_px=crop_px,
        start=start,
        synthetic_share=share,
        per_class=per_class,
        gan_steps=gan_steps,
        gan_batch=gan_batch,
        gan_size_px=gan_size,
        gan_gate=gate,
    )
