"""`blemish segment calibrate`: thresholds of each class from scores on tiles that the networks never saw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blemish.cli.console import guarded, say, show
from blemish.core.errors import InputError

if TYPE_CHECKING:
    from blemish.data.dataset import Dataset
    from blemish.segment.choice import Wish
    from blemish.segment.choice_by_cost import Costs
    from blemish.segment.fold_runs import FoldRuns

_RECALL, _COST, _HAND, _LINE = "By recall", "By cost", "By hand (replaces what was chosen)", "The line"
_PER_CLASS = "CODE=VALUE"


@guarded
def calibrate(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="Its train and val tiles; test is not touched.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="calibration.json and .html, thresholds.toml.")],
    runs: Annotated[
        Path | None, typer.Option("--runs", metavar="DIR", help="What segment out-of-fold wrote: fold-0, ...")
    ] = None,
    inspector: Annotated[
        Path | None,
        typer.Option("--inspector", metavar="RUN_OR_BUNDLE", help="One that learned from other data, instead of runs."),
    ] = None,
    pixel: Annotated[
        float, typer.Option("--pixel", metavar="PROB", help="Least of a region's pixels: 0.1, 0.2, 0.3, 0.4 or 0.5.")
    ] = 0.3,
    recall: Annotated[
        float | None,
        typer.Option(
            "--recall", metavar="SHARE", help="Of each class's defects, NG or REVIEW.", rich_help_panel=_RECALL
        ),
    ] = None,
    sure: Annotated[
        float,
        typer.Option("--sure", metavar="SHARE", help="NG where so many regions are real.", rich_help_panel=_RECALL),
    ] = 0.9,
    cost_escape: Annotated[
        float | None, typer.Option("--cost-escape", metavar="COST", help="Of one part.", rich_help_panel=_COST)
    ] = None,
    cost_overkill: Annotated[
        float | None, typer.Option("--cost-overkill", metavar="COST", rich_help_panel=_COST)
    ] = None,
    cost_review: Annotated[
        float | None,
        typer.Option("--cost-review", metavar="COST", help="Of a look. (no REVIEW)", rich_help_panel=_COST),
    ] = None,
    threshold: Annotated[
        list[str] | None, typer.Option("--threshold", metavar=_PER_CLASS, help="ng.", rich_help_panel=_HAND)
    ] = None,
    review: Annotated[list[str] | None, typer.Option("--review", metavar=_PER_CLASS, rich_help_panel=_HAND)] = None,
    least_area: Annotated[
        list[str] | None, typer.Option("--least-area", metavar="CODE=PX", rich_help_panel=_HAND)
    ] = None,
    defect_rate: Annotated[
        float | None,
        typer.Option("--defect-rate", metavar="SHARE", help="(as in the data set)", rich_help_panel=_LINE),
    ] = None,
    parts_a_day: Annotated[float, typer.Option("--parts-a-day", metavar="N", rich_help_panel=_LINE)] = 1000,
    seconds_a_part: Annotated[
        float,
        typer.Option("--seconds-a-part", metavar="S", help="That a person needs.", rich_help_panel=_LINE),
    ] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Choose thresholds and least areas from scores on tiles that the networks never saw.

    By --recall, by costs, or by hand; the networks run once, choosing again takes seconds.
    """
    from blemish.data.dataset import Dataset
    from blemish.segment.calibrate import Ask, Line
    from blemish.segment.calibrate import calibrate as calibrated
    from blemish.segment.calibration_files import candidates_of, to_text, write_calibration
    from blemish.segment.choice import Hand, refuse_other_level

    hand = Hand(
        _per_class("--threshold", threshold),
        _per_class("--review", review),
        {code: round(value) for code, value in _per_class("--least-area", least_area).items()},
    )
    ask = Ask(
        refuse_other_level(pixel),
        _wish(recall, sure),
        _costs(cost_escape, cost_overkill, cost_review, defect_rate),
        hand,
    )
    line = Line(defect_rate, parts_a_day, seconds_a_part)
    if ask.wish is None and ask.costs is None and not hand:
        raise InputError("say what to choose by: --recall, --cost-escape with --cost-overkill, or --threshold by hand")
    data = Dataset(dataset)
    hand.refuse_other_codes(data.taxonomy.codes)
    judges = _judges(data, runs, inspector)
    candidates, reused = candidates_of(judges, out, progress=not as_json)
    if reused:
        say(f"candidates of {out} are of these runs: no network was run")
    found = calibrated(candidates, ask, line)
    for one in found.chosen:
        if one.note:
            say(f"{one.code}: {one.note}")
    files = write_calibration(out, data.taxonomy.name, found, judges.bundle)
    values = {
        "files": [str(file) for file in files],
        **{key: found.values[key] for key in ("parts", "classes", "point", "mean_cost", "workload")},
    }
    show(values, f"{to_text(found)}\nwritten: {', '.join(str(file) for file in files)}", as_json)


def _judges(data: Dataset, runs: Path | None, inspector: Path | None) -> FoldRuns:
    from blemish.segment.fold_runs import open_fold_runs, open_unseen

    if runs is not None and inspector is None:
        return open_fold_runs(data, runs)
    if inspector is not None and runs is None:
        return open_unseen(data, inspector)
    raise InputError("say whose scores to choose by: --runs of segment out-of-fold, or --inspector, one of both")


def _wish(recall: float | None, sure: float) -> Wish | None:
    from blemish.segment.choice import Wish

    return None if recall is None else Wish(recall, sure)


def _costs(escape: float | None, overkill: float | None, review: float | None, rate: float | None) -> Costs | None:
    from blemish.segment.choice_by_cost import Costs

    if escape is None and overkill is None and review is None:
        return None
    if escape is None or overkill is None:
        raise InputError("a choice by cost needs --cost-escape and --cost-overkill")
    return Costs(escape, overkill, review, rate)


def _per_class(flag: str, texts: Sequence[str] | None) -> dict[str, float]:
    """'A=0.6' as {"A": 0.6}.

    Raises:
        InputError: no number, or one that is not finite.
    """
    values = {}
    for text in texts or ():
        code, _, number = text.partition("=")
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise InputError(f"{flag} must look like A=0.6, got '{text}'")
        values[code.strip()] = value
    return values
