"""Sample grids: a row a tile, its label, what each branch paints, what the fusion makes of it, and the real picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from blemish.core.arrays import UInt8, with_channels
from blemish.core.records import TileRecord
from blemish.core.seeds import rng
from blemish.core.taxonomy import Taxonomy
from blemish.data.augment import Augmentation, augment, point_on_defect
from blemish.data.dataset import Dataset, Sample
from blemish.gan.networks import Painted, PaperGenerator
from blemish.gan.planes import from_network, label_planes, stack_maps
from blemish.picture.labels import label_picture
from blemish.picture.normalise import to_channels
from blemish.picture.write import write_png

MOST_ROWS = 8
_GAP_PX = 4


def watched_tiles(dataset: Dataset, records: Sequence[TileRecord], size_px: int) -> list[Sample]:
    """Up to eight fixed real tiles: of each class the one that shows most of it, then a clean one; cut to size_px."""
    chosen: dict[str, TileRecord] = {}
    for place in range(len(dataset.taxonomy.defects)):
        best = max(records, key=lambda record: record.defect_px[place])
        if best.defect_px[place] > 0:
            chosen[best.id] = best
    clean = next((record for record in records if record.is_clean), None)
    rows = list(chosen.values())[: MOST_ROWS - 1] + ([clean] if clean is not None else [])
    return [_cut(dataset.sample(record), size_px) for record in rows or records[:1]]


def write_grid(path: Path, generator: PaperGenerator, tiles: Sequence[Sample], taxonomy: Taxonomy) -> None:
    """Columns: label, defect branch, background branch, fused, real. One tile in the network at a time.

    Args:
        generator: in evaluation mode, on any device.
        tiles: pictures and label maps of one size, a multiple of 16 px.
    """
    rows = []
    for tile in tiles:
        columns = [from_network(picture)[0] for picture in paint(generator, tile, taxonomy)]
        rows.append(_row([label_picture(tile.label_map, taxonomy), *columns, with_channels(tile.picture)]))
    write_png(path, np.concatenate(rows))


def paint(generator: PaperGenerator, tile: Sample, taxonomy: Taxonomy) -> Painted:
    """What the generator paints for the label of one tile, float 1 C H W each, on its device and without gradients."""
    device = next(generator.parameters()).device
    defect, background = stack_maps([tile.label_map])
    planes = label_planes(defect.to(device), background.to(device), taxonomy)
    with torch.inference_mode():
        painted: Painted = generator(planes.defect_input, planes.background_input)
    return painted


def _row(pictures: Sequence[UInt8]) -> UInt8:
    framed = [np.pad(to_channels(p, 3), ((0, _GAP_PX), (0, _GAP_PX), (0, 0)), constant_values=255) for p in pictures]
    row: UInt8 = np.concatenate(framed, axis=1)
    return row


def _cut(sample: Sample, size_px: int) -> Sample:
    random = rng(0, "watched", sample.record.id)
    focus_xy = point_on_defect(sample.label_map, random)
    picture, label_map = augment(
        sample.picture, sample.label_map, Augmentation.none(), random, crop_px=size_px, focus_xy=focus_xy
    )
    return Sample(picture, label_map, sample.record)
