"""Pictures of what a segmenter said: picture, truth and prediction side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from blemish.core.arrays import UInt8
from blemish.core.taxonomy import IGNORE, Taxonomy, rgb
from blemish.data.dataset import Sample
from blemish.picture.normalise import to_channels

_GAP_PX = 4
_IGNORED_RGB = (90, 90, 90)


def paint(picture: UInt8, plane: UInt8, taxonomy: Taxonomy, *, opacity: float = 0.5) -> UInt8:
    """uint8 H W 3: the picture in gray or colour, with every defect pixel tinted; ignored pixels are darkened.

    Example:
        >>> paint(np.zeros((1, 1), np.uint8), np.ones((1, 1), np.uint8), Taxonomy.of_names("x", ["a"])).tolist()
        [[[115, 13, 38]]]
    """
    painted = to_channels(picture, 3).astype(np.float32)
    tints = [(index, rgb(defect.colour)) for index, defect in enumerate(taxonomy.defects, start=1)]
    for index, colour in [*tints, (IGNORE, _IGNORED_RGB)]:
        held = plane == index
        painted[held] = painted[held] * (1 - opacity) + np.array(colour, np.float32) * opacity
    rounded: UInt8 = np.floor(painted + 0.5).astype(np.uint8)
    return rounded


def panel(sample: Sample, predicted: UInt8, taxonomy: Taxonomy) -> UInt8:
    """uint8 H 3W+gaps 3: picture, truth, prediction."""
    truth = paint(sample.picture, sample.label_map.defect, taxonomy)
    return beside([to_channels(sample.picture, 3), truth, paint(sample.picture, predicted, taxonomy)])


def beside(pictures: Sequence[UInt8]) -> UInt8:
    """Pictures of one height in a row, a white gap between them."""
    gap = np.full((pictures[0].shape[0], _GAP_PX, 3), 255, np.uint8)
    row = [part for picture in pictures for part in (gap, picture)][1:]
    return np.concatenate(row, axis=1)


def below(rows: Sequence[UInt8]) -> UInt8:
    """Pictures one under the other, a white gap between them; narrower ones end in white."""
    width = max(row.shape[1] for row in rows)
    parts: list[UInt8] = []
    for row in rows:
        parts.append(np.full((_GAP_PX, width, 3), 255, np.uint8))
        parts.append(np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=255))
    return np.concatenate(parts[1:], axis=0)
