"""A picture against the picture it should be: PSNR, SSIM, and what changed beside a mask."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from blemish.core.arrays import Bool, Float64, UInt8, with_channels
from blemish.core.errors import InputError

_WINDOW_PX, _SIGMA_PX = 11, 1.5
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


@dataclass(frozen=True)
class Change:
    """Gray levels by which a picture differs from what lay beneath its defects; NaN over no pixels.

    Attributes:
        inside: mean over the mask,
        ring: mean over the pixels beside it,
        beyond: mean over all other pixels, 0 is best,
        most_beyond: the largest there; 0 = nothing was touched.
    """

    inside: float
    ring: float
    beyond: float
    most_beyond: float


def psnr(picture: UInt8, reference: UInt8) -> float:
    """Peak signal-to-noise ratio in dB, higher is better; infinite for equal pictures.

    Example:
        >>> round(psnr(np.zeros((8, 8), np.uint8), np.full((8, 8), 255, np.uint8)), 3)
        0.0
    """
    one, other = _pair(picture, reference)
    error = float(((one - other) ** 2).mean())
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def ssim(picture: UInt8, reference: UInt8) -> float:
    """Structural similarity, at most 1 which is best (Wang et al., 2004): Gaussian window 11 x 11, sigma 1.5 px.

    The mean over all places where the window lies inside the picture, then over channels. NaN for a picture that is
    smaller than the window.
    """
    x, y = _pair(picture, reference)
    if min(x.shape[:2]) < _WINDOW_PX:
        return float("nan")
    mean_x, mean_y = _smooth(x), _smooth(y)
    var_x, var_y = _smooth(x * x) - mean_x**2, _smooth(y * y) - mean_y**2
    together = _smooth(x * y) - mean_x * mean_y
    top = (2 * mean_x * mean_y + _C1) * (2 * together + _C2)
    values = top / ((mean_x**2 + mean_y**2 + _C1) * (var_x + var_y + _C2))
    rim = _WINDOW_PX // 2
    return float(values[rim : values.shape[0] - rim, rim : values.shape[1] - rim].mean())


def change(picture: UInt8, beneath: UInt8, mask: Bool, ring_px: int, known: Bool | None = None) -> Change:
    """What changed on the mask, in the ring beside it, and beyond.

    Args:
        picture: uint8 H W or H W C, as it was written.
        beneath: the background it was made on.
        mask: bool H W, the defects.
        ring_px: width of the ring; beyond it are the pixels at a distance of `ring_px` + 1 or more (Euclidean).
        known: bool H W, the pixels that count; None = all.

    Example:
        >>> beneath = np.zeros((1, 4), np.uint8)
        >>> change(np.array([[9, 4, 0, 0]], np.uint8), beneath, np.array([[True, False, False, False]]), 1)
        Change(inside=9.0, ring=4.0, beyond=0.0, most_beyond=0.0)
    """
    one, other = _pair(picture, beneath)
    apart = np.abs(one - other).max(axis=2)
    counted = np.ones(mask.shape, bool) if known is None else known
    far = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) >= ring_px + 1
    far = far | ~mask.any()
    parts = [apart[region & counted] for region in (mask, ~mask & ~far, far)]
    inside, ring, beyond = (float(values.mean()) if values.size else float("nan") for values in parts)
    return Change(inside, ring, beyond, float(parts[2].max()) if parts[2].size else float("nan"))


def _pair(one: UInt8, other: UInt8) -> tuple[Float64, Float64]:
    if one.shape != other.shape:
        raise InputError(f"pictures that are compared must be of one size, got {one.shape} and {other.shape}")
    return with_channels(one).astype(np.float64), with_channels(other).astype(np.float64)


def _smooth(values: Float64) -> Float64:
    smooth = cv2.GaussianBlur(values, (_WINDOW_PX, _WINDOW_PX), _SIGMA_PX)
    return smooth.reshape(values.shape).astype(np.float64)
