"""`blemish data import` and `blemish data split`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from blemish.cli.console import guarded, say, show
from blemish.core.errors import InputError
from blemish.core.records import Split
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Dataset
from blemish.data.importing import ImportOptions, import_folder, prepare, refuse_bad
from blemish.data.resplit import drawn_sides, fold_sides, sides_from_file, write_folds, write_with_sides
from blemish.data.splits import parse_shares

_CLASSES, _SPLITS = "Classes", "Groups and splits"

Source = Annotated[Path, typer.Argument(metavar="SRC", help="A folder of pictures with their labels.")]
Out = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="The new data set.")]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        help="masks, mvtec, kolektor, index, colour, labelme, coco, supervisely, yolo, runs or scans. (recognised)",
    ),
]
TaxonomyFile = Annotated[
    str | None,
    typer.Option("--taxonomy", metavar="FILE", help="TOML, or a preset (pouch-cell).", rich_help_panel=_CLASSES),
]
ClassNames = Annotated[
    str | None,
    typer.Option("--classes", metavar="A,B,C", help="Names of values 1, 2, 3, ...", rich_help_panel=_CLASSES),
]
Priority = Annotated[
    str | None,
    typer.Option(
        "--priority",
        metavar="A,B,C",
        help="Where two defects lie on one pixel, the class named first wins. (such a pixel is refused)",
        rich_help_panel=_CLASSES,
    ),
]
GroupsFile = Annotated[
    Path | None,
    typer.Option(
        "--groups",
        metavar="CSV",
        help="Columns file, group, and perhaps split, part. (groups.csv in SRC)",
        rich_help_panel=_SPLITS,
    ),
]
SplitText = Annotated[
    str | None,
    typer.Option(
        "--split",
        metavar="HOW",
        help="file (the CSV's column), folders (train, val, test), none, or shares like 70/15/15. "
        "(the CSV's column, else 70/15/15)",
        rich_help_panel=_SPLITS,
    ),
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="Of the drawing of splits.", rich_help_panel=_SPLITS)]
Tile = Annotated[
    int | None,
    typer.Option(
        "--tile",
        metavar="PX",
        min=8,
        help="Side of a tile. (the middle one of the pictures' shorter sides, up to a multiple of 32, 64 to 512)",
    ),
]
Overlap = Annotated[int, typer.Option("--overlap", metavar="PX", min=0, help="Least overlap of neighbouring tiles.")]
Range = Annotated[
    str | None,
    typer.Option("--range", metavar="LOW/HIGH", help="16-bit values that become 0 and 255. (those of the whole set)"),
]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Leave bad files out; they are listed and counted.")]
UnlabelledClean = Annotated[
    bool, typer.Option("--unlabelled-clean", help="Pictures without a label show good parts. (they are refused)")
]
EmptyClean = Annotated[
    bool, typer.Option("--empty-clean", help="Empty masks are of good parts. (a lone one among defects: forgotten)")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be imported; write nothing.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@guarded
def import_(
    src: Source,
    out: Out = None,
    format: Format = None,  # noqa: A002 - the flag's name
    taxonomy: TaxonomyFile = None,
    classes: ClassNames = None,
    priority: Priority = None,
    groups: GroupsFile = None,
    split: SplitText = None,
    tile: Tile = None,
    overlap: Overlap = 0,
    range: Range = None,  # noqa: A002 - the flag's name
    seed: Seed = 0,
    skip_bad: SkipBad = False,
    unlabelled_clean: UnlabelledClean = False,
    empty_clean: EmptyClean = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Import labelled pictures into a new data set; the format is recognised by structure, not by names."""
    if out is None and not dry_run:
        raise InputError("data import needs --out DIR for the new data set, or --dry-run")
    options = ImportOptions(
        tile_px=tile,
        overlap_px=overlap,
        format=format,
        taxonomy=_taxonomy(taxonomy, classes, src),
        groups=groups,
        value_range=_value_range(range),
        split=parse_shares(split) if split is not None and "/" in split else split,
        seed=seed,
        skip_bad=skip_bad,
        unlabelled_clean=unlabelled_clean,
        empty_clean=empty_clean,
        priority=tuple(name.strip() for name in priority.split(",")) if priority else (),
    )
    if out is None or dry_run:
        report = prepare(src, options).report
        show(report.to_dict() | {"out": None}, report.to_text(), as_json)
        refuse_bad(report, options)
    else:
        report = import_folder(src, out, options)
        show(report.to_dict() | {"out": str(out), "hash": Dataset(out).hash}, report.to_text(), as_json)
    if as_json:
        for warning in report.warnings:
            say(f"warning: {warning}")


@guarded
def split(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="A data set.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The new data set; with --folds, of all folds.")],
    ratios: Annotated[
        str | None, typer.Option("--ratios", metavar="T/V/T", help="Shares of train, val and test. (70/15/15)")
    ] = None,
    folds: Annotated[
        int | None, typer.Option("--folds", metavar="N", min=2, help="N data sets fold-1, ..., test frozen in all.")
    ] = None,
    from_file: Annotated[
        Path | None, typer.Option("--from", metavar="CSV", help="A groups file with a split column.")
    ] = None,
    keep_test: Annotated[bool, typer.Option("--keep-test", help="Test groups stay test.")] = False,
    seed: Annotated[int, typer.Option("--seed", metavar="N")] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written; write nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Draw new splits by group, stratified by class, into a new data set; the old one stays as it is."""
    if sum(choice is not None for choice in (ratios, folds, from_file)) > 1:
        raise InputError("give one of --ratios, --folds and --from")
    old = Dataset(dataset)
    if folds is not None:
        plans = fold_sides(old, folds, seed=seed)
        targets = [out / f"fold-{i}" for i in range(1, folds + 1)]
    elif from_file is not None:
        plans, targets = [sides_from_file(old, from_file, keep_test=keep_test)], [out]
    else:
        shares = parse_shares(ratios or "70/15/15")
        plans, targets = [drawn_sides(old, shares, seed=seed, keep_test=keep_test)], [out]
    if not dry_run and folds is not None:
        write_folds(old, out, plans)
    elif not dry_run:
        write_with_sides(old, out, plans[0])
    rows = [_split_row(old, target, sides, written=not dry_run) for target, sides in zip(targets, plans, strict=True)]
    show({"source": str(dataset), "data_sets": rows}, "\n".join(_split_line(row) for row in rows), as_json)


def _taxonomy(file: str | None, classes: str | None, src: Path) -> Taxonomy | None:
    if file is not None and classes is not None:
        raise InputError("give either --taxonomy or --classes: both name the classes")
    if classes is not None:
        return Taxonomy.of_names(src.resolve().name, [name.strip() for name in classes.split(",")])
    if file is None:
        return None
    return Taxonomy.from_toml(Path(file)) if Path(file).suffix or Path(file).exists() else Taxonomy.preset(file)


def _value_range(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    low, slash, high = text.partition("/")
    if not slash or not low.isdecimal() or not high.isdecimal() or not int(low) < int(high) <= 65535:
        raise InputError(f"--range must be two values of 0 to 65535 like 0/4095, the lower first, got '{text}'")
    return int(low), int(high)


def _split_row(old: Dataset, target: Path, sides: dict[str, Split], *, written: bool) -> dict[str, Any]:
    tiles = Counter(str(sides[record.group]) for record in old.records)
    groups = Counter(str(sides[group]) for group in {record.group for record in old.records})
    return {
        "out": str(target),
        "hash": Dataset(target).hash if written else None,
        "splits": {side: {"tiles": tiles[side], "groups": groups[side]} for side in ("train", "val", "test", "")},
    }


def _split_line(row: dict[str, Any]) -> str:
    sides = ", ".join(
        f"{side or 'none'} {n['tiles']} ({n['groups']})" for side, n in row["splits"].items() if n["tiles"]
    )
    return f"{row['out']}: tiles (groups): {sides}"
