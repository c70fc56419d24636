"""Endless procedural tiles with labels: any surface, any of six kinds of defect; what start weights learn on.

`python -m blemish.simulate.procedural sheet.png` writes a contact sheet.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from blemish.core.arrays import Bool, Float32, UInt8
from blemish.core.seeds import rng
from blemish.core.taxonomy import Taxonomy, rgb
from blemish.picture.write import write_png
from blemish.simulate import fields
from blemish.simulate.procedural_defects import KINDS, SHOWN, Kind, Mark
from blemish.simulate.procedural_surface import border, light, log_uniform, sensor, surface

NAME = "procedural"
TAXONOMY = Taxonomy.of_names(NAME, ["dot", "scratch", "crack", "stain", "rough", "band"])
VERSION = 1  # Raised whenever the same seed gives other tiles.

_CLEAN_SHARE = 0.2
_LEAST_PX = 6  # A defect of fewer pixels than these is not laid.
_STRONGEST = 150.0  # Gray levels.
_FAINT = (0.1, 0.3)  # Dirt that nobody labels, as a multiple of what is visible.


@dataclass(frozen=True)
class Visible:
    """What is just seen on a surface, in gray levels: pixel by pixel, and as a mean over an area."""

    point: float
    area: float
    around: Float32  # The surface without its fine texture.

    @classmethod
    def of(cls, gray: Float32, noise: float) -> Visible:
        around = fields.f32(cv2.blur(gray, (15, 15)))
        fine, coarse = math.hypot(float((gray - around).std()), noise), float(around.std())
        return cls(max(3.0, fine + 0.5 * coarse), max(3.0, 0.3 * fine + 0.9 * coarse), around)

    def to(self, kind: Kind) -> float:
        return self.area if kind.area else self.point


def procedural_tile(seed: int, index: int, size_px: int, *, ease: float = 0.0) -> tuple[UInt8, UInt8]:
    """Tile `index` of the endless stream `seed`: a pure function of its arguments.

    Args:
        size_px: side of the tile, 32 or more.
        ease: 0 = any strength from just visible on; 1 = the faintest is three times as strong.

    Returns:
        The picture, uint8 H W, and its defect plane, uint8 H W: 0 none, 1..6 the classes of `TAXONOMY`.

    Example:
        >>> picture, defect = procedural_tile(0, 3, 64)
        >>> picture.shape, defect.dtype
        ((64, 64), dtype('uint8'))
    """
    generator = rng(seed, NAME, VERSION, index)
    gray = surface(generator, size_px)
    if generator.random() < 0.12:
        gray = border(generator, gray)
    noise = log_uniform(generator, 0.3, 6)
    visible = Visible.of(gray, noise)
    gray = _with_dirt(generator, gray, visible)
    plane = np.zeros((size_px, size_px), np.uint8)
    for name in _names(generator):
        gray = _lay(generator, gray, plane, name, visible, ease)
    gray = sensor(generator, gray * light(generator, size_px), noise)
    picture: UInt8 = np.clip(gray + np.float32(0.5), 0, 255).astype(np.uint8)
    return (np.uint8(255) - picture if generator.random() < 0.5 else picture), plane


def _names(generator: np.random.Generator) -> list[str]:
    """The classes of a tile's defects in the order they are laid: none, one, or up to five."""
    if generator.random() < _CLEAN_SHARE:
        return []
    count = min(5, int(generator.geometric(0.5)))
    drawn = generator.integers(len(KINDS), size=count)
    return [name for place, name in enumerate(KINDS) for _ in range(int((drawn == place).sum()))]


def _lay(
    generator: np.random.Generator, gray: Float32, plane: UInt8, name: str, visible: Visible, ease: float
) -> Float32:
    """The surface with one defect more; its pixels are written into the plane."""
    kind = KINDS[name]
    mark = kind.paint(generator, gray.shape[0])
    shown = mark.cover > SHOWN
    if int(shown.sum()) < _LEAST_PX:
        return gray
    strength = min(_STRONGEST, visible.to(kind) * log_uniform(generator, kind.low * (1 + 2 * ease), kind.high))
    plane[shown] = TAXONOMY.defect_index(name)
    return _add(gray, mark, strength * _sign(generator, gray, shown, strength), visible)


def _with_dirt(generator: np.random.Generator, gray: Float32, visible: Visible) -> Float32:
    """The surface with up to two marks far too faint to be called defects."""
    for _ in range(int(generator.integers(0, 3))):
        kind = list(KINDS.values())[int(generator.integers(len(KINDS)))]
        mark = kind.paint(generator, gray.shape[0])
        strength = generator.choice([-1, 1]) * visible.to(kind) * generator.uniform(*_FAINT)
        gray = fields.f32(gray + mark.change * np.float32(strength))
    return gray


def _add(gray: Float32, mark: Mark, strength: float, visible: Visible) -> Float32:
    own = mark.cover * np.float32(mark.hides) * (visible.around - gray)
    return fields.f32(gray + own + mark.change * np.float32(strength))


def _sign(generator: np.random.Generator, gray: Float32, shown: Bool, strength: float) -> float:
    """Brighter or darker, but not past black or white where the other way has room."""
    mean = float(gray[shown].mean())
    fits = [sign for sign in (-1.0, 1.0) if 0 <= mean + sign * strength <= 255]
    return float(generator.choice(fits or [1.0 if mean < 128 else -1.0]))


def contact_sheet(seed: int, *, rows: int = 8, columns: int = 6, size_px: int = 192) -> UInt8:
    """Tiles 0, 1, ... each beside itself with its defects outlined in their colours: uint8 H W 3."""
    colours = [(0, 0, 0), *(rgb(defect.colour) for defect in TAXONOMY.defects)]
    lines = []
    for row in range(rows):
        cells = []
        for index in range(row * columns, (row + 1) * columns):
            picture, plane = procedural_tile(seed, index, size_px)
            plain = np.repeat(picture[:, :, None], 3, axis=2)
            cells += [plain, _outlined(plain, plane, colours), np.full((size_px, 4, 3), 255, np.uint8)]
        lines += [np.concatenate(cells, axis=1), np.full((4, columns * (2 * size_px + 4), 3), 255, np.uint8)]
    sheet: UInt8 = np.concatenate(lines)
    return sheet


def _outlined(picture: UInt8, plane: UInt8, colours: list[tuple[int, int, int]]) -> UInt8:
    outlined = picture.copy()
    for value in np.unique(plane[plane > 0]):
        mask = (plane == value).astype(np.uint8)
        outlined[(cv2.dilate(mask, np.ones((3, 3), np.uint8)) - mask) > 0] = colours[int(value)]
    return outlined


if __name__ == "__main__":
    write_png(Path(sys.argv[1]), contact_sheet(0))
