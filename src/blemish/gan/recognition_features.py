"""What the rule `recognised` looks at: a network's features inside a defect less those round it.

EfficientNet-Lite0's first. The default generator learns texture from the same features (`composed.perception`), so that
it can please them without looking like a defect; features that it never saw may look a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import torch

from blemish.core.arrays import Bool, Float32, Picture, UInt8
from blemish.gan.gate_rules import dilated
from blemish.gan.recognition import NEAR_PX, Describe
from blemish.picture.normalise import to_channels
from blemish.train.lite0 import Lite0, load_lite0

MARGIN_PX, RING_PX = 48, 16  # Of the window round a mask; of the ring round it, up to.
MOST_PX = 384  # Longest side of a window; a larger one is made smaller.
LEAST_MASK_PX, LEAST_RING_PX = 4, 48
_STAGES = 3  # At 1/4, 1/8 and 1/16 of the window.
Maps = Callable[[UInt8], Sequence[Float32]]  # A picture H W or H W C -> features D h w, each at its own size.


def packaged_features() -> Describe:
    """`lite0_features` of the packaged weights.

    Raises:
        BundleError: EfficientNet-Lite0 is not installed.
    """
    return lite0_features(load_lite0())


def lite0_features(network: Lite0) -> Describe:
    """`described_by` its features, float32 176."""

    def maps(shown: UInt8) -> list[Float32]:
        levels = torch.from_numpy(to_channels(shown, 3).astype(np.float32)).permute(2, 0, 1)[None]
        with torch.inference_mode():
            return [stage[0].numpy() for stage in network.stages(levels, most=_STAGES)]

    return described_by(maps)


def described_by(maps: Maps) -> Describe:
    """Mean features inside a mask less those of the ring round it, float32 D; None where either is too small."""

    def describe(picture: Picture, mask: Bool, foreign: Bool) -> Float32 | None:
        if np.count_nonzero(mask) < LEAST_MASK_PX:
            return None
        shown, inside, ring = window(picture, mask, foreign)
        if np.count_nonzero(ring) < LEAST_RING_PX:
            return None
        return np.concatenate([_pooled(stage, inside) - _pooled(stage, ring) for stage in maps(shown)])

    return describe


def window(picture: Picture, mask: Bool, foreign: Bool) -> tuple[UInt8, Bool, Bool]:
    """What is looked at: the surroundings of a mask, the mask and the ring round it."""
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    rows = slice(max(0, y - MARGIN_PX), y + height + MARGIN_PX)
    columns = slice(max(0, x - MARGIN_PX), x + width + MARGIN_PX)
    shown, inside, other = np.ascontiguousarray(picture[rows, columns]), mask[rows, columns], foreign[rows, columns]
    ring = dilated(inside, RING_PX) & ~dilated(inside, NEAR_PX) & ~other
    longest = max(shown.shape[:2])
    if longest > MOST_PX:
        size = tuple(max(1, round(side * MOST_PX / longest)) for side in shown.shape[1::-1])
        shown = cv2.resize(shown, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
        inside, ring = (
            cv2.resize(p.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0 for p in (inside, ring)
        )
    return shown, inside, ring


def _pooled(features: Float32, where: Bool) -> Float32:
    """Mean over a mask of features D h w; a cell counts by the share of it that the mask covers."""
    share = cv2.resize(where.astype(np.float32), features.shape[:0:-1], interpolation=cv2.INTER_AREA)
    mean: Float32 = (features * share).sum((1, 2)) / max(float(share.sum()), 1e-6)
    return mean
