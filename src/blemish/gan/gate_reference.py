"""What real training defects show, class by class: the limits that the quality gate's rules go by."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from blemish.core.arrays import Bool, Float64
from blemish.data.cutouts import CutOut, DefectBank
from blemish.data.dataset import Dataset
from blemish.gan.bank import source_tiles
from blemish.gan.gate_rules import Patch, Patches, content_patch, contrast, likenesses, surface_ring

DEFECTS_PER_CLASS = 300  # At most so many training defects of a class are looked at.
FAINTEST = 0.05  # A synthetic defect may be as faint as this share of the real ones.
ALIKE = (
    0.75  # Or as faint as this share of their median, where they are all alike: the faintest is then as they all are.
)
LEAST_DEFECTS = 5  # Fewer set no limit of contrast.
LEAST_COPY = 0.9  # A correlation below this is never called a copy,
MOST_ALIKE = 0.99  # nor one below this share of what real defects of different groups have with one another.


@dataclass(frozen=True)
class RealClass:
    """One class's training defects, measured."""

    defects: int
    contrasts: Float64  # Of those with enough surface round them.
    contrast_limit: float | None  # None = too few to tell.
    patches: Patches  # Contents, to find copies by.
    sources: tuple[str, ...]  # Tile of each content.
    copy_limit: float  # Correlation from which on a content is a copy.

    def to_dict(self) -> dict[str, Any]:
        return {
            "defects": self.defects,
            "contrast_limit": None if self.contrast_limit is None else round(self.contrast_limit, 4),
            "contents": len(self.patches),
            "copy_limit": round(self.copy_limit, 4),
        }


RealDefects = Mapping[int, RealClass]  # By class index, 1..K.


def measure_real(dataset: Dataset, defects: Sequence[int]) -> RealDefects:
    """Measure the training defects of some classes, at most 300 each.

    Args:
        defects: class indices, 1..K.
    """
    sources = [record for record in source_tiles(dataset.records) if set(record.classes) & set(defects)]
    bank = DefectBank.from_dataset(dataset, sources, per_class=DEFECTS_PER_CLASS)
    groups = {record.id: record.group for record in sources}
    return {index: measured(bank.cut_outs.get(index, ()), groups) for index in defects}


def measured(cut_outs: Sequence[CutOut], groups: Mapping[str, str]) -> RealClass:
    """The figures of one class's cut-outs.

    Args:
        groups: group of each tile id.
    """
    found = [contrast(each.picture, each.mask > 0, ring_of(each)) for each in cut_outs]
    contrasts = np.array([value for value in found if not math.isnan(value)], np.float64)
    laid = [(content_patch(each.picture, each.mask > 0), each.tile) for each in cut_outs]
    contents = [(patch, tile) for patch, tile in laid if patch is not None]
    sources = tuple(tile for _, tile in contents)
    patches = [patch for patch, _ in contents]
    nearest = nearest_of_other_groups(patches, [groups[tile] for tile in sources])
    return RealClass(
        defects=len(cut_outs),
        contrasts=contrasts,
        contrast_limit=_faintest(contrasts),
        patches=Patches.of(patches),
        sources=sources,
        copy_limit=max(LEAST_COPY, float(np.quantile(nearest, MOST_ALIKE)) if len(nearest) else 0.0),
    )


def _faintest(contrasts: Float64) -> float | None:
    if len(contrasts) < LEAST_DEFECTS:
        return None
    return float(min(np.quantile(contrasts, FAINTEST), ALIKE * np.median(contrasts)))


def ring_of(cut_out: CutOut) -> Bool:
    """The sound surface round a cut-out defect."""
    return surface_ring(cut_out.mask > 0, cut_out.foreign > 0)


def nearest_of_other_groups(patches: Sequence[Patch], groups: Sequence[str]) -> Float64:
    """How like its nearest of another group each real defect is, -1 to 1; 0 where there is no other."""
    if not patches:
        return np.zeros(0)
    likeness = likenesses(patches, Patches.of(patches))
    names = np.array(groups)
    likeness[names[:, None] == names[None, :]] = 0
    nearest: Float64 = likeness.max(axis=1).astype(np.float64)
    return nearest
