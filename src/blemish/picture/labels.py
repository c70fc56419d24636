"""A label map as a person sees it."""

from __future__ import annotations

import cv2
import numpy as np

from blemish.core.arrays import UInt8
from blemish.core.labels import LabelMap
from blemish.core.taxonomy import IGNORE, Taxonomy, rgb
from blemish.picture.normalise import to_channels


def label_picture(label_map: LabelMap, taxonomy: Taxonomy) -> UInt8:
    """A label map in its taxonomy's colours, uint8 H W 3: backgrounds, defects on top, 255 as white.

    Example:
        >>> cell = Taxonomy.preset("pouch-cell")
        >>> label_picture(LabelMap.clean(1, 1), cell)[0, 0].tolist()
        [128, 128, 128]
    """
    colours = np.zeros((256, 3), np.uint8)
    colours[1 : len(taxonomy.defects) + 1] = [rgb(defect.colour) for defect in taxonomy.defects]
    colours[IGNORE] = 255
    backgrounds = np.array([rgb(background.colour) for background in taxonomy.backgrounds], np.uint8)
    clean = (label_map.defect == 0)[:, :, None]
    shown: UInt8 = np.where(clean, backgrounds[label_map.background], colours[label_map.defect])
    return shown


def outlined(picture: UInt8, label_map: LabelMap, taxonomy: Taxonomy) -> UInt8:
    """The picture with a line of one pixel round each defect, in its class's colour and outside of it: uint8 H W 3.

    Args:
        picture: uint8 H W or H W C.
    """
    shown = to_channels(picture, 3).copy()
    for index, defect in enumerate(taxonomy.defects, start=1):
        mask = (label_map.defect == index).astype(np.uint8)
        around = cv2.dilate(mask, np.ones((5, 5), np.uint8)) - cv2.dilate(mask, np.ones((3, 3), np.uint8))
        shown[around > 0] = rgb(defect.colour)
    return shown
