"""The shapes of one class, and what they say about it: sizes, directions, places, which of them are one defect."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from blemish.gan.near_copy import CopyIndex, physical_defects
from blemish.gan.shape_model import ShapeMix, ShapeModel
from blemish.gan.shapes import ELONGATED, Ends, Shape, waviness_frac

ORIENTED = 0.6  # Mean resultant length of its directions from which on a class is strongly oriented; 1 = all parallel.
BEYOND = 1.1  # Sizes are drawn from so much beyond the smallest and the largest observed one.
SIZE_SPREADS = (0.05, 0.2)  # Bounds of the log-normal kernel round an observed size (standard deviation of the log).
_LEAST_ELONGATED = 5  # Fewer physical defects with a direction say nothing about their class.
LONG = 0.75  # Elongation from which on a shape is four times as long as wide: its bending shows.
BENDS_FRAC = (0.01, 0.04)  # Of real shapes; recombined and grown ones are hardly bent.
_MANY = 20  # Physical defects from which on a shape is bent by no more than that;
_MOST_BENT = 2.0  # with few, up to so many times as much.


@dataclass(frozen=True)
class ClassShapes:
    """The shapes of one class."""

    shapes: tuple[Shape, ...]
    per_tile: tuple[int, ...]  # Shapes of this class on each tile that was read.
    allowed: tuple[bool, ...]  # For each background class: does this class occur on it?

    @cached_property
    def elongated(self) -> tuple[Shape, ...]:
        """One shape, the most elongated, of each physical defect that has a direction."""
        longest = (max(shapes, key=lambda shape: shape.elongation) for shapes in self.defects)
        return tuple(shape for shape in longest if shape.elongation >= ELONGATED)

    @property
    def has_directions(self) -> bool:
        """Whether enough physical defects are elongated to tell how those of this class lie."""
        return len(self.elongated) >= _LEAST_ELONGATED

    @cached_property
    def is_oriented(self) -> bool:
        """Whether its elongated shapes are nearly parallel (mean resultant length of the doubled angles)."""
        angles = np.array([shape.angle_rad for shape in self.elongated])
        return self.has_directions and float(np.abs(np.exp(2j * angles).mean())) >= ORIENTED

    @cached_property
    def ends_seen(self) -> frozenset[Ends]:
        return frozenset(shape.ends for shape in self.shapes)

    @cached_property
    def defects(self) -> tuple[tuple[Shape, ...], ...]:
        """The shapes by physical defect: one that was photographed six times is one entry of six shapes."""
        return tuple(tuple(self.shapes[i] for i in places) for places in physical_defects(self.shapes))

    @cached_property
    def model(self) -> ShapeModel:
        return ShapeModel.of(self.defects)

    @cached_property
    def copies(self) -> CopyIndex:
        return CopyIndex.of(shape.mask for shape in self.shapes)

    def bend_frac(self, shape: Shape, random: np.random.Generator) -> float:
        """How strongly a real shape is bent (`Change.bend_frac`): more where there are few physical defects.

        A long one is bent no more than the long ones of its class are by themselves: scratches stay straight.
        """
        few = min(max(math.sqrt(_MANY / len(self.defects)), 1.0), _MOST_BENT)
        bend = random.uniform(*BENDS_FRAC) * few
        return min(bend, random.uniform(0.5, 1.5) * self._waviness_frac) if shape.elongation >= LONG else bend

    @cached_property
    def _waviness_frac(self) -> float:
        """Of its long shapes, the median deviation of the middle from a straight line, as a share of the length."""
        return float(np.median([waviness_frac(shape.mask) for shape in self.shapes if shape.elongation >= LONG]))

    @cached_property
    def size_spread(self) -> float:
        """Standard deviation of the log of a size round an observed one: Silverman's rule over the defects, bounded."""
        logs = [float(np.mean([math.log(shape.longest_px) for shape in shapes])) for shapes in self.defects]
        kernel = 0.9 * float(np.std(logs)) / math.pow(len(logs), 0.2)
        return min(max(kernel, SIZE_SPREADS[0]), SIZE_SPREADS[1])

    def any_shape(self, random: np.random.Generator) -> Shape:
        """A physical defect first, then one of its shapes."""
        shapes = self.defects[int(random.integers(len(self.defects)))]
        return shapes[int(random.integers(len(shapes)))]

    def any_angle_rad(self, elongation: float, random: np.random.Generator) -> float:
        """A direction of one that is at least about as elongated: short ones lie more freely than long ones."""
        alike = [shape.angle_rad for shape in self.elongated if shape.elongation >= elongation - 0.05]
        return float(random.choice(alike or [max(self.elongated, key=lambda shape: shape.elongation).angle_rad]))

    def any_centre_uv(self, random: np.random.Generator, *, whole: bool) -> tuple[float, float]:
        """Where one of its shapes lay, a physical defect first; with `whole` one that no end of a tile cut off."""
        defects = self._whole_defects if whole else self.defects
        shapes = defects[int(random.integers(len(defects)))]
        return shapes[int(random.integers(len(shapes)))].centre_uv

    def any_size_px(self, random: np.random.Generator) -> float:
        """A longest side as the class has them, and between them, and slightly beyond."""
        drawn = self.any_shape(random).longest_px * math.exp(random.normal(0, self.size_spread))
        low, high = self._sizes_px
        return min(max(drawn, low / BEYOND), high * BEYOND)

    def fresh(self, shape: Shape, mix: ShapeMix, least_size_px: int, random: np.random.Generator) -> tuple[Shape, bool]:
        """The shape that is drawn for a real one, and whether it is a new one that has its size already.

        Where the drawn kind cannot be had, recombination gives way to growth, and that to the shape itself.
        """
        kind = int(random.choice(3, p=mix.kinds))
        longest_px = max(self.any_size_px(random), 1.1 * least_size_px)
        made = None
        if kind == 1:
            made = self.model.recombined(shape, longest_px, random)
        if kind == 2 or (kind == 1 and made is None and mix.grow > 0):
            made = self.model.grown(shape, longest_px, random)
        return (shape, False) if made is None else (made, True)

    @cached_property
    def _whole_defects(self) -> tuple[tuple[Shape, ...], ...]:
        whole = (tuple(shape for shape in shapes if not shape.ends.any) for shapes in self.defects)
        return tuple(shapes for shapes in whole if shapes)

    @cached_property
    def _sizes_px(self) -> tuple[int, int]:
        sizes = [shape.longest_px for shape in self.shapes]
        return min(sizes), max(sizes)
