"""`blemish bench ladder`: is it better than what an engineer would do in an afternoon?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

import typer

from blemish.cli.console import guarded, say, show
from blemish.core.errors import InputError

if TYPE_CHECKING:
    from blemish.bench.ladder import LadderPlan
    from blemish.bench.scale import Background, Scale
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
AnyPrecision = Annotated[
    bool,
    typer.Option(
        "--any-precision",
        help="Take cells that another machine left in --work in another precision; the result says so.",
        rich_help_panel=_WHICH,
    ),
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
        str,
        typer.Option(help="Comma-separated; default: all but more_real and trials.", rich_help_panel=_WHICH),
    ] = "",
    folds: Annotated[int, typer.Option(help="Of the cross-validation inside train + val.", rich_help_panel=_WHICH)] = 3,
    fold: Folds = None,
    seed: Seeds = None,
    more_real: Annotated[
        Path | None,
        typer.Option(metavar="DATASET", help="Its train tiles are rung more_real's.", rich_help_panel=_WHICH),
    ] = None,
    jobs: Jobs = 1,
    any_precision: AnyPrecision = False,
    shares: Annotated[
        str, typer.Option(help="Also the curve over these shares: 0.25,0.5,0.75.", rich_help_panel=_WHICH)
    ] = "",
    share_of: Annotated[str, typer.Option(help="Rungs of that curve.", rich_help_panel=_WHICH)] = "gan",
    network: Annotated[str, typer.Option(help="Inspector network.", rich_help_panel=_SCALE)] = "hardnet-small",
    crop: Annotated[
        int | None,
        typer.Option(metavar="PX", help="Of training; 0 = whole tiles. (256 of larger ones)", rich_help_panel=_SCALE),
    ] = None,
    steps: Annotated[int, typer.Option(help="Training steps.", rich_help_panel=_SCALE)] = 1000,
    batch: Annotated[int, typer.Option(help="Crops a step.", rich_help_panel=_SCALE)] = 8,
    learning_rate: Annotated[float, typer.Option(help="Of the inspector.", rich_help_panel=_SCALE)] = 0.003,
    balanced_until: Annotated[
        float,
        typer.Option(metavar="FRAC", help="Of the steps: rare classes' pixels weigh more.", rich_help_panel=_SCALE),
    ] = 0.5,
    start_from: Annotated[
        str, typer.Option(metavar="RUN", help="Or auto, procedural or scratch: of every rung.", rich_help_panel=_SCALE)
    ] = "auto",
    share: Annotated[
        str, typer.Option(help="Of synthetic tiles in the samples; 0.5,gan=0.25 sets a rung's.", rich_help_panel=_TILES)
    ] = "0.25",
    synthetic_until: Annotated[
        float, typer.Option(metavar="FRAC", help="Of the steps; the last see real tiles only.", rich_help_panel=_TILES)
    ] = 0.6,
    per_class: Annotated[
        int, typer.Option(metavar="TILES", help="Real + synthetic tiles of a class.", rich_help_panel=_TILES)
    ] = 300,
    gan_size: Annotated[
        int | None, typer.Option(metavar="PX", help="Of our GAN's crops. (by preset)", rich_help_panel=_TILES)
    ] = None,
    gan_batch: Annotated[
        int | None, typer.Option(help="Crops a step of our GAN. (by preset)", rich_help_panel=_TILES)
    ] = None,
    gan_steps: Annotated[int | None, typer.Option(help="Of our GAN. (by preset)", rich_help_panel=_TILES)] = None,
    gan_background: Annotated[
        str, typer.Option(help="Under our defects: real, generated, or auto.", rich_help_panel=_TILES)
    ] = "auto",
    gate: Annotated[
        bool, typer.Option("--gate/--no-gate", help="Our tiles pass the quality gate.", rich_help_panel=_TILES)
    ] = True,
    gate_folds: Annotated[
        int, typer.Option(min=0, help="Trainings for the gate's rule `found`; 0 = off.", rich_help_panel=_TILES)
    ] = 2,
    surroundings: Annotated[
        bool,
        typer.Option(
            "--surroundings",
            help="Our defects lie where it looks as it does round real ones.",
            rich_help_panel=_TILES,
        ),
    ] = False,
    second_look: Annotated[
        bool,
        typer.Option("--second-look", help="The gate looks through the start weights too.", rich_help_panel=_TILES),
    ] = False,
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
    from blemish.segment.settings import crop_of

    data = Dataset(dataset)
    names = tuple(listed(rungs))
    ceiling = str(more_real.absolute()) if more_real else ""
    refuse_other_suffix(out)
    curve = _Curve(tuple(listed(share_of)), tuple(_numbers("--shares", shares)))
    if published:
        if fold or shares:
            raise InputError("--published judges by the test split: leave --fold and --shares out")
        _publish(data, out, work, names, each_once(seed, (0, 1, 2)), ceiling, jobs, any_precision, as_json)
        return
    everywhere, own_shares = _shares(share)
    scale = Scale(
        network=network,
        crop_px=crop_of(crop, data.info.tile_px),
        steps=steps,
        batch=batch,
        learning_rate=learning_rate,
        balanced_until=balanced_until,
        start=start_from,
        synthetic_share=everywhere,
        shares=own_shares,
        synthetic_until=synthetic_until,
        per_class=per_class,
        gan_size_px=gan_size,
        gan_batch=gan_batch,
        gan_steps=gan_steps,
        gan_background=_background(gan_background),
        gan_gate=gate,
        gate_folds=gate_folds,
        gan_surroundings=surroundings,
        gate_second_look=second_look,
        paper_width=paper_width,
        paper_size_px=paper_size,
        paper_batch=paper_batch,
        paper_steps=paper_steps,
    )
    chosen = each_once(fold, range(folds))
    plan = replace(
        _selection_plan(names, folds, chosen, each_once(seed, (0,)), scale, ceiling), any_precision=any_precision
    )
    _select(data, out, work, plan, curve, jobs, as_json)


def _selection_plan(
    names: tuple[str, ...], folds: int, chosen: tuple[int, ...], seeds: tuple[int, ...], scale: Scale, ceiling: str
) -> LadderPlan:
    from blemish.bench.ladder import LadderPlan, default_rungs
    from blemish.bench.views import View

    views = tuple(View(folds=folds, fold=place) for place in chosen)
    return LadderPlan(rungs=names or default_rungs(ceiling), views=views, seeds=seeds, scale=scale, more_real=ceiling)


def _select(data: Dataset, out: Path, work: Path, plan: LadderPlan, curve: _Curve, jobs: int, as_json: bool) -> None:
    from blemish.bench.extras import refuse_curve, share_curve
    from blemish.bench.ladder import climb
    from blemish.bench.ladder_file import earlier_cells, ground_of, known_training, read_halves_of, selection_half

    if curve.shares:
        refuse_curve(curve.rungs, curve.shares)
    _refuse_others_beside(out)
    before = read_halves_of(data, out).get("selection")
    climbed = climb(data, plan, work, jobs=jobs, known=known_training(data, plan, before))
    half = selection_half(data, plan, climbed, earlier_cells(data, plan, before, climbed), before)
    values = write_files(out, "selection", half)
    ground = ground_of(half, any_precision=plan.any_precision)
    there = {row["name"] for row in half["rungs"]}
    for rung in (rung for rung in curve.rungs if curve.shares and rung in there):
        found = share_curve(data, ground, rung, curve.shares, work, jobs=jobs)
        half["shares"] = {**half.get("shares", {}), rung: found}
        values = write_files(out, "selection", half)
    show(values, told(half), as_json)


def _publish(
    data: Dataset,
    out: Path,
    work: Path,
    names: tuple[str, ...],
    seeds: tuple[int, ...],
    ceiling: str,
    jobs: int,
    any_precision: bool,
    as_json: bool,
) -> None:
    from blemish.bench.ladder import LadderPlan, climb
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
        any_precision=any_precision,
    )
    climbed = climb(data, plan, work, jobs=jobs)
    half = published_half(data, plan, climbed, selection, halves.get("published"))
    show(write_files(out, "published", half), told(half), as_json)


def _refuse_others_beside(out: Path) -> None:
    """A page and tables of the result's name are written over with it; without a result they are somebody else's."""
    there = [path.name for path in (out.with_suffix(".html"), out.with_suffix(".md")) if path.exists()]
    if there and not out.exists():
        raise InputError(f"{out.parent / there[0]} is there already and not of a ladder: choose another --out")


def write_files(out: Path, name: str, half: dict[str, Any]) -> dict[str, Any]:
    """One half into the result file, and page, tables and charts beside it."""
    from blemish.bench.ladder_file import write_half
    from blemish.report.ladder import write_ladder

    values = write_half(out, name, half)
    files = write_ladder(values, out)
    say(f"written: {out} ({name}), {', '.join(file.name for file in files)}")
    return values


def told(half: dict[str, Any]) -> str:
    """What a half says, for people."""
    from blemish.bench.ladder import table
    from blemish.report.ladder import change

    lines = [table(half["cells"], half["classes"]), *half["cautions"]]
    lines += [
        f"{v['of']} against {v['over']}: {v['words']}" + (f" (careful: {v['caution']})" if v["caution"] else "")
        for v in half.get("verdicts", [])
    ]
    lines += [
        f"parts told apart, {entry['of']} over {half['base']}: {change(entry['parts'])}"
        for entry in half["over_base"]
        if entry.get("parts")
    ]
    lines += [f"best share of {rung}: {curve['best']:g}" for rung, curve in half.get("shares", {}).items()]
    return "\n".join(lines)


@dataclass(frozen=True)
class _Curve:
    """The curve over the share of synthetic tiles; no shares = none."""

    rungs: tuple[str, ...]
    shares: tuple[float, ...]


def listed(text: str) -> list[str]:
    """Names between commas."""
    return [name.strip() for name in text.split(",")] if text else []


def each_once(values: Iterable[int] | None, default: Iterable[int]) -> tuple[int, ...]:
    """Folds or seeds as given, none of them twice; a repeated one would count twice in every figure."""
    return tuple(dict.fromkeys(values or default))


def _numbers(flag: str, text: str) -> list[float]:
    try:
        return [float(value) for value in listed(text)]
    except ValueError as error:
        raise InputError(f"{flag} must look like 0.25,0.5, got '{text}'") from error


def _background(text: str) -> Background:
    from blemish.bench.scale import Background

    for known in get_args(Background):
        if text == known:
            return cast("Background", known)
    raise InputError(f"--gan-background must be {', '.join(get_args(Background))}, got '{text}'")


def _shares(text: str) -> tuple[float, tuple[tuple[str, float], ...]]:
    """`0.5,gan=0.25`: the share everywhere, and those of single rungs."""
    from blemish.bench.rungs import SETS

    everywhere, own = 0.25, []
    try:
        for entry in text.split(","):
            rung, equals, value = entry.rpartition("=")
            if equals:
                own.append((rung.strip(), float(value)))
            else:
                everywhere = float(value)
    except ValueError as error:
        raise InputError(f"--share must look like 0.5 or 0.5,gan=0.25, got '{text}'") from error
    unknown = [rung for rung, _ in own if rung not in SETS]
    if unknown:
        raise InputError(f"--share names no rung with synthetic tiles: '{unknown[0]}'; there are {', '.join(SETS)}")
    return everywhere, tuple(own)


def refuse_other_suffix(out: Path) -> None:
    """A result is JSON."""
    if out.suffix != ".json":
        raise InputError(f"--out is a .json file, got {out}")
