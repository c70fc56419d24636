"""Painting a label map with the default generator: the same steps for the torch model and for a bundle without torch.

Each defect (a cluster of labelled pixels whose soft edges touch) is painted on its own, on a crop round it, from a seed
of its own, and composed with the surface. So one defect can be drawn again while the rest stays bit-exact, the work
grows with the defects and not with the tile, and beyond the soft edges the surface's bytes are untouched.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from blemish.core.arrays import Bool, Float32, UInt8
from blemish.core.errors import InputError
from blemish.core.labels import LabelMap
from blemish.core.records import Box
from blemish.core.seeds import derive_seed, rng
from blemish.core.taxonomy import IGNORE, Taxonomy
from blemish.picture.compose import composed, defect_mask, nearest_class, soft_edge
from blemish.picture.tiling import cut

CONTEXT_PX = 16  # Surface that the network sees round a defect.
STRIDE = 16  # Crops and whole tiles are padded by reflection to a multiple of it.
MIX_CHANCE = 0.7  # How often an appearance code lies between two real ones.
SPREAD = 0.25  # Deviation of what is added to it.
LIGHT_SPREAD = 0.02  # The same of a drawn lighting, in [-1, 1].

Network = Callable[[Float32, Float32, Float32], Float32]
"""Defect branch: surface 1 C h w, condition 1 P h w, noise 1 2 h w -> painted 1 C h w, all about [-1, 1].
Background branch: classes 1 M h w, light 1 2C h w, noise 1 4 h w -> surface 1 C h w."""


@dataclass(frozen=True)
class Palette:
    """What a trained generator remembers of the real tiles: how defects and surfaces look."""

    codes: tuple[Float32, ...]  # For each class 1..K, float32 n 8: the appearance codes of real defects.
    lights: Float32  # L M 2C: mean and deviation of each background class on real tiles, in [-1, 1].
    code_length: int
    noise_planes: int
    background_noise_planes: int


@dataclass(frozen=True)
class Options:
    """How a generator paints."""

    ring_px: int = 6  # The soft edge beyond a defect's mask; farther out nothing changes.
    codes: bool = True  # False = the label alone says how a defect looks (an ablation).
    noise: bool = True
    composition: bool = True  # False = everything is painted anew (an ablation).


@dataclass(frozen=True)
class OneDefect:
    """One cluster of a label map, with all that is painted for it."""

    box: Box  # The crop that is painted; may reach beyond the tile.
    label_map: LabelMap  # Of the crop, showing this defect only.
    edge: Float32  # h w in [0, 1].


class Painter:
    """`core.protocols.Generator` over two networks.

    Args:
        defect_network, background_network: see `Network`.
    """

    multiple = 1  # Any size is painted as it is: only crops are padded.

    def __init__(
        self,
        taxonomy: Taxonomy,
        channels: int,
        palette: Palette,
        options: Options,
        defect_network: Network,
        background_network: Network,
    ) -> None:
        self._taxonomy, self._channels = taxonomy, channels
        self.palette, self.options = palette, options
        self.defect_network, self.background_network = defect_network, background_network

    @property
    def taxonomy(self) -> Taxonomy:
        return self._taxonomy

    @property
    def channels(self) -> int:
        return self._channels

    @property
    def ring_px(self) -> int | None:
        """Beyond the mask dilated by so many pixels a picture is its background, bit by bit; None = it is not kept."""
        return self.options.ring_px if self.options.composition else None

    def paint(self, label_maps: Sequence[LabelMap], seeds: Sequence[int], backgrounds: UInt8 | None = None) -> UInt8:
        """Pictures for labels of any one size; each picture depends on its own label, seed and background only.

        Args:
            label_maps: N label maps of one size.
            seeds: one a picture.
            backgrounds: uint8 N H W C of clean pictures; None = the background branch paints them.

        Returns:
            uint8 N H W C.

        Raises:
            InputError: sizes or numbers that do not go together.
        """
        refuse_mismatch(label_maps, seeds, backgrounds, self.channels)
        beneath = self.backgrounds(label_maps, seeds) if backgrounds is None else backgrounds
        return np.stack(
            [
                self.paint_defects(label_map, self.defect_seeds(label_map, seed), surface)
                for label_map, seed, surface in zip(label_maps, seeds, beneath, strict=True)
            ]
        )

    def defect_seeds(self, label_map: LabelMap, seed: int) -> list[int]:
        """The seed of each defect of a label map, row by row from the top; replace one to draw that one again."""
        count = len(one_by_one(label_map, self.options))
        return [derive_seed(seed, "defect", number) for number in range(count)]

    def paint_defects(self, label_map: LabelMap, seeds: Sequence[int], surface: UInt8) -> UInt8:
        """As `paint`, for one label map with a seed for each of its defects.

        Args:
            seeds: as many as `defect_seeds` gives.
            surface: uint8 H W C, the clean picture.
        """
        defects = one_by_one(label_map.check(self.taxonomy), self.options)
        if len(seeds) != len(defects):
            raise InputError(f"the label shows {len(defects)} defects, got {len(seeds)} seeds: one for each is needed")
        picture = surface.copy()
        for defect, seed in zip(defects, seeds, strict=True):
            self._lay_on(picture, surface, defect, seed)
        return picture

    def backgrounds(self, label_maps: Sequence[LabelMap], seeds: Sequence[int]) -> UInt8:
        """What the background branch paints beneath, uint8 N H W C."""
        return np.stack([self._background(label_map, seed) for label_map, seed in zip(label_maps, seeds, strict=True)])

    def _lay_on(self, picture: UInt8, surface: UInt8, defect: OneDefect, seed: int) -> None:
        """Each is painted on the clean surface, as in training: what lies beside it is no part of it."""
        crop = cut(surface, defect.box)
        condition = self._condition(defect, seed)
        noise = rng(seed, "noise").standard_normal((self.palette.noise_planes, *defect.edge.shape), dtype=np.float32)
        noise *= (defect.edge > 0) & self.options.noise
        painted = self.defect_network(_to_planes(crop)[None], condition[None], noise[None])[0]
        _refuse_unusable(painted, (self.channels, *defect.edge.shape))
        _put_back(picture, composed(crop, _to_levels(painted), defect.edge), defect)

    def _condition(self, defect: OneDefect, seed: int) -> Float32:
        """Edge, latent matrix, and the appearance code of each class where it is painted."""
        region = nearest_class(defect.label_map.defect, defect.edge)
        planes = [defect.edge[None], latent(defect.label_map, self.taxonomy)]
        spread = np.zeros((self.palette.code_length, *defect.edge.shape), np.float32)
        for index in np.unique(region[region > 0]) if self.options.codes else ():
            code = draw_code(self.palette.codes[index - 1], derive_seed(seed, "code", int(index)), len(spread))
            spread += code[:, None, None] * (region == index)
        return np.concatenate([*planes, spread])

    def _background(self, label_map: LabelMap, seed: int) -> UInt8:
        height, width = label_map.size_hw
        whole = Box(0, 0, _up(width), _up(height))
        plane = cut(label_map.background, whole)
        random = rng(seed, "background")
        lights = self.palette.lights
        drawn = lights[int(random.integers(len(lights)))]
        drawn = drawn + LIGHT_SPREAD * random.standard_normal(drawn.shape) * drawn[:, self.channels :].mean()
        light = np.moveaxis(drawn.astype(np.float32)[plane], 2, 0)
        noise = random.standard_normal((self.palette.background_noise_planes, *plane.shape), dtype=np.float32)
        classes = (np.arange(len(self.taxonomy.backgrounds))[:, None, None] == plane).astype(np.float32)
        made = self.background_network(classes[None], light[None], noise[None])[0]
        _refuse_unusable(made, (self.channels, *plane.shape))
        return np.clip(np.rint(_to_levels(made)), 0, 255).astype(np.uint8)[:height, :width]


def _refuse_unusable(made: Float32, shape: tuple[int, ...]) -> None:
    if made.shape != shape or not np.isfinite(made).all():
        raise InputError(
            f"the generator must paint {shape} numbers, it answered {made.shape}"
            f"{'' if np.isfinite(made).all() else ' with what is no number'}: train or export it again"
        )


def refuse_mismatch(
    label_maps: Sequence[LabelMap], seeds: Sequence[int], backgrounds: UInt8 | None, channels: int
) -> None:
    """Refuse what `Generator.paint` cannot take.

    Raises:
        InputError: naming what does not go together.
    """
    if not label_maps or len(seeds) != len(label_maps):
        raise InputError(f"paint takes one seed a label map, got {len(label_maps)} maps and {len(seeds)} seeds")
    sizes = {label_map.size_hw for label_map in label_maps}
    if len(sizes) > 1:
        raise InputError(f"label maps painted together must have one size, got {sorted(sizes)}")
    expected = (len(label_maps), *label_maps[0].size_hw, channels)
    if backgrounds is not None and (backgrounds.shape != expected or backgrounds.dtype != np.uint8):
        raise InputError(
            f"clean backgrounds must be uint8 {expected} (N H W C) like their labels, "
            f"got {backgrounds.dtype} {backgrounds.shape}"
        )


def one_by_one(label_map: LabelMap, options: Options) -> list[OneDefect]:
    """The defects of a label map, row by row from the top: labelled pixels whose soft edges touch are one.

    Example:
        >>> defect = np.zeros((64, 64), np.uint8)
        >>> defect[8:12, 8:12] = defect[40:44, 40:44] = 1
        >>> [found.box for found in one_by_one(LabelMap(defect, defect * 0), Options(ring_px=2))]
        [Box(x=-14, y=-14, width=48, height=48), Box(x=18, y=18, width=48, height=48)]
    """
    soft = soft_edge(defect_mask(label_map), options.ring_px, closed=label_map.defect == IGNORE)
    edge = np.rint(soft * 255).astype(np.uint8)
    if not edge.any():
        return []
    if not options.composition:
        height, width = label_map.size_hw
        return [_one(label_map, np.full_like(edge, 255), edge >= 0, Box(0, 0, _up(width), _up(height)))]
    _, clusters, boxes, _ = cv2.connectedComponentsWithStats((edge > 0).astype(np.uint8), connectivity=8)
    numbers, met = np.unique(clusters, return_index=True)  # OpenCV's own order is by blocks of two rows.
    return [
        _one(label_map, edge, clusters == number, _around(Box(*(int(v) for v in boxes[number, :4]))))
        for number in numbers[np.argsort(met)]
        if number
    ]


def _one(label_map: LabelMap, edge: UInt8, cluster: Bool, box: Box) -> OneDefect:
    inside = _inside(box, label_map.size_hw)

    def own(plane: UInt8) -> UInt8:
        shown = cut(np.where(cluster, plane, 0).astype(np.uint8), box)
        return np.where(inside, shown, 0).astype(np.uint8)  # Its mirror image beyond the tile is nobody's.

    crop = LabelMap(own(label_map.defect), cut(label_map.background, box))
    return OneDefect(box, crop, (own(edge) / 255).astype(np.float32))


def _inside(box: Box, size_hw: tuple[int, int]) -> Bool:
    ys, xs = np.arange(box.y, box.y + box.height), np.arange(box.x, box.x + box.width)
    inside: Bool = ((ys >= 0) & (ys < size_hw[0]))[:, None] & ((xs >= 0) & (xs < size_hw[1]))[None, :]
    return inside


def _around(box: Box) -> Box:
    """The box with context, its sides multiples of the stride."""
    width, height = _up(box.width + 2 * CONTEXT_PX), _up(box.height + 2 * CONTEXT_PX)
    return Box(box.x + box.width // 2 - width // 2, box.y + box.height // 2 - height // 2, width, height)


def latent(label_map: LabelMap, taxonomy: Taxonomy) -> Float32:
    """The latent matrix, float32 (M+K) H W of 0 and 1; 255 enters as no defect."""
    m, k = len(taxonomy.backgrounds), len(taxonomy.defects)
    grounds = np.arange(m)[:, None, None] == label_map.background
    defects = np.arange(1, k + 1)[:, None, None] == label_map.defect
    return np.concatenate([grounds, defects]).astype(np.float32)


def draw_code(codes: Float32, seed: int, length: int) -> Float32:
    """A new appearance code from those of a class: often between two real ones, and a little beside.

    Args:
        codes: float32 n `length`, of real defects; none = a standard normal code.
    """
    random = rng(seed, "code")
    if not len(codes):
        return random.standard_normal(length, dtype=np.float32)
    first, second = (codes[int(random.integers(len(codes)))] for _ in range(2))
    mix = random.random() * (random.random() < MIX_CHANCE)
    spread = codes.std(axis=0) if len(codes) > 1 else 1.0
    drawn = first + mix * (second - first) + SPREAD * spread * random.standard_normal(length)
    return np.asarray(drawn, np.float32)


def covered(defect: OneDefect, size_hw: tuple[int, int]) -> Bool:
    """Where a picture may differ for one defect: bool H W, under its soft edge."""
    picture = np.zeros((*size_hw, 1), np.uint8)
    _put_back(picture, np.ones((*defect.edge.shape, 1), np.uint8), defect)
    return np.asarray(picture[..., 0] > 0)


def _put_back(picture: UInt8, crop: UInt8, defect: OneDefect) -> None:
    """Write what the defect's own soft edge covers; another's never touches it."""
    box = defect.box
    height, width = picture.shape[:2]
    x0, y0 = max(box.x, 0), max(box.y, 0)
    x1, y1 = min(box.x + box.width, width), min(box.y + box.height, height)
    of_crop = np.s_[y0 - box.y : y1 - box.y, x0 - box.x : x1 - box.x]
    np.copyto(picture[y0:y1, x0:x1], crop[of_crop], where=(defect.edge[of_crop] > 0)[:, :, None])


def _to_planes(picture: UInt8) -> Float32:
    return np.ascontiguousarray(np.moveaxis(picture.astype(np.float32) / 127.5 - 1, 2, 0))


def _to_levels(planes: Float32) -> Float32:
    return np.ascontiguousarray(np.moveaxis((planes + 1) * np.float32(127.5), 0, 2), dtype=np.float32)


def _up(length: int) -> int:
    return -(-length // STRIDE) * STRIDE
