"""What synthesis draws from: shapes of real training defects by class, and where they may lie.

Everything comes from training tiles that no generator made. Memory is bounded whatever the size of the data set: at
most 1,000 tiles of a class are read, and at most 1,000 shapes of a class (1 bit a pixel) and 1,000 backgrounds held.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice

import numpy as np
from tqdm import tqdm

from blemish.core.arrays import Float64, Int64, Picture, UInt8
from blemish.core.errors import DatasetError
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.core.seeds import derive_seed
from blemish.core.taxonomy import Taxonomy
from blemish.data.cutouts import usable_window
from blemish.data.dataset import Dataset
from blemish.gan.clean_areas import largest_clean_area
from blemish.gan.plan import Plan, without
from blemish.gan.shape_class import ClassShapes
from blemish.gan.shape_model import DEFAULT_MIX, ShapeMix
from blemish.gan.shapes import LEAST_AREA_PX, Shape, find_shapes, grain_of
from blemish.gan.surroundings import reduced
from blemish.picture.tiling import cut

TILES_PER_CLASS = 1000
SHAPES_PER_CLASS = 1000
BACKGROUNDS = 1000
FEW_DEFECTS = 5  # Fewer physical defects of a class say little of how others look.
LEAST_AREAS = 10  # Without clean tiles, fewer defect-free areas would be seen again and again.
LEAST_SHARE = 0.005  # A class "occurs" on a background from this share of its pixels on.


@dataclass(frozen=True)
class Background:
    """The background classes of one training tile, and which part of the tile may be shown under them."""

    tile: str  # Id of the tile.
    area: Box  # The part of that tile that is used; beyond it goes on as its reflection.
    window: Box  # What the new tile shows; outside is padding (255).
    packed: bytes
    size_hw: tuple[int, int]
    px: tuple[int, ...]  # Pixels of each background class in the window.
    scan_xy: tuple[int, int]
    mean_gray: float = math.nan  # Of the picture in the area that is used, 0..255; NaN where it was not read.
    grain: float = math.nan  # `shapes.grain_of` that area.
    # The `surroundings.reduced` picture, beyond the area its reflection; None where nobody looks at surroundings.
    small: UInt8 | None = field(default=None, compare=False)

    @property
    def plane(self) -> UInt8:
        """uint8 H W, 0..M-1."""
        return np.frombuffer(zlib.decompress(self.packed), np.uint8).reshape(self.size_hw)


@dataclass(frozen=True)
class Bank:
    """All that `draw_label` needs, so that it is a pure function of (seed, index)."""

    taxonomy: Taxonomy
    tile_px: int
    classes: dict[int, ClassShapes]
    backgrounds: tuple[Background, ...]
    clean_tiles: int  # Of the backgrounds, those that are whole clean tiles; the others are areas of tiles.
    mix: ShapeMix = DEFAULT_MIX  # How often a shape is deformed, recombined or grown.
    by_surroundings: bool = False  # A defect comes to lie where it looks as it does round the real one.

    def few_defects(self) -> dict[str, int]:
        """Classes of under `FEW_DEFECTS` physical defects by name, and how many they have."""
        counts = {self.taxonomy.defect(index).name: len(each.defects) for index, each in self.classes.items()}
        return {name: count for name, count in counts.items() if count < FEW_DEFECTS}

    @cached_property
    def background_px(self) -> Int64:
        """B M: pixels of each background class on each background."""
        return np.array([background.px for background in self.backgrounds], np.int64)

    @cached_property
    def background_gray(self) -> Float64:
        """B: mean gray of each background, NaN where no picture was read."""
        return np.array([background.mean_gray for background in self.backgrounds], np.float64)

    @cached_property
    def background_grain(self) -> Float64:
        """B: grain of each background, NaN where no picture was read."""
        return np.array([background.grain for background in self.backgrounds], np.float64)

    @cached_property
    def background_scan_xy(self) -> Int64:
        """B 2."""
        return np.array([background.scan_xy for background in self.backgrounds], np.int64)


def source_tiles(records: Iterable[TileRecord]) -> list[TileRecord]:
    """Training tiles that no generator made."""
    return [r for r in records if r.split == Split.TRAIN and r.origin != Origin.SYNTHETIC]


def build_bank(
    dataset: Dataset,
    defects: Sequence[int],
    *,
    real_backgrounds: bool = False,
    mix: ShapeMix = DEFAULT_MIX,
    by_surroundings: bool = False,
) -> Bank:
    """Read the training tiles of a data set.

    Args:
        defects: the classes 1..K that will be drawn.
        real_backgrounds: only backgrounds whose picture shows no defect: clean tiles; where there are few, the largest
            defect-free areas of other tiles too. The pictures are read too, one at a time, for how light they are.
        mix: how often a shape is deformed, recombined or grown.
        by_surroundings: with real backgrounds, put a defect where it looks as it does round the real one.

    Raises:
        DatasetError: a class has no shape in the training split, or there is no background.
    """
    sources = source_tiles(dataset.records)
    by_surroundings = by_surroundings and real_backgrounds
    classes = _read_classes(dataset, sources, defects, with_gray=real_backgrounds, with_around=by_surroundings)
    clean = [record for record in sources if record.is_clean]
    few = len(clean) < LEAST_AREAS
    chosen = _sample(clean if real_backgrounds and not few else sources, BACKGROUNDS, "background")
    if real_backgrounds and few:
        chosen = list(dict.fromkeys([*clean, *chosen]))
    found = [
        _area_background(dataset, record) if real_backgrounds and not record.is_clean else _background(dataset, record)
        for record in tqdm(chosen, desc="backgrounds", unit="tile", leave=False)
    ]
    backgrounds = tuple(background for background in found if background is not None)
    if real_backgrounds:
        by_id = {record.id: record for record in chosen}
        backgrounds = tuple(_with_gray(b, dataset.picture(by_id[b.tile])) for b in backgrounds)
    if by_surroundings:
        backgrounds = tuple(
            replace(b, small=reduced(background_picture(dataset.picture(by_id[b.tile]), b))) for b in backgrounds
        )
    if not backgrounds:
        raise DatasetError(
            f"{dataset.folder} has no training tile with a background to draw on"
            + (": no clean tile and no defect-free area; use --background generated" if real_backgrounds else "")
        )
    return Bank(
        dataset.taxonomy,
        dataset.info.tile_px,
        classes,
        backgrounds,
        clean_tiles=sum(by_id[b.tile].is_clean for b in backgrounds) if real_backgrounds else 0,
        mix=mix,
        by_surroundings=by_surroundings,
    )


def has_surface(dataset: Dataset) -> bool:
    """Whether real surface can lie under synthetic defects: a clean training tile, or defect-free areas of some."""
    sources = source_tiles(dataset.records)
    if any(record.is_clean for record in sources):
        return True
    areas = (largest_clean_area(dataset.label_map(record)) for record in _sample(sources, BACKGROUNDS, "background"))
    return sum(1 for _ in islice((area for area in areas if area is not None), LEAST_AREAS)) == LEAST_AREAS


def background_picture(tile: Picture, background: Background) -> Picture:
    """The real picture of a background, made from its tile's: uint8 H W or H W 3, of the tile's size."""
    area = background.area
    shown = tile[area.y : area.y + area.height, area.x : area.x + area.width]
    return cut(shown, Box(-area.x, -area.y, background.size_hw[1], background.size_hw[0]))


def shapeless(dataset: Dataset, defects: Iterable[int]) -> list[int]:
    """Those of some classes that no shape can be taken from: the training split shows only pieces of under 4 px."""
    sources = source_tiles(dataset.records)
    return [index for index in defects if not _has_shape(dataset, _of_class(sources, index), index)]


def without_shapeless(plan: Plan, dataset: Dataset) -> Plan:
    """The plan without the classes that show nothing but tiny pieces: they get no tile, and their rows say why.

    Raises:
        InputError: nothing is left of the plan.
    """
    planned = sorted({index for item in plan.items for index in item.classes})
    reason = f"only real defects of under {LEAST_AREA_PX} px in the training split: no shape to draw"
    why = {index: f"{dataset.taxonomy.defect(index).name} has {reason}" for index in shapeless(dataset, planned)}
    return without(plan, why, "label some that are larger, or ask for another class")[0]


def _has_shape(dataset: Dataset, records: Iterable[TileRecord], index: int) -> bool:
    """Tiles are read until one has a shape: mostly the first."""
    m = len(dataset.taxonomy.backgrounds)
    maps = (dataset.label_map(record) for record in records)
    return any(shape.defect == index for each in maps for shape in find_shapes(each, backgrounds=m))


def _of_class(sources: Sequence[TileRecord], index: int) -> list[TileRecord]:
    return _sample([record for record in sources if index in record.classes], TILES_PER_CLASS, f"class {index}")


def _read_classes(
    dataset: Dataset, sources: Sequence[TileRecord], defects: Sequence[int], *, with_gray: bool, with_around: bool
) -> dict[int, ClassShapes]:
    wanted: dict[str, list[int]] = {}
    by_id = {record.id: record for record in sources}
    for index in defects:
        for record in _of_class(sources, index):
            wanted.setdefault(record.id, []).append(index)
    m = len(dataset.taxonomy.backgrounds)
    shapes: dict[int, list[Shape]] = {index: [] for index in defects}
    per_tile: dict[int, list[int]] = {index: [] for index in defects}
    on_background = {index: np.zeros(m, np.int64) for index in defects}
    for tile_id, indices in tqdm(wanted.items(), desc="shapes", unit="tile", leave=False):
        record = by_id[tile_id]
        label_map = dataset.label_map(record)
        picture = dataset.picture(record) if with_gray else None
        place = record.box.x, record.box.y
        found = find_shapes(
            label_map, backgrounds=m, scan_xy=place, group=record.group, picture=picture, around=with_around
        )
        for index in indices:
            own = [shape for shape in found if shape.defect == index]
            if own:
                shapes[index] += own
                per_tile[index].append(len(own))
            on_background[index] += np.bincount(label_map.background[label_map.defect == index], minlength=m)
    for index in defects:
        if not shapes[index]:
            raise DatasetError(
                f"{dataset.folder}: class '{dataset.taxonomy.defect(index).name}' has no real defect of at least "
                f"{LEAST_AREA_PX} px in the training split to take shapes from: label some, or leave the class out"
            )
    return {
        index: ClassShapes(
            shapes=tuple(_sample_shapes(shapes[index], index)),
            per_tile=tuple(per_tile[index]),
            allowed=tuple(bool(px >= LEAST_SHARE * on_background[index].sum()) for px in on_background[index]),
        )
        for index in defects
    }


def _background(dataset: Dataset, record: TileRecord) -> Background:
    label_map = dataset.label_map(record)
    height, width = label_map.size_hw
    whole = Box(0, 0, width, height)
    window = usable_window(label_map) if record.padding_px else whole
    return _packed(record, label_map.background, whole, window)


def _area_background(dataset: Dataset, record: TileRecord) -> Background | None:
    label_map = dataset.label_map(record)
    area = largest_clean_area(label_map)
    if area is None:
        return None
    height, width = label_map.size_hw
    shown = label_map.background[area.y : area.y + area.height, area.x : area.x + area.width]
    plane = cut(shown, Box(-area.x, -area.y, width, height))
    return _packed(record, plane, area, Box(0, 0, width, height))


def _packed(record: TileRecord, plane: UInt8, area: Box, window: Box) -> Background:
    shown = plane[window.y : window.y + window.height, window.x : window.x + window.width]
    return Background(
        tile=record.id,
        area=area,
        window=window,
        packed=zlib.compress(plane.tobytes(), 1),
        size_hw=(plane.shape[0], plane.shape[1]),
        px=tuple(int(n) for n in np.bincount(shown.ravel(), minlength=len(record.background_px))),
        scan_xy=(record.box.x, record.box.y),
    )


def _with_gray(background: Background, picture: Picture) -> Background:
    """How light and rough it is where it shows surface: in its area, or in its window if the whole tile is used."""
    area = background.window if background.area == Box(0, 0, *background.size_hw[::-1]) else background.area
    shown = picture[area.y : area.y + area.height, area.x : area.x + area.width]
    grain = grain_of(shown, np.ones(shown.shape[:2], bool))
    return replace(background, mean_gray=float(shown.mean()), grain=grain)


def _sample(records: Sequence[TileRecord], most: int, what: str) -> list[TileRecord]:
    """At most so many, chosen by a hash of their ids and left in order."""
    if len(records) <= most:
        return list(records)
    chosen = sorted(range(len(records)), key=lambda i: derive_seed(0, what, records[i].id))[:most]
    return [records[i] for i in sorted(chosen)]


def _sample_shapes(shapes: Sequence[Shape], index: int) -> list[Shape]:
    if len(shapes) <= SHAPES_PER_CLASS:
        return list(shapes)
    chosen = sorted(range(len(shapes)), key=lambda i: derive_seed(0, f"shapes {index}", i))[:SHAPES_PER_CLASS]
    return [shapes[i] for i in sorted(chosen)]
