"""`blemish data copy-paste`: real defects cut out and blended into clean tiles, as a synthetic data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blemish.cli.console import guarded, say, show
from blemish.core.errors import InputError

if TYPE_CHECKING:
    from blemish.data.dataset import Dataset


@guarded
def copy_paste(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="Its train tiles give defects and surfaces.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The new synthetic data set.")],
    per_class: Annotated[
        int, typer.Option("--per-class", metavar="TILES", min=1, help="Real + pasted train tiles of a class.")
    ],
    blend: Annotated[str, typer.Option("--blend", help="feathered or poisson.")] = "feathered",
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Same seed: same tiles.")] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what is missing; write nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Fill every class of the train split up with pasted real defects: what a GAN has to beat, and what goes with it.

    Give the new set to segment train with --synthetic, alone or beside one of gan generate.
    """
    from blemish.data import paste_blend
    from blemish.data.copy_paste import copy_paste_dataset
    from blemish.data.dataset import Dataset

    blends = {"feathered": paste_blend.feathered, "poisson": paste_blend.poisson}
    if blend not in blends:
        raise InputError(f"--blend must be {' or '.join(blends)}, got '{blend}'")
    if out.exists():
        raise InputError(f"{out} is there already: choose another --out")
    data = Dataset(dataset)
    real = _real_tiles(data)
    missing = {name: max(0, per_class - tiles) for name, tiles in real.items()}
    text = "\n".join(f"{name}: {tiles} real, {missing[name]} missing of {per_class}" for name, tiles in real.items())
    if dry_run:
        show({"real": real, "missing": missing}, f"{text}\nnothing written", as_json)
        return
    written = copy_paste_dataset(data, out, per_class, seed, blend=blends[blend])
    show({"out": str(out), "real": real, "missing": missing, "written": written}, text, as_json)
    say(f"written: {out}, {written} tiles (one with several classes counts for each)")


def _real_tiles(data: Dataset) -> dict[str, int]:
    """Real train tiles that show each class, by its name."""
    from blemish.core.records import Origin, Split

    shown = [record.classes for record in data.select(Split.TRAIN) if record.origin != Origin.SYNTHETIC]
    return {
        name: sum(index in classes for classes in shown)
        for index, name in enumerate(data.taxonomy.defect_names, start=1)
    }
