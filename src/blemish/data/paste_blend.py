"""Lay a patch on a surface so that it belongs there: brightness and contrast matched, edges blended."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from blemish.core.arrays import Bool, Float32, Picture, UInt8

Blend = Callable[[Picture, Picture, UInt8, UInt8, int], Picture]
_CONTRAST_LIMITS = (0.7, 1.4)  # A rough surface must not stretch a defect into something never seen.
_LEAST_KEPT = 0.5  # Of a defect's contrast; the limits above keep more.
_LEAST_RING_PX = 20  # Fewer pixels of sound surface say nothing about its level.
_SWEEPS = 30  # At each size of the membrane; the next size starts from the one before.


def matched(surface: Picture, patch: Picture, ring: Bool) -> Picture:
    """The patch with mean and deviation of the surface, both taken on the ring of sound surface, channel by channel."""
    if ring.sum() < _LEAST_RING_PX:
        return patch
    here, there = patch[ring].astype(np.float32), surface[ring].astype(np.float32)
    gain = np.clip((there.std(axis=0) + 0.5) / (here.std(axis=0) + 0.5), *_CONTRAST_LIMITS)
    matched = (patch - here.mean(axis=0)) * gain + there.mean(axis=0)
    clipped: Picture = np.clip(np.rint(matched), 0, 255).astype(np.uint8)
    return clipped


def is_lost(surface: Picture, pasted: Picture, patch: Picture, mask: UInt8, ring: Bool) -> bool:
    """Whether less than half of a defect's contrast with its surface is left: black and white end where levels do.

    Args:
        pasted: the surface with the defect; `patch` the defect on its own surface, before it was matched.

    Example:
        >>> patch, mask = np.full((8, 8), 200, np.uint8), np.zeros((8, 8), np.uint8)
        >>> patch[:2], mask[:2] = 100, 1
        >>> on = {level: np.full((8, 8), level, np.uint8) for level in (5, 120)}
        >>> after = {level: matched(surface, patch, mask == 0) for level, surface in on.items()}
        >>> [is_lost(on[level], after[level], patch, mask, mask == 0) for level in on]
        [True, False]
    """
    if ring.sum() < _LEAST_RING_PX:
        return False
    inside = mask > 0
    seen, was = (
        float(np.abs(shown[inside] - level[ring].mean(axis=0, dtype=np.float32)).mean())
        for shown, level in ((pasted, surface), (patch, patch))
    )
    return seen + 1 < _LEAST_KEPT * was  # Half a level each way is lost by rounding.


def feathered(surface: Picture, patch: Picture, mask: UInt8, foreign: UInt8, feather_px: int) -> Picture:
    """Blend by a soft edge: the patch on the mask, falling to the surface over `feather_px` outside it.

    Args:
        surface: uint8 h w or h w 3, the tile as it is; `patch` the same size, what is laid on it.
        mask: uint8 h w, 1 on the defect; `foreign` 1 where nothing of the patch may be seen.
    """
    weight = _soft_edge(mask, foreign, feather_px)
    if surface.ndim == 3:
        weight = weight[:, :, None]
    blended: Picture = np.rint(surface + weight * (patch.astype(np.float32) - surface)).astype(np.uint8)
    return blended


def poisson(surface: Picture, patch: Picture, mask: UInt8, foreign: UInt8, feather_px: int) -> Picture:
    """Blend by gradients (Perez, Gangnet, Blake, "Poisson image editing", 2003): arguments as `feathered`.

    Solved in its membrane form: the patch plus the smooth (harmonic) continuation of surface - patch from round the
    region into it. cv2.seamlessClone is not used: in OpenCV 5.0 it erases a patch whose mask is not a rectangle.
    """
    region = _soft_edge(mask, foreign, feather_px) > 0
    unknown = region | (foreign > 0)
    if unknown.all():
        return feathered(surface, patch, mask, foreign, feather_px)
    shape = (*mask.shape, -1)
    difference = (surface.astype(np.float32) - patch).reshape(shape)
    smooth = np.dstack([_membrane(difference[:, :, i], unknown) for i in range(difference.shape[2])])
    blended = np.clip(np.rint(patch.reshape(shape) + smooth), 0, 255).astype(np.uint8)
    result: Picture = np.where(region[:, :, None], blended, surface.reshape(shape)).reshape(surface.shape)
    return result


def _membrane(values: Float32, unknown: Bool) -> Float32:
    """The values, and where they are unknown the solution of Laplace's equation between them (coarse to fine)."""
    filled = np.where(unknown, values[~unknown].mean(), values)
    if min(values.shape) > 6:
        half = (values.shape[1] // 2, values.shape[0] // 2)
        known = cv2.resize((~unknown).astype(np.float32), half, interpolation=cv2.INTER_AREA)
        sums = cv2.resize(np.where(unknown, np.float32(0), values), half, interpolation=cv2.INTER_AREA)
        coarse = _membrane((sums / np.maximum(known, 1e-6)).astype(np.float32), known < 1e-3)
        filled = np.where(unknown, cv2.resize(coarse, values.shape[::-1], interpolation=cv2.INTER_LINEAR), values)
    cross = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32) / 4
    for _ in range(_SWEEPS):
        around = cv2.filter2D(filled.astype(np.float32), -1, cross, borderType=cv2.BORDER_REFLECT)
        filled = np.where(unknown, around, values)
    return filled.astype(np.float32)


def _soft_edge(mask: UInt8, foreign: UInt8, feather_px: int) -> Float32:
    distance = cv2.distanceTransform(1 - mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    weight = np.clip(1 - distance / (feather_px + 1), 0, 1).astype(np.float32)
    weight[(foreign > 0) & (mask == 0)] = 0
    return weight
