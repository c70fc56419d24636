"""Figures from pixels: what changed beside masks, what a segmenter finds, how near a label's real picture is."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from blemish.core.arrays import Bool, UInt8, with_channels, without_channels
from blemish.core.labels import LabelMap
from blemish.core.protocols import Generator, Segmenter
from blemish.core.records import Box, TileRecord
from blemish.core.seeds import derive_seed
from blemish.core.taxonomy import IGNORE
from blemish.data.cutouts import usable_window
from blemish.data.dataset import Dataset, Sample
from blemish.gan.any_size import paint_any_size
from blemish.gan.clean_areas import largest_clean_area
from blemish.gan.evaluation_compare import plain
from blemish.metrics.likeness import Change, change, psnr, ssim
from blemish.metrics.pixel import Confusion
from blemish.picture.compose import defect_mask
from blemish.picture.normalise import to_channels
from blemish.picture.tiling import cut

SEGMENTED_MOST = 400
PAINTED_MOST = 48
LABELS_A_CLASS = 2
DRAWN = 8


class Beneath:
    """The real pictures that synthetic tiles were made on, found from their rows."""

    def __init__(self, real: Dataset) -> None:
        self._real = real
        self._by_id = {record.id: record for record in real.records}
        self._by_place = {(r.source, r.part, r.view, r.box): r for r in real.records}

    def of(self, record: TileRecord) -> UInt8 | None:
        """The background of a synthetic tile; None where its row names none that is there.

        gan generate names the tile whose background lies beneath; copy-paste keeps its canvas's source and box.
        """
        if record.source in self._by_id:
            sample = self._real.sample(self._by_id[record.source])
            return sample.picture if sample.record.is_clean else _continued(sample)
        canvas = self._by_place.get((record.source, record.part, record.view, record.box))
        return None if canvas is None else self._real.picture(canvas)


def changes(synthetic: Dataset, records: Sequence[TileRecord], real: Dataset, ring_px: int) -> dict[str, Any] | None:
    """Gray levels by which written tiles differ from their backgrounds, read back; None where no background is known.

    Where the backgrounds were generated, the whole picture differs: the figures then say so.
    """
    beneath = Beneath(real)
    found: list[Change] = []
    for record in records:
        picture = beneath.of(record)
        if picture is None:
            continue
        sample = synthetic.sample(record)
        if picture.shape == sample.picture.shape:
            known = sample.label_map.defect != IGNORE
            found.append(change(sample.picture, picture, defect_mask(sample.label_map), ring_px, known))
    if not found:
        return None
    return {
        "tiles": len(found),
        "unknown_background": len(records) - len(found),
        "ring_px": ring_px,
        "inside": mean_of([each.inside for each in found]),
        "ring": mean_of([each.ring for each in found]),
        "beyond": mean_of([each.beyond for each in found]),
        "most_beyond": max((int(c.most_beyond) for c in found if c.most_beyond == c.most_beyond), default=None),
        "untouched_beyond": sum(each.most_beyond == 0 for each in found),
    }


def consistency(segmenter: Segmenter, dataset: Dataset, records: Sequence[TileRecord], seed: int = 0) -> dict[str, Any]:
    """IoU of what a segmenter finds with the masks that the tiles were made from, per class and mean; 1 is best.

    At most 400 tiles, chosen by a hash of their ids.
    """
    names = dataset.taxonomy.defect_names
    table = Confusion(len(names))
    chosen = sorted((r for r in records if r.classes), key=lambda r: derive_seed(seed, "segmented", r.id))
    for record in chosen[:SEGMENTED_MOST]:
        sample = dataset.sample(record)
        scores = segmenter.probabilities(to_channels(sample.picture, segmenter.channels)[None])
        table.add(sample.label_map.defect, scores[0].argmax(axis=0).astype(np.uint8))
    values = [plain(float(value)) for value in table.iou()]
    return {
        "tiles": min(len(chosen), SEGMENTED_MOST),
        "iou": dict(zip(names, values, strict=True)),
        "mean": plain(table.mean_iou()),
    }


def likeness(generator: Generator, real: Dataset, records: Sequence[TileRecord], seed: int = 0) -> dict[str, Any]:
    """PSNR (dB) and SSIM of generated pictures against the real tile of the same label, and over the defects' boxes.

    Background and defect are both generated. A varied generator cannot score high here: it is one good answer of many.
    Padding and ignored pixels count in no PSNR; in SSIM padding is left out, and ignored pixels are taken as equal.
    """
    whole: list[tuple[float, float]] = []
    boxes: list[tuple[float, float]] = []
    chosen = sorted((r for r in records if r.classes), key=lambda r: derive_seed(seed, "painted", r.id))
    for record in chosen[:PAINTED_MOST]:
        sample = real.sample(record)
        made = paint_one(generator, sample.label_map, derive_seed(seed, record.id))
        target = without_channels(to_channels(sample.picture, generator.channels))
        known = sample.label_map.defect != IGNORE
        whole.append(_alike(made, target, known, usable_window(sample.label_map)))
        boxes.append(_alike(made, target, known, _box_of(defect_mask(sample.label_map))))
    return {
        "tiles": len(whole),
        "psnr_db": mean_of([each[0] for each in whole]),
        "ssim": mean_of([each[1] for each in whole]),
        "psnr_db_defects": mean_of([each[0] for each in boxes]),
        "ssim_defects": mean_of([each[1] for each in boxes]),
    }


def same_label(generator: Generator, real: Dataset, records: Sequence[TileRecord]) -> dict[str, Any]:
    """How much pictures of one label on one background differ inside the mask: mean gray levels over pairs of 8 seeds.

    0 = the generator has one picture for a label, as the paper's has.
    """
    rows: dict[str, float | None] = {}
    for index, name in enumerate(real.taxonomy.defect_names, start=1):
        shown = sorted((r for r in records if index in r.classes), key=lambda r: -r.defect_px[index - 1])
        maps = [real.label_map(record) for record in shown[:LABELS_A_CLASS]]
        values = [drawn_apart(drawn_often(generator, each, DRAWN), each) for each in maps]
        rows[name] = mean_of(values)
    return {"drawn": DRAWN, "classes": rows, "mean": mean_of([v for v in rows.values() if v is not None])}


def drawn_often(generator: Generator, label_map: LabelMap, count: int, background: UInt8 | None = None) -> list[UInt8]:
    """One label with seeds 0 to count - 1, on one background: only the defects may differ.

    Args:
        background: None = what the generator paints for the label without its defects.
    """
    if background is None:
        background = paint_one(generator, LabelMap(np.zeros_like(label_map.defect), label_map.background), 0)
    return [paint_one(generator, label_map, seed, background) for seed in range(count)]


def drawn_apart(pictures: Sequence[UInt8], label_map: LabelMap) -> float:
    """Mean absolute difference inside the mask between pictures of one label, in gray levels."""
    mask = defect_mask(label_map)
    return float(np.mean([np.abs(a.astype(np.float32) - b)[mask].mean() for a, b in combinations(pictures, 2)]))


def paint_one(generator: Generator, label_map: LabelMap, seed: int, background: UInt8 | None = None) -> UInt8:
    """uint8 H W or H W 3, any size."""
    beneath = None if background is None else with_channels(background)[None]
    return without_channels(paint_any_size(generator, [label_map], [seed], beneath)[0])


def mean_of(values: Sequence[float]) -> float | None:
    """Mean of those that are defined; None with none."""
    known = [value for value in values if np.isfinite(value)]
    return plain(float(np.mean(known))) if known else None


def _alike(made: UInt8, target: UInt8, known: Bool, box: Box) -> tuple[float, float]:
    """PSNR over the known pixels of a box, and SSIM of it with unknown ones taken as equal: windows reach over them."""
    made, target, counted = cut(made, box), cut(target, box), cut(known.astype(np.uint8), box) > 0
    filled = made.copy()
    filled[~counted] = target[~counted]
    return psnr(made[counted][None], target[counted][None]), ssim(filled, target)


def _box_of(mask: Bool) -> Box:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return Box(int(columns[0]), int(rows[0]), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1)


def _continued(sample: Sample) -> UInt8 | None:
    """What gan generate lays beneath where a set has no clean tile: the clean area, continued by its reflection."""
    area = largest_clean_area(sample.label_map)
    if area is None:
        return None
    height, width = sample.label_map.size_hw
    shown = sample.picture[area.y : area.y + area.height, area.x : area.x + area.width]
    return cut(shown, Box(-area.x, -area.y, width, height))
