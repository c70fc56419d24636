"""Could a cheap first look skip tiles that are surely clean? How many, before the first defect would be skipped.

    python benchmarks/first_look.py --cells 24 --out first-look.json    # a minute

Simulated cells; a tile is skipped where a statistic of its pixels stays below a threshold, and the threshold is the
highest that skips no tile with a labelled defect of its class's least size. On other cells the same threshold may skip
one: those are counted apart. Statistics: the largest departure from the neighbourhood at three scales, and the same
over the tile's own roughness.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from blemish.bench.provenance import write_result
from blemish.core.arrays import Bool, Float64, UInt8
from blemish.core.taxonomy import Taxonomy
from blemish.picture.tiling import cut, plan_tiles
from blemish.simulate.line import SimulatedScan, simulate_cell

SEED = 3
SCALES_PX = (1.5, 4.0, 10.0)
TILES_PX = (512, 256)


def main() -> None:
    options = _options()
    half = options.cells // 2
    cells = [simulate_cell(SEED, index) for index in range(options.cells)]
    rows = [row for tile_px in TILES_PX for row in _rows(cells[:half], cells[half:], tile_px)]
    figures = {"cells_for_the_threshold": half, "other_cells": options.cells - half, "rows": rows}
    write_result(options.out, figures, seeds=[SEED])
    for row in rows:
        print(row)


def _rows(chosen_on: list[SimulatedScan], others: list[SimulatedScan], tile_px: int) -> list[dict[str, Any]]:
    first, second = _looked_at(chosen_on, tile_px), _looked_at(others, tile_px)
    rows = []
    for name in first[0]:
        threshold = first[0][name][first[1]].min()
        skipped = second[0][name] < threshold
        rows.append(
            {
                "tile_px": tile_px,
                "statistic": name,
                "tiles_skipped_frac": round(float(skipped.mean()), 4),
                "tiles_with_a_defect_skipped": int((skipped & second[1]).sum()),
                "tiles_with_a_defect": int(second[1].sum()),
                "tiles_wholly_outside_the_part": int(second[2].sum()),
                "tiles": len(second[1]),
            }
        )
    return rows


def _looked_at(cells: list[SimulatedScan], tile_px: int) -> tuple[dict[str, Float64], Bool, Bool]:
    """By statistic the value of every tile; whether it shows a defect; whether none of it shows the part."""
    values: dict[str, list[float]] = {"departure": [], "departure_over_roughness": []}
    shows, outside = [], []
    for cell in cells:
        for box in plan_tiles(*cell.picture.shape, tile_px=tile_px, overlap_px=64, stride=64):
            departure, roughness = _statistics(cut(cell.picture, box))
            values["departure"].append(departure)
            values["departure_over_roughness"].append(departure / roughness)
            shows.append(_counts(cut(cell.label_map.defect, box)))
            outside.append(bool(cut(cell.label_map.background, box).all()))
    return {name: np.array(found) for name, found in values.items()}, np.array(shows), np.array(outside)


def _statistics(tile: UInt8) -> tuple[float, float]:
    gray = tile.astype(np.float32)
    bands = [cv2.GaussianBlur(gray, (0, 0), s) - cv2.GaussianBlur(gray, (0, 0), 3 * s) for s in SCALES_PX]
    return max(float(np.abs(band).max()) for band in bands), float(np.median(np.abs(bands[0]))) + 0.1


def _counts(label: UInt8) -> bool:
    """Whether a defect of its class's least size is seen in the tile, whole or in part."""
    for index, kind in enumerate(Taxonomy.preset("pouch-cell").defects, start=1):
        rows, columns = np.nonzero(label == index)
        if len(rows) and max(np.ptp(rows), np.ptp(columns)) + 1 >= kind.least_size_px:
            return True
    return False


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=24, metavar="N")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/first-look.json"), metavar="FILE")
    return parser.parse_args()


if __name__ == "__main__":
    main()
