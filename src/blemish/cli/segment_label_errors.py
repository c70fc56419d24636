"""`blemish segment label-errors`: labels to look at again, worst first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blemish.cli.console import guarded, say, show
from blemish.core.errors import InputError

if TYPE_CHECKING:
    from blemish.data.dataset import Dataset
    from blemish.segment.model import TorchSegmenter


@guarded
def label_errors(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="Its train and val labels are looked at.")],
    runs: Annotated[
        Path, typer.Option("--runs", metavar="OUT_OF_FOLD", help="Folder of segment out-of-fold on this data set.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="label-errors.json, .csv and index.html.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List regions where networks that never saw a tile contradict its label, and are to be trusted."""
    from blemish.data.dataset import Dataset
    from blemish.data.folds import fold_view
    from blemish.segment.label_errors_report import find_label_errors, to_text, write_label_errors

    if out.exists():
        raise InputError(f"{out} is there already: choose another --out")
    data = Dataset(dataset)
    folds = sorted(
        (path for path in runs.glob("fold-*") if path.name[5:].isdigit()), key=lambda path: int(path.name[5:])
    )
    judges = [_judge(path, fold_view(data, n=len(folds), fold=fold)) for fold, path in enumerate(folds)]
    found = find_label_errors(data, judges).worst()
    facts = {"data_hash": data.hash, "runs": [fold.name for fold in folds]}
    page = write_label_errors(out, found, data, judges, facts)
    say(f"written: {page}, label-errors.csv")
    show({**facts, "suspicions": [one.to_dict() for one in found]}, to_text(found), as_json)


def _judge(run: Path, view: Dataset) -> TorchSegmenter:
    """The network of one fold; refused where it learned from what it would judge."""
    from blemish.segment.model import TorchSegmenter

    network = TorchSegmenter.load(run)
    if network.card.get("data_hash") != view.hash:
        raise InputError(
            f"{run} learned from {network.card.get('data_hash')}, expected {view.hash}: make the runs with segment "
            f"out-of-fold on this data set"
        )
    return network
