"""Sample grids: a row a real defect: label, surface, three drawn appearances, reconstruction, and the defect itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from blemish.core.arrays import UInt8
from blemish.core.labels import LabelMap
from blemish.core.records import TileRecord
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Dataset
from blemish.gan.composed.draw import CompositionDraw
from blemish.gan.composed.networks import ComposedGenerator
from blemish.gan.composed.settings import ComposedSettings
from blemish.gan.planes import from_network
from blemish.picture.labels import label_picture
from blemish.picture.normalise import to_channels
from blemish.picture.write import write_png
from blemish.train.loader import stack

if TYPE_CHECKING:
    from blemish.gan.composed.trainer import Scenes

MOST_ROWS = 10
DRAWS = 3
_GAP_PX = 4


def watched_scenes(dataset: Dataset, records: Sequence[TileRecord], settings: ComposedSettings) -> dict[str, Tensor]:
    """A fixed batch of scenes, classes in turn."""
    rows = min(MOST_ROWS, max(2, 2 * len(dataset.taxonomy.defects)))
    classes = range(1, len(dataset.taxonomy.defects) + 1)
    shown = [index for index in classes if any(index in record.classes for record in records)]
    scenes: dict[int, Any] = {}
    for place, index in enumerate(shown[:rows]):  # One draw at a time: each holds surfaces of its own.
        draw = CompositionDraw(
            dataset,
            [record for record in records if index in record.classes or record.is_clean],
            size_px=settings.size_px,
            ring_px=settings.ring_px,
            steps=1,
            whole_frac=0.0,
            seed=index,
            only=index,
        )
        scenes |= {row: draw(0, row) for row in range(place, rows, len(shown))}
    return stack([scenes[row] for row in range(rows)])


def write_grid(
    path: Path, generator: ComposedGenerator, batch: dict[str, Tensor], settings: ComposedSettings, taxonomy: Taxonomy
) -> None:
    """Columns: label, surface, three draws, reconstruction, real.

    Args:
        generator: in evaluation mode, on any device.
    """
    columns: list[list[UInt8]] = [
        _labels(batch, taxonomy),
        list(batch["surface"].numpy()),
        *(list(made) for made in painted(generator, batch, settings, taxonomy)),
        list(batch["picture"].numpy()),
    ]
    rows = [_row([column[i] for column in columns]) for i in range(len(columns[0]))]
    write_png(path, np.concatenate(rows))


@torch.inference_mode()
def painted(
    generator: ComposedGenerator, batch: dict[str, Tensor], settings: ComposedSettings, taxonomy: Taxonomy
) -> list[UInt8]:
    """Three draws and the reconstruction of a batch, uint8 N H W C each; the same numbers whenever it is called."""
    from blemish.gan.composed.codes import draw_codes
    from blemish.gan.composed.trainer import compose, scenes_of

    device = generator.codes.device
    scenes: Scenes = scenes_of({name: tensor.to(device) for name, tensor in batch.items()}, taxonomy)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        drawn = [draw_codes(generator, scenes.classes_there) for _ in range(DRAWS)]
        read, _ = generator.appearance(scenes.picture, scenes.surface, scenes.region)
        return [
            from_network(compose(generator, scenes, codes * float(settings.parts.codes), settings))
            for codes in (*drawn, read)
        ]


def _labels(batch: dict[str, Tensor], taxonomy: Taxonomy) -> list[UInt8]:
    maps = zip(batch["defect"].numpy(), batch["background"].numpy(), strict=True)
    return [label_picture(LabelMap(defect, background), taxonomy) for defect, background in maps]


def _row(pictures: Sequence[UInt8]) -> UInt8:
    framed = [np.pad(to_channels(p, 3), ((0, _GAP_PX), (0, _GAP_PX), (0, 0)), constant_values=255) for p in pictures]
    row: UInt8 = np.concatenate(framed, axis=1)
    return row
