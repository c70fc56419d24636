"""`blemish recipe`: begin, check and try what counts as NG."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from blemish.cli.console import guarded, say, show
from blemish.core.errors import InputError

if TYPE_CHECKING:
    from blemish.inspect.dry_run import Change, DryRun

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
RecipeArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A recipe, TOML.")]


@guarded
def check(
    file: RecipeArgument,
    bundle: Annotated[
        Path | None, typer.Option("--bundle", metavar="DIR", help="Does it fit this inspector? (not asked)")
    ] = None,
    as_json: Json = False,
) -> None:
    """Read a recipe, and say what is wrong, or what is perhaps not meant."""
    from blemish.bundle.bundle import Bundle
    from blemish.inspect.recipe import read_recipe
    from blemish.inspect.recipe_fit import notes_on, refuse_unfit

    recipe = read_recipe(file)
    opened = Bundle.open(bundle) if bundle is not None else None
    if opened is not None:
        refuse_unfit(recipe, opened.card.taxonomy, opened.hash)
    notes = notes_on(recipe, opened.card if opened is not None else None)
    counts = {key: len(getattr(recipe, key)) for key in ("scores", "zones", "limits", "counts")}
    values = {"name": recipe.name, "version": recipe.version, "hash": recipe.hash, **counts, "notes": notes}
    fits = f", fits bundle {opened.hash[:12]}" if opened is not None else ""
    text = (
        f"recipe {recipe.title}: {counts['scores']} classes, {counts['zones']} zones, {counts['limits']} limits, "
        f"{counts['counts']} counts{fits}"
    )
    show(values, "\n".join([text, *(f"note: {note}" for note in notes)]), as_json)


@guarded
def new(
    bundle: Annotated[Path, typer.Option("--bundle", metavar="DIR", help="The inspector it is for.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The recipe to write.")],
    thresholds: Annotated[
        Path | None,
        typer.Option("--thresholds", metavar="TOML", help="Its [scores.<code>] tables. (the card's thresholds)"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a commented recipe that judges like the bundle's card, to be edited."""
    from blemish.bundle.card import read_card
    from blemish.inspect.recipe import parse_recipe
    from blemish.inspect.recipe_new import new_recipe
    from blemish.picture.write import write_bytes

    if out.exists():
        raise InputError(f"{out} is there already: choose another --out")
    text = new_recipe(read_card(bundle), thresholds)
    write_bytes(out, text.encode())
    recipe = parse_recipe(text)
    values = {"out": str(out), "name": recipe.name, "version": recipe.version, "hash": recipe.hash}
    show(values, f"{out}: recipe {recipe.title}", as_json)


@guarded
def dry_run(
    file: Annotated[Path, typer.Argument(metavar="NEW", help="The recipe to try.")],
    results: Annotated[
        Path, typer.Option("--results", metavar="DIR", help="What `inspect --out` wrote, or a folder of such folders.")
    ],
    against: Annotated[
        Path | None,
        typer.Option("--against", metavar="OLD", help="Compare with this recipe. (the verdicts that were stored)"),
    ] = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write a page with the overlays.")] = None,
    as_json: Json = False,
) -> None:
    """Judge stored results by another recipe: which parts would change their verdict, and why.

    Ends with 0 if no part does, 1 if any does, 2 if the stored results cannot say.
    """
    from blemish.inspect.dry_run import dry_run as judge_again
    from blemish.inspect.recipe import read_recipe
    from blemish.inspect.stored import read_stored, stopped_below
    from blemish.report.recipe_change import write_recipe_change

    old = read_recipe(against) if against is not None else None
    dry = judge_again(read_recipe(file), read_stored(results), against=old)
    if html is not None:
        write_recipe_change(dry, html)
    stopped = stopped_below(results)
    show({**_values(dry), "stopped": [str(folder) for folder in stopped]}, _text(dry), as_json)
    if stopped:
        say(f"not counted, as they were stopped (inspect --resume goes on): {', '.join(map(str, stopped))}")
    if html is not None:
        say(f"written: {html}")
    raise typer.Exit(1 if dry.changes else 0)


def _values(dry: DryRun) -> dict[str, Any]:
    from blemish.core.records import Verdict

    return {
        "recipe": dry.new,
        "before": list(dry.before),
        "parts": dry.parts,
        "sentence": dry.sentence,
        "table": {str(was): {str(now): dry.table.get((was, now), 0) for now in Verdict} for was in Verdict},
        "changes": [_change_values(change) for change in dry.changes],
    }


def _change_values(change: Change) -> dict[str, Any]:
    return {
        "serial": change.serial,
        "results": str(change.folder),
        "before": str(change.before),
        "after": str(change.after),
        "reasons_before": list(change.reasons_before),
        "reasons_after": list(change.reasons_after),
    }


def _text(dry: DryRun) -> str:
    from blemish.core.records import Verdict

    lines = [f"{dry.new} on {dry.parts} parts judged by {', '.join(dry.before)}", ""]
    lines.append("before".ljust(8) + "".join(f"{now} after".rjust(14) for now in Verdict))
    for was in Verdict:
        lines.append(was.ljust(8) + "".join(str(dry.table.get((was, now), 0)).rjust(14) for now in Verdict))
    lines += ["", dry.sentence + (":" if dry.changes else "")]
    for change in dry.changes:
        lines.append(f"  {change.before} -> {change.after}  {change.serial}")
        lines.append(f"      before: {'; '.join(change.reasons_before) or 'nothing said against it'}")
        lines.append(f"      after:  {'; '.join(change.reasons_after) or 'nothing said against it'}")
    return "\n".join(lines)
