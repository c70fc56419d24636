"""A label painted in colours (the paper's paint or Photoshop way, Fig. 8) becomes a label map."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from blemish.core.arrays import UInt8
from blemish.core.errors import LabelError
from blemish.core.labels import LabelMap
from blemish.core.taxonomy import IGNORE, Taxonomy, rgb

NOTHING = (0, 0, 0)  # Black: no defect, no background named.
IGNORED = (255, 255, 255)  # White: 255, as in our own palette.


def index_from_colours(picture: UInt8, taxonomy: Taxonomy, where: str) -> LabelMap:
    """The label map that a colour picture paints in the taxonomy's colours.

    A pixel painted in a background's colour shows that background. Beneath a defect, black or white the background is
    that of the nearest pixel that names one; where the picture names none, background 0. Black is no defect, white is
    ignored (unless the taxonomy gives these colours to a class).

    Args:
        picture: uint8 H W 3.
        where: file name for the error.

    Raises:
        LabelError: a colour that no class has, naming it and the first pixel that shows it.

    Example:
        >>> cell = Taxonomy.preset("pouch-cell")
        >>> row = np.array([[rgb("#808080"), rgb("#ffe119"), rgb("#101010")]], np.uint8)
        >>> painted = index_from_colours(row, cell, "row.png")
        >>> painted.defect.tolist(), painted.background.tolist()
        ([[0, 3, 0]], [[0, 0, 1]])
    """
    values = _packed(picture)
    found, places, inverse, counts = np.unique(values, return_index=True, return_inverse=True, return_counts=True)
    meaning = _meanings(taxonomy)
    defect = np.zeros(len(found), np.uint8)
    background = np.full(len(found), -1, np.int16)
    for i, value in enumerate(found.tolist()):
        if value not in meaning:
            y, x = divmod(int(places[i]), values.shape[1])
            raise LabelError(_unknown(value, (x, y, int(counts[i])), taxonomy, where))
        defect[i], background[i] = meaning[value]
    index = inverse.reshape(values.shape)
    return LabelMap(defect[index], _filled(background[index]))


def _packed(picture: UInt8) -> NDArray[np.int32]:
    channels = picture.astype(np.int32)
    return (channels[..., 0] << 16) | (channels[..., 1] << 8) | channels[..., 2]


def _meanings(taxonomy: Taxonomy) -> dict[int, tuple[int, int]]:
    """Colour -> (defect value, background value or -1 where it names none)."""

    def key(colour: tuple[int, int, int]) -> int:
        return (colour[0] << 16) | (colour[1] << 8) | colour[2]

    meaning = {key(NOTHING): (0, -1), key(IGNORED): (IGNORE, -1)}
    meaning |= {key(rgb(b.colour)): (0, i) for i, b in enumerate(taxonomy.backgrounds)}
    meaning |= {key(rgb(d.colour)): (i, -1) for i, d in enumerate(taxonomy.defects, start=1)}
    return meaning


def _filled(background: NDArray[np.int16]) -> UInt8:
    """Unnamed pixels (-1) take the background of the nearest named one, 0 where there is none."""
    named = background >= 0
    if named.all() or not named.any():
        return np.maximum(background, 0).astype(np.uint8)
    _, nearest = cv2.distanceTransformWithLabels(
        (~named).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    by_label = np.zeros(int(nearest.max()) + 1, np.uint8)
    by_label[nearest[named]] = background[named]
    filled: UInt8 = by_label[nearest]
    return filled


def _unknown(value: int, place: tuple[int, int, int], taxonomy: Taxonomy, where: str) -> str:
    x, y, count = place
    known = ", ".join(
        [f"{d.colour} {d.name}" for d in taxonomy.defects] + [f"{b.colour} {b.name}" for b in taxonomy.backgrounds]
    )
    return (
        f"{where}: colour #{value:06x} at x={x}, y={y} belongs to no class of taxonomy '{taxonomy.name}' "
        f"({count} pixel{'' if count == 1 else 's'} have it), which knows {known}, "
        f"#000000 nothing and #ffffff ignored: paint with a hard pencil (no soft edges) and save as PNG"
    )
