"""`blemish bench few-defects`: does the default preset live on a handful of physical defects of a class?"""

from __future__ import annotations

from typing import Annotated

import typer

from blemish.cli import bench_ablation as flags
from blemish.cli.bench import AsJson, Folder, Jobs, Out, Work, refuse_other_suffix
from blemish.cli.console import guarded, say, show


@guarded
def few_defects(
    dataset: Folder,
    out: Out,
    work: Work,
    class_name: Annotated[str, typer.Option("--class", metavar="NAME", help="Name, alias or code.")],
    groups: Annotated[int, typer.Option(metavar="N", min=1, help="Physical defects that are kept.")] = 5,
    tiles: Annotated[int, typer.Option(metavar="N", min=1, help="To be drawn of the class.")] = 60,
    seed: Annotated[int, typer.Option(metavar="N", help="Chooses the defects that are kept.")] = 0,
    iou: Annotated[bool, typer.Option("--iou", help="Also train an inspector with and one without its tiles.")] = False,
    fold: flags.Fold = 0,
    folds: flags.OfFolds = 3,
    jobs: Jobs = 1,
    steps: flags.Steps = 1000,
    batch: flags.Batch = 8,
    crop: flags.Crop = None,
    start_from: flags.StartFrom = "auto",
    base: flags.Base = "loss",
    share: flags.Share = 0.25,
    per_class: flags.PerClass = 300,
    gan_steps: flags.GanSteps = None,
    gan_batch: flags.GanBatch = None,
    gan_size: flags.GanSize = None,
    gate: Annotated[bool, typer.Option("--gate/--no-gate", help="Tiles pass the quality gate.")] = True,
    as_json: AsJson = False,
) -> None:
    """Cut one class to a few physical defects, train, draw through the gate, and say what it could and could not do."""
    from blemish.bench.few_defects import FewPlan, sheets_of
    from blemish.bench.few_defects import few_defects as find_out
    from blemish.bench.few_words import words_of
    from blemish.bench.provenance import read_own, write_result
    from blemish.bench.views import View
    from blemish.data.dataset import Dataset
    from blemish.report.few_defects import write_few_defects
    from blemish.segment.settings import crop_of

    refuse_other_suffix(out)
    read_own(out, "few-defects", lambda there: {"wanted", "held_out"} <= there.keys())
    data = Dataset(dataset)
    name = data.taxonomy.defect(data.taxonomy.defect_index(class_name)).name
    view = View(folds=folds, fold=fold, few_class=name, few_groups=groups, few_seed=seed)
    crop_px = crop_of(crop, data.info.tile_px)
    scale = flags.scale_of(
        steps, batch, crop_px, start_from, share, per_class, gan_steps, gan_batch, gan_size, gate=gate
    )
    plan = FewPlan(view=view, scale=scale, tiles=tiles, base=base, iou=iou)
    found = find_out(data, plan, work, jobs=jobs)
    values = write_result(out, {"words": words_of(found), **found}, seeds=[seed])
    page = write_few_defects(values, sheets_of(data, plan, work), out)
    say(f"written: {out}, {page.name}")
    show(values, "\n".join(values["words"]), as_json)
