"""What an inspector found and missed on scans, added up by class, size, lot and group; and the worst cases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from blemish.core.arrays import Int64, UInt8
from blemish.core.records import Box
from blemish.metrics.part import Proportion, wilson

SIZE_STEPS_PX = (0, 8, 16, 32, 64, 128, 256)  # Lower limits of the bins of a true defect's longest side.


@dataclass(frozen=True)
class View:
    """What is shown of one case: its surroundings, cut from the scan, maybe made smaller.

    Args:
        picture: uint8 H W or H W 3.
        truth: uint8 H W, 255 ignored.
        answer: uint8 H W.
        focus: the region in this view's pixels.
    """

    picture: UInt8
    truth: UInt8
    answer: UInt8
    focus: Box


@dataclass(frozen=True)
class Case:
    """One true defect that was not found, or one false alarm."""

    part: str
    tile: str  # The tile in which its middle lies deepest.
    index: int  # Its true class; of a false alarm the class that was called.
    called: int  # What a missed defect was called, 0 = nothing; of a false alarm its class.
    box: Box  # In pixels of the scan.
    area_px: int
    score: float  # Miss: highest probability of its class inside it. False alarm: mean probability over it.
    severity: float  # Miss: its area. False alarm: score x area.
    view: View


@dataclass
class Tally:
    """Counts over some scans and their parts."""

    scans: int = 0
    true: int = 0
    found: int = 0
    false: int = 0
    defective: int = 0
    escaped: int = 0
    blind: int = 0  # Defective parts that are stopped, though no true defect was found on them.
    good: int = 0
    overkilled: int = 0
    unknown: int = 0  # Parts of which nobody knows whether they are good.

    @property
    def recall(self) -> Proportion:
        return wilson(self.found, self.true)

    @property
    def escape(self) -> Proportion:
        return wilson(self.escaped, self.defective)

    @property
    def overkill(self) -> Proportion:
        return wilson(self.overkilled, self.good)

    @property
    def false_a_scan(self) -> float:
        """Mean number of false regions on a scan; NaN without scans."""
        return self.false / self.scans if self.scans else float("nan")


@dataclass(frozen=True)
class Findings:
    """Everything counted over regions and parts of whole scans.

    Attributes:
        called: int64 (K+1) x (K+1): true defects by class (rows 1..K) and what they were called (0 = nothing); row 0
            holds false alarms by the class that was called.
        sizes: int64 K x bins x 2: true defects of each class and size, and those of them that were found.
        misses, alarms: the worst of each class, worst first; `called` holds how many there are in all.
    """

    total: Tally
    called: Int64
    sizes: Int64
    answers_on_other: int  # Answers on a true defect of another class,
    answers_ignored: int  # and on ignored pixels only: neither is a false alarm.
    lots: Mapping[str, Tally]
    lots_by: str  # How lots were told apart; empty = they could not be.
    groups: Mapping[str, Tally]
    misses: Mapping[int, tuple[Case, ...]]
    alarms: Mapping[int, tuple[Case, ...]]

    def class_recall(self, index: int) -> Proportion:
        """Share of the true defects of a class 1..K that were found."""
        return wilson(int(self.called[index, index]), int(self.called[index].sum()))

    def missed(self, index: int) -> int:
        """True defects of a class that were not called so."""
        return int(self.called[index].sum() - self.called[index, index])


def size_bin(longest_px: int) -> int:
    """The bin of `SIZE_STEPS_PX` that a longest side is in.

    Example:
        >>> size_bin(7), size_bin(8), size_bin(5000)
        (0, 1, 6)
    """
    return int(np.searchsorted(SIZE_STEPS_PX, longest_px, side="right")) - 1
