"""`bench speed`: how fast the inspector is beside eager PyTorch, on tiles alone and from file to result.

A is eager PyTorch in float32; B is the bundle as `blemish inspect` runs it. Both take turns in one process, and a ratio
is the median of the ratios of the rounds. Each step from A to B has its own row, with the classes that it changed.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch

from blemish.bench.provenance import provenance
from blemish.bench.speed_capped import measure_capped
from blemish.bench.speed_contenders import (
    Eager,
    ToDisk,
    of_bundle,
    on_tiles,
    with_eager,
    with_tiles_up_to,
    with_whole,
)
from blemish.bench.speed_memory import peak_rss_mb
from blemish.bench.speed_roofline import roofline, work_of
from blemish.bench.speed_scene import FULL, SEED, Scale, Scene, make_scene
from blemish.bench.speed_timing import Deadline, in_turn, percentiles, ratio, spread
from blemish.bundle.bundle import openvino_core, usable_cores
from blemish.core.errors import InputError
from blemish.core.records import Defect, PartResult
from blemish.picture.overlay import draw_overlay, jpeg_bytes
from blemish.picture.read import read_picture
from blemish.segment.model import TorchSegmenter
from blemish.train.machine import cpu_flags

BUDGET_S = 400.0  # Rounds end early so that all is over within 8 minutes.
KNOWN_REFERENCE_MS = {"Xeon with AMX": 97.0, "AMD EPYC without AMX": 105.0}  # Two cores, nothing else running.
PRECISIONS = ("f32", "bf16", "int8")
CAPPED_ROUNDS = 3
FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_bf16", "amx_int8")


def measure_speed(
    *,
    rounds: int = 7,
    precision: str = "",
    run: Path | None = None,
    scale: Scale = FULL,
    budget_s: float = BUDGET_S,
) -> dict[str, Any]:
    """All figures of `bench speed`, plain values.

    Args:
        rounds: of A and B in turn.
        precision: of B in the two main figures; empty = bf16 where the CPU multiplies it, else f32.
        run: a trained gray inspector instead of a network with fresh weights: then the classes compared mean something.
        budget_s: rounds end early when these seconds are over.

    Raises:
        InputError: a precision that there is not, or a run of an RGB inspector.
    """
    chosen = precision or native_precision()
    if chosen not in PRECISIONS:
        raise InputError(f"--precision must be one of {', '.join(PRECISIONS)}, got '{chosen}'")
    deadline, load = Deadline.of(budget_s), os.getloadavg()[0]
    torch.set_num_threads(usable_cores())
    with tempfile.TemporaryDirectory(prefix="blemish-speed-") as folder:
        scene = make_scene(Path(folder), scale, PRECISIONS, run)
        figures = _measured(scene, Path(folder), chosen, rounds, deadline)
    return {
        **figures,
        **provenance([SEED]),
        "load_before": round(load, 2),
        "cpu_flags": [flag for flag in FLAGS if flag in cpu_flags()],
        "threads": usable_cores(),
        "seconds_in_all": round(deadline.spent_frac * budget_s, 1),
    }


def native_precision() -> str:
    """What the CPU multiplies directly: bf16 with AMX or AVX512-BF16, else f32."""
    return "bf16" if "BF16" in openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"


def _measured(scene: Scene, folder: Path, main: str, rounds: int, deadline: Deadline) -> dict[str, Any]:
    inspections = {name: of_bundle(path) for name, path in scene.bundles.items()}
    tiles = scene.tiles(scene.scale.equal_work_tiles)
    eager = Eager(scene.network, scene.taxonomy, tiles.shape[3])
    tuned = TorchSegmenter(deepcopy(scene.network), scene.taxonomy, precision="bf16")  # Channels last, autocast.
    work = in_turn(
        {
            "eager": on_tiles(eager, tiles),
            "pytorch_bf16_channels_last": on_tiles(tuned, tiles),
            **{name: on_tiles(one.segmenter, tiles) for name, one in inspections.items()},
        },
        rounds,
        deadline,
        0.3,
        "equal work",
    )
    ways = _ways(scene, folder, main, inspections)
    scans = in_turn(ways, rounds, deadline, 0.7, "end to end")
    best = ways[main]
    in_turn({main: best}, scene.scale.more_scans, deadline, 0.75, "more scans")
    del best.seconds[0], best.stages[0]  # The first one warmed up.
    a_tile = {name: spread(values, 1000 / len(tiles), 2) for name, values in work.items()}
    return {
        "equal_work_ratio": ratio(work["eager"], work[main])["median"],
        "end_to_end_ratio": ratio(scans["eager"], scans[main])["median"],
        "scan_s": percentiles(best.seconds),
        "peak_rss_mb": peak_rss_mb(scene.bundles[main], scene.scan_path, folder / "memory"),
        "stages": _stages(best.stages),
        "reference_tile_ms": a_tile["eager"]["median"],
        "precision": main,
        "rounds": {"equal_work": len(work["eager"]), "end_to_end": len(scans["eager"]), "scans": len(best.seconds)},
        "known_reference_tile_ms": KNOWN_REFERENCE_MS,
        "equal_work": {
            "tile_ms": a_tile,
            "ratio": {name: ratio(work["eager"], values) for name, values in work.items() if name != "eager"},
        },
        "end_to_end": {
            "scan_s": {name: spread(values) for name, values in scans.items()},
            "ratio": {name: ratio(scans["eager"], values) for name, values in scans.items() if name != "eager"},
            "classes": _compared(ways),
        },
        "overlay_s": percentiles(_overlays(scene, best)),
        "peak_rss_mb_by_case": {
            **{
                name: peak_rss_mb(path, scene.scan_path, folder / f"memory-{name}")
                for name, path in scene.bundles.items()
                if name != main
            },
            f"{main}_with_overlay": peak_rss_mb(
                scene.bundles[main], scene.scan_path, folder / "memory-overlay", overlay=True
            ),
        },
        "roofline": roofline(
            work_of(folder / "bundle-f32", scene.scale.tile_px),
            {name: a_tile[name]["median"] for name in inspections},
            usable_cores(),
        ),
        "avx2": measure_capped(
            folder, min(rounds, CAPPED_ROUNDS), deadline.seconds * max(0.1, 1 - deadline.spent_frac)
        ),
        "scan": {
            "size_wh_px": [scene.scale.width_px, scene.scale.height_px],
            "true_defects": len(scene.scan.defects),
            "architecture": scene.architecture,
            "weights": scene.weights,
        },
    }


def _ways(scene: Scene, folder: Path, main: str, inspections: Mapping[str, Any]) -> dict[str, ToDisk]:
    """A, each step from it to B, and B in the other precisions; the card's tiles unless "large"."""
    chosen, tile_px = inspections[main], scene.scale.tile_px
    ways = {
        "eager": with_eager(chosen, scene.network),
        f"{main}_all_pixels": with_whole(chosen),
        f"{main}_tiles_of_{tile_px}": with_tiles_up_to(chosen, tile_px),
        **{name: inspections[name] for name in inspections},
    }
    return {name: ToDisk(way, scene.scan_path, folder / f"out-{name}") for name, way in ways.items()}


def _stages(runs: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    return {stage: percentiles([run[stage] for run in runs]) for stage in runs[0]}


def _compared(ways: Mapping[str, ToDisk]) -> dict[str, Any]:
    """Regions of each way; and against A the share of pixels that count as another class."""
    reference = ways["eager"]
    expected = reference.class_map()
    rows = {}
    for name, way in ways.items():
        assert way.result is not None
        row: dict[str, Any] = {"defects": len(way.result.defects), "verdict": str(way.result.verdict)}
        if name != "eager":
            row["pixels_of_another_class_frac"] = float(np.mean(way.class_map() != expected))
            row["same_defects"] = _same(way.result, reference.result)
        rows[name] = row
    return rows


def _same(result: PartResult, reference: PartResult | None) -> int:
    """Defects of A with one of the same class here that overlaps by half or more."""
    assert reference is not None
    return sum(any(_alike(one, other) for other in result.defects) for one in reference.defects)


def _alike(one: Defect, other: Defect) -> bool:
    a, b = one.box, other.box
    across = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    down = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    shared = max(across, 0) * max(down, 0)
    return one.code == other.code and 2 * shared >= a.width * a.height + b.width * b.height - shared


def _overlays(scene: Scene, way: ToDisk, turns: int = 5) -> list[float]:
    """Seconds to draw and encode what was found, which no verdict waits for."""
    assert way.result is not None
    result, picture = way.result, read_picture(scene.scan_path).astype(np.uint8, copy=False)

    def draw() -> None:
        jpeg_bytes(draw_overlay(picture, result.defects, scene.taxonomy, result.serial))

    return in_turn({"overlay": draw}, turns, Deadline.of(60), 1.0, "overlay")["overlay"]
