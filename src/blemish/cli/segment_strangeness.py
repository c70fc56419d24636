"""`blemish segment strangeness`: what the line's own pictures look like, so that strange ones go to REVIEW."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blemish.cli.console import guarded, say, show
from blemish.core.errors import InputError


@guarded
def strangeness(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="Its train tiles are the line's own pictures.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="JSON to keep beside the bundle.")],
    quantile: Annotated[
        float, typer.Option("--quantile", metavar="FRAC", help="Share of its own tiles below the limit.")
    ] = 0.99,
    foreign: Annotated[
        list[Path] | None, typer.Option("--foreign", metavar="DATASET", help="Foreign tiles to be told; repeatable.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Learn what a line's own pictures look like, and say how well others are told from them."""
    import json

    from blemish.core.records import Split
    from blemish.data.dataset import Dataset
    from blemish.picture.write import write_bytes
    from blemish.segment.strangeness import judged_records, learn_familiar, strangeness_of, told_from

    if out.exists():
        raise InputError(f"{out} is there already: choose another --out")
    if not 0 < quantile < 1:
        raise InputError(f"--quantile must be between 0 and 1, got {quantile}")
    data = Dataset(dataset)
    familiar = learn_familiar(data, data.select(Split.TRAIN), quantile)
    own = strangeness_of(familiar, data, data.select(Split.VAL))
    found = {}
    for other in (Dataset(path) for path in foreign or ()):
        found[other.taxonomy.name] = told_from(own, strangeness_of(familiar, other, judged_records(other, Split.VAL)))
    values = {**familiar.to_dict(), "data_hash": data.hash, "quantile": quantile}
    write_bytes(out, (json.dumps(values, allow_nan=False) + "\n").encode())
    above = sum(value > 1 for value in own)
    lines = [f"{familiar.pictures} tiles learned; {above} of {len(own)} own val tiles are above the limit"]
    for name, told in found.items():
        share = told["strange_above"]
        lines.append(f"{name}: AUROC {told['auroc']}, {share['count']} of {share['total']} above the limit")
    say(f"written: {out}")
    show({"out": str(out), "own_above": above, "own": len(own), "foreign": found}, "\n".join(lines), as_json)
