"""Paint label maps of any size: padded by reflection to what the network takes, the picture cropped back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from blemish.core.arrays import UInt8
from blemish.core.errors import InputError
from blemish.core.labels import LabelMap
from blemish.core.protocols import Generator
from blemish.core.records import Box
from blemish.picture.tiling import cut

MULTIPLE = 16  # The paper's fusion halves four times.


def paint_any_size(
    generator: Generator,
    label_maps: Sequence[LabelMap],
    seeds: Sequence[int],
    backgrounds: UInt8 | None = None,
    *,
    multiple: int = MULTIPLE,
) -> UInt8:
    """As `Generator.paint`, for a height and width that are no multiples of the network's stride.

    Args:
        label_maps: N label maps of one size, any.
        backgrounds: uint8 N H W C.

    Returns:
        uint8 N H W C.

    Raises:
        InputError: the generator gave pictures of another size or type.
    """
    height, width = label_maps[0].size_hw
    whole = Box(0, 0, -(-width // multiple) * multiple, -(-height // multiple) * multiple)
    padded = [LabelMap(cut(each.defect, whole), cut(each.background, whole)) for each in label_maps]
    beneath = None if backgrounds is None else np.stack([cut(picture, whole) for picture in backgrounds])
    pictures = generator.paint(padded, seeds, beneath)
    expected = (len(label_maps), whole.height, whole.width, generator.channels)
    if pictures.shape != expected or pictures.dtype != np.uint8:
        raise InputError(f"the generator must give uint8 {expected}, got {pictures.dtype} {pictures.shape}")
    return np.ascontiguousarray(pictures[:, :height, :width])
