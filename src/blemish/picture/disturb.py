"""What can go wrong between a part and its picture, at five graded strengths each, in units that an engineer can set.

Rotation, scaling, shearing, colouring and brightening are the paper's (Fig. 15); the others are a line's. Strength 1 is
what a well-kept line may show, 3 what somebody would notice, 5 what should stop it. Moving ones move the label too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from blemish.core.arrays import Picture
from blemish.core.labels import LabelMap
from blemish.core.seeds import rng
from blemish.picture import disturb_light as light
from blemish.picture import disturb_shape as shape

STRENGTHS = 5
_Move = Callable[[Picture, LabelMap, float, np.random.Generator], tuple[Picture, LabelMap]]
_Light = Callable[[Picture, float, np.random.Generator], Picture]


@dataclass(frozen=True)
class Disturbance:
    """One way to spoil a picture.

    Attributes:
        name: for flags and tables.
        unit: of the values, written after them.
        values: of strengths 1 to 5.
        says: what it is on the line.
    """

    name: str
    unit: str
    values: tuple[float, float, float, float, float]
    says: str
    move: _Move

    def apply(
        self, picture: Picture, label_map: LabelMap, strength: int, *, seed: int, key: str
    ) -> tuple[Picture, LabelMap]:
        """A disturbed copy; equal seeds, keys and strengths give equal bytes.

        Args:
            picture: uint8 H W or H W 3.
            strength: 1 to 5; 0 gives back what came in.
            key: of the tile, so that each is disturbed in its own way (left or right), the same at every strength.

        Example:
            >>> tile, label = np.full((8, 8), 100, np.uint8), LabelMap.clean(8, 8)
            >>> int(DISTURBANCES["vignetting"].apply(tile, label, 3, seed=0, key="a")[0][0, 0])
            65
        """
        if strength == 0:
            return picture, label_map
        return self.move(picture, label_map, self.values[strength - 1], rng(seed, self.name, key))

    def text(self, strength: int) -> str:
        """The value of a strength with its unit.

        Example:
            >>> DISTURBANCES["rotation"].text(3)
            '10°'
        """
        return "none" if strength == 0 else f"{self.values[strength - 1]:g}{self.unit}"


def _still(change: _Light) -> _Move:
    def move(
        picture: Picture, label_map: LabelMap, value: float, random: np.random.Generator
    ) -> tuple[Picture, LabelMap]:
        return change(picture, value, random), label_map

    return move


def _share(change: _Light) -> _Move:
    """The values are per cent, the function takes a share."""
    return _still(lambda picture, value, random: change(picture, value / 100, random))


DISTURBANCES: dict[str, Disturbance] = {
    each.name: each
    for each in (
        Disturbance("rotation", "°", (3, 6, 10, 20, 45), "the part lies turned, either way", shape.rotate),
        Disturbance("scaling", " ×", (1.1, 1.2, 1.35, 1.5, 2), "larger or smaller: camera distance", shape.scale),
        Disturbance("shearing", "°", (3, 6, 10, 15, 25), "the part moves askew", shape.shear),
        Disturbance("colouring", " γ", (1.1, 1.25, 1.5, 1.8, 2.4), "tone curve, on colour a tint", _still(light.tone)),
        Disturbance("brightening", " gray levels", (8, 16, 32, 50, 80), "lamp up or down", _still(light.brighten)),
        Disturbance("blur", " px", (0.5, 1, 1.5, 2.5, 4), "Gaussian, deviation", _still(light.blur)),
        Disturbance("motion", " px", (2, 4, 7, 12, 20), "smeared along the scan (y), length", _still(light.smear)),
        Disturbance("noise", " gray levels", (3, 6, 12, 20, 35), "of the sensor, deviation", _still(light.add_noise)),
        Disturbance("jpeg", " quality", (80, 60, 40, 20, 8), "stored as JPEG", _still(light.compress)),
        Disturbance("defocus", " px", (1, 1.5, 2.5, 4, 6), "lens out of focus, disc radius", _still(light.defocus)),
        Disturbance("vignetting", " %", (10, 20, 35, 50, 70), "light lost in the corners", _share(light.vignette)),
        Disturbance(
            "gain_columns",
            " %",
            (1, 2, 4, 8, 15),
            "sensor pixels drift: stripes along the scan",
            _share(light.drift_columns),
        ),
        Disturbance(
            "gain_rows", " %", (1, 2, 4, 8, 15), "light wavers from line to line: bands", _share(light.drift_rows)
        ),
    )
}
