"""Is a class worth drawing? A network trained on real tiles looks for its defects on some tiles, drawn for a trial.

The gate's rule `found` judges tile by tile, and asks nothing where a quarter of the real tiles is missed: its limit,
their lower quartile, is 0 there. A class as a whole can still be told: where the network finds half of the real tiles
that it never saw and none of twenty-four synthetic ones, these show something else (docs/adr/0008).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from blemish.data.dataset import Sample
from blemish.gan.gate import Gate
from blemish.gan.gated import ATTEMPTS, admit_batch
from blemish.gan.job import Job
from blemish.gan.plan import Plan, PlanItem, without
from blemish.metrics.part import Proportion, wilson
from blemish.metrics.tile_iou import LEAST_IOU, class_iou

TRIAL_TILES = 24  # Of a class; fewer where fewer are planned.
LEAST_SHARE = 0.5  # A class whose tiles are found less than this as often as real ones is left out.
_TILES_AT_ONCE = 8


@dataclass(frozen=True)
class ClassTrial:
    """How one class did; a tile is found with an IoU of 0.3 or more.

    Attributes:
        found: of the trial tiles.
        real: of the real ones, out of fold.
        looked_at: the trial tiles and their IoU, for people.
    """

    index: int  # 1..K
    name: str
    found: Proportion
    real: Proportion
    looked_at: tuple[tuple[Sample, float], ...]

    @property
    def fails(self) -> bool:
        """Whether even the ends of both 95 % intervals that are nearest to each other are too far apart."""
        return self.found.high < LEAST_SHARE * self.real.low

    def words(self) -> str:
        """What it came to, for people."""
        return (
            f"{'left out' if self.fails else 'kept'} after a trial: a network finds {self.found.count} of "
            f"{self.found.total} drawn tiles, and {self.real.count} of {self.real.total} real ones"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "tiles": self.found.total,
            "found": self.found.count,
            "real_tiles": self.real.total,
            "real_found": self.real.count,
            "left_out": self.fails,
        }


def try_classes(
    job: Job, gate: Gate, plan: Plan, *, tiles: int = TRIAL_TILES, attempts: int = ATTEMPTS
) -> list[ClassTrial]:
    """Draw the first tiles of each planned class through the gate's other rules, and look for them.

    The same arguments give the same trials. A class that a trial cannot tell has none (`why_untried`).

    Args:
        tiles: of a class, at most.
        attempts: as for the set itself: so many draws of a planned tile.
    """
    trials = []
    for row in plan.classes:
        items = [item for item in plan.items if row.index in item.classes][:tiles]
        if items and not why_untried(gate, row.name, len(items)):
            drawn = _drawn(job, gate, items, attempts)
            if drawn:
                trials.append(_looked_for(gate, drawn, row.index, row.name))
    return trials


def why_untried(gate: Gate, name: str, tiles: int = TRIAL_TILES) -> str:
    """Why a class has no trial, for people; empty where it has one.

    Args:
        tiles: that would be drawn.
    """
    if gate.thresholds is None:
        return "no segmenter was given (--segmenter, --thresholds)"
    real = gate.thresholds.tiles_found(name)
    if real is None:
        return "no real tile of it was judged out of fold, or by an earlier version"
    if wilson(0, tiles).high >= LEAST_SHARE * real.low:
        return f"a network finds {real.count} of {real.total} real tiles: too few to tell {tiles} drawn ones from"
    return ""


def without_unfound(plan: Plan, trials: Sequence[ClassTrial]) -> tuple[Plan, dict[str, int]]:
    """The plan without the classes that failed, and for each reason the tiles that are left out.

    A tile that was to show other classes too still shows those.

    Raises:
        InputError: nothing is left of the plan.
    """
    failed = {trial.index: f"{trial.name} {trial.words()}" for trial in trials if trial.fails}
    return without(plan, failed, "train the GAN longer, or draw it all the same with --weak")


def _drawn(job: Job, gate: Gate, items: Sequence[PlanItem], attempts: int) -> list[Sample]:
    """The tiles that pass the other rules."""
    others = replace(gate, segmenter=None, thresholds=None)
    batches = (items[start : start + _TILES_AT_ONCE] for start in range(0, len(items), _TILES_AT_ONCE))
    return [each.sample for some in batches for each in admit_batch(job, others, some, attempts).admitted]


def _looked_for(gate: Gate, drawn: Sequence[Sample], index: int, name: str) -> ClassTrial:
    real = None if gate.thresholds is None else gate.thresholds.tiles_found(name)
    if real is None:
        raise AssertionError("unreachable: such a class has no trial")
    looked_at: list[tuple[Sample, float]] = []
    for start in range(0, len(drawn), _TILES_AT_ONCE):
        some = drawn[start : start + _TILES_AT_ONCE]
        answers = gate.segmented(some)
        looked_at += [(s, class_iou(s.label_map.defect, a, index)) for s, a in zip(some, answers, strict=True)]
    hits = sum(iou >= LEAST_IOU for _, iou in looked_at)
    return ClassTrial(index, name, wilson(hits, len(looked_at)), real, tuple(looked_at))
