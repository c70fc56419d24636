"""Does composition keep its promise? The largest change beyond the dilated mask, over many tiles as they are written.

    python benchmarks/composed_beyond_mask.py RUN DATASET                # 1,000 tiles; writes a result
    python benchmarks/composed_beyond_mask.py RUN DATASET --tiles 8 --out /tmp/x.json

Tiles of every class are drawn and painted on real backgrounds, without the gate, and written as a data set. Then the
PNG files are read back and compared, pixel by pixel, with the real pictures beneath them. Expected: 0 grey levels
farther than the generator's ring from the mask, and a change inside the mask.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from blemish.bench.provenance import write_result
from blemish.core.arrays import with_channels
from blemish.core.errors import InputError
from blemish.data.dataset import Dataset
from blemish.gan.bank import Bank, build_bank, source_tiles
from blemish.gan.gate_rules import dilated, largest_change_beyond
from blemish.gan.model import load_generator
from blemish.gan.plan import Plan, PlanItem
from blemish.gan.synthesis import Job, Provenance, RealPictures, synthesise
from blemish.picture.compose import defect_mask

RESULTS = Path("benchmarks/results")


def main() -> None:
    options = _options()
    dataset, generator = Dataset(options.dataset), load_generator(options.run, options.device)
    ring_px = getattr(generator, "ring_px", None)
    if ring_px is None:
        raise InputError(f"{options.run} repaints whole tiles: there is no ring beyond which nothing may change")
    bank = build_bank(dataset, _classes(dataset), real_backgrounds=True)
    job = Job(generator, bank, Provenance(generator.hash, generator.preset, options.seed), RealPictures.of(dataset))
    started = perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        made = synthesise(job, _plan(dataset, options.tiles), dataset, Path(folder) / "set", batch=options.batch)
        seconds = perf_counter() - started
        changes = changes_by_class(Dataset(Path(folder) / "set"), dataset, bank, ring_px)
    figures = {
        "data": {"name": dataset.folder.name, "hash": dataset.hash, "tile_px": dataset.info.tile_px},
        "generator": {"preset": generator.preset, "hash": generator.hash, "ring_px": ring_px},
        "tiles": {"planned": made.planned, "written": made.written, "not_drawn": made.failed},
        "largest_change_beyond": max(row["largest_change_beyond"] for row in changes.values()),
        "tiles_changed_beyond": sum(row["tiles_changed_beyond"] for row in changes.values()),
        "by_first_class": changes,
        "draw_paint_write_seconds": round(seconds, 1),
    }
    print(figures)
    out = options.out or RESULTS / f"composed-beyond-mask-{dataset.folder.name}.json"
    write_result(out, figures, seeds=[options.seed])
    print(f"written: {out}")


def changes_by_class(made: Dataset, real: Dataset, bank: Bank, ring_px: int) -> dict[str, dict[str, Any]]:
    """What changed on the written files, by the first class that a tile shows."""
    pictures, backgrounds = RealPictures.of(real), {each.tile: each for each in bank.backgrounds}
    found: dict[str, list[tuple[int, float, int]]] = defaultdict(list)
    for sample in made.samples():
        beneath = pictures.beneath(backgrounds[sample.record.source])
        mask = defect_mask(sample.label_map)
        beyond = largest_change_beyond(sample.picture, beneath, mask, ring_px)
        left = int(np.count_nonzero(~dilated(mask, ring_px)))
        name = made.taxonomy.defect(sample.record.classes[0]).name
        inside = np.abs(with_channels(sample.picture)[mask].astype(np.int16) - beneath[mask]).mean()
        found[name].append((beyond, float(inside), left))
    return {name: _row(values) for name, values in sorted(found.items())}


def _row(values: list[tuple[int, float, int]]) -> dict[str, Any]:
    beyond, inside, left = (np.array(column) for column in zip(*values, strict=True))
    return {
        "tiles": len(values),
        "largest_change_beyond": int(beyond.max()),
        "tiles_changed_beyond": int((beyond > 0).sum()),
        "pixels_compared": int(left.sum()),
        "mean_change_inside": {
            "median": round(float(np.median(inside)), 2),
            "lowest": round(float(inside.min()), 2),
        },
    }


def _classes(dataset: Dataset) -> list[int]:
    shown = {index for record in source_tiles(dataset.records) for index in record.classes}
    return sorted(shown)


def _plan(dataset: Dataset, tiles: int) -> Plan:
    """Every class in turn."""
    classes = _classes(dataset)
    return Plan((), tuple(PlanItem(i, (classes[i % len(classes)],)) for i in range(tiles)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a finished folder of gan train")
    parser.add_argument("dataset", type=Path, help="the data set that it was trained on")
    parser.add_argument("--tiles", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, default=None, help="benchmarks/results/composed-beyond-mask-SET.json")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
