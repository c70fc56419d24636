"""The model of shapes beside real ones: near-copies, likeness of size and outline, and time, for each kind of drawing.

    python benchmarks/shape_model.py DATASET            writes benchmarks/results/shape-model-<taxonomy>.json

Only the training split is read. Distances are Kolmogorov-Smirnov (0 = the same distribution, 1 = apart) between real
shapes, every physical defect with the same weight, and drawn ones.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from blemish.bench.provenance import write_result
from blemish.core.arrays import Bool, Float64
from blemish.data.dataset import Dataset
from blemish.gan.bank import Bank, build_bank
from blemish.gan.labels import Drawn, draw_tile
from blemish.gan.near_copy import NEAR_COPY_IOU, CopyIndex
from blemish.gan.plan import PlanItem
from blemish.gan.shape_blobs import outline_of
from blemish.gan.shape_class import ClassShapes
from blemish.gan.shape_model import DEFAULT_MIX, ShapeMix
from blemish.gan.shapes import find_shapes

MIXES = {
    "deform": ShapeMix(1, 0, 0),
    "recombine": ShapeMix(0, 1, 0),
    "grow": ShapeMix(0, 0, 1),
    "default": DEFAULT_MIX,
}
TRAITS = ("area", "elongation", "solidity")
SEED = 1
MOST_COMPARED = 220


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--tiles", type=int, default=200, help="drawn for each class and kind")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    dataset = Dataset(asked.dataset)
    indices = range(1, len(dataset.taxonomy.defects) + 1)
    classes: dict[str, Any] = {}
    for kind, mix in MIXES.items():
        bank = build_bank(dataset, indices, mix=mix)
        for index in indices:
            entry = classes.setdefault(dataset.taxonomy.defect(index).name, {})
            entry.setdefault("real", _real(bank.classes[index]))
            entry[kind] = _drawn(bank, index, asked.tiles)
            print(dataset.taxonomy.defect(index).name, kind, entry[kind], flush=True)
    out = asked.out or Path(f"benchmarks/results/shape-model-{dataset.taxonomy.name}.json")
    figures = {"data": dataset.hash, "threshold": NEAR_COPY_IOU, "tiles": asked.tiles, "classes": classes}
    write_result(out, figures, seeds=[SEED])


def _real(of_class: ClassShapes) -> dict[str, Any]:
    """How alike real shapes are: the highest overlap with one of another group, and with another of the same group."""
    shapes = of_class.shapes[:MOST_COMPARED]
    others, same = [], []
    for shape in shapes:
        others.append(CopyIndex.of(s.mask for s in shapes if s.group != shape.group).iou(shape.mask))
        own = [s.mask for s in shapes if s.group == shape.group and s is not shape]
        if own:
            same.append(CopyIndex.of(own).iou(shape.mask))
    return {
        "shapes": len(of_class.shapes),
        "defects": len(of_class.defects),
        "free_shapes": len(of_class.model.templates),
        "iou_other_group": _quartiles(others),
        "near_copies_other_group_frac": _share(others),
        "iou_same_group": _quartiles(same),
        "near_copies_same_group_frac": _share(same),
    }


def _drawn(bank: Bank, index: int, tiles: int) -> dict[str, Any]:
    draw_tile(bank, PlanItem(tiles, (index,)), SEED)  # What is made once for a class is not timed.
    started = process_time()
    tried = [draw_tile(bank, PlanItem(i, (index,)), SEED) for i in range(tiles)]
    seconds = process_time() - started
    drawn = [tile for tile in tried if isinstance(tile, Drawn)]
    ious = [tile.copy_iou for tile in drawn]
    ours = [
        shape.mask for tile in drawn for shape in find_shapes(tile.label_map, backgrounds=1) if shape.defect == index
    ]
    half = len(ours) // 2
    earlier = CopyIndex.of(ours[:half])
    among = [earlier.iou(mask) for mask in ours[half : half + MOST_COMPARED]]
    return {
        "not_drawn": tiles - len(drawn),
        "drawn_again": sum(tile.near_copies for tile in drawn),
        "iou": _quartiles(ious),
        "near_copies_left_frac": _share(ious),
        "ms_per_tile": round(1000 * seconds / tiles, 2),
        "iou_among_drawn": _quartiles(among),
        "distance": _distances(bank.classes[index], ours),
    }


def _distances(of_class: ClassShapes, ours: Sequence[Bool]) -> dict[str, float]:
    real = np.array([_traits(shape.mask) for shapes in of_class.defects for shape in shapes]).T
    weights = np.array([1 / len(shapes) for shapes in of_class.defects for _ in shapes])
    drawn = np.array([_traits(mask) for mask in ours]).T
    return {name: round(_distance(real[i], weights, drawn[i]), 3) for i, name in enumerate(TRAITS)}


def _traits(mask: Bool) -> tuple[float, float, float]:
    outline = outline_of(mask)
    return float(np.count_nonzero(mask)), outline.elongation, outline.solidity


def _distance(real: Float64, weights: Float64, drawn: Float64) -> float:
    """Largest difference of the two distribution functions."""
    at = np.concatenate([real, drawn])
    below = (real[None] <= at[:, None]) @ weights / weights.sum()
    return float(np.abs(below - (drawn[None] <= at[:, None]).mean(axis=1)).max())


def _quartiles(values: Sequence[float]) -> list[float] | None:
    return [round(float(q), 3) for q in np.percentile(values, [25, 50, 75, 95])] if values else None


def _share(values: Sequence[float]) -> float | None:
    return round(float(np.mean(np.array(values) >= NEAR_COPY_IOU)), 4) if values else None


if __name__ == "__main__":
    main()
