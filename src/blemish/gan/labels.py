"""Draw the label map of a synthetic tile: a pure function of the bank, the planned tile and the seed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from blemish.core.errors import LabelError
from blemish.core.labels import LabelMap
from blemish.core.seeds import rng
from blemish.core.taxonomy import IGNORE
from blemish.gan.bank import Background, Bank
from blemish.gan.placement import Canvas, Draft, draft, put
from blemish.gan.plan import PlanItem
from blemish.gan.shapes import Shape

MOST_OF_A_CLASS = 6  # Shapes of one class on one tile, whatever a real tile shows.
_TILES_TRIED = 5
_SHAPES_TRIED = 24
_PLACES_TRIED = 6


@dataclass(frozen=True)
class Drawn:
    """A label map, and the background it lies on."""

    label_map: LabelMap
    background: Background


@dataclass(frozen=True)
class NotDrawn:
    """Why a planned tile could not be drawn."""

    reason: str


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
    reasons: Counter[str] = Counter()
    for attempt in range(_TILES_TRIED):
        random = rng(seed, "label", item.index, *item.classes, attempt)
        first = _first_shape(bank, item.classes[0], random, reasons)
        if first is None:
            continue
        canvas, background = first
        if all(_further_shape(canvas, bank, index, random, reasons) for index in item.classes[1:]):
            for index in item.classes:
                _more_of_class(canvas, bank, index, random)
            return Drawn(_finished(canvas), background)
    names = " + ".join(bank.taxonomy.defect(index).name for index in item.classes)
    return NotDrawn(f"no place for {names}: {reasons.most_common(1)[0][0]}")


def _first_shape(
    bank: Bank, index: int, random: np.random.Generator, reasons: Counter[str]
) -> tuple[Canvas, Background] | None:
    """The first shape chooses the background."""
    for _ in range(_SHAPES_TRIED):
        shape = _any_shape(bank, index, random)
        background = _background_for(bank, shape, random)
        if background is None:
            reasons["no background like that beneath the real defect"] += 1
            continue
        canvas = Canvas.on(background)
        if _put(canvas, bank, shape, random, reasons):
            return canvas, background
    return None


def _further_shape(canvas: Canvas, bank: Bank, index: int, random: np.random.Generator, reasons: Counter[str]) -> bool:
    return any(_put(canvas, bank, _any_shape(bank, index, random), random, reasons) for _ in range(_SHAPES_TRIED))


def _more_of_class(canvas: Canvas, bank: Bank, index: int, random: np.random.Generator) -> None:
    """As many shapes as real tiles of the class show, as far as there is room."""
    wanted = min(int(random.choice(bank.classes[index].per_tile)), MOST_OF_A_CLASS)
    for _ in range(wanted - 1):
        _put(canvas, bank, _any_shape(bank, index, random), random, Counter())


def _put(canvas: Canvas, bank: Bank, shape: Shape, random: np.random.Generator, reasons: Counter[str]) -> bool:
    of_class = bank.classes[shape.defect]
    least_size_px = bank.taxonomy.defect(shape.defect).least_size_px
    drawn: Draft | None = draft(shape, of_class, canvas.window, least_size_px, random)
    if drawn is None:
        reasons["nothing was left of the shape"] += 1
        return False
    for _ in range(_PLACES_TRIED):
        reason = put(canvas, drawn, of_class, least_size_px, random)
        if reason is None:
            return True
        reasons[reason] += 1
    return False


def _any_shape(bank: Bank, index: int, random: np.random.Generator) -> Shape:
    shapes = bank.classes[index].shapes
    return shapes[int(random.integers(len(shapes)))]


def _background_for(bank: Bank, shape: Shape, random: np.random.Generator) -> Background | None:
    """One that shows what lay beneath the shape; from near its place on the scan where there are several such."""
    area_px = np.count_nonzero(shape.mask)
    suits = (bank.background_px >= np.array(shape.background_frac) * area_px).all(axis=1)
    if shape.meets_frac > 0:
        suits &= (bank.background_px[:, shape.foreign] > 0).any(axis=1)
    near = (np.abs(bank.background_scan_xy - np.array(shape.scan_xy)) <= bank.tile_px / 2).all(axis=1)
    places = np.flatnonzero(suits & near)
    if len(places) < 4:
        places = np.flatnonzero(suits)
    return bank.backgrounds[int(random.choice(places))] if len(places) else None


def _finished(canvas: Canvas) -> LabelMap:
    """What lies outside the window is padding: 255."""
    defect = np.full_like(canvas.defect, IGNORE)
    window = canvas.window
    shown = np.s_[window.y : window.y + window.height, window.x : window.x + window.width]
    defect[shown] = canvas.defect[shown]
    return LabelMap(defect, canvas.background)
