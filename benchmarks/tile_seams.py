"""Do tile borders show? 200 random defects laid over them, by an oracle; and a bundle in tiles against whole pictures.

    python benchmarks/tile_seams.py                                  # a minute; the oracle only
    python benchmarks/tile_seams.py --bundle work/bundle --cells 4   # and a trained bundle on simulated cells
    python benchmarks/tile_seams.py --smoke                          # seconds, to see that it works; writes no result

Wanted: by the oracle none split, none lost, size error under 2 %; by the bundle 0.1 % of the pixels or fewer flipped.
"""

from __future__ import annotations

import argparse
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

from tqdm import tqdm

from blemish.bench.provenance import write_result
from blemish.bench.seams import lay_over_seams, model_joins, oracle_joins, whole_scores
from blemish.bundle.bundle import Bundle
from blemish.core.taxonomy import Taxonomy
from blemish.inspect.defects import Limits
from blemish.inspect.scan import Tiling
from blemish.simulate.line import DEFAULT, LineSettings, simulate_cell

OUT = Path("benchmarks/results/tile-seams.json")
OVERLAPS_PX = (0, 32, 64, 128)
BLIND_PX = (0, 8, 16)
STRIDE = 32
SIZES_HW = ((2000, 5400), (5400, 2000), (1999, 3001), (2811, 1777))  # Landscape, portrait, two that do not divide.


def main() -> None:
    options = _options()
    figures: dict[str, Any] = {"oracle": _oracle(options)}
    if options.bundle is not None:
        figures["bundle"] = _bundle(options)
    print(figures)
    if not options.smoke:
        write_result(options.out, figures, seeds=[options.seed])
        print(f"written: {options.out}")


def _oracle(options: argparse.Namespace) -> dict[str, Any]:
    """For each overlap the same number of defects, laid over that tiling's own borders."""
    taxonomy = Taxonomy.preset("pouch-cell")
    limits = _limits(taxonomy)
    sizes = SIZES_HW[2:] if options.smoke else SIZES_HW
    rows = []
    for overlap in tqdm(OVERLAPS_PX, desc="overlaps", disable=None):
        tiling = Tiling(512, overlap, STRIDE)
        planes = list(lay_over_seams(options.seed, 20 if options.smoke else 200, sizes, tiling, taxonomy))
        for blind in BLIND_PX:
            joined = reduce(add, (oracle_joins(plane, taxonomy, tiling, blind, limits) for plane in planes))
            rows.append({"overlap_px": overlap, "blind_px": blind, **joined.to_dict()})
    return {
        "what": "one-hot truth through tiles, blending and joining; nothing seen within blind_px of a tile's border",
        "scans_hw": [list(size) for size in sizes],
        "tile_px": 512,
        "rows": rows,
    }


def _bundle(options: argparse.Namespace) -> dict[str, Any]:
    bundle = Bundle.open(options.bundle)
    segmenter, card = bundle.segmenter(threads=1), bundle.card
    limits = Limits(card.thresholds, card.least_sizes_px)
    settings = LineSettings.small(900, 500) if options.smoke else DEFAULT
    counted: dict[int, list[Any]] = {overlap: [] for overlap in OVERLAPS_PX}
    for index in tqdm(range(options.cells), desc="cells", disable=None):
        picture = simulate_cell(options.seed, index, settings=settings).picture[:, :, None]
        whole = whole_scores(picture, segmenter)
        for overlap in OVERLAPS_PX:
            tiling = Tiling(card.tile_px, overlap, card.stride)
            counted[overlap].append(model_joins(picture, whole, segmenter, tiling, limits))
    rows = []
    for overlap, results in counted.items():
        joins, flips = zip(*results, strict=True)
        rows.append(
            {"overlap_px": overlap, "flips": reduce(add, flips).to_dict(), "regions": reduce(add, joins).to_dict()}
        )
    return {
        "what": "a bundle in tiles against the same network on whole simulated cells; regions that cross a border",
        "bundle": bundle.hash,
        "architecture": card.architecture,
        "precision": segmenter.precision,
        "cells": options.cells,
        "tile_px": card.tile_px,
        "rows": rows,
    }


def _limits(taxonomy: Taxonomy) -> Limits:
    return Limits(dict.fromkeys(taxonomy.codes, 0.5), {d.code: d.least_size_px or 0 for d in taxonomy.defects})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, metavar="BUNDLE", help="a trained inspector of pouch cells")
    parser.add_argument("--cells", type=int, default=4, metavar="N")
    parser.add_argument("--seed", type=int, default=4, metavar="N")
    parser.add_argument("--out", type=Path, default=OUT, metavar="FILE")
    parser.add_argument("--smoke", action="store_true", help="few defects and a small cell, nothing written")
    return parser.parse_args()


if __name__ == "__main__":
    main()
