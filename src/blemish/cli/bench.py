"""`blemish bench ladder`: is it better than what an engineer would do in an afternoon?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blemish.cli.console import guarded, say, show
from blemish.core.errors import InputError

if TYPE_CHECKING:
    from blemish.bench.ladder import LadderPlan
    from blemish.bench.scale import Scale
    from blemish.data.dataset import Dataset

_WHICH, _SCALE, _TILES = "What is run", "Scale of every rung", "Synthetic tiles"

Folder = Annotated[Path, typer.Argument(metavar="DATASET", help="Data set folder.")]
Out = Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the result goes, as JSON; chart beside it.")]
Work = Annotated[
    Path, typer.Option("--work", metavar="DIR", help="Runs and finished cells; what is there is not repeated.")
]
Jobs = Annotated[
    int, typer.Option("--jobs", metavar="N", min=1, help="Cells side by side, one thread each.", rich_help_panel=_WHICH)
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
Seeds = Annotated[list[int] | None, typer.Option("--seed", help="Seeds; repeatable. (0)", rich_help_panel=_WHICH)]
Folds = Annotated[list[int] | None, typer.Option("--fold", help="Folds; repeatable. (all)", rich_help_panel=_WHICH)]


@guarded
def ladder(
    dataset: Folder,
    out: Out,
    work: Work,
    published: Annotated[
        bool,
        typer.Option(
            "--published",
            help="Judge by the test split, as the selection in --out decided; scale and BASE are its own.",
            rich_help_panel=_WHICH,
        ),
    ] = False,
    rungs: Annotated[
        str, typer.Option(help="Comma-separated; default: all but more_real.", rich_help_panel=_WHICH)
    ] = "",
    folds: Annotated[int, typer.Option(help="Of the cross-validation inside train + val.", rich_help_panel=_WHICH)] = 3,
    fold: Folds = None,
    seed: Seeds = None,
    more_real: Annotated[
        Path | None,
        typer.Option(metavar="DATASET", help="Its train tiles are rung more_real's.", rich_help_panel=_WHICH),
    ] = None,
    jobs: Jobs = 1,
    network: Annotated[str, typer.Option(help="Inspector network.", rich_help_panel=_SCALE)] = "hardnet-small",
    crop: Annotated[
        int, typer.Option(metavar="PX", help="Of training; 0 = whole tiles.", rich_help_panel=_SCALE)
    ] = 192,
    steps: Annotated[int, typer.Option(help="Training steps.", rich_help_panel=_SCALE)] = 1500,
    batch: Annotated[int, typer.Option(help="Crops a step.", rich_help_panel=_SCALE)] = 8,
    learning_rate: Annotated[float, typer.Option(help="Of the inspector.", rich_help_panel=_SCALE)] = 0.003,
    start_from: Annotated[
        str, typer.Option(metavar="RUN", help="Start weights of every rung.", rich_help_panel=_SCALE)
    ] = "",
    share: Annotated[float, typer.Option(help="Of synthetic tiles in the samples.", rich_help_panel=_TILES)] = 0.5,
    per_class: Annotated[
        int, typer.Option(metavar="TILES", help="Real + synthetic tiles of a class.", rich_help_panel=_TILES)
    ] = 300,
    gan_size: Annotated[int, typer.Option(metavar="PX", help="Of our GAN's crops.", rich_help_panel=_TILES)] = 128,
    gan_batch: Annotated[int, typer.Option(help="Crops a step of our GAN.", rich_help_panel=_TILES)] = 8,
    gan_steps: Annotated[int, typer.Option(help="Steps of our GAN.", rich_help_panel=_TILES)] = 1500,
    gate: Annotated[
        bool, typer.Option("--gate/--no-gate", help="Our tiles pass the quality gate.", rich_help_panel=_TILES)
    ] = True,
    paper_width: Annotated[
        int, typer.Option(metavar="CHANNELS", help="Of the paper's GAN (64 there).", rich_help_panel=_TILES)
    ] = 16,
    paper_size: Annotated[int, typer.Option(metavar="PX", help="Of its tiles.", rich_help_panel=_TILES)] = 128,
    paper_batch: Annotated[int, typer.Option(help="Tiles a step of it.", rich_help_panel=_TILES)] = 4,
    paper_steps: Annotated[int, typer.Option(help="Steps of it.", rich_help_panel=_TILES)] = 2000,
    as_json: AsJson = False,
) -> None:
    """Compare what an engineer would do in an afternoon with synthetic tiles, at equal steps, by folds of groups."""
    from blemish.bench.scale import Scale
    from blemish.data.dataset import Dataset

    data = Dataset(dataset)
    names = tuple(name.strip() for name in rungs.split(",")) if rungs else ()
    ceiling = str(more_real.absolute()) if more_real else ""
    if published:
        if fold:
            raise InputError("--published judges by the test split: leave --fold out")
        _publish(data, out, work, names, tuple(seed or (0, 1, 2)), ceiling, jobs, as_json)
        return
    scale = Scale(
        network=network,
        crop_px=crop or None,
        steps=steps,
        batch=batch,
        learning_rate=learning_rate,
        start=start_from,
        synthetic_share=share,
        per_class=per_class,
        gan_size_px=gan_size,
        gan_batch=gan_batch,
        gan_steps=gan_steps,
        gan_gate=gate,
        paper_width=paper_width,
        paper_size_px=paper_size,
        paper_batch=paper_batch,
        paper_steps=paper_steps,
    )
    chosen = tuple(fold) if fold else tuple(range(folds))
    _select(data, out, work, _selection_plan(names, folds, chosen, tuple(seed or (0,)), scale, ceiling), jobs, as_json)


def _selection_plan(
    names: tuple[str, ...], folds: int, chosen: tuple[int, ...], seeds: tuple[int, ...], scale: Scale, ceiling: str
) -> LadderPlan:
    from blemish.bench.ladder import LadderPlan, default_rungs
    from blemish.bench.views import View

    views = tuple(View(folds=folds, fold=place) for place in chosen)
    return LadderPlan(rungs=names or default_rungs(ceiling), views=views, seeds=seeds, scale=scale, more_real=ceiling)


def _select(data: Dataset, out: Path, work: Path, plan: LadderPlan, jobs: int, as_json: bool) -> None:
    from blemish.bench.ladder import climb, table
    from blemish.bench.ladder_file import earlier_cells, known_training, read_halves, selection_half

    _refuse_other_suffix(out)
    before = read_halves(out).get("selection")
    climbed = climb(data, plan, work, jobs=jobs, known=known_training(data, plan, before))
    half = selection_half(data, plan, climbed, earlier_cells(data, plan, before, climbed))
    _write(out, "selection", half, table(half["cells"], half["classes"]), as_json)


def _publish(
    data: Dataset,
    out: Path,
    work: Path,
    names: tuple[str, ...],
    seeds: tuple[int, ...],
    ceiling: str,
    jobs: int,
    as_json: bool,
) -> None:
    from blemish.bench.ladder import LadderPlan, climb, table
    from blemish.bench.ladder_file import published_half, read_halves, scale_of, selection_of
    from blemish.bench.views import View

    halves = read_halves(out)
    selection = selection_of(halves, out, data)
    plan = LadderPlan(
        rungs=names or tuple(row["name"] for row in selection["rungs"]),
        views=(View(fold=None),),
        seeds=seeds,
        scale=scale_of(selection),
        base=selection["base"],
        more_real=ceiling,
    )
    climbed = climb(data, plan, work, jobs=jobs)
    half = published_half(data, plan, climbed, selection, halves.get("published"))
    _write(out, "published", half, table(half["cells"], half["classes"]), as_json)


def _write(out: Path, name: str, half: dict[str, object], text: str, as_json: bool) -> None:
    from blemish.bench.ladder_file import write_half

    values = write_half(out, name, half)
    say(f"written: {out} ({name})")
    show(values, text, as_json)


def _refuse_other_suffix(out: Path) -> None:
    if out.suffix != ".json":
        raise InputError(f"--out is a .json file, got {out}")
