"""What a score is worth as a probability, of a pixel and of a region: raw, and by a map fitted on the other folds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from blemish.core.arrays import Bool, Float32, Float64, Int64
from blemish.metrics.calibration import Scaling, fit_scaling, fit_temperature, log_loss, reliability
from blemish.segment.candidates import Candidates
from blemish.segment.choice import Chosen

Fit = Callable[[Float64, Float64, Float64], Scaling]

# What is kept is what other folds bear out, by log loss: a map that a few groups taught can be worse than none.
_MAPS: dict[str, Fit] = {
    "raw": lambda *_: Scaling(),
    "temperature_alone": fit_temperature,
    "both": fit_scaling,
}


def pixels_as_probabilities(candidates: Candidates) -> dict[str, Any] | None:
    """Of the pixels that are taken for a defect, however doubtfully: is it of that class? None where there is none.

    Returns:
        Plain JSON values: reliability of the raw score, by a temperature alone and by temperature and offset (each
        cross-fitted); which of them is `kept`, and its `temperature` and `offset` fitted on all folds; the raw and the
        kept error of each class.
    """
    pixels = candidates.pixels
    if not len(pixels.score):
        return None
    fold = candidates.parts.fold[pixels.part]
    told, mapped = _told(pixels.score, pixels.right, pixels.weight, fold)
    classes = {}
    for kind, code in enumerate(candidates.codes, start=1):
        own = pixels.kind == kind
        if own.any():
            right, weight = pixels.right[own], pixels.weight[own]
            classes[code] = {
                "raw": reliability(pixels.score[own], right, weight).to_dict()["error"],
                "kept": reliability(mapped[own], right, weight).to_dict()["error"],
            }
    return {"sampled": len(pixels.score), "stand_for": round(float(pixels.weight.sum())), **told, "classes": classes}


def regions_as_probabilities(candidates: Candidates, chosen: Sequence[Chosen]) -> dict[str, Any] | None:
    """Of the regions that have the least area: does a labelled defect lie there? None where there is none."""
    regions, counted = candidates.regions, np.zeros(len(candidates.regions.kind), np.bool_)
    for kind, one in enumerate(chosen, start=1):
        own = (regions.kind == kind) & (regions.level == np.float32(one.pixel))
        counted |= own & (regions.area_px >= one.least_area_px)
    counted &= ~regions.excused
    if not counted.any():
        return None
    fold = candidates.parts.fold[regions.part[counted]]
    weights = np.ones(int(counted.sum()), np.float32)
    told, _ = _told(regions.score[counted], regions.real[counted], weights, fold)
    return {"judged": int(counted.sum()), **told}


def _told(scores: Float32, right: Bool, weights: Float32, fold: Int64) -> tuple[dict[str, Any], Float64]:
    s, y, w = (values.astype(np.float64) for values in (scores, right, weights))
    crossed = {name: _crossed(s, y, w, fold, fit) for name, fit in _MAPS.items()}
    losses = {name: log_loss(values, y, w) for name, values in crossed.items()}
    kept = min(losses, key=lambda name: losses[name])  # Of equals the simplest.
    fitted = _MAPS[kept](s, y, w)
    told = {"kept": kept, "temperature": round(fitted.temperature, 4), "offset": round(fitted.offset, 4)}
    told |= {
        name: {**reliability(values, y, w).to_dict(), "log_loss": round(losses[name], 6)}
        for name, values in crossed.items()
    }
    return told, crossed[kept]


def _crossed(scores: Float64, right: Float64, weights: Float64, fold: Int64, fit: Fit) -> Float64:
    """Each fold's scores through the map that the other folds give; as they are where there are no others."""
    mapped = scores.copy()
    for one in np.unique(fold):
        here = fold == one
        if not here.all():
            mapped[here] = fit(scores[~here], right[~here], weights[~here])(scores[here])
    return mapped
