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
    multiple: int | None = None,
) -> UInt8:
    """As `Generator.paint`, for a height and width that are no multiples of the network's stride.

    Args:
        label_maps: N label maps of one size, any.
        backgrounds: uint8 N H W C.
        multiple: of the sizes that it takes; None = its attribute `multiple`, 16 where it has none.

    Returns:
        uint8 N H W C.

    Raises:
        InputError: the generator gave pictures of another size or type.
    """
    whole = _whole(label_maps, multiple or _multiple_of(generator))
    beneath = None if backgrounds is None else np.stack([cut(picture, whole) for picture in backgrounds])
    pictures = generator.paint(_padded(label_maps, whole), seeds, beneath)
    return _cropped(pictures, generator, label_maps, whole)


def backgrounds_any_size(
    generator: Generator, label_maps: Sequence[LabelMap], seeds: Sequence[int], *, multiple: int | None = None
) -> UInt8 | None:
    """What lies beneath the pictures that `paint_any_size` gives without backgrounds, uint8 N H W C.

    Returns:
        None for a generator that cannot say (no method `backgrounds`): it paints the whole picture in one.
    """
    make = getattr(generator, "backgrounds", None)
    if make is None:
        return None
    whole = _whole(label_maps, multiple or _multiple_of(generator))
    return _cropped(make(_padded(label_maps, whole), seeds), generator, label_maps, whole)


def _multiple_of(generator: Generator) -> int:
    return int(getattr(generator, "multiple", MULTIPLE))


def _whole(label_maps: Sequence[LabelMap], multiple: int) -> Box:
    height, width = label_maps[0].size_hw
    return Box(0, 0, -(-width // multiple) * multiple, -(-height // multiple) * multiple)


def _padded(label_maps: Sequence[LabelMap], whole: Box) -> list[LabelMap]:
    return [LabelMap(cut(each.defect, whole), cut(each.background, whole)) for each in label_maps]


def _cropped(pictures: UInt8, generator: Generator, label_maps: Sequence[LabelMap], whole: Box) -> UInt8:
    height, width = label_maps[0].size_hw
    expected = (len(label_maps), whole.height, whole.width, generator.channels)
    if pictures.shape != expected or pictures.dtype != np.uint8:
        raise InputError(f"the generator must give uint8 {expected}, got {pictures.dtype} {pictures.shape}")
    return np.ascontiguousarray(pictures[:, :height, :width])
