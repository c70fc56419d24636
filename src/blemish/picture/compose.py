"""Composition: a painted defect laid on a surface by a soft edge, so that beyond it the surface is bit-exact.

`out = a * painted + (1 - a) * surface`, with a = 1 on the defect, falling to 0 over `ring_px` pixels outside it. The
same arrays serve training, synthesis and the check of what was written.
"""

from __future__ import annotations

import cv2
import numpy as np

from blemish.core.arrays import Bool, Float32, Picture, UInt8
from blemish.core.labels import LabelMap
from blemish.core.taxonomy import IGNORE

GRAIN_SIGMA_PX = 3.0  # Finer than this is grain, coarser is lighting.
TEXTURE_SIGMA_PX = 12.0  # Texture with its lines and stripes is finer than this.
_RELIGHT_GAIN = (0.3, 3.0)
_GRAIN_GAIN = (0.5, 2.0)
_GRAIN_LIMIT = 4.5  # Times the median of its absolute values: three deviations of Gaussian grain.


def defect_mask(label_map: LabelMap) -> Bool:
    """Pixels of any defect class; 255 is none."""
    mask: Bool = (label_map.defect > 0) & (label_map.defect != IGNORE)
    return mask


def soft_edge(mask: Bool, ring_px: int, closed: Bool | None = None) -> Float32:
    """How much of what is painted shows: float32 H W in [0, 1], 1 on the mask, 0 farther than `ring_px` from it.

    Args:
        closed: where nothing may be painted though it is near (ignored pixels); None = nowhere.

    Example:
        >>> row = np.array([[False, False, False, True]])
        >>> soft_edge(row, ring_px=1).tolist()
        [[0.0, 0.0, 0.5, 1.0]]
    """
    if not mask.any():
        return np.zeros(mask.shape, np.float32)
    distance = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    edge = np.clip(1 - distance / (ring_px + 1), 0, 1).astype(np.float32)
    if closed is not None:
        edge[closed & ~mask] = 0
    return edge


def composed(surface: Picture, painted: Float32, edge: Float32) -> Picture:
    """Lay what was painted on a surface; where the edge is 0 the surface's bytes stay as they are.

    Args:
        surface: uint8 H W C.
        painted: float32 H W C in gray levels, about 0 to 255, clipped here.
        edge: float32 H W in [0, 1].

    Returns:
        uint8 H W C.
    """
    weight = edge[:, :, None]
    blended = surface + weight * (np.clip(painted, 0, 255) - surface)
    result: Picture = np.where(weight > 0, np.rint(blended), surface).astype(np.uint8)
    return result


def reach(edge: Float32) -> Bool:
    """Where a composition may differ from its surface."""
    inside: Bool = edge > 0
    return inside


def nearest_class(defect: UInt8, edge: Float32) -> UInt8:
    """For each pixel that the edge reaches, the defect class of the nearest defect pixel; 0 elsewhere.

    Args:
        defect: uint8 H W, 0 none, 1..K, 255 ignore.
    """
    mask = (defect > 0) & (defect != IGNORE)
    if not mask.any():
        return np.zeros_like(defect)
    classes = np.unique(defect[mask])
    if len(classes) == 1:
        return np.where(edge > 0, classes[0], 0).astype(np.uint8)
    _, nearest = cv2.distanceTransformWithLabels(
        (~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    class_of = np.zeros(int(nearest.max()) + 1, np.uint8)
    class_of[nearest[mask]] = defect[mask]
    return np.where(edge > 0, class_of[nearest], 0).astype(np.uint8)


def without_defect(picture: Picture, hole: Bool, grain_of: Picture) -> Picture:
    """The picture with a hole closed: its own lighting, continued smoothly into it, and its own grain from beside it.

    This is the surface that a generator learns to paint a real defect on; in synthesis a real clean picture takes its
    place.

    Args:
        picture: uint8 H W C.
        hole: bool H W: the defect and what its edge reaches.
        grain_of: uint8 H W C, a picture or area without a defect, for the grain where the own one does not reach.

    Returns:
        uint8 H W C, the picture's own bytes outside the hole.
    """
    if not hole.any():
        return picture
    smooth = _continued(picture.astype(np.float32), hole)
    smooth = np.where(hole[:, :, None], _blurred(smooth), smooth)
    grain = grain_of - _blurred(grain_of.astype(np.float32))
    filled = smooth + _own_grain(picture, hole, (grain * _grain_gain(picture, hole, grain)).astype(np.float32))
    result: Picture = np.where(hole[:, :, None], np.clip(np.rint(filled), 0, 255), picture).astype(np.uint8)
    return result


def with_texture_of(picture: Picture, other: Picture) -> Picture:
    """Another picture under this one's lighting: what is finer than some 12 px is the other's, brightness is its own.

    Beneath a defect that was closed the surface is plain; what a generator paints on in synthesis is not.

    Args:
        picture, other: uint8 H W C of one size.
    """
    wanted, there = (_blurred(p.astype(np.float32), TEXTURE_SIGMA_PX) + 1 for p in (picture, other))
    made = wanted + (other + 1 - there) * np.clip(wanted / there, *_RELIGHT_GAIN) - 1
    result: Picture = np.clip(np.rint(made), 0, 255).astype(np.uint8)
    return result


def _blurred(picture: Float32, sigma_px: float = GRAIN_SIGMA_PX) -> Float32:
    soft = cv2.GaussianBlur(picture, (0, 0), sigma_px)
    return soft.reshape(picture.shape).astype(np.float32)


def _own_grain(picture: Picture, hole: Bool, other: Float32) -> Float32:
    """The picture's grain moved into the hole from beside it; `other` where the hole covers that place too."""
    own = picture - _blurred(picture.astype(np.float32))
    # The blur spreads the defect: grain is taken from a little away from it.
    unclean = cv2.dilate(hole.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    if (~unclean).any():  # An edge or a line of the surface is no grain: it must not be seen twice.
        limit = _GRAIN_LIMIT * float(np.median(np.abs(own[~unclean])))
        own = np.clip(own, -limit, limit)
    height, width = hole.shape
    shifts = [(y, x) for y in (-height // 3, 0, height // 3) for x in (-width // 3, 0, width // 3) if (y, x) != (0, 0)]
    best = min(shifts, key=lambda shift: int((np.roll(unclean, shift, (0, 1)) & hole).sum()))
    moved, taken = np.roll(own, best, (0, 1)), np.roll(unclean, best, (0, 1))
    return np.where(taken[:, :, None], other, moved).astype(np.float32)


def _grain_gain(picture: Picture, hole: Bool, grain: Float32) -> float:
    """How much stronger the picture's grain is than the other's, within limits; 1 where too little of it is seen."""
    if (~hole).sum() < 64:
        return 1.0
    own = (picture - _blurred(picture.astype(np.float32)))[~hole].std()
    return float(np.clip((own + 0.25) / (grain.std() + 0.25), *_GRAIN_GAIN))


def _continued(picture: Float32, hole: Bool) -> Float32:
    """The hole filled from round it, coarse to fine: each size is the mean of the known pixels of the finer one."""
    if hole.all():
        return np.broadcast_to(picture.mean(axis=(0, 1)), picture.shape).astype(np.float32)
    known = (~hole).astype(np.float32)[:, :, None]
    filled = np.where(hole[:, :, None], np.float32(0), picture)
    if min(picture.shape[:2]) > 2:
        half = (max(1, picture.shape[1] // 2), max(1, picture.shape[0] // 2))
        share = cv2.resize(known, half, interpolation=cv2.INTER_AREA).reshape(half[1], half[0], 1)
        sums = cv2.resize(filled, half, interpolation=cv2.INTER_AREA).reshape(half[1], half[0], -1)
        coarse = _continued((sums / np.maximum(share, 1e-6)).astype(np.float32), share[:, :, 0] < 1e-3)
        size = picture.shape[1], picture.shape[0]
        wide = cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR).reshape(picture.shape)
    else:
        wide = np.broadcast_to(picture[~hole].mean(axis=0), picture.shape).astype(np.float32)
    return np.where(hole[:, :, None], wide, picture).astype(np.float32)
