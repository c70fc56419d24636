"""`blemish segment evaluate`: how good an inspector is on one split."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from blemish.cli.console import guarded, say, show
from blemish.cli.loading import load_segmenter
from blemish.cli.segment import AsJson, PrecisionText
from blemish.core.errors import InputError

if TYPE_CHECKING:
    from blemish.core.arrays import Float32
    from blemish.data.dataset import Sample

ReviewAbove = Annotated[
    float | None,
    typer.Option("--review-above", metavar="PROB", help="A part with no defect but so likely a one is REVIEW."),
]
Baseline = Annotated[
    bool, typer.Option("--baseline", help="Tune fixed-parameter machine vision on the train split, show it beside.")
]
BaselineTrials = Annotated[
    int, typer.Option("--baseline-trials", metavar="N", min=1, help="Settings tried, each at five quorums.")
]


@guarded
def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN_OR_BUNDLE", help="A run, a bundle, or a baseline's JSON file.")],
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="What to judge by.")],
    split: Annotated[str, typer.Option("--split", help="train, val or test.")] = "test",
    report: Annotated[
        Path | None,
        typer.Option("--report", "--out", metavar="DIR", help="Write a page, figures and the worst tiles there."),
    ] = None,
    worst: Annotated[int, typer.Option("--worst", metavar="N", min=0, help="Number of worst tiles.")] = 12,
    review_above: ReviewAbove = None,
    baseline: Baseline = False,
    baseline_trials: BaselineTrials = 16,
    precision: PrecisionText = "fp32",
    as_json: AsJson = False,
) -> None:
    """IoU, regions, AUPRO, sizes, parts, confusion and the worst tiles of an inspector on one split.

    With --report a page to forward: escapes, worst misses and false alarms beside the label, tables and curves.
    """
    from blemish.core.records import Split
    from blemish.data.dataset import Dataset
    from blemish.data.rejoin import by_scan, overlapping
    from blemish.segment.baseline_beside import tuned_beside
    from blemish.segment.evaluation import evaluate as judge
    from blemish.segment.evaluation_report import Onlooker, to_text, write_report
    from blemish.segment.measures import MeasureTally
    from blemish.segment.measures_text import Column, to_table

    if split not in (Split.TRAIN, Split.VAL, Split.TEST):
        raise InputError(f"--split must be train, val or test, got '{split}'")
    if report is not None and report.exists():
        raise InputError(f"{report} is there already: choose another --report")
    data = Dataset(dataset)
    tally = MeasureTally(data.taxonomy, review_above=review_above)
    records = [record for tiles in by_scan(data.select(Split(split))).values() for record in tiles]
    onlooker = Onlooker(data, records) if report is not None else None
    onlookers = [tally.see, *([] if onlooker is None else [onlooker.see])]

    def see(sample: Sample, scores: Float32) -> None:
        for each in onlookers:
            each(sample, scores)

    found = judge(load_segmenter(run, precision), data, records, worst=worst, progress=True, see=see)
    columns = [Column("inspector", found, tally.measures())]
    told: dict[str, Any] = {"split": split, "measures": columns[0].measures.to_dict()}
    if baseline:
        beside = tuned_beside(data, records, trials=baseline_trials, review_above=review_above)
        columns.append(beside.column)
        told["baseline"] = beside.to_dict()
    if report is not None and onlooker is not None:
        write_report(report, found, data, {"segmenter": str(run), **told}, onlooker, run)
        say(f"written: {report}")
    twice = overlapping(records)
    told["overlapping_tiles"] = twice
    note = (
        f"\n\n{twice} of {len(records)} tiles overlap others: regions and sizes are of tiles, so a defect there counts"
    )
    note += " on each; the page of --report lays tiles together"
    show({**found.to_dict(), **told}, f"{to_text(found)}\n\n{to_table(columns)}{note if twice else ''}", as_json)
