"""`bench speed` once more on a CPU that is held to AVX2, as many plants have it: in a child process of its own.

oneDNN reads its cap once, when it is loaded; OpenVINO and PyTorch bring a copy each. What the cap really did is read
from the compiled network: each of its steps names the kernel that runs it.

    ONEDNN_MAX_CPU_ISA=AVX2 python -m blemish.bench.speed_capped SCENE ROUNDS SECONDS
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch

from blemish.bench.speed_contenders import Eager, ToDisk, of_bundle, on_tiles, with_eager
from blemish.bench.speed_timing import Deadline, in_turn, ratio, spread
from blemish.bundle.bundle import Bundle, openvino_core, usable_cores
from blemish.bundle.openvino_runner import NETWORK
from blemish.core.errors import BundleError
from blemish.picture.read import read_picture
from blemish.picture.tiling import batches, cut, plan_tiles
from blemish.segment.networks import build

CAP = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}
TILES = 4
PRECISIONS = ("f32", "int8")


def measure_capped(scene: Path, rounds: int, seconds: float) -> dict[str, Any]:
    """Start the child and take its figures.

    Args:
        scene: folder with one PNG, `bundle-f32` and `bundle-int8`.
        seconds: rounds end early when these are over.

    Raises:
        BundleError: the child failed; its last line says why.
    """
    command = [sys.executable, "-m", __name__, str(scene), str(rounds), str(seconds)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **CAP})
    if ended.returncode != 0:
        raise BundleError(f"the run capped at AVX2 failed: {ended.stderr.strip().splitlines()[-1:]}")
    figures: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return figures


def figures_of(scene: Path, rounds: int, seconds: float) -> dict[str, Any]:
    """Both ratios for float32 and int8 under whatever cap this process has."""
    deadline = Deadline.of(seconds)
    torch.set_num_threads(usable_cores())
    (scan,) = scene.glob("*.png")
    inspections = {name: of_bundle(scene / f"bundle-{name}") for name in PRECISIONS}
    card = Bundle.open(scene / "bundle-f32").card
    network = build(card.architecture, card.channels, len(card.taxonomy.defects) + 1).eval()
    tiles = _some_tiles(scan, card.tile_px)
    work = in_turn(
        {
            "eager": on_tiles(Eager(network, card.taxonomy), tiles),
            **{name: on_tiles(one.segmenter, tiles) for name, one in inspections.items()},
        },
        rounds,
        deadline,
        0.4,
        "AVX2, equal work",
    )
    whole = {
        "eager": ToDisk(with_eager(inspections["f32"], network), scan, scene / "capped-eager"),
        **{name: ToDisk(one, scan, scene / f"capped-{name}") for name, one in inspections.items()},
    }
    scans = in_turn(whole, rounds, deadline, 0.8, "AVX2, end to end")
    return {
        "cap": {name: os.environ.get(name, "") for name in CAP},
        "kernels": {name: kernels(scene / f"bundle-{name}", card.tile_px) for name in PRECISIONS},
        "rounds": {"equal_work": len(work["eager"]), "end_to_end": len(scans["eager"])},
        "tile_ms": {name: spread(values, 1000 / len(tiles), 2) for name, values in work.items()},
        "scan_s": {name: spread(values) for name, values in scans.items()},
        "equal_work_ratio": {name: ratio(work["eager"], work[name]) for name in PRECISIONS},
        "end_to_end_ratio": {name: ratio(scans["eager"], scans[name]) for name in PRECISIONS},
    }


def kernels(bundle: Path, tile_px: int) -> dict[str, Any]:
    """Which kernels OpenVINO chose in this process, by kind of step, and whether all convolutions kept to AVX2."""
    network = openvino_core().read_model(bundle / NETWORK)
    network.reshape([1, tile_px, tile_px, network.input(0).partial_shape[3].get_length()])
    compiled = openvino_core().compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found: dict[str, Counter[str]] = {}
    for node in compiled.get_runtime_model().get_ops():
        said = node.get_rt_info()
        found.setdefault(str(said["layerType"].astype(str)), Counter())[str(said["primitiveType"].astype(str))] += 1
    beyond = {kind for kind, names in found.items() if any("512" in name or "amx" in name for name in names)}
    return {
        "convolutions": dict(found["Convolution"]),
        "convolutions_capped": "Convolution" not in beyond,
        "beyond_the_cap": {kind: dict(found[kind]) for kind in sorted(beyond)},
    }


def _some_tiles(scan: Path, tile_px: int) -> Any:
    picture = read_picture(scan).astype(np.uint8)[:, :, None]
    boxes = plan_tiles(*picture.shape[:2], tile_px=tile_px, stride=tile_px)
    return np.stack([cut(picture, box) for box in next(batches(boxes, TILES))])


if __name__ == "__main__":
    print(json.dumps(figures_of(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))))
