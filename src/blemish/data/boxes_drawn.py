"""Boxes that were drawn in the place of outlines: regions that fill a rectangle, lying straight or turned.

Formats of outlines also carry boxes (YOLO's oriented ones, four corners in COCO, rectangles of Labelme), and nothing in
the file tells them apart. An inspector that learns from them learns the box, and its sizes are the box's.
"""

from __future__ import annotations

import cv2
import numpy as np

from blemish.core.arrays import UInt8
from blemish.core.taxonomy import IGNORE

_LEAST_SIDE_PX = 16  # Below, many regions nearly fill a rectangle.
_FILLED_FRAC = 0.97  # An ellipse fills 0.79.
_STEPS_PX = 1.0  # The border of a turned box has steps: about half a pixel is missing on each side.


def boxes_in(defect: UInt8) -> tuple[int, int]:
    """How many regions are large enough to tell, and how many of them fill a rectangle.

    Args:
        defect: uint8 H W, class indices; 0 and 255 are no region.

    Example:
        >>> defect = np.zeros((40, 80), np.uint8)
        >>> defect[5:25, 5:30] = 1
        >>> _ = cv2.circle(defect, (60, 20), 12, 2, -1)
        >>> boxes_in(defect)
        (2, 1)
    """
    large = boxes = 0
    for index in np.flatnonzero(np.bincount(defect.ravel(), minlength=256)[1:IGNORE]) + 1:
        outlines, _ = cv2.findContours((defect == index).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        for outline in outlines:
            width, height = cv2.minAreaRect(outline)[1]  # Between middles of pixels, as the area is.
            if min(width, height) >= _LEAST_SIDE_PX - 1:
                large += 1
                boxes += cv2.contourArea(outline) >= _FILLED_FRAC * (width - _STEPS_PX) * (height - _STEPS_PX)
    return large, int(boxes)
