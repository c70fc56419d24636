"""The pictures of an evaluation: one label drawn 16 times, one defect drawn again, the nearest training pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from blemish.bundle.painting import Painter, covered, one_by_one
from blemish.core.arrays import Bool, UInt8, with_channels, without_channels
from blemish.core.labels import LabelMap
from blemish.core.protocols import Generator
from blemish.core.records import TileRecord
from blemish.core.seeds import derive_seed
from blemish.data.dataset import Dataset, Sample
from blemish.gan.evaluation import Evaluation, Material
from blemish.gan.evaluation_crops import Cutter, places_on
from blemish.gan.evaluation_pixels import drawn_apart, drawn_often
from blemish.gan.sheets import grid, outline, scaled
from blemish.picture.compose import defect_mask
from blemish.picture.labels import label_picture
from blemish.picture.normalise import to_channels
from blemish.picture.tiling import cut

DRAWN = 16
PAIRS = 16
REDRAWN = 8
CELL_PX = 128


class Redraw(Protocol):
    """Draws one defect of a picture again, and leaves the rest as it is."""

    def __call__(self, label_map: LabelMap, defect: Bool, seed: int, background: UInt8 | None) -> tuple[UInt8, Bool]:
        """The picture of a label in which only `defect` (bool H W) depends on the seed, and where it may change.

        What touches the soft edge of the defect is drawn with it.

        Returns:
            uint8 H W or H W 3; bool H W.
        """
        ...


@dataclass(frozen=True)
class Drawn:
    """One label drawn several times: the grid (label first), and how far apart they are inside the mask."""

    name: str
    picture: UInt8
    apart: float  # Mean gray levels; 0 = always the same picture.


@dataclass(frozen=True)
class Redrawn:
    """One defect drawn several times: the grid (label first), and the largest change elsewhere, in gray levels."""

    name: str
    picture: UInt8
    apart: float
    most_elsewhere: int


def label_drawn(generator: Generator, material: Material, background: TileRecord | None = None) -> list[Drawn]:
    """For each class the held-out label that shows most of it (else a train one), drawn with 16 seeds.

    Args:
        background: a clean tile; None = generated backgrounds.
    """
    beneath = None if background is None else material.real.picture(background)
    found = []
    for index, name in enumerate(material.real.taxonomy.defect_names, start=1):
        sample = _shown(material, index)
        if sample is None or (beneath is not None and beneath.shape != sample.picture.shape):
            continue
        pictures = drawn_often(generator, sample.label_map, DRAWN, beneath)
        cells = _round_defect(sample, index, [_label(sample, material.real), *pictures])
        found.append(Drawn(name, grid(cells, 9), drawn_apart(pictures, sample.label_map)))
    return found


def defect_redrawn(redraw: Redraw, material: Material, background: TileRecord | None = None) -> list[Redrawn]:
    """For each class one defect drawn with 8 seeds while all else is to stay; what changed elsewhere is measured."""
    beneath = None if background is None else material.real.picture(background)
    found = []
    for index, name in enumerate(material.real.taxonomy.defect_names, start=1):
        sample = _shown(material, index)
        if sample is None:
            continue
        defect = _largest(sample, index)
        drawn = [redraw(sample.label_map, defect, seed, beneath) for seed in range(REDRAWN)]
        pictures, elsewhere = [picture for picture, _ in drawn], ~drawn[0][1]
        others = [np.abs(picture.astype(np.int16) - pictures[0]) for picture in pictures[1:]]
        apart = float(np.mean([other[defect].mean() for other in others]))
        cells = _round_defect(sample, index, [_label(sample, material.real), *pictures])
        found.append(Redrawn(name, grid(cells, 9), apart, max(int(other[elsewhere].max()) for other in others)))
    return found


def redraw_with(painter: Painter) -> Redraw:
    """How a generator that paints each defect from a seed of its own draws one of them again."""

    def redraw(label_map: LabelMap, defect: Bool, seed: int, background: UInt8 | None) -> tuple[UInt8, Bool]:
        parts = one_by_one(label_map, painter.options)
        boxes = [(part.box, part.label_map) for part in parts]
        held = [
            int((defect_mask(shown) & cut(defect.astype(np.uint8), box).astype(bool)).sum()) for box, shown in boxes
        ]
        seeds = painter.defect_seeds(label_map, 0)
        chosen = int(np.argmax(held))
        seeds[chosen] = derive_seed(seed, "drawn again")
        surface = painter.backgrounds([label_map], [0])[0] if background is None else with_channels(background)
        picture = without_channels(painter.paint_defects(label_map, seeds, surface))
        return picture, covered(parts[chosen], label_map.size_hw)

    return redraw


def nearest_pairs(evaluation: Evaluation, material: Material) -> UInt8 | None:
    """The 16 synthetic crops nearest to a training crop, each above that one: uint8 H W 3; None without any."""
    copies = evaluation.copies
    order = np.argsort(copies.synthetic)[:PAIRS]
    made, real = Cutter(material.synthetic), Cutter(material.real)
    pairs = []
    for row in order:
        above = made.picture(evaluation.synthetic.places[int(row)])
        beneath = real.picture(evaluation.training.places[int(copies.nearest[row])])
        pairs.append(np.concatenate([scaled(to_channels(each, 3), CELL_PX) for each in (above, beneath)]))
    return grid(pairs, 8) if pairs else None


def clean_background(material: Material, seed: int = 0) -> TileRecord | None:
    """A clean training tile without padding, chosen by a hash; None where the set has none."""
    clean = [record for record in material.training if record.is_clean and not record.padding_px]
    return min(clean, key=lambda record: derive_seed(seed, "beneath", record.id), default=None)


def _shown(material: Material, index: int) -> Sample | None:
    """A tile that shows a defect of a class: a held-out one, or where there is none a training one."""
    held_out = _most_of(material.real, material.held_out, index)
    return held_out if held_out is not None else _most_of(material.real, material.training, index)


def _most_of(dataset: Dataset, records: Sequence[TileRecord], index: int) -> Sample | None:
    """The tile of which a class covers most, but not more than a quarter where there is another.

    Tiles on which it shows only pieces that are too small to be a place are passed over.
    """
    quarter = dataset.info.tile_px**2 / 4
    shown = [record for record in records if index in record.classes]
    shown.sort(key=lambda r: (r.defect_px[index - 1] <= quarter, r.defect_px[index - 1]), reverse=True)
    samples = (dataset.sample(record) for record in shown)
    return next((sample for sample in samples if places_on(sample, index)), None)


def _largest(sample: Sample, index: int) -> Bool:
    box = places_on(sample, index)[0].defect
    mask = np.zeros(sample.label_map.size_hw, bool)
    inside = np.s_[box.y : box.y + box.height, box.x : box.x + box.width]
    mask[inside] = sample.label_map.defect[inside] == index
    return mask


def _label(sample: Sample, dataset: Dataset) -> UInt8:
    return label_picture(sample.label_map, dataset.taxonomy)


def _round_defect(sample: Sample, index: int, pictures: Sequence[UInt8]) -> list[UInt8]:
    """The crop round the largest defect of a class, of each picture."""
    place = places_on(sample, index)[0]
    mask = cut((sample.label_map.defect == index).astype(np.uint8) * 255, place.box)
    crops = [scaled(to_channels(cut(picture, place.box), 3), CELL_PX) for picture in pictures]
    crops[0] = outline(crops[0], scaled(mask, CELL_PX) > 127, (255, 255, 255))
    return crops
