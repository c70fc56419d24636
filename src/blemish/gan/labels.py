"""Draw the label map of a synthetic tile: a pure function of the bank, the planned tile and the seed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from blemish.core.errors import LabelError
from blemish.core.labels import LabelMap
from blemish.core.seeds import rng
from blemish.core.taxonomy import IGNORE
from blemish.gan.bank import Background, Bank
from blemish.gan.near_copy import NEAR_COPY_IOU
from blemish.gan.placement import Canvas, Place, draft, find_place, put
from blemish.gan.plan import PlanItem
from blemish.gan.shapes import Shape
from blemish.gan.surroundings import Surroundings, unlike

MOST_OF_A_CLASS = 6  # Shapes of one class on one tile, whatever a real tile shows.
_TILES_TRIED = 5
_SHAPES_TRIED = 24
_PLACES_TRIED = 6
_DRAFTS_TRIED = 4
LIGHT_GRAY = 12.0  # Backgrounds this much lighter or darker than the surface round a shape are 0.6 times as likely;
LIKE_GRAIN = 1.5  # so are those this many times as rough or as smooth;
_ANY_SURFACE = 0.01  # however far off, one keeps this weight.
LIKE_GRAY = 4.0  # A place this much more unlike the real surroundings than the likest is 0.6 times as likely.
_BACKGROUNDS_OFFERED, _OFFERS = 12, 24  # What is looked at where a defect is put by its surroundings.
_LEAST_GRAIN = 0.25  # Gray levels, added to both: below it, one surface is as smooth as another.


@dataclass(frozen=True)
class Drawn:
    """A label map, and the background it lies on."""

    label_map: LabelMap
    background: Background
    near_copies: int = 0  # Drafts that were drawn again because they were near-copies of a training defect.
    copy_iou: float = 0.0  # The highest `near_copy_iou` among its shapes; one from NEAR_COPY_IOU on had to stay.


@dataclass(frozen=True)
class NotDrawn:
    """Why a planned tile could not be drawn."""

    reason: str


@dataclass(frozen=True)
class _Ground:
    """A canvas, and the background that it is drawn on."""

    canvas: Canvas
    background: Background

    def unlike(self, around: Surroundings, place: Place) -> float:
        """How unlike the surroundings of a real defect a place is; 0 where no picture was read."""
        small = self.background.small
        return 0.0 if small is None else unlike(small, around, place.middle_xy)


_Grounds = Sequence[_Ground]


@dataclass
class _Tally:
    """What is counted while a tile is drawn."""

    reasons: Counter[str] = field(default_factory=Counter)  # Why a shape had no place.
    near_copies: int = 0
    stayed: list[float] = field(default_factory=list)  # Highest overlap with a training defect, of each shape.


def draw_label(bank: Bank, item: PlanItem, seed: int) -> LabelMap:
    """The label map of one planned tile; equal arguments give equal maps.

    Raises:
        LabelError: no place was found for one of its classes.
    """
    drawn = draw_tile(bank, item, seed)
    if isinstance(drawn, NotDrawn):
        raise LabelError(f"tile {item.index}: {drawn.reason}")
    return drawn.label_map


def draw_tile(bank: Bank, item: PlanItem, seed: int) -> Drawn | NotDrawn:
    """As `draw_label`, with the background; where no place is found, the reason met most often."""
    tally = _Tally()
    for attempt in range(_TILES_TRIED):
        random = rng(seed, "label", item.index, *item.classes, attempt)
        tally.stayed.clear()
        first = _first_shape(bank, item.classes[0], random, tally)
        if first is None:
            continue
        ground = [first]
        if all(_further_shape(ground, bank, index, random, tally) for index in item.classes[1:]):
            for index in item.classes:
                _more_of_class(ground, bank, index, random, tally)
            return Drawn(_finished(first.canvas), first.background, tally.near_copies, max(tally.stayed))
    names = " + ".join(bank.taxonomy.defect(index).name for index in item.classes)
    return NotDrawn(f"no place for {names}: {tally.reasons.most_common(1)[0][0]}")


def _first_shape(bank: Bank, index: int, random: np.random.Generator, tally: _Tally) -> _Ground | None:
    """The first shape chooses the background."""
    for _ in range(_SHAPES_TRIED):
        shape = bank.classes[index].any_shape(random)
        grounds = [_Ground(Canvas.on(background), background) for background in _backgrounds_for(bank, shape, random)]
        if not grounds:
            tally.reasons["no background like that beneath the real defect"] += 1
            continue
        chosen = _put(grounds, bank, shape, random, tally)
        if chosen is not None:
            return chosen
    return None


def _further_shape(ground: _Grounds, bank: Bank, index: int, random: np.random.Generator, tally: _Tally) -> bool:
    of_class = bank.classes[index]
    shapes = (of_class.any_shape(random) for _ in range(_SHAPES_TRIED))
    return any(_put(ground, bank, shape, random, tally) is not None for shape in shapes)


def _more_of_class(ground: _Grounds, bank: Bank, index: int, random: np.random.Generator, tally: _Tally) -> None:
    """As many shapes as real tiles of the class show, as far as there is room."""
    of_class = bank.classes[index]
    wanted = min(int(random.choice(of_class.per_tile)), MOST_OF_A_CLASS)
    for _ in range(wanted - 1):
        _put(ground, bank, of_class.any_shape(random), random, tally)


def _put(grounds: _Grounds, bank: Bank, shape: Shape, random: np.random.Generator, tally: _Tally) -> _Ground | None:
    """Draw a shape after a real one on one of some grounds, and say on which; None if it has no place on any.

    A near-copy is drawn again, but the last draft stays whatever it is. One that covers the whole tile has no shape of
    its own, and is a copy of nothing.
    """
    of_class = bank.classes[shape.defect]
    for left in reversed(range(_DRAFTS_TRIED)):
        offer = _placed(grounds, bank, shape, random, tally)
        if offer is None:
            return None
        ground, place = offer
        iou = 0.0 if _is_all(place, ground.canvas) else of_class.copies.iou(place.mask)
        if iou < NEAR_COPY_IOU or left == 0:
            put(ground.canvas, place)
            tally.stayed.append(iou)
            return ground
        tally.near_copies += 1
    raise AssertionError("unreachable")


def _is_all(place: Place, canvas: Canvas) -> bool:
    return int(np.count_nonzero(place.mask)) == canvas.window.width * canvas.window.height


def _placed(
    grounds: _Grounds, bank: Bank, shape: Shape, random: np.random.Generator, tally: _Tally
) -> tuple[_Ground, Place] | None:
    of_class = bank.classes[shape.defect]
    least_size_px = bank.taxonomy.defect(shape.defect).least_size_px
    made, fresh = of_class.fresh(shape, bank.mix, least_size_px, random)
    drawn = draft(made, of_class, grounds[0].canvas.window, least_size_px, random, fresh=fresh)
    if drawn is None:
        tally.reasons["nothing was left of the shape"] += 1
        return None
    around = drawn.around if bank.by_surroundings else None
    wanted = 1 if around is None else math.ceil(_OFFERS / len(grounds))
    offers: list[tuple[_Ground, Place]] = []
    for ground in grounds:
        found = 0
        for _ in range(_PLACES_TRIED):
            place = find_place(ground.canvas, drawn, of_class, least_size_px, random)
            if isinstance(place, Place):
                offers.append((ground, place))
                found += 1
            else:
                tally.reasons[place] += 1
            if found == wanted:
                break
    return _likest(offers, around, random)


def _likest(
    offers: list[tuple[_Ground, Place]], around: Surroundings | None, random: np.random.Generator
) -> tuple[_Ground, Place] | None:
    """The first; where the surroundings of the real defect are known, one that looks like them."""
    if around is None or len(offers) < 2:
        return offers[0] if offers else None
    off = np.array([ground.unlike(around, place) for ground, place in offers])
    weights = np.exp(-0.5 * (off**2 - off.min() ** 2) / LIKE_GRAY**2)
    return offers[int(random.choice(len(offers), p=weights / weights.sum()))]


def _backgrounds_for(bank: Bank, shape: Shape, random: np.random.Generator) -> list[Background]:
    """One that shows what lay beneath the shape, from near its place on the scan where there are several such; several
    to choose from where a defect is put by its surroundings; none where there is none.

    Where pictures were read, one as light and as rough as the surface round the shape is the likelier.
    """
    area_px = np.count_nonzero(shape.mask)
    suits = (bank.background_px >= np.array(shape.background_frac) * area_px).all(axis=1)
    if shape.meets_frac > 0:
        suits &= (bank.background_px[:, shape.foreign] > 0).any(axis=1)
    near = (np.abs(bank.background_scan_xy - np.array(shape.scan_xy)) <= bank.tile_px / 2).all(axis=1)
    places = np.flatnonzero(suits & near)
    if len(places) < 4:
        places = np.flatnonzero(suits)
    if len(places) == 0:
        return []
    light = (bank.background_gray[places] - shape.ring_gray) / LIGHT_GRAY
    rough = np.log((bank.background_grain[places] + _LEAST_GRAIN) / (shape.ring_grain + _LEAST_GRAIN))
    off = np.nan_to_num(light) ** 2 + np.nan_to_num(rough / math.log(LIKE_GRAIN)) ** 2
    weights = np.exp(-0.5 * off) + _ANY_SURFACE
    if not bank.by_surroundings:
        return [bank.backgrounds[int(random.choice(places, p=weights / weights.sum()))]]
    chosen = random.choice(places, min(_BACKGROUNDS_OFFERED, len(places)), replace=False, p=weights / weights.sum())
    return [bank.backgrounds[int(place)] for place in chosen]


def _finished(canvas: Canvas) -> LabelMap:
    """What lies outside the window is padding: 255."""
    defect = np.full_like(canvas.defect, IGNORE)
    window = canvas.window
    shown = np.s_[window.y : window.y + window.height, window.x : window.x + window.width]
    defect[shown] = canvas.defect[shown]
    return LabelMap(defect, canvas.background)
