"""Shapes of real training defects: found on label maps, then turned, scaled, mirrored and deformed.

A shape is one defect of one class. Regions of a class that lie near each other on a tile are one shape, so a cluster of
spores stays a cluster. A shape that reaches the end of what its tile shows was cut off there; it remembers which ends.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np

from blemish.core.arrays import Bool, Float32, Picture, UInt8
from blemish.core.labels import LabelMap
from blemish.core.records import Box
from blemish.data.cutouts import usable_window
from blemish.gan.surroundings import Surroundings, surroundings

LEAST_AREA_PX = 4  # Smaller regions are slips of the pen.
NEAR_FRAC = 1 / 32  # Regions nearer than twice this share of the tile's side are one shape.
RING_PX = 3  # Width of the ring round a shape in which other backgrounds are looked for.
BENEATH_FRAC = 0.05  # From this share of its pixels on, a shape lies on a background class.
MEETS_FRAC = 0.08  # From this share of its ring on, a shape ended at an edge between backgrounds, and does so again.
ELONGATED = 0.5  # From here on a shape has a direction: it is twice as long as wide.


@dataclass(frozen=True)
class Ends:
    """Which ends of the visible window a shape reaches."""

    left: bool = False
    top: bool = False
    right: bool = False
    bottom: bool = False

    @property
    def any(self) -> bool:
        return self.left or self.top or self.right or self.bottom

    def mirrored(self, flip_x: bool, flip_y: bool) -> Ends:
        left, right = (self.right, self.left) if flip_x else (self.left, self.right)
        top, bottom = (self.bottom, self.top) if flip_y else (self.top, self.bottom)
        return Ends(left, top, right, bottom)


@dataclass(frozen=True)
class Shape:
    """One real defect as a mask of 1 bit a pixel, with what is known of its place."""

    defect: int  # 1..K
    packed: bytes
    size_hw: tuple[int, int]
    centre_uv: tuple[float, float]  # Middle of its box in the visible window, 0..1 along x and y.
    window_hw: tuple[int, int]  # Size of that window: the tile without its padding.
    ends: Ends
    angle_rad: float  # Of its long axis, 0 along x, 0..pi (y down).
    elongation: float  # 1 - width / length: 0 round, 1 a line.
    background_frac: tuple[float, ...]  # Share of its pixels on each background class.
    ring_frac: tuple[float, ...]  # The same of the ring round it.
    scan_xy: tuple[int, int] = (0, 0)  # Corner of its tile on the scan.
    group: str = ""  # Of its tile: shapes of one group are one physical defect, photographed again.
    ring_gray: float = math.nan  # Mean gray of the ring round it, 0..255; NaN where no picture was read.
    ring_grain: float = math.nan  # `grain_of` the surface round it; NaN where no picture was read, or all is defect.
    around: Surroundings | None = None  # None where it was not asked for, or hardly any surface lies round it.

    @property
    def straddles(self) -> bool:
        """Whether it lies across two backgrounds."""
        return 1 - max(self.background_frac) >= BENEATH_FRAC

    @property
    def foreign(self) -> tuple[int, ...]:
        """The background classes that it does not lie on."""
        return tuple(i for i, share in enumerate(self.background_frac) if share < BENEATH_FRAC)

    @property
    def meets_frac(self) -> float:
        """Share of the ring round it that shows a background it does not lie on: it ends at an edge there."""
        return sum(self.ring_frac[i] for i in self.foreign)

    @property
    def is_bound(self) -> bool:
        """Whether it lies across backgrounds, or ended at an edge between them."""
        return self.straddles or self.meets_frac >= MEETS_FRAC

    @property
    def is_free(self) -> bool:
        """Whether all of it is seen, and nothing but its class decides its outline."""
        return not self.ends.any and not self.is_bound

    @property
    def mask(self) -> Bool:
        """bool h w."""
        bits = np.unpackbits(np.frombuffer(self.packed, np.uint8), count=self.size_hw[0] * self.size_hw[1])
        return bits.reshape(self.size_hw).astype(bool)

    @property
    def longest_px(self) -> int:
        return max(self.size_hw)

    def mirrored(self, flip_x: bool, flip_y: bool) -> Shape:
        """Left and right, or top and bottom, or both exchanged; its place with it."""
        flipped = self.mask[:: -1 if flip_y else 1, :: -1 if flip_x else 1]
        u, v = self.centre_uv
        return replace(
            self,
            packed=np.packbits(flipped).tobytes(),
            centre_uv=(1 - u if flip_x else u, 1 - v if flip_y else v),
            ends=self.ends.mirrored(flip_x, flip_y),
            around=self.around and self.around.mirrored(flip_x, flip_y),
            angle_rad=(math.pi - self.angle_rad) % math.pi if flip_x != flip_y else self.angle_rad,
        )


@dataclass(frozen=True)
class Change:
    """How a shape is changed; the defaults leave it as it is."""

    scale: float = 1.0
    stretch: float = 1.0  # Along x times this, along y divided by it.
    turn_rad: float = 0.0  # Clockwise as seen on the picture (y down).
    bend_frac: float = 0.0  # Standard deviation of the smooth displacement, as a share of the longest side.


def find_shapes(
    label_map: LabelMap,
    *,
    backgrounds: int,
    scan_xy: tuple[int, int] = (0, 0),
    group: str = "",
    picture: Picture | None = None,
    around: bool = False,
) -> list[Shape]:
    """The shapes of every class on one label map, row by row; 255 belongs to none.

    Args:
        backgrounds: M, the number of background classes.
        group: of the tile; it is kept with the shapes.
        picture: of the tile, for gray and grain of the rings; None leaves them NaN.
        around: keep what lies round each shape too, from the picture.

    Example:
        >>> defect = np.zeros((64, 64), np.uint8)
        >>> defect[10:14, 10:30] = defect[16:18, 10:30] = defect[40:44, 50:54] = 2
        >>> found = find_shapes(LabelMap(defect, defect * 0), backgrounds=1)
        >>> [shape.size_hw for shape in found]
        [(8, 20), (4, 4)]
    """
    window = usable_window(label_map)
    rows, columns = slice(window.y, window.y + window.height), slice(window.x, window.x + window.width)
    defect, background = label_map.defect[rows, columns], label_map.background[rows, columns]
    found = []
    for index in (int(i) for i in np.unique(defect) if 0 < i < 255):
        for mask in _clusters(defect == index, near_px=round(NEAR_FRAC * max(label_map.size_hw))):
            beside = ring(mask)
            shape = _shape(
                mask, index, _shares(background[mask], backgrounds), _shares(background[beside], backgrounds)
            )
            gray, grain, round_it = math.nan, math.nan, None
            if picture is not None:
                gray = _mean_gray(picture[rows, columns], beside & (defect == 0))
                grain = grain_of(picture[rows, columns], _sound_round(mask, defect > 0))
            if picture is not None and around:
                box = Box(*cv2.boundingRect(mask.astype(np.uint8)))
                round_it = surroundings(picture[rows, columns], defect > 0, box)
            found.append(
                replace(shape, scan_xy=scan_xy, group=group, ring_gray=gray, ring_grain=grain, around=round_it)
            )
    return found


def ring(mask: Bool) -> Bool:
    """The pixels at most 3 px beside a mask."""
    near = cv2.dilate(mask.astype(np.uint8), np.ones((2 * RING_PX + 1, 2 * RING_PX + 1), np.uint8))
    return (near > 0) & ~mask


def changed_mask(mask: Bool, change: Change, ends: Ends, random: np.random.Generator) -> Bool:
    """The mask stretched, scaled, turned and smoothly bent; the middle of the result is the middle of the old box.

    Beyond the ends where the shape was cut off it goes on as it was there, so that the cut stays hidden behind the
    end of the new window. Thin lines stay: the soft warped mask is cut where its area is the expected one.

    Returns:
        bool H W, with a border round the shape; nothing is lost at it.
    """
    margin = 2 + (math.ceil(0.3 * max(mask.shape)) if ends.any else 0)
    canvas = _continued(mask, margin, ends)
    area_px = float(canvas.sum()) * change.scale**2
    if change.scale < 1:
        canvas = cv2.GaussianBlur(canvas, (0, 0), 0.35 / change.scale).astype(np.float32)
    map_x, map_y = _sources((canvas.shape[0], canvas.shape[1]), change, max(mask.shape), random)
    warped = cv2.remap(canvas, map_x, map_y, cv2.INTER_LINEAR, None, cv2.BORDER_CONSTANT, (0, 0, 0, 0))
    return cut_at_area(warped.astype(np.float32), area_px)


def trimmed(mask: Bool) -> tuple[Bool, tuple[float, float]]:
    """A mask without its empty border, and where the middle of the old array lies in it (x, y)."""
    box = Box(*cv2.boundingRect(mask.astype(np.uint8)))
    middle_xy = (mask.shape[1] - 1) / 2 - box.x, (mask.shape[0] - 1) / 2 - box.y
    return mask[box.y : box.y + box.height, box.x : box.x + box.width], middle_xy


def direction(mask: Bool) -> tuple[float, float]:
    """Angle of the long axis (radians, 0 along x, 0..pi, y down) and 1 - width / length, from second moments.

    Example:
        >>> angle, elongation = direction(np.eye(40, dtype=bool))
        >>> round(math.degrees(angle)), elongation > 0.9
        (45, True)
    """
    ys, xs = np.nonzero(mask)
    covariance = np.cov(np.stack([xs, ys]), bias=True) + np.eye(2) / 12  # A pixel has a width.
    values, vectors = np.linalg.eigh(covariance)
    angle = math.atan2(vectors[1, 1], vectors[0, 1]) % math.pi
    return angle, 1 - math.sqrt(float(values[0] / values[1]))


def waviness_frac(mask: Bool) -> float:
    """How far the middle of a long mask strays from a straight line: standard deviation as a share of its length.

    Example:
        >>> waviness_frac(np.eye(40, dtype=bool)) < 0.001
        True
    """
    angle, _ = direction(mask)
    ys, xs = np.nonzero(mask)
    along = xs * math.cos(angle) + ys * math.sin(angle)
    beside = ys * math.cos(angle) - xs * math.sin(angle)
    places = np.minimum(((along - along.min()) / (np.ptp(along) + 1e-6) * 16).astype(int), 15)
    counts = np.bincount(places, minlength=16)
    middles = np.bincount(places, beside, 16)[counts > 0] / counts[counts > 0]
    return float(middles.std() / (np.ptp(along) + 1))


def _clusters(of_class: Bool, near_px: int) -> list[Bool]:
    plane = of_class.astype(np.uint8)
    reach = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * near_px + 1, 2 * near_px + 1))
    count, clusters = cv2.connectedComponents(cv2.dilate(plane, reach), connectivity=8)
    masks = [(clusters == cluster) & of_class for cluster in range(1, count)]
    return [mask for mask in masks if np.count_nonzero(mask) >= LEAST_AREA_PX]


def _shares(values: UInt8, count: int) -> tuple[float, ...]:
    return tuple(float(share) for share in np.bincount(values, minlength=count) / max(values.size, 1))


def _mean_gray(picture: Picture, where: Bool) -> float:
    return float(picture[where].mean()) if where.any() else math.nan


def grain_of(picture: Picture, where: Bool) -> float:
    """How rough a surface is: the mean difference from its 3 x 3 mean, in gray levels; NaN where there is none.

    Example:
        >>> stripes = np.tile(np.array([0, 255], np.uint8), (8, 4))
        >>> grain_of(stripes, np.ones((8, 8), bool)) > 80 > grain_of(stripes * 0, np.ones((8, 8), bool))
        True
    """
    if not where.any():
        return math.nan
    rough = cv2.absdiff(picture, cv2.blur(picture, (3, 3)))
    return float(rough[where].mean())


def _sound_round(mask: Bool, defects: Bool) -> Bool:
    """The surface 4 to 12 px from a mask, as far from every other defect: nearer, a defect's own edge is seen."""
    far = cv2.dilate(mask.astype(np.uint8), np.ones((25, 25), np.uint8)) > 0
    near = cv2.dilate(defects.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    return far & ~near


def _shape(mask: Bool, index: int, beneath: tuple[float, ...], beside: tuple[float, ...]) -> Shape:
    height, width = mask.shape
    box = Box(*cv2.boundingRect(mask.astype(np.uint8)))
    own = mask[box.y : box.y + box.height, box.x : box.x + box.width]
    angle, elongation = direction(own)
    return Shape(
        defect=index,
        packed=np.packbits(own).tobytes(),
        size_hw=(box.height, box.width),
        centre_uv=((box.x + box.width / 2) / width, (box.y + box.height / 2) / height),
        window_hw=(height, width),
        ends=Ends(box.x == 0, box.y == 0, box.x + box.width == width, box.y + box.height == height),
        angle_rad=angle,
        elongation=elongation,
        background_frac=beneath,
        ring_frac=beside,
    )


def _continued(mask: Bool, margin: int, ends: Ends) -> Float32:
    canvas = np.pad(mask, margin)
    inner = np.s_[margin:-margin]
    if ends.left:
        canvas[inner, :margin] = mask[:, :1]
    if ends.right:
        canvas[inner, -margin:] = mask[:, -1:]
    if ends.top:
        canvas[:margin] = canvas[margin]
    if ends.bottom:
        canvas[-margin:] = canvas[-margin - 1]
    return canvas.astype(np.float32)


def _sources(
    source_hw: tuple[int, int], change: Change, longest_px: int, random: np.random.Generator
) -> tuple[Float32, Float32]:
    """For every pixel of the result, the place on the canvas that it shows."""
    scale_x, scale_y = change.scale * change.stretch, change.scale / change.stretch
    cos, sin = math.cos(change.turn_rad), math.sin(change.turn_rad)
    half_x, half_y = source_hw[1] / 2 * scale_x, source_hw[0] / 2 * scale_y
    sigma_px = change.bend_frac * longest_px * change.scale
    around_px = math.ceil(3 * sigma_px) + 2
    out_w = round(2 * (abs(cos) * half_x + abs(sin) * half_y)) + 2 * around_px  # Odd and even stay as they are, so
    out_h = round(2 * (abs(sin) * half_x + abs(cos) * half_y)) + 2 * around_px  # that nothing moves by half a pixel.
    x = (np.arange(out_w, dtype=np.float32) - (out_w - 1) / 2)[None, :]
    y = (np.arange(out_h, dtype=np.float32) - (out_h - 1) / 2)[:, None]
    if sigma_px > 0:
        spacing_px = longest_px * change.scale / 3
        knots = (max(3, round(out_h / spacing_px)), max(3, round(out_w / spacing_px)), 2)
        coarse = random.normal(0, sigma_px, knots).astype(np.float32)
        bend = cv2.resize(coarse, (out_w, out_h), interpolation=cv2.INTER_CUBIC)
        x, y = x + bend[..., 0], y + bend[..., 1]
    map_x = (cos * x + sin * y) / np.float32(scale_x) + np.float32((source_hw[1] - 1) / 2)
    map_y = (cos * y - sin * x) / np.float32(scale_y) + np.float32((source_hw[0] - 1) / 2)
    return map_x.astype(np.float32), map_y.astype(np.float32)


def cut_at_area(soft: Float32, area_px: float) -> Bool:
    """Pixels of a soft mask (0 to 1) from a level up, 0.25 to 0.6, that makes them as many as wanted."""
    above = np.cumsum(np.bincount((soft * 255).astype(np.uint8).ravel(), minlength=256)[::-1])[::-1]
    level = int(np.count_nonzero(above >= max(round(area_px), 1))) - 1
    cut: Bool = soft >= min(max(level / 255, 0.25), 0.6)
    return cut
