"""`blemish bench enough`: which class gains from more real tiles, and which from synthetic ones?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blemish.cli.bench import AnyPrecision, AsJson, Folder, Jobs, Work, each_once, write_files
from blemish.cli.console import guarded, show


@guarded
def enough(
    dataset: Folder,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The result of bench ladder; it is added to.")],
    work: Work,
    one_in: Annotated[int, typer.Option(metavar="N", min=2, help="Learn from one in N of the training groups.")] = 2,
    seed: Annotated[list[int] | None, typer.Option("--seed", help="Seeds of the ladder; repeatable. (all)")] = None,
    jobs: Jobs = 1,
    any_precision: AnyPrecision = False,
    as_json: AsJson = False,
) -> None:
    """Is my data enough? The ladder's BASE with a part of the real groups, beside what synthetic tiles gain."""
    from blemish.bench.extras import enough as find_out
    from blemish.bench.ladder_file import ground_of, read_halves, selection_of
    from blemish.data.dataset import Dataset

    data = Dataset(dataset)
    half = selection_of(read_halves(out), out, data)
    of = half["gain"]["of"] if half["gain"] else None
    seeds = each_once(seed, ()) or None
    ground = ground_of(half, seeds, any_precision=any_precision)
    half["enough"] = find_out(data, ground, of, work, jobs=jobs, one_in=one_in)
    write_files(out, "selection", half)
    text = "\n".join(f"{name}: {said['words']}" for name, said in half["enough"]["classes"].items())
    show(half["enough"], text, as_json)
