"""Copy-paste of real defects with blending: what an engineer does in an afternoon, and rung 5 of the ladder.

A cut-out is turned, scaled and mirrored, put where the background classes are as they were round it, brought to the
brightness and contrast of the surface there, and blended in; the label is exactly the pasted mask. Where black or white
would swallow it, it is not put. A cut-out that was cut off by the end of its tile, or that lies across two backgrounds,
is only mirrored, and put to the same end again or where the same backgrounds meet.
"""

from __future__ import annotations

import hashlib
import math
import sys
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from blemish.core.arrays import Bool, Picture
from blemish.core.errors import DatasetError
from blemish.core.labels import LabelMap
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.core.seeds import derive_seed, rng
from blemish.data.cutouts import MARGIN_PX, CutOut, DefectBank, mirrored, turned, usable_window
from blemish.data.dataset import Dataset, DatasetWriter, Sample
from blemish.data.paste_blend import Blend, feathered, is_lost, matched
from blemish.data.paste_place import find_place, windows
from blemish.picture.tiling import cut

PRESET = "copy-paste"
VERSION = 2  # Raised when equal seeds would give other tiles than before.
LEAST_CLEAN = 10  # Fewer clean tiles would be seen again and again.
_CANVASES_TRIED = 50


@dataclass(frozen=True)
class PasteSettings:
    """How far a cut-out may be changed."""

    turn_deg: float = 180.0  # Either way.
    scale: tuple[float, float] = (0.8, 1.25)
    flip_frac: float = 0.5  # Chance of being mirrored, for each axis.
    feather_px: int = 4  # Width of the soft edge outside the mask, at most 12.
    tries: int = 20  # Cut-outs drawn until one finds a place.


def paste(
    picture: Picture,
    label_map: LabelMap,
    bank: DefectBank,
    class_index: int,
    random: np.random.Generator,
    *,
    blend: Blend | None = None,
    settings: PasteSettings | None = None,
) -> tuple[Picture, LabelMap] | None:
    """A copy of a tile with one more defect of a class, and its exact label.

    Args:
        picture: uint8 H W or H W 3, as the bank's.
        blend: `feathered` or `poisson`; None = `feathered`.

    Returns:
        None if no drawn cut-out fits anywhere on this tile.

    Raises:
        DatasetError: the bank holds no defect of this class.
    """
    settings = settings or PasteSettings()
    window = usable_window(label_map)
    inner = LabelMap(cut(label_map.defect, window), cut(label_map.background, window))
    for _ in range(settings.tries):
        cut_out = _changed(bank.draw(class_index, random), settings, random)
        corner_xy = find_place(inner, cut_out, random)
        if corner_xy is not None:
            surface = cut(picture, window)
            pasted = _put(surface, inner, cut_out, corner_xy, blend or feathered, settings.feather_px)
            if pasted is not None:
                return _back_on_tile(picture, label_map, window, *pasted)
    return None


def _changed(cut_out: CutOut, settings: PasteSettings, random: np.random.Generator) -> CutOut:
    """The cut-out turned, scaled and mirrored; only mirrored if it was cut off or lies across two backgrounds."""
    flip_x, flip_y = random.random(2) < settings.flip_frac
    turn_deg = random.uniform(-1, 1) * settings.turn_deg
    scale = math.exp(random.uniform(*np.log(settings.scale)))
    cut_out = mirrored(cut_out, bool(flip_x), bool(flip_y))
    fixed = any(cut_out.touches) or np.ptp(cut_out.background) > 0
    return cut_out if fixed else turned(cut_out, turn_deg, scale)


def _put(
    surface: Picture, label_map: LabelMap, cut_out: CutOut, corner_xy: tuple[int, int], blend: Blend, feather_px: int
) -> tuple[Picture, LabelMap] | None:
    """None where the defect would hardly be seen: a dark one on black, a light one on white."""
    there, here = windows(label_map.size_hw, cut_out, corner_xy)
    mask, foreign = cut_out.mask[here], cut_out.foreign[here]
    taken = ((foreign > 0) | (label_map.defect[there] > 0)).astype(np.uint8)
    ring = (mask == 0) & (taken == 0)
    patch = matched(surface[there], cut_out.picture[here], ring)
    picture, defect = surface.copy(), label_map.defect.copy()
    picture[there] = blend(surface[there], patch, mask, taken, min(feather_px, MARGIN_PX))
    if is_lost(surface[there], picture[there], cut_out.picture[here], mask, ring):
        return None
    defect[there][mask > 0] = cut_out.index
    return picture, LabelMap(defect, label_map.background)


def _back_on_tile(
    picture: Picture, label_map: LabelMap, window: Box, pasted: Picture, pasted_label: LabelMap
) -> tuple[Picture, LabelMap]:
    """The window in its tile again; padding that mirrored the surface mirrors the pasted one."""
    height, width = label_map.size_hw
    whole = Box(-window.x, -window.y, width, height)
    rows, columns = slice(window.y, window.y + window.height), slice(window.x, window.x + window.width)
    if np.array_equal(cut(picture[rows, columns], whole), picture):
        result = cut(pasted, whole)
    else:
        result = picture.copy()
        result[rows, columns] = pasted
    defect = label_map.defect.copy()
    defect[rows, columns] = pasted_label.defect
    return result, LabelMap(defect, label_map.background.copy())


def copy_paste_dataset(
    dataset: Dataset,
    out: Path,
    per_class: int,
    seed: int,
    *,
    blend: Blend | None = None,
    settings: PasteSettings | None = None,
) -> int:
    """Write a synthetic data set that fills every class of the train split up to `per_class` tiles.

    Real train tiles count, and a tile counts for each class it shows. The canvas is a clean train tile, or any train
    tile (with the defects it has) where few are clean; a pasted tile keeps its canvas's part, source, box and group.
    A class without a whole defect to cut out, or of which none fits on a canvas, is left as it is, and named on
    standard error.

    Returns:
        The number of tiles written.

    Raises:
        DatasetError: no class has a defect to cut out, or that fits on a canvas; nothing is missing; `out` exists.
    """
    records = [r for r in dataset.select(Split.TRAIN) if r.origin != Origin.SYNTHETIC]
    clean = [r for r in records if r.is_clean]
    canvases = clean if len(clean) >= LEAST_CLEAN else records
    if not canvases:
        raise DatasetError(f"{dataset.folder} has no real train tile to paste on: split it first with data split")
    bank = DefectBank.from_dataset(dataset, records, seed=seed)
    settings, blend = settings or PasteSettings(), blend or feathered
    made_by = hashlib.sha256(f"{PRESET} {VERSION} {dataset.hash} {settings} {blend.__name__}".encode()).hexdigest()
    held = Counter(index for record in records for index in record.classes)
    classes = sorted(_fillable(dataset, bank), key=lambda index: (held[index], index))
    if all(held[index] >= per_class for index in classes):
        raise DatasetError(
            f"nothing to paste: every class has {per_class} real train tiles or more: ask for more with --per-class"
        )
    written, homeless = 0, ""
    with (
        DatasetWriter(out, replace(dataset.info, hash="")) as writer,
        tqdm(
            total=sum(max(0, per_class - held[index]) for index in classes),
            unit="tile",
            desc="copy-paste",
            disable=None,
        ) as bar,
    ):
        for index in classes:
            while held[index] < per_class:
                row = (index, written, derive_seed(seed, PRESET, index, written))
                pasted = _pasted_tile(dataset, canvases, bank, row, blend, settings)
                if pasted is None:
                    homeless = _no_place(dataset.taxonomy.defect(index).name)
                    tqdm.write(f"copy-paste: {homeless}: left at {held[index]} of {per_class} tiles", file=sys.stderr)
                    break
                sample, padding = pasted
                finished = writer.add(replace(sample, record=replace(sample.record, generator=made_by)), padding)
                held.update(finished.classes)
                written += 1
                bar.update()
        if not written:
            raise DatasetError(homeless)
    return written


def _no_place(name: str) -> str:
    return (
        f"no defect of class {name} fits on {_CANVASES_TRIED} canvases drawn: they are as large as the tile, lie on "
        f"backgrounds that no canvas shows, or would not be seen there"
    )


def _fillable(dataset: Dataset, bank: DefectBank) -> list[int]:
    empty = [index for index, found in bank.cut_outs.items() if not found]
    if len(empty) == len(bank.cut_outs):
        raise DatasetError(f"{dataset.folder}: the train tiles show no whole defect to cut out")
    if empty:
        names = ", ".join(dataset.taxonomy.defect(index).name for index in empty)
        tqdm.write(f"copy-paste: no whole defect to cut out of {names}: left as it is", file=sys.stderr)
    return [index for index in bank.cut_outs if index not in empty]


def _pasted_tile(
    dataset: Dataset,
    canvases: list[TileRecord],
    bank: DefectBank,
    row: tuple[int, int, int],
    blend: Blend,
    settings: PasteSettings,
) -> tuple[Sample, Bool | None] | None:
    """One tile from its class, number and seed alone, and its padding; None if nothing of the class has a place."""
    index, number, seed = row
    random = rng(seed)
    for _ in range(_CANVASES_TRIED):
        canvas = dataset.sample(canvases[int(random.integers(len(canvases)))])
        pasted = paste(canvas.picture, canvas.label_map, bank, index, random, blend=blend, settings=settings)
        if pasted is not None:
            record = replace(
                canvas.record,
                id=f"{PRESET}/{index:03d}-{number:06d}",
                split=Split.TRAIN,
                origin=Origin.SYNTHETIC,
                seed=seed,
                preset=PRESET,
            )
            return Sample(pasted[0], pasted[1], record), _padding(canvas)
    return None


def _padding(canvas: Sample) -> Bool | None:
    """True outside the usable window, where the row says that this is padding."""
    if not canvas.record.padding_px:
        return None
    window = usable_window(canvas.label_map)
    outside = np.ones(canvas.label_map.size_hw, bool)
    outside[window.y : window.y + window.height, window.x : window.x + window.width] = False
    return outside if int(outside.sum()) == canvas.record.padding_px else None
