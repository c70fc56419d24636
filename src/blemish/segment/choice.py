"""Thresholds of each class, by a wish of recall or by hand, and what becomes of parts under them.

Two thresholds on the score of a region: from `review` a person should see it, from `ng` it counts as a defect. Between
two scores that were seen a threshold is put halfway. What cannot be reached is said in `note`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from blemish.core.arrays import Bool, Float32, Int64
from blemish.core.errors import InputError
from blemish.segment.candidates import LEVELS, Candidates

NEVER = 1.0  # As `ng`: the class is left to a person, however likely, as a recipe reads it.
UNKNOWN = 0.5  # Both thresholds of a class that there is nothing to choose from.
_AREAS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)


@dataclass(frozen=True)
class Chosen:
    """One class: `[scores.<code>]` of a recipe."""

    code: str
    pixel: float  # Least probability of a pixel of its regions.
    review: float
    ng: float
    least_area_px: int = 1
    note: str = ""  # What was wished and cannot be had; empty = nothing to say.
    also: float | None = None  # Below `review`: of a part that is NG anyway, what is told too from there on.

    def is_ng(self, scores: Float32) -> Bool:
        """Which scores make a part NG; none where that is never, not even a score of 1."""
        sure: Bool = (scores >= self.ng) & (self.ng < NEVER)
        return sure

    def to_dict(self) -> dict[str, Any]:
        """The keys of a recipe."""
        also = {} if self.also is None else {"also": self.also}
        return {
            "pixel": self.pixel,
            **also,
            "review": self.review,
            "ng": self.ng,
            "least_area_px": self.least_area_px,
        }


@dataclass(frozen=True)
class Wish:
    """At least this share of each class's labelled defects is met by a region that is NG or REVIEW."""

    recall: float
    sure: float = 0.9  # NG only from a score on from which this share of the regions are real.

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 < value <= 1:
                raise InputError(f"--{name} must be a share above 0, 1 at the most, got {value:g}")


def by_recall(candidates: Candidates, folds: Collection[int], wish: Wish, pixel: float) -> tuple[Chosen, ...]:
    """The highest `review`, with the least area of the fewest false regions, that reaches the wish in these folds.

    Example:
        >>> by_recall(candidates, [0, 1], Wish(0.95), 0.3)[0].review  # doctest: +SKIP
        0.4127
    """
    return tuple(_of_class(candidates, folds, wish, pixel, kind) for kind in range(1, len(candidates.codes) + 1))


def _of_class(candidates: Candidates, folds: Collection[int], wish: Wish, pixel: float, kind: int) -> Chosen:
    code, labelled = candidates.codes[kind - 1], labelled_in(candidates, folds, kind)
    if not labelled.any():
        return Chosen(code, pixel, UNKNOWN, UNKNOWN, note="no labelled defect to choose by")
    wanted, tried = math.ceil(wish.recall * labelled.sum() - 1e-9), []
    for area in areas_for(candidates, folds, kind):
        best = np.sort(candidates.best_scores(kind, pixel, area)[labelled])[::-1]
        reached = min(wanted, int((best >= 0).sum()))
        regions = _Regions.of(candidates, folds, kind, pixel, area)
        review = regions.halfway_below(float(best[reached - 1])) if reached else UNKNOWN
        tried.append((-reached, regions.false_from(review), area, review, regions))
    reached, _, area, review, regions = min(tried, key=lambda row: row[:3])
    if not reached:
        ng = regions.sure_from(UNKNOWN, wish.sure)[0] if regions.scores.size else UNKNOWN
        return Chosen(code, pixel, UNKNOWN, ng, note=f"none of {labelled.sum()} labelled defects is found at all")
    missed = "" if -reached >= wanted else f"cannot reach {wish.recall:g}: finds {-reached} of {labelled.sum()} at most"
    ng, unsure = regions.sure_from(review, wish.sure)
    return Chosen(code, pixel, review, ng, area, "; ".join(text for text in (missed, unsure) if text))


def areas_for(candidates: Candidates, folds: Collection[int], kind: int) -> list[int]:
    """Least areas that are tried: never above half the area of the smallest labelled defect of the class."""
    own = labelled_in(candidates, folds, kind)
    if not own.any():
        return [1]
    smallest = int(candidates.defects.area_px[candidates.defects.kind == kind][own].min())
    return [area for area in _AREAS if area <= max(1, smallest // 2)]


def labelled_in(candidates: Candidates, folds: Collection[int], kind: int) -> Bool:
    """Which of the labelled defects of a class are in these folds."""
    own = candidates.defects.kind == kind
    flags: Bool = candidates.inside(folds)[candidates.defects.part[own]]
    return flags


@dataclass(frozen=True)
class _Regions:
    """The regions of one class at one level and least area, by falling score."""

    level: float
    scores: np.ndarray[Any, np.dtype[np.float32]]
    real: Bool
    false: Bool

    @classmethod
    def of(cls, candidates: Candidates, folds: Collection[int], kind: int, pixel: float, area: int) -> _Regions:
        regions = candidates.regions
        own = (regions.kind == kind) & (regions.level == np.float32(pixel)) & (regions.area_px >= area)
        rows = np.flatnonzero(own & candidates.inside(folds)[regions.part])
        rows = rows[np.argsort(-regions.score[rows], kind="stable")]
        return cls(pixel, regions.score[rows], regions.real[rows], regions.false[rows])

    def halfway_below(self, score: float) -> float:
        """Between a score and the next lower one; never below the level, which no score is."""
        lower = self.scores[self.scores < np.float32(score)]
        return halfway(float(lower[0]) if lower.size else self.level, score)

    def false_from(self, threshold: float) -> int:
        return int((self.false & (self.scores >= threshold)).sum())

    def sure_from(self, review: float, sure: float) -> tuple[float, str]:
        """The lowest threshold from `review` up from which this share is real; and what to say where there is none."""
        judged = (self.real | self.false) & (self.scores >= review)
        scores, real = self.scores[judged], self.real[judged].astype(np.int64)
        share = np.cumsum(real) / np.arange(1, len(real) + 1)
        ends = np.append(scores[:-1] > scores[1:], True)  # Of equal scores all or none.
        right = np.flatnonzero((share >= sure - 1e-9) & ends[: len(scores)])
        if not right.size:
            return NEVER, f"no score from which {sure:g} of its regions are real: it is REVIEW, never NG"
        last = int(right[-1])
        return max(review, self.halfway_below(float(scores[last])) if last + 1 < len(scores) else review), ""


def halfway(low: float, high: float) -> float:
    """A round number above `low`, `high` at the most, about in the middle."""
    middle = (low + high) / 2
    return round(middle, 4) if low < round(middle, 4) <= high else middle


def with_also(candidates: Candidates, folds: Collection[int], chosen: Sequence[Chosen]) -> tuple[Chosen, ...]:
    """The choice with each class's `also`: where its regions name its defects best.

    Thresholds by cost only see to it that a part with defects is NG; which of them are told is another matter, and on
    a part that is NG costs nothing. So of each class the score is taken from which on the harmonic mean of recall and
    precision is highest, over regions of defective parts alone. None where that is not below `review`.
    """
    return tuple(
        replace(one, also=_naming_best(candidates, folds, one, kind)) for kind, one in enumerate(chosen, start=1)
    )


def _naming_best(candidates: Candidates, folds: Collection[int], one: Chosen, kind: int) -> float | None:
    best = candidates.best_scores(kind, one.pixel, one.least_area_px)[labelled_in(candidates, folds, kind)]
    met = np.sort(best[best >= 0])[::-1]
    false = _false_on_defective(candidates, folds, one, kind)
    if not met.size:
        return None
    told = np.arange(1, len(met) + 1)
    wrong = np.searchsorted(-false, -met, side="right")  # Of false ones as many score as high.
    f_score = 2 * told / (len(best) + told + wrong)
    lowest = float(met[int(np.flatnonzero(f_score == f_score.max())[-1])])
    lower = np.concatenate([met[met < lowest], false[false < lowest]])
    also = halfway(float(lower.max()) if lower.size else one.pixel, lowest)
    return also if also < one.review else None


def _false_on_defective(candidates: Candidates, folds: Collection[int], one: Chosen, kind: int) -> Float32:
    """Scores of the false regions of a class on defective parts, falling."""
    regions = candidates.regions
    own = (regions.kind == kind) & (regions.level == np.float32(one.pixel)) & (regions.area_px >= one.least_area_px)
    there = (candidates.parts.defective & candidates.inside(folds))[regions.part]
    found: Float32 = np.sort(regions.score[own & there & regions.false])[::-1]
    return found


@dataclass(frozen=True)
class Hand:
    """Values given by hand, by class code; they replace what was chosen."""

    ng: Mapping[str, float] = field(default_factory=dict)
    review: Mapping[str, float] = field(default_factory=dict)
    least_area_px: Mapping[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.codes)

    @property
    def codes(self) -> set[str]:
        """Of the classes that have any."""
        return {*self.ng, *self.review, *self.least_area_px}

    def refuse_other_codes(self, known: Sequence[str]) -> None:
        """Raise where it names a class that is not there."""
        for code in sorted(self.codes):
            if code not in known:
                raise InputError(f"no class {code}: there are {', '.join(known)}")


def with_hand(chosen: Sequence[Chosen], hand: Hand) -> tuple[Chosen, ...]:
    """The choice with the values given by hand.

    One of `ng` and `review` alone moves the other along where it must, and where they were one: no band was asked for.

    Raises:
        InputError: no such class, a value out of its range, or `review` above `ng`.
    """
    hand.refuse_other_codes([one.code for one in chosen])
    return tuple(_with_hand(one, hand) for one in chosen)


def _with_hand(one: Chosen, hand: Hand) -> Chosen:
    if one.code not in hand.codes:
        return one
    ng = hand.ng.get(one.code, max(one.ng, hand.review.get(one.code, 0)))
    review = hand.review.get(one.code, ng if one.review == one.ng else min(one.review, ng))
    area = hand.least_area_px.get(one.code, one.least_area_px)
    if not (0 < review <= ng <= 1) or area < 0:
        raise InputError(
            f"class {one.code}: review and ng must be above 0 and 1 at the most, review not above ng, the least area 0 "
            f"or more, got review {review}, ng {ng}, least area {area}"
        )
    return replace(one, ng=ng, review=review, least_area_px=area, note="by hand")


def unchosen(candidates: Candidates, pixel: float) -> tuple[Chosen, ...]:
    """What values by hand are laid over where nothing else is asked."""
    return tuple(Chosen(code, pixel, UNKNOWN, UNKNOWN) for code in candidates.codes)


def ranks_of(candidates: Candidates, chosen: Sequence[Chosen]) -> Int64:
    """For every part 0 OK, 1 REVIEW or 2 NG: its worst region decides, over all its scans."""
    ranks = np.zeros(len(candidates.parts.names), np.int64)
    for kind, one in enumerate(chosen, start=1):
        best = candidates.part_scores(kind, one.pixel, one.least_area_px)
        ranks = np.maximum(ranks, (best >= one.review).astype(np.int64) + one.is_ng(best))
    return ranks


def met_by_any(candidates: Candidates, chosen: Sequence[Chosen], kind: int) -> Bool:
    """Which labelled defects of a class meet a region, of whatever class, that is REVIEW or NG."""
    called = np.zeros(len(candidates.regions.kind), np.bool_)
    for place, one in enumerate(chosen, start=1):
        regions = candidates.regions
        own = (regions.kind == place) & (regions.level == np.float32(one.pixel))
        called |= own & (regions.area_px >= one.least_area_px) & (regions.score >= one.review)
    met = np.zeros(len(candidates.defects.kind), np.bool_)
    met[candidates.met_defect[called[candidates.met_region]]] = True
    flags: Bool = met[candidates.defects.kind == kind]
    return flags


def refuse_other_level(pixel: float) -> float:
    """A pixel threshold for which regions were noted.

    Raises:
        InputError: any other.
    """
    if pixel not in LEVELS:
        raise InputError(f"--pixel must be one of {', '.join(f'{level:g}' for level in LEVELS)}, got {pixel:g}")
    return pixel
