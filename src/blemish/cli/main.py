"""`blemish`: the command groups, each command in the file that its name says."""

from __future__ import annotations

import io
import signal
import sys
from types import FrameType

import typer

from blemish import __version__
from blemish.cli import (
    accept,
    bench,
    bench_ablation,
    bench_enough,
    bench_few,
    bench_leave_one_out,
    bench_speed,
    bundle,
    data_check,
    data_copy_paste,
    data_export,
    data_import,
    data_reference,
    data_simulate,
    demo,
    gan,
    gan_evaluate,
    gan_export,
    gan_generate,
    inspect,
    recipe,
    segment,
    segment_calibrate,
    segment_evaluate,
    segment_export,
    segment_label_errors,
    segment_out_of_fold,
    segment_pretrain,
    segment_robustness,
    segment_strangeness,
)


def _group(help_text: str) -> typer.Typer:
    return typer.Typer(help=help_text, no_args_is_help=True, pretty_exceptions_enable=False)


app = typer.Typer(
    name="blemish",
    help="Few defects in, a line-ready inspector out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

data_group = _group("Pictures become a data set.")
data_group.command("simulate")(data_simulate.simulate)
data_group.command("import")(data_import.import_)
data_group.command("split")(data_import.split)
data_group.command("check")(data_check.check)
data_group.command("stats")(data_check.stats)
data_group.command("copy-paste")(data_copy_paste.copy_paste)
data_group.command("merge")(data_export.merge)
data_group.command("export")(data_export.export)
data_group.command("reference")(data_reference.reference)

gan_group = _group("Train the defect-background separated GAN and generate with it.")
gan_group.command("describe")(gan.describe)
gan_group.command("train")(gan.train)
gan_group.command("generate")(gan_generate.generate)
gan_group.command("evaluate")(gan_evaluate.evaluate)
gan_group.command("export")(gan_export.export)

segment_group = _group("Train, judge and export the inspector.")
segment_group.command("describe")(segment.describe)
segment_group.command("train")(segment.train)
segment_group.command("evaluate")(segment_evaluate.evaluate)
segment_group.command("calibrate")(segment_calibrate.calibrate)
segment_group.command("export")(segment_export.export)
segment_group.command("label-errors")(segment_label_errors.label_errors)
segment_group.command("out-of-fold")(segment_out_of_fold.out_of_fold)
segment_group.command("pretrain")(segment_pretrain.pretrain)
segment_group.command("robustness")(segment_robustness.robustness)
segment_group.command("strangeness")(segment_strangeness.strangeness)

recipe_group = _group("What counts as NG for a product.")
recipe_group.command("new")(recipe.new)
recipe_group.command("check")(recipe.check)
recipe_group.command("dry-run")(recipe.dry_run)

bench_group = _group("The tables: is it better than what an engineer would do in an afternoon?")
bench_group.command("ladder")(bench.ladder)
bench_group.command("enough")(bench_enough.enough)
bench_group.command("ablation")(bench_ablation.ablation)
bench_group.command("few-defects")(bench_few.few_defects)
bench_group.command("leave-one-out")(bench_leave_one_out.leave_one_out)
bench_group.command("speed")(bench_speed.speed)

bundle_group = _group("Say what a bundle is, sign it, verify it.")
bundle_group.command("check")(bundle.check)
bundle_group.command("sign")(bundle.sign)
bundle_group.command("verify")(bundle.verify)

app.add_typer(data_group, name="data")
app.add_typer(gan_group, name="gan")
app.add_typer(segment_group, name="segment")
app.add_typer(recipe_group, name="recipe")
app.add_typer(bench_group, name="bench")
app.add_typer(bundle_group, name="bundle")
app.command("inspect")(inspect.inspect)
app.command("accept")(accept.accept)
app.command("demo")(demo.demo)


@app.callback(invoke_without_command=True)
def version(
    show_version: bool = typer.Option(False, "--version", help="Print the version and end.", is_eager=True),
) -> None:
    """Few defects in, a line-ready inspector out."""
    if show_version:
        print(__version__)
        raise typer.Exit


def _as_ctrl_c(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def run() -> None:
    """Entry point of the console script; an empty argument, which a variable that is not set leaves, is no path."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # A name that a screen cannot show ends no inspection.
    signal.signal(signal.SIGTERM, _as_ctrl_c)  # What a service manager sends: nothing half-written is left either way.
    words = sys.argv[1:]
    if any(not word and not before.startswith("-") for before, word in zip(["", *words], words, strict=False)):
        print("error: an empty argument: is a variable not set?", file=sys.stderr)
        sys.exit(2)
    app()
