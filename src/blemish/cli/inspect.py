"""`blemish inspect`: a verdict for every part, without torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer
from tqdm import tqdm

from blemish.cli.console import guarded, say, show
from blemish.cli.loading import read_json
from blemish.core.errors import InputError
from blemish.core.records import PART, SCAN, Part, PartResult

if TYPE_CHECKING:
    from blemish.inspect.results import ResultFolder
    from blemish.inspect.sources import Naming

RecipeFile = Annotated[
    Path | None,
    typer.Option("--recipe", metavar="FILE", help="What is NG, as a recipe; else any defect that passes the card."),
]
Serials = Annotated[
    Path | None,
    typer.Option("--serials", metavar="CSV", help="Columns file, serial and maybe view; else the serial is the stem."),
]
SameName = Annotated[
    str | None,
    typer.Option(
        "--same-name",
        metavar="parts|views",
        help="Pictures of one name in several folders: parts of their own, called folder-name, or views of one part, "
        "a folder a camera. (refused)",
    ),
]
Overlap = Annotated[
    int | None, typer.Option("--overlap", metavar="PX", min=0, help="Least overlap of tiles, instead of the card's.")
]
Verify = Annotated[
    Path | None, typer.Option("--verify", metavar="PUBLIC_KEY", help="Refuse a bundle that this key did not sign.")
]
Threads = Annotated[
    int | None, typer.Option("--threads", metavar="N", min=1, help="CPU threads. (all that may be used)")
]
Datum = Annotated[
    str | None,
    typer.Option(
        "--datum",
        metavar="scan|part",
        help="Places are from the scan's corner or the part's: it is found by its edges, what lies off it is kept out. "
        "(as the recipe says, else scan)",
    ),
]

FamiliarFile = Annotated[
    Path | None,
    typer.Option(
        "--familiar",
        metavar="FILE",
        help="Of segment strangeness: how unlike the line's own pictures each view is, for the recipe's most_strange.",
    ),
]


@guarded
def inspect(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Folder of an inspector's bundle.")],
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILES...]", help="Pictures, or folders of them. (all of --serials)")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Folder for results and overlays.")] = None,
    recipe: RecipeFile = None,
    serials: Serials = None,
    same_name: SameName = None,
    threads: Threads = None,
    overlap: Overlap = None,
    datum: Datum = None,
    familiar: FamiliarFile = None,
    verify: Verify = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a stopped run in --out: its parts are not inspected again.")
    ] = False,
    overlay: Annotated[bool, typer.Option("--overlay/--no-overlay", help="Draw the defects; needs --out.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say OK, NG or REVIEW for every part, and each defect's class, size and place.

    Ends with 0 if all are OK, 1 if any is NG, 3 if any is REVIEW and none NG, 2 if there was nothing to inspect.
    """
    from blemish.bundle.bundle import Bundle
    from blemish.bundle.signature import refuse_unsigned
    from blemish.inspect.recipe import read_recipe
    from blemish.inspect.recipe_fit import refuse_unknown_views
    from blemish.inspect.registration import PartSearch
    from blemish.inspect.results import ResultFolder
    from blemish.inspect.run import Inspection, inspect_part
    from blemish.inspect.sources import OVERLAYS
    from blemish.inspect.stored import inspected_beside, refuse_reused_version
    from blemish.inspect.strangeness import Familiar
    from blemish.inspect.verdict import exit_code

    if datum not in (None, SCAN, PART):
        raise InputError(f"--datum must be {SCAN} or {PART}, got '{datum}'")
    opened = Bundle.open(bundle)
    if verify is not None:
        refuse_unsigned(bundle, opened.card, verify)
    chosen = read_recipe(recipe) if recipe is not None else None
    if chosen is not None and out is not None:
        refuse_reused_version(chosen, inspected_beside(out))
    parts = _parts(files or [], serials, same_name)
    if chosen is not None:
        refuse_unknown_views(chosen, {view.name for part in parts for view in part.views})
    overlays = out / OVERLAYS if out is not None and overlay else None
    by_part = datum == PART or (datum is None and chosen is not None and chosen.datum == PART)
    inspection = Inspection.of_bundle(
        opened,
        recipe=chosen,
        threads=threads,
        overlap_px=overlap,
        overlays=overlays,
        part=PartSearch() if by_part else None,
        familiar=Familiar.from_dict(read_json(familiar), str(familiar)) if familiar is not None else None,
    )
    if resume and out is None:
        raise InputError("--resume goes on with the run in a folder: give --out DIR")
    started, results = perf_counter(), []
    with ExitStack() as stack:
        folder = None
        if out is not None:
            folder = stack.enter_context(ResultFolder(out, inspection.inspected, resume=resume))
            results = [_short(result) for result in _kept(folder, parts)]
        done = {result["serial"] for result in results}
        left = [part for part in parts if part.serial not in done]
        for part in tqdm(left, desc="inspect", unit="part", disable=None):
            result = inspect_part(part, inspection)
            if folder is not None:
                folder.add(result)
            if not as_json:
                tqdm.write(_line(result))
            results.append(_short(result))
    code = exit_code(result["verdict"] for result in results)
    summary = {
        "bundle": opened.hash,
        "judged_by": inspection.judged_by,
        "exit_code": code,
        **_counts(results),
        "kept": len(done),
        "seconds": round(perf_counter() - started, 3),
    }
    show({**summary, "out": None if out is None else str(out), "parts": results}, _text(summary), as_json)
    if out is not None:
        say(f"written: {out}")
    raise typer.Exit(code)


def _parts(files: Sequence[Path], serials: Path | None, same_name: str | None) -> list[Part]:
    """What is to be inspected: the files, or all that the serials name where none is given."""
    from blemish.inspect.sources import find_files, gather_parts, read_serials

    if not files and serials is not None and same_name is None:
        namings = read_serials(serials)
        there = [path for path in namings if path.exists()]
        return gather_parts(find_files(there or list(namings)), namings)
    found = find_files(files)
    return gather_parts(found, _namings(files, found, serials, same_name))


def _namings(
    given: Sequence[Path], files: Sequence[Path], serials: Path | None, same_name: str | None
) -> dict[Path, Naming] | None:
    from blemish.inspect.same_name import VIEWS, named_by_folder
    from blemish.inspect.sources import empty_folders, read_serials

    if serials is not None and same_name is not None:
        raise InputError("--serials says which part each file belongs to, and so does --same-name: give one of them")
    if serials is not None:
        return read_serials(serials)
    if same_name is None:
        return None
    if same_name == VIEWS and (empty := empty_folders(given)):
        raise InputError(f"{empty[0]} holds no picture: if it is a camera's no part has that view, else take it out")
    return named_by_folder(files, same_name)


def _kept(folder: ResultFolder, parts: Sequence[Part]) -> tuple[PartResult, ...]:
    """What a stopped run had inspected.

    Raises:
        InputError: a part of it is not among those that are to be inspected, or is made of other pictures there.
    """
    known = {part.serial: tuple(str(view.path) for view in part.views) for part in parts}
    for result in folder.kept:
        if known.get(result.serial) != result.files:
            raise InputError(
                f"{folder.folder} holds part {result.serial} of {', '.join(result.files)}, which is not among the "
                f"pictures: give those that the run was begun with, as they were given then"
            )
    return folder.kept


def _short(result: PartResult) -> dict[str, Any]:
    """What the summary keeps of a part; everything else is in results.jsonl."""
    return {
        "serial": result.serial,
        "verdict": result.verdict,
        "defects": len(result.defects),
        "reasons": list(result.reasons),
    }


def _counts(results: Sequence[dict[str, Any]]) -> dict[str, int]:
    found = Counter(str(result["verdict"]) for result in results)
    return {verdict: found[verdict] for verdict in ("OK", "NG", "REVIEW")}


def _line(result: PartResult) -> str:
    return "  ".join([f"{result.verdict:<6}", result.serial, *result.reasons])


def _text(summary: dict[str, Any]) -> str:
    total = summary["OK"] + summary["NG"] + summary["REVIEW"]
    counts: Iterable[str] = (f"{summary[verdict]} {verdict}" for verdict in ("OK", "NG", "REVIEW"))
    kept = f" ({summary['kept']} kept from before)" if summary["kept"] else ""
    return f"{total} parts: {', '.join(counts)}{kept}, {summary['seconds']:.1f} s"
