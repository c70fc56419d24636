"""Is the cell found where it lies? Corner error in px over turns, gains and noise, and the time that it takes.

    python benchmarks/registration.py            # minutes; writes benchmarks/results/registration.json
    python benchmarks/registration.py --smoke    # seconds, to see that it works; writes no result

The truth is the simulator's: where the pouch's four edges meet. Jitter of the line-scan camera is part of every scan.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from time import process_time
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from blemish.bench.provenance import write_result
from blemish.core.errors import PictureError
from blemish.inspect.registration import find_part
from blemish.simulate.line import DEFAULT, LineSettings
from blemish.simulate.rescan import Laying, rescan_cell, room_for

OUT = Path("benchmarks/results/registration.json")
TURNS_DEG = (-5.0, -2.5, -0.5, 0.0, 0.5, 2.5, 5.0)
GAINS = (0.6, 1.0, 1.4)
NOISES_GRAY = (2.4, 8.0)


def main() -> None:
    options = _options()
    cv2.setNumThreads(1)
    settings = LineSettings.small(1400, 800) if options.smoke else DEFAULT
    rows, seconds = [], []
    for noise in NOISES_GRAY:
        errors, failed = _measure(replace(settings, noise_gray=noise), options, seconds)
        rows += [{"noise_gray": noise, **row} for row in _rows(errors, failed)]
    figures = {
        "what": "largest of a scan's four corner errors; simulated cells; processor time, OpenCV on one thread",
        "cells": options.cells,
        "scan_hw": [settings.height_px, settings.width_px],
        "rows": rows,
        "processor_ms": {"least": round(1000 * min(seconds), 1), "median": round(1000 * float(np.median(seconds)), 1)},
    }
    print(figures)
    if not options.smoke:
        write_result(options.out, figures, seeds=[options.seed])
        print(f"written: {options.out}")


Key = tuple[float, float]


def _measure(
    settings: LineSettings, options: argparse.Namespace, seconds: list[float]
) -> tuple[dict[Key, list[float]], dict[Key, int]]:
    """By turn and gain: the errors of scans on which the cell was found, and how many others there were."""
    size_hw = settings.height_px, settings.width_px
    layings = [Laying((0.0, 0.0), turn, gain, room_for(turn, size_hw)) for turn in TURNS_DEG for gain in GAINS]
    errors: dict[Key, list[float]] = {(laying.turn_deg, laying.gain): [] for laying in layings}
    failed = dict.fromkeys(errors, 0)
    for index in tqdm(range(options.cells), desc=f"noise {settings.noise_gray}", disable=None):
        for laying, scan in zip(layings, rescan_cell(options.seed, index, layings, settings=settings), strict=True):
            started = process_time()
            try:
                found = find_part(scan.picture, (0.5, 0.5))
            except PictureError:
                failed[laying.turn_deg, laying.gain] += 1
                continue
            seconds.append(process_time() - started)
            off = np.subtract(found.corners_xy, scan.corners_xy)
            errors[laying.turn_deg, laying.gain].append(float(np.hypot(*off.T).max()))
    return errors, failed


def _rows(errors: dict[Key, list[float]], failed: dict[Key, int]) -> list[dict[str, Any]]:
    return [
        {
            "turn_deg": turn,
            "gain": gain,
            "not_found": failed[turn, gain],
            "corner_error_px": {"median": round(float(np.median(some)), 2), "largest": round(max(some), 2)}
            if some
            else None,
        }
        for (turn, gain), some in errors.items()
    ]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=5, metavar="N")
    parser.add_argument("--seed", type=int, default=8, metavar="N")
    parser.add_argument("--out", type=Path, default=OUT, metavar="FILE")
    parser.add_argument("--smoke", action="store_true", help="small cells, nothing written")
    return parser.parse_args()


if __name__ == "__main__":
    main()
