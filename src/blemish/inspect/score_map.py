"""What each pixel of a scan shows most likely, and how likely: two planes, whatever the number of classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blemish.core.arrays import Float32, UInt8


@dataclass(frozen=True)
class ScoreMap:
    """For each pixel of a scan the likeliest defect class, however unlikely.

    Args:
        best: uint8 H W, 1..K.
        score: float32 H W in [0, 1], that class's probability.
    """

    best: UInt8
    score: Float32


def refuse_unknown(answer: Float32) -> None:
    """A network that answers with what is no number has found nothing and cleared nothing.

    Raises:
        ArithmeticError: NaN or infinity; the view is REVIEW then.
    """
    if not np.isfinite(answer).all():
        raise ArithmeticError("the network's answer is no number here and there, so nothing is known of the picture")


def likeliest(band: Float32, floors: Sequence[float] | None = None) -> tuple[UInt8, Float32]:
    """The place and value of the largest of planes 1..K; plane by plane, four times faster than argmax over an axis.

    Args:
        band: probabilities float32 K+1 H W.
        floors: of each class the least that will be called; one below its own stands behind any that reaches its own.
    """
    best = np.ones(band.shape[1:], np.uint8)
    score = band[1].copy()
    for index in range(2, len(band)):
        np.copyto(best, np.uint8(index), where=band[index] > score)
        np.maximum(score, band[index], out=score)
    if floors is not None and len(set(floors)) > 1:
        _prefer_called(band[1:], np.array(floors, np.float32), best, score)
    return best, score


def _prefer_called(planes: Float32, floors: Float32, best: UInt8, score: Float32) -> None:
    """Where the likeliest class stays below its floor, the likeliest of those that do not, if there is one."""
    hidden = score < floors[best - 1]
    hidden &= np.logical_or.reduce([plane >= floor for plane, floor in zip(planes, floors, strict=True)])
    there = np.nonzero(hidden)
    here = planes[:, there[0], there[1]]
    called = np.where(here >= floors[:, None], here, -1.0).argmax(axis=0)
    best[there], score[there] = called + 1, np.take_along_axis(here, called[None], axis=0)[0]
