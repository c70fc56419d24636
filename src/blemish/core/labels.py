"""Label maps, and their form as a latent matrix (paper, section III.A and Fig. 4).

A label map holds two uint8 planes: `defect` (0 none, 1..K, 255 ignore) and `background` (0..M-1). The latent matrix is
the same as (M + K) planes: M one-hot background planes, then K defect planes. A body pixel with a class C defect is
[1,0, 0,0,1,0,0,0].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blemish.core.arrays import Bool, Float32, UInt8
from blemish.core.errors import LabelError
from blemish.core.taxonomy import IGNORE, Taxonomy


@dataclass(frozen=True)
class LabelMap:
    """What each pixel of one picture shows.

    Args:
        defect: uint8 H W, 0 none, 1..K the class, 255 ignore.
        background: uint8 H W, 0..M-1.
    """

    defect: UInt8
    background: UInt8

    def __post_init__(self) -> None:
        if self.defect.ndim != 2 or self.defect.shape != self.background.shape:
            raise LabelError(
                f"both planes of a label map must be H W and of one size, "
                f"got defect {self.defect.shape} and background {self.background.shape}"
            )

    @property
    def size_hw(self) -> tuple[int, int]:
        return self.defect.shape[0], self.defect.shape[1]

    def check(self, taxonomy: Taxonomy, where: str = "label map") -> LabelMap:
        """Return self, or refuse a value that the taxonomy does not know, naming the first pixel that has it.

        Raises:
            LabelError: an unknown defect or background index.
        """
        _refuse_unknown(self.defect, [*range(len(taxonomy.defects) + 1), IGNORE], "defect", where)
        _refuse_unknown(self.background, list(range(len(taxonomy.backgrounds))), "background", where)
        return self

    @classmethod
    def clean(cls, height: int, width: int) -> LabelMap:
        """No defect anywhere, all of background 0."""
        return cls(np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8))


@dataclass(frozen=True)
class Combined:
    """A label map made from separate masks, and how many pixels the priority had to settle."""

    label_map: LabelMap
    settled_px: int


def to_latent(label_map: LabelMap, taxonomy: Taxonomy, where: str = "label map") -> Float32:
    """The latent matrix of a label map: float32 (M+K) H W of zeros and ones. 255 enters as no defect.

    Raises:
        LabelError: a value that the taxonomy does not know.

    Example:
        >>> cell = Taxonomy.preset("pouch-cell")
        >>> pixel = LabelMap(np.full((1, 1), 3, np.uint8), np.zeros((1, 1), np.uint8))
        >>> to_latent(pixel, cell)[:, 0, 0].astype(int).tolist()
        [1, 0, 0, 0, 1, 0, 0, 0]
    """
    label_map.check(taxonomy, where)
    m, k = len(taxonomy.backgrounds), len(taxonomy.defects)
    latent = np.empty((m + k, *label_map.size_hw), np.float32)
    for i in range(m):
        latent[i] = label_map.background == i
    for i in range(k):
        latent[m + i] = label_map.defect == i + 1
    return latent


def from_latent(latent: Float32, taxonomy: Taxonomy, where: str = "latent matrix") -> LabelMap:
    """The label map of a latent matrix: the inverse of `to_latent` (255 cannot come back: it has no latent form).

    Raises:
        LabelError: another number of planes, a value other than 0 and 1, no background or two on a pixel, or two
            defects on a pixel without priorities that settle it.
    """
    m, k = len(taxonomy.backgrounds), len(taxonomy.defects)
    if latent.ndim != 3 or latent.shape[0] != m + k:
        raise LabelError(f"{where}: expected {m + k} planes (M {m} + K {k}) of H W, got shape {latent.shape}")
    if not np.isin(latent, (0, 1)).all():
        raise LabelError(f"{where}: a latent matrix holds only 0 and 1, found {latent[~np.isin(latent, (0, 1))][0]}")
    masks = latent.astype(bool)
    return combine(list(masks[:m]), list(masks[m:]), taxonomy, where).label_map


def combine(backgrounds: Sequence[Bool], defects: Sequence[Bool], taxonomy: Taxonomy, where: str = "masks") -> Combined:
    """One label map from a mask for each background and each defect class, in the taxonomy's order.

    Two defects on one pixel: the higher priority wins and the pixel is counted.

    Raises:
        LabelError: no background or two on a pixel; two defects whose priorities do not settle it.
    """
    held = np.sum(np.stack(backgrounds), axis=0)
    if (held != 1).any():
        y, x = np.argwhere(held != 1)[0]
        found = [taxonomy.backgrounds[i].name for i, mask in enumerate(backgrounds) if mask[y, x]] or ["none"]
        raise LabelError(f"{where}: a pixel has exactly one background, got {' and '.join(found)} at x={x}, y={y}")
    background = np.zeros(held.shape, np.uint8)
    for i, mask in enumerate(backgrounds):
        background[mask] = i
    defect = np.zeros(held.shape, np.uint8)
    settled = np.zeros(held.shape, bool)
    for index in _by_priority(taxonomy):
        mask = defects[index - 1]
        clash = mask & (defect > 0)
        if clash.any():
            _refuse_unsettled(clash, defect, index, taxonomy, where)
            settled |= clash
        defect[mask] = index
    return Combined(LabelMap(defect, background), int(settled.sum()))


def has_defect(label_map: LabelMap) -> bool:
    """Whether any pixel shows a defect (255 is none)."""
    return bool(((label_map.defect > 0) & (label_map.defect != IGNORE)).any())


def _by_priority(taxonomy: Taxonomy) -> list[int]:
    def rank(index: int) -> int:
        priority = taxonomy.defect(index).priority
        return -(10**9) if priority is None else priority

    return sorted(range(1, len(taxonomy.defects) + 1), key=rank)


def _refuse_unsettled(clash: Bool, defect: UInt8, index: int, taxonomy: Taxonomy, where: str) -> None:
    new = taxonomy.defect(index)
    for below in np.unique(defect[clash]):
        old = taxonomy.defect(int(below))
        if old.priority is None or new.priority is None or old.priority == new.priority:
            y, x = np.argwhere(clash & (defect == below))[0]
            raise LabelError(
                f"{where}: {old.name} and {new.name} lie on one pixel at x={x}, y={y}: "
                f"give the classes different priorities (data import --priority, or a taxonomy) or correct the label"
            )


def _refuse_unknown(plane: UInt8, known: list[int], what: str, where: str) -> None:
    counts = np.bincount(plane.ravel(), minlength=256)
    unknown = [value for value in np.flatnonzero(counts) if value not in known]
    if unknown:
        y, x = np.argwhere(plane == unknown[0])[0]
        highest = max(v for v in known if v != IGNORE)
        raise LabelError(
            f"{where}: {what} value {unknown[0]} at x={x}, y={y} is not in the taxonomy, which knows 0 to {highest}"
            + (" and 255 (ignore)" if IGNORE in known else "")
            + ": correct the label or give its taxonomy"
        )
