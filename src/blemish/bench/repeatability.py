"""One part scanned again and again: does its verdict stay, and how far do sizes and places of its defects spread?"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from blemish.core.records import Defect, Part, Verdict, View
from blemish.core.taxonomy import Taxonomy
from blemish.inspect.defects import Limits, find_defects
from blemish.inspect.registration import PartSearch, find_part
from blemish.inspect.run import Inspection, inspect_part
from blemish.inspect.scan import ScoreMap
from blemish.picture.write import write_png
from blemish.simulate.line import SimulatedScan

NEAR_MM = 4.0  # Defects of one class whose places in two scans differ by less are the same one.


@dataclass(frozen=True)
class Judged:
    """What was said of one scan."""

    verdict: Verdict
    defects: tuple[Defect, ...]

    @classmethod
    def of(cls, defects: Sequence[Defect]) -> Judged:
        """Without a recipe any defect makes a part NG."""
        return cls(Verdict.NG if defects else Verdict.OK, tuple(defects))


Judge = Callable[[SimulatedScan], Judged]


def by_labels(taxonomy: Taxonomy, limits: Limits, search: PartSearch | None = None) -> Judge:
    """Judged as by a network that is always right; the part is still registered on the picture."""

    def judge(scan: SimulatedScan) -> Judged:
        plane = scan.label_map.defect
        scores = ScoreMap(np.maximum(plane, 1), (plane > 0).astype(np.float32))
        part = find_part(scan.picture, taxonomy.pixel_mm_xy, search)
        return Judged.of(find_defects(scores, taxonomy, limits, "", part).defects)

    return judge


def by_line(inspection: Inspection) -> Judge:
    """Judged as on the line: from a file, by the bundle's card or by a recipe.

    Without `Inspection.part` places are the scan's, and a defect is not known again on a scan that lies elsewhere.
    """

    def judge(scan: SimulatedScan) -> Judged:
        with TemporaryDirectory(prefix="blemish-again-") as place:
            file = Path(place) / f"{scan.serial}.png"
            write_png(file, scan.picture)
            result = inspect_part(Part(scan.serial, (View("", file),)), inspection)
        return Judged(result.verdict, result.defects)

    return judge


@dataclass(frozen=True)
class Seen:
    """One defect of a part through its scans."""

    code: str
    times: int  # In how many scans it was found.
    length_mm: tuple[float, ...]
    width_mm: tuple[float, ...]
    area_mm2: tuple[float, ...]
    place_mm_xy: tuple[tuple[float, float], ...]

    @property
    def place_spread_mm(self) -> float:
        """Standard deviation of the distance from the mean place, over both axes."""
        return float(np.sqrt(np.var(self.place_mm_xy, axis=0, ddof=1).sum()))


@dataclass(frozen=True)
class Repeated:
    """What came of one part's scans."""

    serial: str
    verdicts: tuple[Verdict, ...]
    defects: tuple[Seen, ...]

    @property
    def flips(self) -> int:
        """Scans whose verdict is not the part's most frequent one."""
        return len(self.verdicts) - max(Counter(self.verdicts).values())


def repeat(scans: Iterable[SimulatedScan], judge: Judge) -> Repeated:
    """Judge the scans of one part, each once.

    Raises:
        PictureError: a scan on which the part is not found.
    """
    serial, verdicts, found = "", [], []
    for scan in scans:
        judged = judge(scan)
        serial = scan.serial
        verdicts.append(judged.verdict)
        found.append(judged.defects)
    return Repeated(serial, tuple(verdicts), match(found))


def match(scans: Sequence[Sequence[Defect]]) -> tuple[Seen, ...]:
    """Which defects of several scans are the same: of one class, nearest first, each once a scan."""
    tracks: list[list[Defect]] = []
    for defects in scans:
        before = len(tracks)
        pairs = sorted(
            (distance, i, k)
            for i, defect in enumerate(defects)
            for k, track in enumerate(tracks)
            if track[0].code == defect.code and (distance := _apart(track, defect)) < NEAR_MM
        )
        placed: dict[int, int] = {}
        for _, i, k in pairs:
            if i not in placed and k not in placed.values():
                placed[i] = k
        for i, defect in enumerate(defects):
            if i in placed:
                tracks[placed[i]].append(defect)
            else:
                tracks.append([defect])
        assert len(tracks) == before + len(defects) - len(placed)
    return tuple(_seen(track) for track in tracks)


def _apart(track: Sequence[Defect], defect: Defect) -> float:
    last = track[-1].place_mm_xy
    assert last is not None
    assert defect.place_mm_xy is not None
    return math.dist(last, defect.place_mm_xy)


def _seen(track: Sequence[Defect]) -> Seen:
    return Seen(
        code=track[0].code,
        times=len(track),
        length_mm=tuple(d.length_mm or 0.0 for d in track),
        width_mm=tuple(d.width_mm or 0.0 for d in track),
        area_mm2=tuple(d.area_mm2 or 0.0 for d in track),
        place_mm_xy=tuple(d.place_mm_xy or (0.0, 0.0) for d in track),
    )


def summary(parts: Sequence[Repeated]) -> dict[str, Any]:
    """Verdict flips, and the spread of what was found in every scan of its part; plain values for JSON."""
    every = [seen for part in parts for seen in part.defects]
    always = [seen for part in parts for seen in part.defects if seen.times == len(part.verdicts) > 1]
    return {
        "parts": len(parts),
        "scans_per_part": max((len(part.verdicts) for part in parts), default=0),
        "verdicts": {part.serial: dict(Counter(map(str, part.verdicts))) for part in parts},
        "verdict_flips": sum(part.flips for part in parts),
        "parts_with_a_flip": sum(part.flips > 0 for part in parts),
        "defects": len(every),
        "defects_found_in_every_scan": len(always),
        "spread_of_those": {
            "place_std_mm": _quantiles([seen.place_spread_mm for seen in always]),
            "length_std_mm": _quantiles([_std(seen.length_mm) for seen in always]),
            "length_range_mm": _quantiles([float(np.ptp(seen.length_mm)) for seen in always]),
            "width_std_mm": _quantiles([_std(seen.width_mm) for seen in always]),
            "area_std_mm2": _quantiles([_std(seen.area_mm2) for seen in always]),
            "area_std_frac": _quantiles([_std(seen.area_mm2) / float(np.mean(seen.area_mm2)) for seen in always]),
        },
    }


def _std(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1))


def _quantiles(values: Sequence[float]) -> dict[str, float] | None:
    if not values:
        return None
    return {name: round(float(np.quantile(values, q)), 4) for name, q in (("p50", 0.5), ("p95", 0.95), ("largest", 1))}
