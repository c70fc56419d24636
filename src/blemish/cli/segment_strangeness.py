"""`blemish segment strangeness`: what the line's own pictures look like, so that strange ones go to REVIEW."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from blemish.cli.console import guarded, say, show
from blemish.core.errors import InputError


@guarded
def strangeness(
    own: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILES...|DATASET",
            help="The line's own pictures, as it takes them, or folders of them; of a data set its train tiles.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="JSON to keep beside the bundle.")],
    quantile: Annotated[
        float, typer.Option("--quantile", metavar="FRAC", help="Share of its own tiles below the limit.")
    ] = 0.99,
    foreign: Annotated[
        list[Path] | None, typer.Option("--foreign", metavar="DATASET", help="Foreign tiles to be told; repeatable.")
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option("--bundle", metavar="BUNDLE", help="Whose range 16-bit pictures are scaled by.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Learn what a line's own pictures look like, and say how well others are told from them.

    For `inspect --familiar` give pictures as the line takes them: a whole scan is not judged by what tiles look like.
    """
    from blemish.bundle.bundle import Bundle
    from blemish.core.records import Split
    from blemish.data.dataset import Dataset, is_dataset
    from blemish.inspect.sources import find_files
    from blemish.segment.strangeness import judged_records, learn_familiar, learn_from_files, strangeness_of, told_from

    if out.exists():
        raise InputError(f"{out} is there already: choose another --out")
    if not 0 < quantile < 1:
        raise InputError(f"--quantile must be between 0 and 1, got {quantile}")
    if not is_dataset(own[0]):
        files = find_files(own)
        if foreign:
            raise InputError("--foreign goes with a data set: tiles are not held against whole pictures")
        value_range = None if bundle is None else Bundle.open(bundle).card.range_16_bit
        familiar = learn_from_files(files, value_range, quantile)
        _written(out, {**familiar.to_dict(), "quantile": quantile})
        text = f"{familiar.pictures} pictures of {familiar.size_hw[1]} x {familiar.size_hw[0]} px learned"
        show({"out": str(out), "pictures": familiar.pictures, "size_hw": list(familiar.size_hw)}, text, as_json)
        return
    if len(own) > 1:
        raise InputError(f"give one data set, or pictures: {own[1]} is one too many")
    data = Dataset(own[0])
    familiar = learn_familiar(data, data.select(Split.TRAIN), quantile)
    held = strangeness_of(familiar, data, data.select(Split.VAL))
    found = {}
    for path in foreign or ():
        other = Dataset(path)
        found[str(path)] = told_from(held, strangeness_of(familiar, other, judged_records(other, Split.VAL)))
    _written(out, {**familiar.to_dict(), "data_hash": data.hash, "quantile": quantile})
    above = sum(value > 1 for value in held)
    lines = [f"{familiar.pictures} tiles learned; {above} of {len(held)} own val tiles are above the limit"]
    for name, told in found.items():
        share = told["strange_above"]
        lines.append(f"{name}: AUROC {told['auroc']}, {share['count']} of {share['total']} above the limit")
    show({"out": str(out), "own_above": above, "own": len(held), "foreign": found}, "\n".join(lines), as_json)


def _written(out: Path, values: dict[str, Any]) -> None:
    from blemish.picture.write import write_bytes

    write_bytes(out, (json.dumps(values, allow_nan=False) + "\n").encode())
    say(f"written: {out}")
