"""From a score map to defects: regions on the whole scan, so that one that crosses tiles is one, in px and mm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np

from blemish.core.arrays import Bool, Float32, UInt8
from blemish.core.records import PART, SCAN, Box, Defect
from blemish.core.taxonomy import Taxonomy
from blemish.inspect.registration import Registration
from blemish.inspect.scan import ScoreMap
from blemish.inspect.sizes import Sizes, measure

MOST_DEFECTS = 1000  # Listed of one view, the largest; a scan with more shows something else than defects.
MOST_SCORE = float(np.nextafter(np.float32(1), np.float32(0)))  # A threshold of 1 means never: no score reaches it.
_BLOCK_PX, _SMALL_PX = 64, 256  # Planes above the second are looked through in blocks of the first.
OUTLINE_TOLERANCE_PX = 0.75  # An outline's points are left out where it stays this near without them.


@dataclass(frozen=True)
class Limits:
    """What counts, by class code."""

    thresholds: Mapping[str, float]  # A pixel: the least probability of its class.
    least_sizes_px: Mapping[str, int]  # A region: its longest side.
    least_scores: Mapping[str, float] = field(default_factory=dict)  # A region: its mean probability; not named = any.
    least_areas_px: Mapping[str, int] = field(default_factory=dict)  # A region: its pixels; not named = any.
    first_scores: Mapping[str, float] = field(default_factory=dict)  # Regions below are listed where there is room.


@dataclass(frozen=True)
class Found:
    """The defects of one view in reading order."""

    defects: tuple[Defect, ...]
    left_out: int = 0  # How many more there were beyond `MOST_DEFECTS`,
    unlisted: int = 0  # and how many with those below their class's first score.
    kept_out: int = 0  # How many lay off the part.


def find_defects(
    scores: ScoreMap, taxonomy: Taxonomy, limits: Limits, view: str = "", part: Registration | None = None
) -> Found:
    """Regions of touching pixels (8 neighbours) of one class, each pixel at or above that class's threshold.

    Faint and small ones fall out before the largest are taken, so that many specks never hide one sure defect.

    Args:
        view: written into each defect.
        part: where the part lies. Places and orientations are then the part's, and a region wholly off it is kept out;
            None = they are the scan's, and nothing is kept out.
    """
    classes = called_classes(scores, taxonomy, limits)
    every = list(_regions(classes, scores.score, taxonomy, limits))
    regions = [region for region in every if part is None or part.touches(region.box, region.mask)]
    firsts = [limits.first_scores.get(code, 0.0) for code in taxonomy.codes]

    def is_first(region: _Region) -> bool:
        return region.score >= firsts[region.index - 1]

    regions.sort(key=lambda region: (not is_first(region), -region.area_px))
    kept = sorted(regions[:MOST_DEFECTS], key=lambda region: (region.box.y, region.box.x, region.index))
    defects = tuple(_measured(region, taxonomy, view, part) for region in kept)
    first, every_first = sum(map(is_first, regions)), sum(map(is_first, every))
    return Found(
        defects,
        left_out=max(0, first - MOST_DEFECTS),
        unlisted=len(regions) - len(kept),
        kept_out=every_first - first,
    )


@dataclass(frozen=True)
class _Region:
    index: int  # 1..K
    box: Box
    mask: Bool  # Of the box's size.
    area_px: int
    score: float  # Mean of its pixels.


def called_classes(scores: ScoreMap, taxonomy: Taxonomy, limits: Limits) -> UInt8:
    """uint8 H W: the class of each pixel that reaches its threshold, else 0."""
    classes = np.zeros(scores.best.shape, np.uint8)
    likely = np.flatnonzero(scores.score >= min(limits.thresholds.values()))  # Few: what follows is next to nothing.
    thresholds = np.array([2.0, *(limits.thresholds[code] for code in taxonomy.codes)], np.float32)
    best, score = scores.best.ravel()[likely], scores.score.ravel()[likely]
    classes.ravel()[likely] = np.where(score >= thresholds[best], best, 0)
    return classes


def _regions(classes: UInt8, score: Float32, taxonomy: Taxonomy, limits: Limits) -> Iterator[_Region]:
    least = [limits.least_sizes_px[code] for code in taxonomy.codes]
    least_scores = [limits.least_scores.get(code, 0.0) for code in taxonomy.codes]
    least_areas = [limits.least_areas_px.get(code, 0) for code in taxonomy.codes]
    for box, blob in _blobs(classes, min(least)):
        inside = np.where(blob, classes[_slices(box)], 0)
        for index in np.unique(inside[inside > 0]):
            for part, mask in _blobs((inside == index).astype(np.uint8), least[index - 1]):
                place = Box(box.x + part.x, box.y + part.y, part.width, part.height)
                area = int(mask.sum())
                mean = min(float(score[_slices(place)][mask].mean(dtype=np.float64)), MOST_SCORE)
                if area >= least_areas[index - 1] and mean >= least_scores[index - 1]:
                    yield _Region(int(index), place, mask, area, mean)


def _blobs(plane: UInt8, least_px: int) -> Iterator[tuple[Box, Bool]]:
    """Boxes and masks of the connected regions of what is not 0 in a plane whose longest side is at least this."""
    for at, window in _apart(plane):
        _, labels, stats, _ = cv2.connectedComponentsWithStats(window, connectivity=8, ltype=cv2.CV_32S)
        for label in range(1, len(stats)):
            x, y, w, h = (int(value) for value in stats[label, :4])
            if max(w, h) >= least_px:
                yield Box(at.x + x, at.y + y, w, h), labels[y : y + h, x : x + w] == label


def _apart(plane: UInt8) -> Iterator[tuple[Box, UInt8]]:
    """Windows of a plane that together hold all that is not 0, each with its own part of it alone.

    What touches lies in blocks that touch. Of a scan nearly all blocks are empty, and labelling them takes longer than
    all else that is done with its regions.
    """
    height, width = plane.shape
    if max(height, width) <= _SMALL_PX:
        yield Box(0, 0, width, height), np.ascontiguousarray(plane)
        return
    rows = np.stack([plane[y : y + _BLOCK_PX].max(axis=0) for y in range(0, height, _BLOCK_PX)])
    full = np.maximum.reduceat(rows, np.arange(0, width, _BLOCK_PX), axis=1) > 0
    _, groups, stats, _ = cv2.connectedComponentsWithStats(full.astype(np.uint8), connectivity=8)
    for group in range(1, len(stats)):
        x, y, w, h = (int(value) for value in stats[group, :4])
        box = Box(x * _BLOCK_PX, y * _BLOCK_PX, min(w * _BLOCK_PX, width), min(h * _BLOCK_PX, height))
        others = np.asarray(groups)[y : y + h, x : x + w] != group
        window = plane[_slices(box)].copy()
        window[others.repeat(_BLOCK_PX, axis=0).repeat(_BLOCK_PX, axis=1)[: window.shape[0], : window.shape[1]]] = 0
        yield Box(box.x, box.y, window.shape[1], window.shape[0]), window


def _measured(region: _Region, taxonomy: Taxonomy, view: str, part: Registration | None) -> Defect:
    kind, box, pixel_mm_xy = taxonomy.defect(region.index), region.box, taxonomy.pixel_mm_xy
    outline = _outline(region.mask)
    rows, columns = np.nonzero(region.mask)
    centre = (box.x + float(columns.mean()), box.y + float(rows.mean()))
    simple = cv2.approxPolyDP(outline, OUTLINE_TOLERANCE_PX, True).reshape(-1, 2)
    sizes = measure(region.mask, outline)
    in_mm = _in_mm(sizes, region.mask, outline, pixel_mm_xy)
    oriented = sizes if in_mm is None else in_mm
    return Defect(
        code=kind.code,
        name=kind.name,
        score=region.score,
        box=box,
        outline_xy=tuple((int(x) + box.x, int(y) + box.y) for x, y in simple),
        area_px=region.area_px,
        length_px=sizes.length,
        width_px=sizes.width,
        centre_xy_px=centre,
        area_mm2=None if pixel_mm_xy is None else region.area_px * pixel_mm_xy[0] * pixel_mm_xy[1],
        length_mm=None if in_mm is None else in_mm.length,
        width_mm=None if in_mm is None else in_mm.width,
        place_mm_xy=None if pixel_mm_xy is None else _place(centre, pixel_mm_xy, part),
        view=view,
        orientation_deg=oriented.orientation_deg if part is None else part.turned(oriented.orientation_deg),
        datum=SCAN if part is None else PART,
    )


def _in_mm(sizes: Sizes, mask: Bool, outline: Float32, pixel_mm_xy: tuple[float, float] | None) -> Sizes | None:
    """The same in mm; measured anew only where pixels are not square."""
    if pixel_mm_xy is None:
        return None
    mm_x, mm_y = pixel_mm_xy
    if mm_x != mm_y:
        return measure(mask, outline, pixel_mm_xy)
    return Sizes(sizes.length * mm_x, sizes.width * mm_x, sizes.orientation_deg)


def _place(
    centre: tuple[float, float], pixel_mm_xy: tuple[float, float], part: Registration | None
) -> tuple[float, float]:
    """From the part's datum; without one, the distance from the scan's left and upper edge."""
    if part is not None:
        return part.place_mm(centre)
    return (centre[0] + 0.5) * pixel_mm_xy[0], (centre[1] + 0.5) * pixel_mm_xy[1]


def _outline(mask: Bool) -> Float32:
    """The outer border's pixels in order, float32 P 2 (x, y) from the box's corner."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    longest = max(contours, key=len)
    points: Float32 = longest.reshape(-1, 2).astype(np.float32)
    return points


def _slices(box: Box) -> tuple[slice, slice]:
    return slice(box.y, box.y + box.height), slice(box.x, box.x + box.width)
