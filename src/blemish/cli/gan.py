"""`blemish gan describe` and `blemish gan train`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from blemish.cli.console import guarded, say, show
from blemish.cli.precisions import trained_in
from blemish.core.errors import InputError
from blemish.core.taxonomy import Taxonomy

_TRAINING = "Training"
_DEFAULTS = "Instead of the preset's"


@guarded
def describe(
    preset: str = typer.Option("default", metavar="default|paper"),
    size: int = typer.Option(512, metavar="PX", min=16, help="Side of the picture, a multiple of 16."),
    width: int | None = typer.Option(None, metavar="CHANNELS", help="Of the first group; the paper's is 64."),
    channels: int = typer.Option(1, metavar="1|3", help="1 gray, 3 RGB."),
    taxonomy: Path | None = typer.Option(
        None, metavar="TOML", help="Default: the pouch cell's 2 backgrounds, 6 defects."
    ),
    as_json: bool = typer.Option(False, "--json", help="One JSON object on standard output."),
) -> None:
    """Layers, sizes, parameters, MiB and GFLOP of the generator, and of the discriminator apart."""
    from blemish.gan.describe import describe_preset, text_table
    from blemish.gan.presets import preset as preset_of

    if channels not in (1, 3):
        raise InputError(f"--channels must be 1 (gray) or 3 (RGB), got {channels}")
    chosen = preset_of(preset, width=width)
    known = Taxonomy.preset("pouch-cell") if taxonomy is None else Taxonomy.from_toml(taxonomy)
    generator, discriminator = describe_preset(chosen, known, channels, size_hw=(size, size))
    title = f"generator, preset {preset}, width {chosen.width}, {channels} channel(s), {size} x {size} px"
    text = "\n\n".join(
        [
            text_table(generator, title),
            text_table(discriminator, f"discriminator (ours), {known.channels} latent planes"),
        ]
    )
    values = {
        "preset": preset,
        "width": chosen.width,
        "channels": channels,
        "size_px": size,
        **generator.to_dict(),
        "discriminator": discriminator.to_dict(),
    }
    show(values, text, as_json)


@guarded
def train(
    dataset: Path = typer.Argument(..., metavar="DATASET", help="A data set with a train split."),
    out: Path = typer.Option(..., metavar="DIR", help="The run's folder: figures, samples, checkpoint, generator."),
    preset: str = typer.Option("default", metavar="default|paper", rich_help_panel=_TRAINING),
    seed: int = typer.Option(0, metavar="N", rich_help_panel=_TRAINING),
    resume: bool = typer.Option(False, help="Go on where the run was stopped.", rich_help_panel=_TRAINING),
    precision: str | None = typer.Option(
        None, metavar="fp32|bf16", help="Default: what the hardware does well.", rich_help_panel=_TRAINING
    ),
    threads: int | None = typer.Option(
        None, metavar="N", help="Of the arithmetic; 2 more draw tiles.", rich_help_panel=_TRAINING
    ),
    steps: int | None = typer.Option(None, metavar="N", rich_help_panel=_DEFAULTS),
    epochs: float | None = typer.Option(
        None, metavar="N", help="Train tiles drawn, over their number.", rich_help_panel=_DEFAULTS
    ),
    batch: int | None = typer.Option(None, metavar="TILES", rich_help_panel=_DEFAULTS),
    size: int | None = typer.Option(
        None, metavar="PX", help="Side of the crops, a multiple of 16.", rich_help_panel=_DEFAULTS
    ),
    width: int | None = typer.Option(None, metavar="CHANNELS", rich_help_panel=_DEFAULTS),
    learning_rate: float | None = typer.Option(
        None, metavar="RATE", help="This one only: no lower one is tried.", rich_help_panel=_DEFAULTS
    ),
    sampling: str | None = typer.Option(None, metavar="uniform|class-balanced", rich_help_panel=_DEFAULTS),
    dry_run: bool = typer.Option(False, help="Say what would be done, and end."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object on standard output."),
) -> None:
    """Train the GAN on the real tiles of a data set's train split.

    `default` paints defects on real surfaces and composes them; `paper` is the paper's network. Where the preset's
    learning rate diverges, the next lower one starts anew; run.json and the generator's card say so.
    """
    from blemish.data.dataset import Dataset
    from blemish.gan.draw import train_tiles
    from blemish.gan.outcomes import read_outcomes, weak_words
    from blemish.gan.presets import preset as preset_of
    from blemish.gan.training import TrainingPlan, refuse_defectless, refuse_small_tiles
    from blemish.gan.training import train as train_gan

    if steps is not None and epochs is not None:
        raise InputError("give --steps or --epochs, not both")
    data = Dataset(dataset)
    chosen = preset_of(
        preset,
        steps=steps,
        epochs=epochs,
        batch=batch,
        size_px=size,
        width=width,
        learning_rates=None if learning_rate is None else (learning_rate,),
        sampling=sampling,
    )
    tiles = len(train_tiles(data))
    refuse_small_tiles(data, chosen)
    refuse_defectless(data)
    plan = TrainingPlan.of(chosen, tiles, seed=seed, precision=trained_in(precision))
    if dry_run:
        show(
            {"tiles": tiles, **plan.to_dict(data)},
            f"{tiles} train tiles, {plan.steps} steps of {chosen.batch}",
            as_json,
        )
        return
    _use_threads(threads)
    trained = train_gan(data, out, plan, resume=resume)
    for attempt in trained.learning_rate["diverged"]:
        say(f"learning rate {attempt['learning_rate']:g} diverged in step {attempt['step']}: {attempt['reason']}")
    if (doubt := trained.learning_rate["doubt"]) is not None:
        say(f"doubtful from step {doubt['step']}: {doubt['reason']}; look at the samples before you generate")
    outcomes = read_outcomes(trained.generator)
    for sentence in weak_words(outcomes).values():
        say(sentence)
    values: dict[str, Any] = {
        "run": str(out),
        "generator": str(trained.generator),
        "tiles": tiles,
        "learning_rate": trained.learning_rate,
        "classes": list(outcomes.values()),
        "seconds": round(trained.outcome.seconds, 1),
        "figures": trained.outcome.last_row,
    }
    used = trained.learning_rate["used"]
    show(values, f"{trained.outcome.steps} steps at learning rate {used:g}: {trained.generator}", as_json)


def _use_threads(threads: int | None) -> None:
    import torch

    if threads is not None:
        if threads < 1:
            raise InputError(f"--threads must be 1 or more, got {threads}")
        torch.set_num_threads(threads)
