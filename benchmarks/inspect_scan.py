"""One 5400 x 2000 scan inspected: seconds by stage and peak memory, beside plain PyTorch float32 on the same tiles.

    python benchmarks/inspect_scan.py                  # two cores, nothing else running
    python benchmarks/inspect_scan.py --smoke          # seconds, to see that it works; writes no result

The weights are random: they cost the same time as trained ones. As they find nothing, the stages that depend on what
was found (defects, overlay) are timed once more on the scan's true labels.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # PyTorch's threads would spin into the other's turn.

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from blemish.bench.provenance import write_result
from blemish.bundle.bundle import Bundle, usable_cores
from blemish.core.arrays import UInt8
from blemish.core.records import Part, View
from blemish.core.taxonomy import Taxonomy
from blemish.inspect.defects import find_defects
from blemish.inspect.run import Inspection, inspect_part
from blemish.inspect.scan import ScoreMap
from blemish.picture.overlay import draw_overlay, jpeg_bytes
from blemish.picture.read import read_picture
from blemish.picture.tiling import cut, plan_tiles
from blemish.picture.write import write_png
from blemish.segment.export import export_module
from blemish.segment.networks import build
from blemish.simulate.line import LineSettings, SimulatedScan, simulate_cell

OUT = Path("benchmarks/results/inspect-scan.json")
SEED = 1
STAGES = ("read", "quality", "tiles", "network", "blend", "defects", "overlay")
PEAK = """
import sys
from pathlib import Path
from blemish.bundle.bundle import Bundle
from blemish.inspect.run import inspect_files
if len(sys.argv) > 1:
    bundle, scan, overlays = map(Path, sys.argv[1:])
    (result,) = inspect_files(Bundle.open(bundle), [scan], overlays=overlays)
    assert not any("could not be inspected" in reason for reason in result.reasons), result.reasons
assert "torch" not in sys.modules
status = Path("/proc/self/status").read_text()  # Not getrusage: its peak is inherited from the process that started it.
print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
"""


@dataclass(frozen=True)
class Scene:
    """What is inspected, by what."""

    scan: SimulatedScan
    path: Path
    network: nn.Module
    bundles: Mapping[str, Bundle]
    overlays: Path

    @property
    def any_bundle(self) -> Bundle:
        return next(iter(self.bundles.values()))

    def tiles(self) -> list[UInt8]:
        """The tiles that the inspector cuts, uint8 H W 1."""
        card = self.any_bundle.card
        height, width = self.scan.picture.shape
        boxes = plan_tiles(height, width, tile_px=card.tile_px, overlap_px=card.overlap_px, stride=card.stride)
        return [cut(self.scan.picture[:, :, None], box) for box in boxes]


def main() -> None:
    options = _options()
    torch.set_num_threads(usable_cores())
    with tempfile.TemporaryDirectory() as folder:
        scene = make_scene(Path(folder), smoke=options.smoke)
        figures = measure(scene, 1 if options.smoke else options.rounds)
    print(_text(figures))
    if not options.smoke:
        write_result(options.out, figures, seeds=[SEED])
        print(f"written: {options.out}")


def make_scene(folder: Path, *, smoke: bool) -> Scene:
    """A simulated cell as PNG, and bundles of a network with random weights."""
    scan = simulate_cell(SEED, 0, settings=LineSettings.small(900, 500)) if smoke else simulate_cell(SEED, 0)
    path = folder / f"{scan.serial}.png"
    write_png(path, scan.picture)
    torch.manual_seed(SEED)
    network = build("hardnet-small" if smoke else "fc-hardnet-70", 1, 7).eval()
    bundles = {}
    for precision in ("f32", "bf16"):
        export_module(
            network,
            out=folder / precision,
            architecture="hardnet-small" if smoke else "fc-hardnet-70",
            taxonomy=Taxonomy.preset("pouch-cell"),
            channels=1,
            tile_px=256 if smoke else 512,
            stride=network.stride,
            precision=precision,
        )
        bundles[precision] = Bundle.open(folder / precision)
    return Scene(scan, path, network, bundles, folder / "overlays")


def measure(scene: Scene, rounds: int) -> dict[str, Any]:
    """Every contender once a round, in turn, after one round that does not count."""
    tiles = scene.tiles()
    contenders = _contenders(scene, tiles)
    seen: dict[str, list[Mapping[str, float]]] = {name: [] for name in contenders}
    for turn in tqdm(range(rounds + 1), desc="rounds", disable=None):
        for name, contender in contenders.items():
            started = perf_counter()
            stages = dict(contender())
            if turn > 0:
                seen[name].append({**stages, "whole": perf_counter() - started})
    summed = {name: _summary(runs) for name, runs in seen.items()}
    torch_s = summed["pytorch_f32"]["network"]["median_s"]
    return {
        "what": "one simulated scan; random weights; medians with least and largest of all rounds",
        "scan_hw": list(scene.scan.picture.shape),
        "tiles": len(tiles),
        "tile_px": scene.any_bundle.card.tile_px,
        "architecture": scene.any_bundle.card.architecture,
        "cores": usable_cores(),
        "rounds": rounds,
        "seconds": summed,
        "network_ms_per_tile": {
            name: _ms(stages, len(tiles)) for name, stages in summed.items() if "network" in stages
        },
        "network_times_faster_than_pytorch": {
            f"bundle_{name}": round(torch_s / summed[f"bundle_{name}"]["network"]["median_s"], 2)
            for name in scene.bundles
        },
        "computed_in": {name: bundle.segmenter().precision for name, bundle in scene.bundles.items()},
        "parity": {
            name: bundle.card.parity.model_dump() for name, bundle in scene.bundles.items() if bundle.card.parity
        },
        "peak_mib": _peaks(scene),
        "defects_in_true_labels": len(scene.scan.defects),
    }


def _contenders(scene: Scene, tiles: Sequence[UInt8]) -> dict[str, Callable[[], Mapping[str, float]]]:
    part = Part(scene.scan.serial, (View("", scene.path),))

    def through(inspection: Inspection) -> Callable[[], Mapping[str, float]]:
        return lambda: inspect_part(part, inspection).seconds

    def pytorch() -> Mapping[str, float]:
        started = perf_counter()
        with torch.inference_mode():
            for tile in tiles:
                picture = torch.from_numpy(tile)[None].permute(0, 3, 1, 2).contiguous().float() / 255
                scene.network(picture).softmax(dim=1).numpy()
        return {"network": perf_counter() - started}

    return {
        **{
            f"bundle_{name}": through(Inspection.of_bundle(bundle, overlays=scene.overlays))
            for name, bundle in scene.bundles.items()
        },
        "pytorch_f32": pytorch,
        "true_labels": lambda: _on_true_labels(scene),
    }


def _on_true_labels(scene: Scene) -> Mapping[str, float]:
    """The stages after the network, were it always right."""
    picture, label = read_picture(scene.path).astype(np.uint8), scene.scan.label_map.defect
    inspection = Inspection.of_bundle(scene.any_bundle)
    scores = ScoreMap(np.maximum(label, 1), np.where(label > 0, 0.9, 0.05).astype(np.float32))
    started = perf_counter()
    found = find_defects(scores, inspection.segmenter.taxonomy, inspection.limits).defects
    between = perf_counter()
    jpeg_bytes(draw_overlay(picture, found, inspection.segmenter.taxonomy, scene.scan.serial))
    return {"defects": between - started, "overlay": perf_counter() - between}


def _summary(runs: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    found = {}
    for stage in (*STAGES, "whole"):
        values = [run[stage] for run in runs if stage in run]
        if values:
            found[stage] = {f"{name}_s": round(f(values), 4) for name, f in _SPREAD.items()}
    return found


_SPREAD: dict[str, Callable[[list[float]], float]] = {"median": median, "least": min, "largest": max}


def _ms(stages: Mapping[str, Mapping[str, float]], tiles: int) -> float:
    return round(1000 * stages["network"]["median_s"] / tiles, 2)


def _peaks(scene: Scene) -> dict[str, float]:
    """Peak resident memory of a fresh process that imports only, and of ones that inspect the scan with its overlay."""
    peaks = {"imports_only": _peak()}
    for name, bundle in scene.bundles.items():
        peaks[f"bundle_{name}"] = _peak(bundle.folder, scene.path, scene.overlays)
    return peaks


def _peak(*arguments: Path) -> float:
    command = [sys.executable, "-c", PEAK, *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    return round(int(ended.stdout.split()[-1]) / 1024, 1)


def _text(figures: Mapping[str, Any]) -> str:
    lines = [
        f"{figures['architecture']}, {figures['tiles']} tiles of {figures['tile_px']} px, {figures['cores']} cores"
    ]
    for name, stages in figures["seconds"].items():
        values = [f"{stage} {value['median_s']:.3f}" for stage, value in stages.items()]
        lines.append(f"{name:<12} " + "  ".join(values))
    lines.append(f"network, ms a tile: {figures['network_ms_per_tile']}")
    lines.append(f"peak MiB: {figures['peak_mib']}")
    return "\n".join(lines)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, metavar="N")
    parser.add_argument("--out", type=Path, default=OUT, metavar="FILE")
    parser.add_argument("--smoke", action="store_true", help="a small scan and network, one round, nothing written")
    return parser.parse_args()


if __name__ == "__main__":
    main()
