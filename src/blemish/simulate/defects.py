"""Put defects on a clean cell: where, how large, how strong, and exactly which pixels they visibly change."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from blemish.core.arrays import Bool, Float32, UInt8
from blemish.core.records import Box
from blemish.core.seeds import rng
from blemish.core.taxonomy import Taxonomy
from blemish.simulate import fields
from blemish.simulate.layout import Layout
from blemish.simulate.settings import LineSettings
from blemish.simulate.shapes import KINDS, Kind

VISIBLE = 0.30  # A pixel belongs to a defect where its change is at least this share of the defect's largest change.
FADE = 0.10  # Below this share a change is cut to nothing, so that a defect ends.
SOFT_PX = 28  # No pixel farther than this from a defect's visible pixels is changed at all.
_RING_PX = 16  # How far round a defect its surroundings count as local texture.
_TEXTURE_PX = 6.0  # Detail coarser than this is shading, not texture.
_LARGEST_GRAY = 105.0
_CONTRAST_SPREAD = 0.4  # Of the logarithm.
_ISLAND_PX = 9  # Nobody would see, or paint, an island of fewer pixels.
_LARGEST_PX = 400.0
_TRIES = 5


@dataclass(frozen=True)
class SimulatedDefect:
    """What is known of one defect, as rendered.

    Contrast is the mean absolute change of gray over its visible pixels, divided by the deviation of the clean
    texture round it (noise included): below 2 is faint.
    """

    class_index: int  # 1..6, the label value.
    box: Box  # Of its visible pixels, before a defect of higher priority covers any.
    contrast: float
    area_px: int

    @property
    def size_px(self) -> int:
        """The longest side."""
        return self.box.longest_px


@dataclass(frozen=True)
class _Patch:
    """A change of gray that fits the scan: float32 h w at rows and columns, and where it is visible."""

    defect: SimulatedDefect
    rows: slice
    columns: slice
    change: Float32
    visible: Bool


def add_defects(
    seed: int, index: int, signal: Float32, body: UInt8, layout: Layout, settings: LineSettings
) -> tuple[UInt8, tuple[SimulatedDefect, ...]]:
    """Draw a cell's defects into its signal, in place.

    Args:
        signal: float32 H W in gray levels, the clean cell before noise.
        body: coverage of the cell, uint8 H W: a defect ends where the cell ends.

    Returns:
        The defect plane, uint8 H W, and the defects in the order drawn. Overlaps go to the class of higher priority.
    """
    patches = _plan(seed, index, signal, body, layout, settings)
    plane = np.zeros(layout.size_hw, np.uint8)
    taxonomy = Taxonomy.preset("pouch-cell")
    for patch in sorted(patches, key=lambda p: taxonomy.defect(p.defect.class_index).priority or 0):
        signal[patch.rows, patch.columns] += patch.change
        plane[patch.rows, patch.columns][patch.visible] = patch.defect.class_index
    return plane, tuple(patch.defect for patch in patches)


def draw_shape(generator: np.random.Generator, class_index: int, size_px: float) -> Bool:
    """The visible pixels of one defect of a class by itself, its largest piece only, bool h w as its box."""
    kind = KINDS[class_index - 1]
    change = kind.paint(generator, max(size_px, 8.0))
    visible = _visible(change / float(np.abs(change).max()), max(2.0, kind.close_frac * size_px))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(visible.astype(np.uint8), connectivity=8)
    largest = 1 + int(np.argmax(np.asarray(stats)[1:, cv2.CC_STAT_AREA]))
    x, y, width, height, _ = (int(value) for value in stats[largest])
    piece: Bool = np.asarray(labels)[y : y + height, x : x + width] == largest
    return piece


def _plan(seed: int, index: int, signal: Float32, body: UInt8, layout: Layout, settings: LineSettings) -> list[_Patch]:
    """All patches are measured against the clean signal, so none depends on another."""
    generator = rng(seed, "defects", index)
    if generator.random() < settings.clean_share:
        return []
    shares = np.asarray(settings.class_shares) / sum(settings.class_shares)
    patches: list[_Patch] = []
    for number in range(1 + int(generator.poisson(settings.defects_per_cell - 1))):
        class_index = 1 + int(generator.choice(len(shares), p=shares))
        for attempt in range(_TRIES):
            draw = rng(seed, "defect", index, number, attempt)
            patch = _draw(draw, class_index, signal, body, layout, settings)
            if patch is not None and (attempt == _TRIES - 1 or not any(_touch(patch, other) for other in patches)):
                patches.append(patch)
                break
    return patches


def _draw(
    generator: np.random.Generator,
    class_index: int,
    signal: Float32,
    body: UInt8,
    layout: Layout,
    settings: LineSettings,
) -> _Patch | None:
    """One defect somewhere on the cell; None where too little of it would show."""
    kind = KINDS[class_index - 1]
    largest = 0.55 * min(layout.size_hw)
    size = min(kind.size_px * float(np.exp(generator.normal(0, kind.size_spread))), _LARGEST_PX, largest)
    change = kind.paint(generator, max(size, 8.0))
    centre = _place(generator, kind, layout, settings)
    change, rows, columns = _on_scan(change, centre, layout)
    change *= body[rows, columns].astype(np.float32) * np.float32(1 / 255)
    peak = float(np.abs(change).max(initial=0))
    if peak < 0.5:
        return None
    visible = _visible(change / peak, max(2.0, kind.close_frac * size)) & (body[rows, columns] > 127)
    if visible.sum() < 12:
        return None
    change = _faded(change / peak, visible)
    deviation = texture_deviation(signal, rows, columns, settings.noise_gray)
    contrast = settings.contrast * _contrast(generator, kind, settings)
    mean_change = float(np.abs(change[visible]).mean())
    gray = min(contrast * deviation / mean_change, _LARGEST_GRAY)
    defect = SimulatedDefect(
        class_index, _box(visible, rows, columns), gray * mean_change / deviation, int(visible.sum())
    )
    return _Patch(defect, rows, columns, change * np.float32(gray), visible)


def _contrast(generator: np.random.Generator, kind: Kind, settings: LineSettings) -> float:
    """The contrast wanted: a written share is faint, between 1 and 2, and the rest log-normal."""
    if generator.random() < settings.faint_share:
        return float(generator.uniform(1.0, 2.0))
    return kind.contrast * float(np.exp(generator.normal(0, _CONTRAST_SPREAD)))


def _place(generator: np.random.Generator, kind: Kind, layout: Layout, settings: LineSettings) -> tuple[float, float]:
    """The middle of a defect: on an edge of the cell, or anywhere on the pouch."""
    if generator.random() < min(1.0, settings.edge_share * kind.edge_bias):
        rects = (layout.outline, layout.cup, layout.cup, *layout.films)
        ring = layout.ring(rects[int(generator.integers(len(rects)))])
        x, y = ring[int(generator.integers(len(ring)))] + generator.normal(0, 5, 2)
        return float(x), float(y)
    outline = layout.outline
    return float(generator.uniform(outline.left, outline.right)), float(generator.uniform(outline.top, outline.bottom))


def _on_scan(change: Float32, centre_xy: tuple[float, float], layout: Layout) -> tuple[Float32, slice, slice]:
    """The change where it lies on the scan, shaken by the line-scan jitter, and its rows and columns."""
    height, width = layout.size_hw
    h, w = change.shape
    x0, y0 = round(centre_xy[0] - w / 2), round(centre_xy[1] - h / 2)
    columns, rows = slice(max(x0, 0), min(x0 + w, width)), slice(max(y0, 0), min(y0 + h, height))
    x, y = np.meshgrid(_range(columns) - x0, _range(rows) - y0)
    y = y - layout.warp.jitter[columns]
    shaken = cv2.remap(change, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(shaken), rows, columns


def _visible(change: Float32, gap_px: float) -> Bool:
    """Where a change shows, closed over gaps of up to twice `gap_px` and without its smallest islands."""
    pad = int(gap_px) + 2  # Growing must not run into the window's border.
    inner = slice(pad, pad + change.shape[0]), slice(pad, pad + change.shape[1])
    grown = _away(np.pad(np.abs(change) >= VISIBLE, pad)) <= gap_px
    closed = (_away(~grown) > gap_px)[inner].astype(np.uint8)
    _, regions, figures, _ = cv2.connectedComponentsWithStats(closed, connectivity=8)
    large = np.asarray(figures)[:, cv2.CC_STAT_AREA] >= _ISLAND_PX
    large[0] = False
    visible: Bool = large[np.asarray(regions)]
    return visible


def _away(mask: Bool) -> Float32:
    """Distance to a mask in px, 0 inside."""
    return fields.f32(cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 3))


def _faded(change: Float32, visible: Bool) -> Float32:
    """The change with its faint tail drawn down to nothing."""
    near = np.clip((SOFT_PX - _away(visible)) / 8, 0, 1)
    return fields.f32(np.sign(change) * np.maximum(np.abs(change) - FADE, 0) / (1 - FADE) * near)


def texture_deviation(signal: Float32, rows: slice, columns: slice, noise_gray: float) -> float:
    """Deviation of the texture in and round a window, shading taken out and the sensor's noise put in, in gray levels.

    Robust (median absolute deviation), so that an edge of the cell through the window hardly counts.
    """
    window = signal[
        max(rows.start - _RING_PX, 0) : rows.stop + _RING_PX, max(columns.start - _RING_PX, 0) : columns.stop + _RING_PX
    ]
    texture = window - cv2.GaussianBlur(window, (0, 0), _TEXTURE_PX)
    spread = 1.4826 * float(np.median(np.abs(texture)))
    return float(np.hypot(spread, noise_gray))


def _touch(one: _Patch, other: _Patch) -> bool:
    a, b = one.defect.box, other.defect.box
    return a.x < b.x + b.width and b.x < a.x + a.width and a.y < b.y + b.height and b.y < a.y + a.height


def _box(visible: Bool, rows: slice, columns: slice) -> Box:
    x, y, width, height = cv2.boundingRect(visible.astype(np.uint8))
    return Box(x + columns.start, y + rows.start, width, height)


def _range(places: slice) -> Float32:
    return np.arange(places.start, places.stop, dtype=np.float32)
