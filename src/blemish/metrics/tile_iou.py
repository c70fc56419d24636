"""IoU of one class on one tile, and what of it is asked of synthetic tiles: the lower quartile of real ones.

A synthetic tile should be found about as well as real tiles are found by a network that never saw them ("out of
fold"). What is measured on real tiles and what is asked of synthetic ones goes through `class_iou` here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from blemish.core.arrays import UInt8
from blemish.core.errors import InputError
from blemish.core.taxonomy import IGNORE
from blemish.metrics.part import Proportion, wilson

LEAST_IOU = 0.3  # A class whose pooled out-of-fold IoU is lower cannot be found: nothing is asked of its tiles.


def class_iou(truth: UInt8, predicted: UInt8, index: int) -> float:
    """Intersection over union of one class on one tile, 0 to 1, 1 is best; NaN where the truth does not show it.

    Args:
        truth: uint8 H W, 0 none, 1..K, 255 ignored: such pixels count nowhere.
        predicted: uint8 H W of class indices.

    Example:
        >>> class_iou(np.array([[1, 1, 0, 255]], np.uint8), np.array([[1, 0, 1, 1]], np.uint8), 1)
        0.3333333333333333
    """
    valid = truth != IGNORE
    true, found = (truth == index) & valid, (predicted == index) & valid
    if not true.any():
        return math.nan
    return float(np.count_nonzero(true & found) / np.count_nonzero(true | found))


@dataclass(frozen=True)
class ClassFound:
    """How well one class is found out of fold."""

    tiles: int  # Real tiles that show it.
    iou: float | None  # Pooled over all tiles; None = no tile shows it.
    lower_quartile: float | None  # Of its tiles' own IoU.
    found: bool  # Whether `iou` is LEAST_IOU or more.
    tiles_found: int | None = None  # Of its tiles, those with an IoU of LEAST_IOU or more; None = not counted then.

    @classmethod
    def of(cls, pooled: float, tile_ious: Sequence[float]) -> ClassFound:
        """From the pooled IoU (NaN = absent) and that of each tile that shows the class.

        Example:
            >>> ClassFound.of(0.5, [0.2, 0.4, 0.6, 0.8]).lower_quartile
            0.35
        """
        if not tile_ious:
            return cls(0, None, None, False, 0)
        quartile = float(np.quantile(np.asarray(tile_ious), 0.25))
        hits = sum(iou >= LEAST_IOU for iou in tile_ious)
        return cls(len(tile_ious), round(pooled, 6), round(quartile, 6), pooled >= LEAST_IOU, hits)


@dataclass(frozen=True)
class GateThresholds:
    """What a segmenter must reach on a synthetic tile, class by class; `out-of-fold.json` holds it."""

    classes: Mapping[str, ClassFound]  # By class name.
    data_hash: str = ""  # Of the data set that it was measured on.

    def limit(self, name: str) -> float | None:
        """The least IoU asked of a synthetic tile of a class; None = the class cannot be found, nothing is asked."""
        there = self.classes.get(name)
        return there.lower_quartile if there is not None and there.found else None

    def why_off(self, name: str) -> str:
        """Why nothing is asked of a class, for people; empty where something is."""
        there = self.classes.get(name)
        if there is None or there.iou is None:
            return "no real tile of it was judged out of fold"
        if not there.found:
            return f"out-of-fold IoU {there.iou:.3f} is under {LEAST_IOU}: nothing is asked of its tiles"
        return "" if there.lower_quartile else "a quarter of its real tiles is missed: its limit is an IoU of 0"

    def tiles_found(self, name: str) -> Proportion | None:
        """The share of a class's real tiles that were found out of fold; None = none was judged, or not counted."""
        there = self.classes.get(name)
        if there is None or not there.tiles or there.tiles_found is None:
            return None
        return wilson(there.tiles_found, there.tiles)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"data_hash": self.data_hash, "classes": {name: asdict(there) for name, there in self.classes.items()}}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], where: str = "thresholds") -> GateThresholds:
        """The inverse of `to_dict`; other keys are passed over.

        Raises:
            InputError: a class lacks a value, or has one of another kind.
        """
        try:
            classes = {
                str(name): ClassFound(
                    int(row["tiles"]),
                    _fraction(row["iou"]),
                    _fraction(row["lower_quartile"]),
                    bool(row["found"]),
                    _count(row.get("tiles_found"), int(row["tiles"])),
                )
                for name, row in values["classes"].items()
            }
            return cls(classes, str(values.get("data_hash", "")))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"{where} must hold tiles, iou, lower_quartile and found of each class ({error}): "
                f"make it with segment out-of-fold"
            ) from error


def _count(value: Any, most: int) -> int | None:
    if value is None:
        return None
    if not 0 <= int(value) <= most:
        raise ValueError(f"{value} of {most} tiles found")
    return int(value)


def _fraction(value: Any) -> float | None:
    if value is None:
        return None
    if not 0 <= float(value) <= 1:
        raise ValueError(f"an IoU of {value}")
    return float(value)
