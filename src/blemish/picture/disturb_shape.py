"""Disturbances that move what a picture shows, and its labels with it: turned, scaled, sheared parts."""

from __future__ import annotations

import math

import cv2
import numpy as np

from blemish.core.arrays import Float64, Picture, UInt8
from blemish.core.labels import LabelMap
from blemish.core.taxonomy import IGNORE

Moved = tuple[Picture, LabelMap]


def rotate(picture: Picture, label_map: LabelMap, degrees: float, random: np.random.Generator) -> Moved:
    """Turned about the middle, one way or the other."""
    angle = math.radians(degrees) * _sign(random)
    return _warped(
        picture, label_map, np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    )


def scale(picture: Picture, label_map: LabelMap, factor: float, random: np.random.Generator) -> Moved:
    """Larger or smaller by a factor: the camera nearer or farther."""
    return _warped(picture, label_map, np.eye(2) * factor ** _sign(random))


def shear(picture: Picture, label_map: LabelMap, degrees: float, random: np.random.Generator) -> Moved:
    """Slanted along x: a part that lies askew to the scan's motion."""
    return _warped(picture, label_map, np.array([[1.0, math.tan(math.radians(degrees)) * _sign(random)], [0.0, 1.0]]))


def _warped(picture: Picture, label_map: LabelMap, linear: Float64) -> Moved:
    """About the middle; beyond the picture its mirror image, whose label is 255: it enters no figure."""
    height, width = label_map.size_hw
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    matrix = np.column_stack([linear, middle - linear @ middle])

    def moved(plane: UInt8, interpolation: int, border: int, value: int = 0) -> UInt8:
        warped = cv2.warpAffine(
            plane, matrix, (width, height), flags=interpolation, borderMode=border, borderValue=[value] * 4
        )
        return np.asarray(warped, np.uint8)

    defect = moved(label_map.defect, cv2.INTER_NEAREST, cv2.BORDER_CONSTANT, IGNORE)
    background = moved(label_map.background, cv2.INTER_NEAREST, cv2.BORDER_REFLECT_101)
    return moved(picture, cv2.INTER_LINEAR, cv2.BORDER_REFLECT_101), LabelMap(defect, background)


def _sign(random: np.random.Generator) -> float:
    return 1.0 if random.random() < 0.5 else -1.0
