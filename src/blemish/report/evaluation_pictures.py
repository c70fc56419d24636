"""One case as people look at it: picture, label and answer side by side, outlined, with the place marked."""

from __future__ import annotations

import cv2
import numpy as np

from blemish.core.arrays import UInt8
from blemish.core.records import Box
from blemish.core.taxonomy import IGNORE, Taxonomy, rgb
from blemish.metrics.findings import View
from blemish.picture.normalise import to_channels

SHOWN_PX = 300  # Longest side of a shown picture, about.
_DARK, _WHITE = (15, 15, 15), (255, 255, 255)


def case_pictures(view: View, taxonomy: Taxonomy) -> tuple[UInt8, UInt8, UInt8]:
    """Picture, label, answer, each uint8 H W 3 and about 300 px on its longest side.

    Regions have a line in their class's colour round them, on a dark rim; ignored pixels are hatched. Corner marks
    show the region that the case is about.
    """
    factor = max(1, SHOWN_PX // max(view.truth.shape))
    height, width = (side * factor for side in view.truth.shape)
    picture = np.asarray(
        cv2.resize(to_channels(view.picture, 3), (width, height), interpolation=cv2.INTER_CUBIC), np.uint8
    )
    focus = Box(*(value * factor for value in (view.focus.x, view.focus.y, view.focus.width, view.focus.height)))
    shown = [picture.copy()]
    for plane in (view.truth, view.answer):
        enlarged = np.repeat(np.repeat(plane, factor, axis=0), factor, axis=1)
        shown.append(_with_regions(picture, enlarged, taxonomy))
    for each in shown:
        _mark(each, focus)
    return shown[0], shown[1], shown[2]


def classes_in(plane: UInt8, taxonomy: Taxonomy) -> str:
    """The classes that a plane shows, in words.

    Example:
        >>> classes_in(np.zeros((2, 2), np.uint8), Taxonomy.of_names("x", ["dent"]))
        'nothing'
    """
    values = [int(value) for value in np.unique(plane) if value]
    known = [f"{taxonomy.defect(v).code} {taxonomy.defect(v).name}" for v in values if v != IGNORE]
    return ", ".join([*known, *(["ignored (hatched)"] if IGNORE in values else [])]) or "nothing"


def _with_regions(picture: UInt8, plane: UInt8, taxonomy: Taxonomy) -> UInt8:
    shown = picture.copy()
    rows, columns = np.nonzero(plane == IGNORE)
    hatched = (rows + columns) % 8 < 2
    shown[rows[hatched], columns[hatched]] = (140, 140, 140)
    lines = []
    for index, kind in enumerate(taxonomy.defects, start=1):
        mask = cv2.dilate((plane == index).astype(np.uint8), np.ones((3, 3), np.uint8))
        contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        lines.append((contours, rgb(kind.colour)))
    for contours, _ in lines:
        cv2.polylines(shown, contours, True, _DARK, 4, cv2.LINE_AA)
    for contours, colour in lines:
        cv2.polylines(shown, contours, True, colour, 2, cv2.LINE_AA)
    return shown


def _mark(shown: UInt8, focus: Box) -> None:
    """Corner marks a little outside of the region, inside of the picture."""
    reach, arm, rim = 7, 9, 2
    height, width = shown.shape[:2]
    left, top = max(focus.x - reach, rim), max(focus.y - reach, rim)
    right = min(focus.x + focus.width + reach, width - 1 - rim)
    bottom = min(focus.y + focus.height + reach, height - 1 - rim)
    for x, y, across, down in ((left, top, 1, 1), (right, top, -1, 1), (left, bottom, 1, -1), (right, bottom, -1, -1)):
        corner = np.array([[x + across * arm, y], [x, y], [x, y + down * arm]], np.int32)
        cv2.polylines(shown, [corner], False, _DARK, 4)
        cv2.polylines(shown, [corner], False, _WHITE, 2)
