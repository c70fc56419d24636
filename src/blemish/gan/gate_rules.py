"""What the quality gate measures, as pure functions over arrays: seen, nothing changed beyond, not a picture's copy.

A defect is looked at on a small picture of its own with the surface round it. The same figures are taken of real
training defects (`gan.gate_reference`), and what is asked of a synthetic one is what real ones of its class show.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from blemish.core.arrays import Bool, Float32, Picture, with_channels
from blemish.gan.shapes import ELONGATED, direction

RING_PX = (3, 10)  # The ring round a defect: from and to this distance. Nearer, the edge of a label is not sharp.
LEAST_RING_PX = 24  # Fewer pixels say nothing about the surface.
LEAST_CHANGE_LEVELS = 1.0  # Grey levels by which a defect must change its pixels on average,
LEAST_CHANGE_SHARE = 0.25  # and this share of the surface's own mean deviation,
LEAST_CHANGE_RATIO = 1.25  # and this many times as much as the ring round it.
PATCH_PX = 48  # Longest side at which the contents of two defects are compared; smaller ones are not enlarged.
LEAST_CONTENT_PX = 64  # Defects of fewer pixels look all the same: what they show is no proof of a copy.
_FLAT = 0.25  # Variance, in grey levels squared, of a content in which there is nothing to compare.
LEAST_OVERLAP = 0.5  # IoU of two laid over one another, below which they are not the same defect.


Patch = tuple[Float32, Float32]  # Gray levels and mask of one defect, P P each.


@dataclass(frozen=True)
class Patches:
    """The contents of N defects, each laid into one square: float32 N P*P of gray levels and of 0 and 1."""

    content: Float32
    mask: Float32

    @classmethod
    def of(cls, patches: Sequence[Patch]) -> Patches:
        empty = np.zeros((0, PATCH_PX * PATCH_PX), np.float32)
        content = np.stack([c.ravel() for c, _ in patches]) if patches else empty
        mask = np.stack([m.ravel() for _, m in patches]) if patches else empty
        middle = (content * mask).sum(axis=1) / np.maximum(mask.sum(axis=1), 1)  # Small values keep sums exact.
        return cls(((content - middle[:, None]) * mask).astype(np.float32), mask.astype(np.float32))

    def __len__(self) -> int:
        return len(self.mask)


def surface_ring(mask: Bool, foreign: Bool) -> Bool:
    """Sound surface round a defect, 3 to 10 px from it.

    Args:
        mask: bool H W, one defect.
        foreign: bool H W, where no surface is known: other defects, ignored pixels.
    """
    near, far = RING_PX
    return dilated(mask, far) & ~dilated(mask, near - 1) & ~dilated(foreign, near - 1)


def contrast(picture: Picture, mask: Bool, ring: Bool) -> float:
    """How many times farther from the surface's middle level a defect's pixels lie than the surface's own.

    Mean absolute deviation from the ring's median inside the mask, over that of the ring (+ 1 grey level, so that
    a flawless surface does not divide by nothing). About 1 where nothing is to be seen; no upper end.

    Returns:
        NaN where the ring is too small to tell.

    Example:
        >>> picture = np.tile(np.array([[100, 102]], np.uint8), (8, 8))
        >>> mask = np.zeros((8, 16), bool)
        >>> mask[:, :4] = True
        >>> seen = picture.copy()
        >>> seen[mask] += 20
        >>> contrast(picture, mask, ~mask), contrast(seen, mask, ~mask)
        (0.5, 10.0)
    """
    if np.count_nonzero(ring) < LEAST_RING_PX or not mask.any():
        return math.nan
    values = with_channels(picture).astype(np.float32)
    middle = np.median(values[ring], axis=0)
    inside, around = np.abs(values[mask] - middle).mean(), np.abs(values[ring] - middle).mean()
    return float(inside / (around + 1))


def own_change(finished: Picture, beneath: Picture, mask: Bool, ring: Bool) -> tuple[float, float]:
    """Mean absolute change in grey levels inside a defect, and the least from which on it is one on this surface.

    What the ring was shifted by is taken off first: a generator that repaints the whole tile changes the surface too,
    and a defect is only what it adds to that. The least is the highest of a grey level, a quarter of the surface's own
    mean deviation, and 1.25 times what the ring was changed by.
    """
    change = with_channels(finished).astype(np.float32) - with_channels(beneath)
    if np.count_nonzero(ring) < LEAST_RING_PX:
        return float(np.abs(change[mask]).mean()), LEAST_CHANGE_LEVELS
    change -= np.median(change[ring], axis=0)
    values = with_channels(beneath)[ring].astype(np.float32)
    rough = float(np.abs(values - np.median(values, axis=0)).mean())
    around = float(np.abs(change[ring]).mean())
    least = max(LEAST_CHANGE_LEVELS, LEAST_CHANGE_SHARE * rough, LEAST_CHANGE_RATIO * around)
    return float(np.abs(change[mask]).mean()), least


def largest_change_beyond(finished: Picture, beneath: Picture, mask: Bool, ring_px: int) -> int:
    """The largest change, in grey levels, farther than `ring_px` from a mask; 0 is what composition promises.

    Example:
        >>> mask = np.array([[True, False, False, False]])
        >>> beneath = np.zeros((1, 4), np.uint8)
        >>> finished = np.array([[90, 40, 0, 3]], np.uint8)
        >>> largest_change_beyond(finished, beneath, mask, 1), largest_change_beyond(finished, beneath, mask, 3)
        (3, 0)
    """
    beyond = ~dilated(mask, ring_px)
    if not beyond.any():
        return 0
    difference = with_channels(finished)[beyond].astype(np.int16) - with_channels(beneath)[beyond]
    return int(np.abs(difference).max())


def content_patch(picture: Picture, mask: Bool) -> Patch | None:
    """A defect laid upright into a square of 48 px: its gray levels and its mask, float32 P P each.

    A long defect is turned so that it lies along x; one longer than 48 px is made smaller. So two takes of one defect
    come to lie over one another whether moved, mirrored or turned.

    Returns:
        None for a defect of too few pixels.
    """
    if np.count_nonzero(mask) < LEAST_CONTENT_PX:
        return None
    gray = with_channels(picture).astype(np.float32).mean(axis=2)
    angle, elongation = direction(mask)
    turn = math.degrees(angle) if elongation >= ELONGATED else 0.0
    ys, xs = np.nonzero(mask)
    centre = (float(xs.mean()), float(ys.mean()))
    matrix = cv2.getRotationMatrix2D(centre, turn, 1.0)
    moved = np.stack([xs, ys, np.ones_like(xs)], axis=1) @ matrix.T
    low, high = moved.min(axis=0), moved.max(axis=0)
    scale = min(1.0, (PATCH_PX - 2) / (float((high - low).max()) + 1))
    matrix = scale * matrix
    matrix[:, 2] += (PATCH_PX - 1) / 2 - scale * (low + high) / 2
    if scale < 1:
        gray = cv2.GaussianBlur(gray, (0, 0), 0.4 / scale).astype(np.float32)
    laid = _laid(mask.astype(np.float32), matrix, cv2.BORDER_CONSTANT)
    return _laid(gray, matrix, cv2.BORDER_REPLICATE), (laid >= 0.5).astype(np.float32)


def picture_copy(patch: Patch, training: Patches) -> tuple[float, int]:
    """The training defect whose content is most like a defect's: its correlation, and its number; (0, -1) for none.

    Returns:
        -1 to 1; 1 = the same picture.
    """
    if not len(training):
        return 0.0, -1
    likeness = likenesses([patch], training)[0]
    best = int(likeness.argmax())
    return (float(likeness[best]), best) if likeness[best] > 0 else (0.0, -1)


def likenesses(patches: Sequence[Patch], training: Patches) -> Float32:
    """How like each training defect each patch is: float32 patches x training, -1 to 1.

    Normalised correlation of gray levels where both masks are, the best of the mirrors and quarter turns; brightness
    and gain do not matter. Defects whose masks overlap by less than half are not compared: 0.
    """
    turned = Patches.of([(_turn(content, n), _turn(mask, n)) for content, mask in patches for n in range(8)])
    best: Float32 = _correlations(turned, training).reshape(len(patches), 8, len(training)).max(axis=1)
    return best


def dilated(mask: Bool, px: int) -> Bool:
    """A mask and all that is at most `px` beside it, along x and along y."""
    if px < 1 or not mask.any():
        return mask
    near: Bool = cv2.dilate(mask.astype(np.uint8), np.ones((2 * px + 1, 2 * px + 1), np.uint8)) > 0
    return near


def _correlations(ours: Patches, training: Patches) -> Float32:
    """Of every one of ours with every training defect; 0 where they do not overlap enough. From sums alone."""
    shared = ours.mask @ training.mask.T
    sizes = ours.mask.sum(axis=1)[:, None] + training.mask.sum(axis=1)[None, :]
    count = np.maximum(shared, 1)
    one, other = ours.content @ training.mask.T / count, ours.mask @ training.content.T / count
    both = ours.content @ training.content.T / count - one * other
    one_var = (ours.content**2) @ training.mask.T / count - one**2
    other_var = ours.mask @ (training.content**2).T / count - other**2
    spread = np.sqrt(np.maximum(one_var, _FLAT) * np.maximum(other_var, _FLAT))
    enough = shared >= LEAST_OVERLAP * (sizes - shared)
    return np.where(enough, both / spread, 0).astype(np.float32)


def _laid(plane: Float32, matrix: np.ndarray, border: int) -> Float32:
    laid = cv2.warpAffine(plane, matrix, (PATCH_PX, PATCH_PX), None, cv2.INTER_LINEAR, border, (0, 0, 0, 0))
    return laid.astype(np.float32)


def _turn(plane: Float32, number: int) -> Float32:
    """One of the eight mirrors and quarter turns."""
    return np.rot90(plane if number < 4 else plane[:, ::-1], number % 4)
