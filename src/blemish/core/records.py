"""The records that rooms hand to each other: boxes, tiles, defects, parts and their verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any


class Origin(StrEnum):
    """Where the pixels of a tile come from."""

    REAL = "real"
    SIMULATED = "simulated"
    SYNTHETIC = "synthetic"


class Split(StrEnum):
    """The side of a split; NONE = not yet drawn."""

    NONE = ""
    TRAIN = "train"
    VAL = "val"
    TEST = "test"


class Verdict(StrEnum):
    """What is said of a part. A part that could not be looked at is REVIEW, never OK."""

    OK = "OK"
    NG = "NG"
    REVIEW = "REVIEW"


@dataclass(frozen=True)
class Box:
    """An upright box in pixels of its scan: left, top, width, height."""

    x: int
    y: int
    width: int
    height: int

    @property
    def longest_px(self) -> int:
        return max(self.width, self.height)


@dataclass(frozen=True)
class View:
    """One scan of a part: a face, an edge, a lighting."""

    name: str
    path: Path


@dataclass(frozen=True)
class Part:
    """One physical piece with its serial and one or more views; its verdict is over all of them."""

    serial: str
    views: tuple[View, ...]


@dataclass(frozen=True)
class TileRecord:
    """One row of a data set's manifest (docs/architecture.md, "A data set on disk").

    Pixel counts cover the whole tile: defect_px (K), background_px (M), ignore_px (255 but not padding), padding_px.
    """

    id: str  # Folder-like, no extension: "MT_Crack/Imgs/exp1_num_4727-x0-y0"
    part: str
    view: str
    source: str  # The scan it was cut from, as a relative path with forward slashes.
    box: Box  # Where on the scan, in its pixels; may reach beyond it where the tile was padded.
    group: str
    split: Split
    origin: Origin
    defect_px: tuple[int, ...]
    background_px: tuple[int, ...]
    ignore_px: int = 0
    padding_px: int = 0
    sha256: str = ""  # Of the three files' bytes, in the order picture, label, background.
    generator: str = ""  # Synthetic only: hash of the generator,
    seed: int = 0  # its seed,
    preset: str = ""  # and its preset.

    @property
    def classes(self) -> tuple[int, ...]:
        """Label values 1..K that the tile shows."""
        return tuple(i for i, px in enumerate(self.defect_px, start=1) if px > 0)

    @property
    def scan_id(self) -> str:
        """The scan that it was cut from; a tile without one is a scan of its own, and so is a synthetic one.

        The source of a synthetic tile is the tile that lies beneath it.
        """
        return self.id if self.origin == Origin.SYNTHETIC else self.source or self.id

    @property
    def part_id(self) -> str:
        """The part that it shows; a tile without one is a part of its own, and so is a synthetic one."""
        return self.id if self.origin == Origin.SYNTHETIC else self.part or self.id

    @property
    def is_clean(self) -> bool:
        """No defect and nothing ignored; padding does not matter."""
        return not self.classes and self.ignore_px == 0


SCAN, PART = "scan", "part"  # What a place and an orientation are measured from.


@dataclass(frozen=True)
class Defect:
    """One region that the inspector found on a scan, in pixels and millimetres.

    Millimetres are None where the taxonomy knows no pixel size; each axis is scaled by its own. Length is measured
    along the region's skeleton from tip to tip, width is that of a strip of the same length and area.
    """

    code: str
    name: str
    score: float  # Mean probability of its class over its pixels, 0 to 1, as the network says it.
    box: Box
    outline_xy: tuple[tuple[int, int], ...]
    area_px: int
    length_px: float
    width_px: float
    centre_xy_px: tuple[float, float]
    area_mm2: float | None = None
    length_mm: float | None = None
    width_mm: float | None = None
    place_mm_xy: tuple[float, float] | None = None  # Of its centre, from the datum along the datum's axes.
    view: str = ""
    probability: float | None = None  # That a defect of any class is there, by calibration; None = not known.
    orientation_deg: float | None = (
        None  # From the datum's x axis towards its y axis, 0 to 180; None where it is round.
    )
    datum: str = SCAN  # SCAN: the scan's upper left corner, x to the right. PART: the part's, x along it.


@dataclass(frozen=True)
class ViewResult:
    """What is known of one view besides its defects: enough to judge the part again by another recipe."""

    name: str
    file: str
    doubts: tuple[str, ...] = ()  # Why it could not be judged, or not wholly.
    strangeness: float | None = None  # How unlike the pictures it was trained on; None = not measured.
    notes: tuple[str, ...] = ()  # What should be known of it, but changes no verdict.
    unlisted: int = 0  # Regions beyond the most that are listed: another recipe cannot judge them.
    part_size_mm: tuple[float, float] | None = None  # Along its upper edge, and down; None = not known.


@dataclass(frozen=True)
class PartResult:
    """The verdict of one part, with the reasons that a person can read."""

    serial: str
    verdict: Verdict
    defects: tuple[Defect, ...] = ()
    reasons: tuple[str, ...] = ()
    judged_by: str = ""  # "card of <bundle hash>" or "recipe <name> <version> <hash>"
    seconds: Mapping[str, float] = field(default_factory=dict)  # Time by stage.
    files: tuple[str, ...] = ()
    unsure: tuple[Defect, ...] = ()  # Regions too unlikely to be called defects, and too likely to be left out.
    views: tuple[ViewResult, ...] = ()
    also: tuple[Defect, ...] = ()  # Less likely ones yet, which decide nothing: of a part that is NG they are shown.
    inspected_at: str = ""  # When its inspection began, ISO 8601, UTC; empty in results of an older version.

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON lines."""
        values = asdict(self)
        values["verdict"] = str(self.verdict)
        values["seconds"] = {stage: round(s, 4) for stage, s in self.seconds.items()}
        return values
