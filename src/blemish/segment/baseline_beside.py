"""The machine-vision baseline beside an inspector: tuned on the train split, judged by the same tiles and measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from blemish.core.records import Split, TileRecord
from blemish.data.dataset import Dataset
from blemish.segment.baseline import FixedParameters
from blemish.segment.draw import train_records
from blemish.segment.evaluation import evaluate
from blemish.segment.measures import MeasureTally
from blemish.segment.measures_text import Column

TILES_PER_CLASS = 40  # Kept for the search, and six times as many clean ones.


@dataclass(frozen=True)
class Beside:
    """The tuned baseline, its figures, and what the search for it was allowed."""

    baseline: FixedParameters
    column: Column
    trials: int
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; `settings` is a file that `segment evaluate` takes in the place of a run."""
        return {
            **self.column.found.to_dict(),
            "measures": self.column.measures.to_dict(),
            "search": {
                "split": str(Split.TRAIN),
                "settings_tried": self.trials,
                "tiles_per_class": TILES_PER_CLASS,
                "chosen_by": "cross-validated mean IoU on training tiles",
                "seed": self.seed,
            },
            "settings": self.baseline.to_dict(),
        }


def tuned_beside(
    dataset: Dataset,
    records: Sequence[TileRecord],
    *,
    trials: int = 16,
    seed: int = 0,
    review_above: float | None = None,
) -> Beside:
    """Tune on the train split by random search and judge by `records`.

    Args:
        trials: settings tried, each with rules of its own and at five quorums.
        review_above: without effect on the answers, which are 0 or 1; kept so that both columns say the same.

    Raises:
        DatasetError: no train split, or no tile in it that shows a defect.
    """
    samples = (dataset.sample(record) for record in train_records(dataset))
    baseline = FixedParameters.tuned(
        samples, dataset.taxonomy, dataset.channels, seed, trials=trials, tiles_per_class=TILES_PER_CLASS
    )
    tally = MeasureTally(dataset.taxonomy, review_above=review_above)
    found = evaluate(baseline, dataset, records, worst=0, see=tally.see)
    return Beside(baseline, Column("machine vision", found, tally.measures()), trials, seed)
