"""What the quality gate's limits are worth on a data set: real defects, sound surface, and real defects it never saw.

    python benchmarks/gate_limits.py DATASET --name SET      # a minute; writes benchmarks/results/gate-limits-SET.json

For each class: contrast of real training defects, and of the same masks laid on clean training tiles, where nothing is
to be seen; how alike a defect is to its nearest of another group; and the share of defects of the val split that each
limit would reject; and how well the probes of the rule `recognised` tell the real ones from bare surface, and what they
would reject of the val split's. Nothing is read of the test split.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from blemish.bench.provenance import write_result
from blemish.core.arrays import Float64, Picture
from blemish.core.records import Split
from blemish.core.seeds import rng
from blemish.data.cutouts import CutOut, DefectBank
from blemish.data.dataset import Dataset
from blemish.gan.bank import source_tiles
from blemish.gan.gate_reference import DEFECTS_PER_CLASS, measured, nearest_of_other_groups, ring_of
from blemish.gan.gate_rules import Patches, content_patch, contrast, picture_copy
from blemish.gan.recognition import learn_recognition
from blemish.gan.recognition_features import packaged_features

CLEAN_TILES = 200
PLACES = 3  # Of each mask, on clean tiles.


def main() -> None:
    options = _options()
    dataset = Dataset(options.dataset)
    sources = source_tiles(dataset.records)
    groups = {record.id: record.group for record in dataset.records}
    train = DefectBank.from_dataset(dataset, [r for r in sources if r.classes], per_class=DEFECTS_PER_CLASS)
    unseen = DefectBank.from_dataset(dataset, [r for r in dataset.select(Split.VAL) if r.classes])
    clean = [dataset.picture(record) for record in sources if record.is_clean][:CLEAN_TILES]
    classes = {
        dataset.taxonomy.defect(index).name: _class(cut_outs, unseen.cut_outs.get(index, ()), clean, groups)
        for index, cut_outs in train.cut_outs.items()
        if cut_outs
    }
    recognition = learn_recognition(
        dataset, [index for index, cut_outs in train.cut_outs.items() if cut_outs], packaged_features()
    )
    for index, probe in recognition.probes.items():
        unseen_scores = [recognition.score(dataset.sample(r), index) for r in dataset.select(Split.VAL)]
        said = [score for score in unseen_scores if score is not None]
        under = None if probe.limit is None else _share(np.array(said) < probe.limit)
        classes[dataset.taxonomy.defect(index).name]["recognised"] = {
            **probe.to_dict(), "why_off": probe.why_off, "unseen_tiles": len(said), "unseen_unrecognised": under,
        }  # fmt: skip
    figures = {"data": {"name": options.name, "hash": dataset.hash}, "classes": classes}
    print(figures)
    write_result(Path(f"benchmarks/results/gate-limits-{options.name}.json"), figures, seeds=[0])


def _class(
    cut_outs: Sequence[CutOut], unseen: Sequence[CutOut], clean: Sequence[Picture], groups: dict[str, str]
) -> dict[str, Any]:
    real = measured(cut_outs, groups)
    patches = [(content_patch(each.picture, each.mask > 0), groups[each.tile]) for each in cut_outs]
    nearest = nearest_of_other_groups(
        [p for p, _ in patches if p is not None], [g for p, g in patches if p is not None]
    )
    sound = _on_clean(cut_outs, clean)
    values: dict[str, Any] = {
        **real.to_dict(),
        "contrast_real": _quantiles(real.contrasts, (0.05, 0.25, 0.5)),
        "contrast_on_clean": _quantiles(sound, (0.5, 0.95)),
        "nearest_real": _quantiles(nearest, (0.5, 0.99)),
        "unseen": {"defects": len(unseen)},
    }
    if real.contrast_limit is not None:
        values["on_clean_above_limit"] = _share(sound >= real.contrast_limit)
        fainter = [contrast(each.picture, each.mask > 0, ring_of(each)) < real.contrast_limit for each in unseen]
        values["unseen"]["too_faint"] = _share(np.array(fainter))
    values["unseen"]["copies"] = _share(np.array([_is_copy(each, real.patches, real.copy_limit) for each in unseen]))
    return values


def _is_copy(cut_out: CutOut, training: Patches, limit: float) -> bool:
    patch = content_patch(cut_out.picture, cut_out.mask > 0)
    return patch is not None and picture_copy(patch, training)[0] >= limit


def _on_clean(cut_outs: Sequence[CutOut], clean: Sequence[Picture]) -> Float64:
    """Contrast of each mask at some places of clean tiles."""
    found = []
    for number, cut_out in enumerate(cut_outs if clean else ()):
        height, width = cut_out.mask.shape
        for place in range(PLACES):
            random = rng(0, "on clean", number, place)
            tile = clean[int(random.integers(len(clean)))]
            y, x = (
                int(random.integers(max(side, 1))) for side in (tile.shape[0] - height + 1, tile.shape[1] - width + 1)
            )
            shown = tile[y : y + height, x : x + width]
            if shown.shape[:2] == cut_out.mask.shape:
                found.append(contrast(shown, cut_out.mask > 0, ring_of(cut_out)))
    return np.array(found, np.float64)


def _quantiles(values: Float64, at: Sequence[float]) -> dict[str, float | None]:
    there = values[~np.isnan(values)]
    return {f"{q:g}": round(float(np.quantile(there, q)), 3) if len(there) else None for q in at}


def _share(true: Any) -> float | None:
    return round(float(np.mean(true)), 3) if len(true) else None


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--name", required=True, help="of the result's file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
