"""`blemish segment robustness`: how much is lost when pictures are worse than those that were learned from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blemish.cli.console import guarded, say, show
from blemish.cli.loading import load_segmenter
from blemish.core.errors import InputError

if TYPE_CHECKING:
    from blemish.data.dataset import Sample
    from blemish.report.robustness import DisturbanceSection
    from blemish.segment.robustness import Robustness

_STRIP_PX = 224


@guarded
def robustness(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="What to judge by.")],
    inspectors: Annotated[
        list[Path], typer.Argument(metavar="RUN_OR_BUNDLE...", help="One, or several to compare on equal pictures.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="robustness.json and index.html.")],
    split: Annotated[str, typer.Option("--split", help="train, val or test.")] = "val",
    tiles: Annotated[
        int, typer.Option("--tiles", metavar="N", min=1, help="At most so many, of every class in turn.")
    ] = 60,
    only: Annotated[
        str, typer.Option("--only", metavar="NAME,...", help="Some of the disturbances. (all thirteen)")
    ] = "",
    precision: Annotated[str | None, typer.Option("--precision", help="fp32 or bf16.")] = "fp32",
    seed: Annotated[int, typer.Option("--seed", help="Of directions and noise.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Mean IoU under thirteen disturbances at five strengths each, with curves and pictures of what they mean."""
    import json

    from blemish.core.records import Split
    from blemish.data.dataset import Dataset
    from blemish.picture.disturb import DISTURBANCES
    from blemish.picture.write import write_bytes
    from blemish.report.robustness import RobustnessPage, write_robustness
    from blemish.segment.robustness import measure_robustness, tiles_of_every_class, to_table

    if split not in (Split.TRAIN, Split.VAL, Split.TEST):
        raise InputError(f"--split must be train, val or test, got '{split}'")
    if out.exists():
        raise InputError(f"{out} is there already: choose another --out")
    data = Dataset(dataset)
    there = data.select(Split(split))
    records = tiles_of_every_class(there, len(data.taxonomy.defects), tiles, seed)
    loaded = {name: load_segmenter(path, precision) for name, path in _named(inspectors).items()}
    names = [name.strip() for name in only.split(",")] if only else list(DISTURBANCES)
    found = measure_robustness(loaded, data, records, names=names, seed=seed, progress=True)
    facts = {"data_hash": data.hash, "split": split, "tiles": len(records), "of": len(there), "seed": seed}
    values = {**facts, "inspectors": [one.to_dict() for one in found]}
    write_bytes(out / "robustness.json", (json.dumps(values, indent=1, allow_nan=False) + "\n").encode())
    told = f"{len(records)} of {len(there)} {split} tiles, every class in turn by lot"
    shown = data.sample(sorted(records, key=lambda record: (sum(record.defect_px), record.id))[len(records) * 3 // 4])
    page = RobustnessPage(data.taxonomy.name, told, tuple(one.name for one in found), _sections(found, shown, seed))
    say(f"written: {write_robustness(page, out)}")
    show(values, to_table(found), as_json)


def _named(paths: list[Path]) -> dict[str, Path]:
    """By the last part of their paths, where those differ."""
    names = [path.name for path in paths]
    return {path.name if names.count(path.name) == 1 else str(path): path for path in paths}


def _sections(found: list[Robustness], sample: Sample, seed: int) -> list[DisturbanceSection]:
    """What the page shows of each disturbance."""
    from blemish.picture.disturb import DISTURBANCES, STRENGTHS
    from blemish.report.embed import jpeg_uri
    from blemish.report.robustness import DisturbanceSection, StripPicture
    from blemish.segment.robustness import disturbed

    sections = []
    for name in found[0].disturbances:
        each = DISTURBANCES[name]
        values = tuple(each.text(strength) for strength in range(STRENGTHS + 1))
        pictures = (disturbed(sample, name, strength, seed=seed).picture for strength in range(STRENGTHS + 1))
        strip = (
            StripPicture(jpeg_uri(p, widest_px=_STRIP_PX), value) for p, value in zip(pictures, values, strict=True)
        )
        curves, kept = tuple((one.name, one.curve(name)) for one in found), tuple(one.kept(name) for one in found)
        sections.append(DisturbanceSection(name, each.says, values, curves, kept, tuple(strip)))
    return sections
