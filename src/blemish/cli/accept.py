"""`blemish accept`: an acceptance report from inspected parts and reference decisions, without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blemish.cli.console import guarded, say, show
from blemish.core.errors import InputError

_LIMITS = "What must be proved"


@guarded
def accept(
    results: Annotated[
        list[Path], typer.Argument(metavar="RESULTS...", help="Folders of inspect --out; several are repeated runs.")
    ],
    reference: Annotated[Path, typer.Argument(metavar="REFERENCE", help="CSV of reference decisions.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the report.")],
    max_escape: Annotated[
        float, typer.Option("--max-escape", metavar="FRAC", help="Defective parts called OK.", rich_help_panel=_LIMITS)
    ] = 0.02,
    max_overkill: Annotated[
        float, typer.Option("--max-overkill", metavar="FRAC", help="Good parts called NG.", rich_help_panel=_LIMITS)
    ] = 0.03,
    confidence: Annotated[
        float, typer.Option("--confidence", metavar="FRAC", help="Of the proof, one-sided.", rich_help_panel=_LIMITS)
    ] = 0.95,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Judge a station by reference decisions: what is proved of escape and overkill, and the attribute study.

    The CSV has the columns serial and reference (OK or NG), maybe class, size_mm, borderline and reference_by, and
    appraisers' decisions like anna_1, anna_2; `data reference` writes one from labels. Ends with 0 if both limits are
    proved, 1 if one failed, 3 if one is not proved.
    """
    from blemish.inspect.decisions import read_run
    from blemish.inspect.reference import read_reference
    from blemish.metrics.acceptance_outcome import Targets
    from blemish.metrics.acceptance_outcome import accept as judge
    from blemish.metrics.limits import Proof
    from blemish.report.acceptance import to_dict, write_acceptance
    from blemish.report.acceptance_words import counted, headline, lead, unknown_words

    if out.exists() and any(out.iterdir()):
        raise InputError(f"{out} is there already and not empty: choose another --out")
    targets = Targets(max_escape, max_overkill, confidence)
    found = judge(read_reference(reference), [read_run(path) for path in results], targets)
    page = write_acceptance(found, out)
    if told := unknown_words(found):
        say(f"warning: {told}")
    show(to_dict(found), "\n".join([headline(found), *lead(found), counted(found)]), as_json)
    say(f"written: {page}")
    raise typer.Exit({Proof.PROVED: 0, Proof.FAILED: 1, Proof.NOT_PROVED: 3}[found.proof])
