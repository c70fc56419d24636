"""`blemish bench leave-one-out`: how often do parts with a defect type that was never learned escape?"""

from __future__ import annotations

from typing import Annotated

import typer

from blemish.cli import bench_ablation as flags
from blemish.cli.bench import AsJson, Folder, Out, Work, listed, refuse_other_suffix
from blemish.cli.console import guarded, say, show


@guarded
def leave_one_out(
    dataset: Folder,
    out: Out,
    work: Work,
    classes: Annotated[str, typer.Option("--classes", metavar="NAME,...", help="Left out in turn. (all)")] = "",
    fold: flags.Fold = 0,
    folds: flags.OfFolds = 3,
    seed: Annotated[int, typer.Option(metavar="N", help="Of the trainings.")] = 0,
    steps: flags.Steps = 1500,
    batch: flags.Batch = 8,
    crop: flags.Crop = None,
    start_from: flags.StartFrom = "auto",
    base: Annotated[str, typer.Option(help="Rung that trains: real, augment, balance or loss.")] = "loss",
    as_json: AsJson = False,
) -> None:
    """Train without one class at a time and judge the parts that show it: escaped, caught by another name, strange.

    Classes are kept in --work under the hash of their inputs, so the same command goes on where it was stopped.
    """
    from blemish.bench.leave_one_out import LeaveOnePlan, to_table
    from blemish.bench.leave_one_out import leave_one_out as find_out
    from blemish.bench.provenance import read_own, write_result
    from blemish.bench.scale import Scale
    from blemish.bench.views import View
    from blemish.data.dataset import Dataset
    from blemish.segment.settings import crop_of

    refuse_other_suffix(out)
    read_own(out, "leave-one-out", lambda there: isinstance(there.get("classes"), dict) and "folds" in there)
    data = Dataset(dataset)
    scale = Scale(steps=steps, batch=batch, crop_px=crop_of(crop, data.info.tile_px), start=start_from)
    view = View(folds=folds, fold=fold)
    plan = LeaveOnePlan(view=view, scale=scale, classes=tuple(listed(classes)), base=base, seed=seed)
    values = write_result(out, find_out(data, plan, work), seeds=[seed])
    say(f"written: {out}")
    show(values, to_table(values), as_json)
