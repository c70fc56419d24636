"""Sheets of 8 x 8 defects, real beside synthetic, at one scale: for people, who see what no figure tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageDraw

from blemish.core.arrays import Bool, UInt8
from blemish.core.records import Origin, TileRecord
from blemish.core.seeds import rng
from blemish.core.taxonomy import Taxonomy, rgb
from blemish.data.cutouts import usable_window
from blemish.data.dataset import Dataset
from blemish.gan.evaluation_crops import LEAST_SIDE_PX, MARGIN_FRAC, Cutter, Place, find_places, square_round
from blemish.picture.font import font_for
from blemish.picture.normalise import to_channels

SIDE = 8
CELL_PX = 96
_GAP_PX, _MIDDLE_PX, _STRIP_PX = 3, 18, 30
_AWAY_PX = 2  # Of the outline from the mask, so that its edge stays to be seen.
_SHOWN_FRAC = 0.8  # The crops' side is chosen so that this share of the defects is shown whole.
_PAPER, _INK = (255, 255, 255), (20, 20, 20)


@dataclass(frozen=True)
class Half:
    """One side of a sheet: some defects of one class, of one data set."""

    title: str
    dataset: Dataset
    places: Sequence[Place]


def class_sheet(left: Half, right: Half, *, outlined: bool = False, cell_px: int = CELL_PX) -> UInt8:
    """Two halves of 8 x 8 crops beside each other, all at one scale: uint8 H W 3.

    A defect that is larger than the scale allows is cut off at the crop's sides.

    Args:
        outlined: a thin line in the class's colour round each defect, off its edge.
    """
    side_px = common_side([*left.places, *right.places], min(left.dataset.info.tile_px, right.dataset.info.tile_px))
    blocks = [_half(each, side_px, cell_px, outlined=outlined) for each in (left, right)]
    gap = np.full((blocks[0].shape[0], _MIDDLE_PX, 3), 255, np.uint8)
    return np.concatenate([blocks[0], gap, blocks[1]], axis=1)


def class_sheets(
    real: Dataset,
    real_records: Sequence[TileRecord],
    synthetic: Dataset,
    *,
    seed: int = 0,
    outlined: bool = False,
    captions: Sequence[str] | None = None,
) -> dict[str, UInt8]:
    """A sheet for each class that both sides show, by the class's name; the same seed draws the same defects.

    Args:
        real_records: the real tiles to draw from.
        captions: one a class, written after its name: the classifier's accuracy; None = nothing.
    """
    made = [record for record in synthetic.records if record.origin == Origin.SYNTHETIC]
    sheets = {}
    for index, name in enumerate(real.taxonomy.defect_names, start=1):
        halves = []
        for what, dataset, records in (("real", real, real_records), ("synthetic", synthetic, made)):
            places = drawn_places(dataset, records, index, seed=seed)
            note = captions[index - 1] if captions and what == "synthetic" else ""
            halves.append(Half(f"{name}: {what}" + (f" · {note}" if note else ""), dataset, places))
        if all(half.places for half in halves):
            sheets[name] = class_sheet(*halves, outlined=outlined)
    return sheets


def drawn_places(
    dataset: Dataset, records: Sequence[TileRecord], index: int, *, count: int = SIDE * SIDE, seed: int = 0
) -> list[Place]:
    """Defects of a class, drawn by the seed: one a tile first, more where there are too few tiles."""
    shown = [record for record in records if index in record.classes]
    order = [shown[int(i)] for i in rng(seed, "sheet", index).permutation(len(shown))]
    places = [p for p in find_places(dataset, order[: 2 * count], seed=seed) if p.index == index]
    first: dict[str, Place] = {}
    for place in places:
        first.setdefault(place.tile.id, place)
    others = [place for place in places if first[place.tile.id] is not place]
    return [*first.values(), *others][:count]


def common_side(places: Sequence[Place], tile_px: int) -> int:
    """The side in px of every crop of a sheet: most defects are whole, and small ones are still seen."""
    longest = float(np.quantile([place.defect.longest_px for place in places], _SHOWN_FRAC)) if places else 0.0
    return min(tile_px, max(LEAST_SIDE_PX, round(longest * (1 + MARGIN_FRAC))))


def grid(pictures: Sequence[UInt8], columns: int) -> UInt8:
    """Pictures of one size (uint8 h w 3) in rows, thin white lines between; missing ones at the end are gray."""
    empty = np.full_like(pictures[0], 235)
    cells = [*pictures, *[empty] * (-len(pictures) % columns)]
    framed = [np.pad(cell, ((0, _GAP_PX), (0, _GAP_PX), (0, 0)), constant_values=255) for cell in cells]
    rows = [np.concatenate(framed[i : i + columns], axis=1) for i in range(0, len(framed), columns)]
    whole: UInt8 = np.concatenate(rows)[:-_GAP_PX, :-_GAP_PX]
    return whole


def outline(picture: UInt8, mask: Bool, colour: tuple[int, int, int]) -> UInt8:
    """A copy of a picture (uint8 h w 3) with a line of one pixel round the mask, 2 px away from it."""
    reach = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _AWAY_PX + 1, 2 * _AWAY_PX + 1))
    grown = cv2.dilate(mask.astype(np.uint8), reach)
    contours, _ = cv2.findContours(grown, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    drawn: UInt8 = np.asarray(cv2.drawContours(picture.copy(), contours, -1, colour, 1), np.uint8)
    return drawn


def titled(picture: UInt8, title: str) -> UInt8:
    """A picture below a strip with one line of text."""
    strip = Image.new("RGB", (picture.shape[1], _STRIP_PX), _PAPER)
    font = font_for([title], 15)
    ImageDraw.Draw(strip).text((2, _STRIP_PX / 2), title, fill=_INK, font=font, anchor="lm")
    return np.concatenate([np.asarray(strip), picture])


def cell(cutter: Cutter, place: Place, side_px: int, cell_px: int, colour: tuple[int, int, int] | None = None) -> UInt8:
    """The crop of a place with a given side, as a cell of a sheet: uint8 cell cell 3.

    Args:
        colour: of the outline; None = none.
    """
    window = usable_window(cutter.sample(place.tile).label_map)
    box = square_round(place.defect, window, side_px)
    shown = scaled(to_channels(cutter.picture(place, box), 3), cell_px)
    if colour is None:
        return shown
    return outline(shown, scaled(cutter.mask(place, box).astype(np.uint8) * 255, cell_px) > 127, colour)


def scaled(picture: UInt8, side_px: int) -> UInt8:
    """A square picture at another size."""
    smaller = side_px < picture.shape[0]
    how = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (side_px, side_px), interpolation=how), np.uint8)


def _half(half: Half, side_px: int, cell_px: int, *, outlined: bool) -> UInt8:
    taxonomy: Taxonomy = half.dataset.taxonomy
    cutter = Cutter(half.dataset)
    colour = rgb(taxonomy.defect(half.places[0].index).colour) if outlined and half.places else None
    cells = [cell(cutter, place, side_px, cell_px, colour) for place in half.places]
    blank = np.full((cell_px, cell_px, 3), 235, np.uint8)
    cells += [blank] * (SIDE * SIDE - len(cells))
    return titled(grid(cells, SIDE), half.title)
