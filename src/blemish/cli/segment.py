"""`blemish segment describe|train`: the inspector's network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from blemish.cli.console import guarded, say, show
from blemish.cli.precisions import trained_in
from blemish.core.errors import InputError

if TYPE_CHECKING:
    from blemish.data.augment import Augmentation
    from blemish.data.dataset import Dataset
    from blemish.segment.settings import TrainSettings

_TRAINING, _SAMPLES = "Training", "What is drawn"

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Network = Annotated[
    str,
    typer.Option(
        "--network",
        help="fc-hardnet-70, hardnet-small, lite0-unet (slower, knows photographs), or auto: the small one, with its "
        "start weights, where there is no GPU.",
        rich_help_panel=_TRAINING,
    ),
]
PlainNetwork = Annotated[
    str, typer.Option("--network", help="fc-hardnet-70, hardnet-small or lite0-unet.", rich_help_panel=_TRAINING)
]
PrecisionText = Annotated[str | None, typer.Option("--precision", help="fp32 or bf16.", rich_help_panel=_TRAINING)]
Preset = Annotated[str, typer.Option("--preset", help="paper or default.", rich_help_panel=_TRAINING)]
Steps = Annotated[
    int | None, typer.Option("--steps", metavar="N", min=1, help="Of training. (2000)", rich_help_panel=_TRAINING)
]
Epochs = Annotated[
    int | None,
    typer.Option(
        "--epochs", metavar="N", min=1, help="Instead of steps. (1000 in preset paper)", rich_help_panel=_TRAINING
    ),
]
BatchSize = Annotated[
    int, typer.Option("--batch", metavar="N", min=1, help="Samples a step.", rich_help_panel=_TRAINING)
]
Rate = Annotated[
    float | None,
    typer.Option(
        "--learning-rate", metavar="RATE", help="The highest. (0.002; 0.001 in preset paper)", rich_help_panel=_TRAINING
    ),
]
Loss = Annotated[
    str | None,
    typer.Option(
        "--loss",
        help="ce, focal+dice, ce+dice or ce+lovasz. (focal+dice; ce in preset paper)",
        rich_help_panel=_TRAINING,
    ),
]
ClassWeights = Annotated[
    str,
    typer.Option(
        "--class-weights", metavar="W,W,...", help="In ce and focal: no defect, each class.", rich_help_panel=_TRAINING
    ),
]
Keep = Annotated[
    str | None,
    typer.Option(
        "--keep", help="last, or best by validation IoU. (last; best with --patience)", rich_help_panel=_TRAINING
    ),
]
Patience = Annotated[
    int | None,
    typer.Option(
        "--patience",
        metavar="N",
        min=1,
        help="End after N validations without a better IoU. (all steps are done)",
        rich_help_panel=_TRAINING,
    ),
]
ValEvery = Annotated[
    int | None,
    typer.Option(
        "--val-every", metavar="STEPS", min=1, help="Validation. (ten times a run)", rich_help_panel=_TRAINING
    ),
]
Sampling = Annotated[
    str | None,
    typer.Option(
        "--sampling", help="uniform over tiles or balanced over classes. (by preset)", rich_help_panel=_SAMPLES
    ),
]
UniformFrom = Annotated[
    float | None,
    typer.Option(
        "--uniform-from",
        metavar="FRAC",
        help="Share of the steps after which every real tile is drawn equally often, as pictures come. (1: never)",
        rich_help_panel=_SAMPLES,
    ),
]
Augment = Annotated[
    bool,
    typer.Option("--augment/--no-augment", help="Turn, shift, flip, resize, light, noise.", rich_help_panel=_SAMPLES),
]
AugmentationName = Annotated[
    str | None,
    typer.Option(
        "--augmentation",
        help="paper, or robust: half of the pictures wider, with blur, shading, stripes, JPEG. (paper)",
        rich_help_panel=_SAMPLES,
    ),
]
Crop = Annotated[
    int | None,
    typer.Option(
        "--crop",
        metavar="PX",
        help="Side of crops; 0 = whole tiles. (256 of larger tiles; whole ones in preset paper)",
        rich_help_panel=_SAMPLES,
    ),
]
CropOnDefect = Annotated[
    float | None,
    typer.Option(
        "--crop-on-defect",
        metavar="FRAC",
        help="Share of crops cut round a defect. (0.8; 0 if uniform)",
        rich_help_panel=_SAMPLES,
    ),
]
Synthetic = Annotated[
    list[Path] | None,
    typer.Option("--synthetic", metavar="DIR", help="A synthetic set; repeatable.", rich_help_panel=_SAMPLES),
]
SyntheticShare = Annotated[
    float | None,
    typer.Option(
        "--synthetic-share",
        metavar="FRAC",
        help="Of the samples of every class that has synthetic tiles. (as --ladder chose; 0.25)",
        rich_help_panel=_SAMPLES,
    ),
]
SyntheticUntil = Annotated[
    float | None,
    typer.Option(
        "--synthetic-until",
        metavar="FRAC",
        help="Share of the steps with synthetic tiles; the last see real ones only. (as --ladder chose; 0.6)",
        rich_help_panel=_SAMPLES,
    ),
]
Ladder = Annotated[
    Path | None,
    typer.Option(
        "--ladder",
        metavar="FILE",
        help="Result of bench ladder on this set: its share is the default.",
        rich_help_panel=_SAMPLES,
    ),
]
BalancedUntil = Annotated[
    float | None,
    typer.Option(
        "--balanced-until",
        metavar="FRAC",
        help="Share of the steps in which classes of few pixels weigh more; 0 = never. By default 0.5, paper 0.",
        rich_help_panel=_SAMPLES,
    ),
]
StartFrom = Annotated[
    str,
    typer.Option(
        "--start-from",
        metavar="RUN",
        help="Weights to begin with: of a finished RUN, procedural (packaged), photographs (lite0-unet), scratch, or "
        "auto: what there is for the network, but scratch for the preset paper.",
        rich_help_panel=_TRAINING,
    ),
]
Threads = Annotated[
    int, typer.Option("--threads", metavar="N", min=1, help="That draw samples.", rich_help_panel=_SAMPLES)
]


@guarded
def describe(
    network: PlainNetwork = "fc-hardnet-70",
    size: Annotated[int, typer.Option("--size", metavar="PX", min=1, help="Side of the picture.")] = 512,
    classes: Annotated[int, typer.Option("--classes", metavar="K", min=1, help="Number of defect classes.")] = 6,
    channels: Annotated[int, typer.Option("--channels", metavar="1|3", help="1 gray, 3 RGB.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Layers, parameters, MiB and GMAC of a network, counted by running it on one picture."""
    from blemish.segment.describe import describe as weigh
    from blemish.segment.networks import build

    found = weigh(build(network, channels, classes + 1), network, size)
    show(found.to_dict(), found.to_text(), as_json)


@guarded
def train(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="A data set with a train split.")],
    out: Annotated[Path, typer.Option("--out", metavar="RUN", help="Folder of the run.")],
    preset: Preset = "default",
    network: Network = "auto",
    steps: Steps = None,
    epochs: Epochs = None,
    batch: BatchSize = 16,
    learning_rate: Rate = None,
    loss: Loss = None,
    class_weights: ClassWeights = "",
    balanced_until: BalancedUntil = None,
    keep: Keep = None,
    patience: Patience = None,
    val_every: ValEvery = None,
    precision: PrecisionText = None,
    sampling: Sampling = None,
    uniform_from: UniformFrom = None,
    augment: Augment = True,
    augmentation: AugmentationName = None,
    crop: Crop = None,
    crop_on_defect: CropOnDefect = None,
    synthetic: Synthetic = None,
    synthetic_share: SyntheticShare = None,
    synthetic_until: SyntheticUntil = None,
    ladder: Ladder = None,
    start_from: StartFrom = "auto",
    threads: Threads = 2,
    seed: Annotated[int, typer.Option("--seed", help="Same seed, same machine: same weights.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the run was stopped.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check, say what would be done, write nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Train an inspector; the run holds its weights, figures, sample pictures and the state to resume from."""
    from blemish.core.records import Split
    from blemish.data.dataset import Dataset
    from blemish.segment.draw import train_records
    from blemish.segment.networks import network_named
    from blemish.segment.settings import crop_of, loss_of, settings_of
    from blemish.segment.start import seen_by, start_named
    from blemish.segment.training import Pace, refuse_training
    from blemish.segment.training import train as run_training

    weights, network = _numbers(class_weights), network_named(network, preset)
    data, made = Dataset(dataset), [Dataset(folder) for folder in synthetic or []]
    count = _steps(preset, steps, epochs, len(train_records(data)), batch)
    changes: dict[str, Any] = {
        "network": network,
        "steps": count,
        "batch": batch,
        "learning_rate": learning_rate,
        "loss": loss_of(preset, loss, weights, balanced_until),
        "keep": keep or ("last" if patience is None else "best"),
        "patience": patience,
        "val_steps": val_every or max(1, -(-count // 10)),
        "sampling": sampling,
        "uniform_from": uniform_from,
        "augmentation": _augmentation(augment, augmentation),
        "crop_px": crop_of(crop, data.info.tile_px, preset),
        "crop_on_defect_frac": crop_on_defect,
        **_mixing(synthetic_share, synthetic_until, ladder, data, bool(made)),
        "seed": seed,
    }
    settings = settings_of(preset, changes)
    asked: dict[str, Any] = {
        "synthetic": made,
        "precision": trained_in(precision),
        "resume": resume,
        "start": None if preset == "paper" and start_from == "auto" else start_named(start_from, network),
    }
    if seen := seen_by(asked["start"], [*data.select(Split.VAL), *data.select(Split.TEST)]):
        say(f"{start_from} learned from {seen} tiles or more that are in val or test now: figures there will flatter")
    if dry_run:
        refuse_training(data, out, settings, **asked)
        show(settings.to_dict(), _plan(settings, len(train_records(data))), as_json)
        return
    done = run_training(data, out, settings, pace=Pace.of(count, threads), **asked)
    row = done.outcome.last_row
    text = "  ".join(f"{name} {value:.4g}" for name, value in row.items())
    show({"weights": str(done.weights), "seconds": round(done.outcome.seconds, 1), **row}, text, as_json)


def _augmentation(wanted: bool, name: str | None) -> Augmentation | None:
    """None = as the preset says."""
    from blemish.data.augment import Augmentation

    if wanted:
        return None if name is None else Augmentation.named(name)
    if name is not None:
        raise InputError("give --augmentation or --no-augment, not both")
    return Augmentation.none()


def _steps(preset: str, steps: int | None, epochs: int | None, tiles: int, batch: int) -> int:
    from blemish.segment.settings import DEFAULT_STEPS, PAPER_EPOCHS, steps_of

    if steps is not None and epochs is not None:
        raise InputError("give --steps or --epochs, not both")
    if steps is not None:
        return steps
    if epochs is None and preset != "paper":
        return DEFAULT_STEPS
    return steps_of(epochs or PAPER_EPOCHS, tiles, batch)


def _mixing(
    share: float | None, until: float | None, ladder: Path | None, data: Dataset, any_made: bool
) -> dict[str, float]:
    """What was asked; else what this set's ladder chose; else the default. Nothing without synthetic tiles.

    Raises:
        InputError: something is asked of synthetic tiles, and there are none.
    """
    from blemish.segment.settings import SYNTHETIC_SHARE, SYNTHETIC_UNTIL

    if ladder is not None and not any_made:
        raise InputError("--ladder chooses the share of synthetic tiles: give --synthetic DIR too, or leave it out")
    if not any_made and (share is not None or until is not None):
        raise InputError(
            "--synthetic-share and --synthetic-until are of synthetic tiles: give --synthetic DIR too, or omit them"
        )
    chosen = {"synthetic_share": SYNTHETIC_SHARE, "synthetic_until": SYNTHETIC_UNTIL}
    if ladder is not None:
        from blemish.bench.ladder_file import chosen_share, read_halves, scale_of, selection_of

        half = selection_of(read_halves(ladder), ladder, data)
        chosen = {"synthetic_share": chosen_share(half), "synthetic_until": scale_of(half).synthetic_until}
        say(
            f"{ladder}: share {chosen['synthetic_share']:g} until {chosen['synthetic_until']:g} of the steps; "
            + "; ".join(f"against {v['over']}, {v['words']}" for v in half["verdicts"])
        )
    if not any_made:
        return {}
    asked = {"synthetic_share": share, "synthetic_until": until}
    return chosen | {name: value for name, value in asked.items() if value is not None}


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")] if text else []
    except ValueError as error:
        raise InputError(f"--class-weights must look like 1,5,5, got '{text}'") from error


def _plan(settings: TrainSettings, tiles: int) -> str:
    of = f"crops of {settings.crop_px} px from" if settings.crop_px else "whole ones of"
    mixed = f", {settings.synthetic_share:.0%} synthetic until {settings.synthetic_until:.0%} of the steps"
    mixed = mixed if settings.synthetic_share else ""
    return (
        f"would train {settings.network} for {settings.steps} steps of {settings.batch} samples, {of} {tiles} tiles, "
        f"{settings.sampling} sampling, learning rate {settings.learning_rate}{mixed}, nothing written"
    )
