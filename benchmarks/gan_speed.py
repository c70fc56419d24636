"""How fast and how large the default generator is beside the paper's network, and where the time goes.

    python benchmarks/gan_speed.py                          # writes benchmarks/results/gan-speed.json, minutes
    python benchmarks/gan_speed.py --quick --out /tmp/x.json    # tiny networks and tiles: does it run?
    python benchmarks/gan_speed.py --run RUN --data DATASET     # a trained default generator and its own data set
    python benchmarks/gan_speed.py --gpu-only --out FILE        # the figures of the GPU alone: a lent machine

Everything in one run, in alternating rounds on all cores; the paper's network has width 64 and channels-last weights.
Without --run both generators are untrained: their speed does not depend on their weights. Times of painting are
seconds a tile, one tile at a time; of training, seconds a step at equal batch and crop. In bfloat16 only where the CPU
multiplies in it: elsewhere it would be emulated, and both sides slower than in float32.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from blemish.bench.provenance import write_result
from blemish.bundle.bundle import usable_cores
from blemish.bundle.generator import GeneratorBundle
from blemish.core.protocols import Generator
from blemish.data.dataset import Dataset
from blemish.gan.composed.model import ComposedTorchGenerator
from blemish.gan.composed.settings import ComposedSettings
from blemish.gan.export import export_run
from blemish.gan.model import load_generator
from blemish.train.precision import default_precision
from gan_speed_parts import (
    SEED,
    InBfloat16,
    alternating,
    painting,
    paper_generator,
    procedural_set,
    ratio,
    size_of,
    summary,
    surfaces,
    typical_labels,
    untrained_run,
    whole_tile,
)
from gan_speed_stages import stages
from gan_speed_training import gpu_training, training

OUT = Path("benchmarks/results/gan-speed.json")
LIMIT_MB = 38.7  # Of the default generator in float32.


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    tile_px: int = 512
    paper_width: int = 64
    default_width: int = ComposedSettings().width
    labels: int = 4
    train_px: tuple[int, ...] = (128, 256)
    batch: int = 2
    set_tiles: int = 40
    stage_tiles: int = 24
    gpu_batches: tuple[int, ...] = (32,)
    gpu_px: tuple[int, ...] = (96, 256, 512)


QUICK = Scale(64, 4, 4, 2, (32,), 2, 12, 4, (4,), (32,))


@dataclass(frozen=True)
class Painters:
    """The generators that are compared on one machine."""

    default: ComposedTorchGenerator
    all: dict[str, Generator]
    bundle_files: dict[str, int]


def main() -> None:
    options = _options()
    scale = QUICK if options.quick else Scale()
    if not options.quick:
        torch.set_num_threads(usable_cores())
    with tempfile.TemporaryDirectory() as work:
        dataset = (
            Dataset(options.data)
            if options.data
            else procedural_set(Path(work) / "set", scale.tile_px, scale.set_tiles)
        )
        taxonomy, channels = dataset.taxonomy, dataset.channels
        run = options.run or untrained_run(Path(work) / "run", scale.default_width, taxonomy, channels)
        if options.gpu_only:
            write_result(options.out, {"gpu": _gpu(run, dataset, scale, options.rounds)}, seeds=[SEED])
            return
        painters = open_painters(run, Path(work), scale.paper_width)
        figures: dict[str, Any] = {
            "quick": options.quick,
            "trained": options.run is not None,
            "threads": torch.get_num_threads(),
            "data": {"name": dataset.info.taxonomy.name, "tile_px": dataset.info.tile_px, "hash": dataset.hash},
            "size": sizes(painters),
            "painting": painting_speed(painters, dataset, scale, options.rounds),
            "training": training(
                dataset, scale.train_px, scale.batch, scale.paper_width, scale.default_width, options.rounds
            ),
            "stages": _stages(painters, dataset, scale, options.rounds),
            "gpu": _gpu(run, dataset, scale, options.rounds) if torch.cuda.is_available() else None,
        }
    write_result(options.out, figures, seeds=[SEED])
    print(text(figures))
    print(f"written: {options.out}", file=sys.stderr)


def open_painters(run: Path, work: Path, paper_width: int) -> Painters:
    """The default generator with torch and as bundles, and the paper's network."""
    default = load_generator(run)
    assert isinstance(default, ComposedTorchGenerator)
    bf16 = default_precision() == "bf16"
    folders = {precision: work / f"bundle-{precision}" for precision in ("f32", *(["bf16"] if bf16 else []))}
    for precision, folder in folders.items():
        export_run(run, out=folder, precision=precision)  # type: ignore[arg-type]
    paper = paper_generator(paper_width, default.taxonomy, default.channels)
    painters: dict[str, Generator] = {
        "default_torch": default,
        **{f"default_bundle_{name}": GeneratorBundle.open(folder).painter() for name, folder in folders.items()},
        "paper_torch": paper,
        **({"paper_torch_bf16": InBfloat16(paper)} if bf16 else {}),
    }
    return Painters(default, painters, {path.name: path.stat().st_size for path in sorted(folders["f32"].iterdir())})


def sizes(painters: Painters) -> dict[str, Any]:
    """Both generators whole, as their weights files hold them, and the files of the bundle."""
    paper = painters.all["paper_torch"]
    default = size_of(painters.default.network)
    return {
        "default": default,
        "paper": size_of(paper.network),  # type: ignore[attr-defined]
        "default_bundle_bytes": painters.bundle_files,
        "limit_mb": LIMIT_MB,
        "default_under_limit": default["mb_float32"] < LIMIT_MB,
    }


def painting_speed(painters: Painters, dataset: Dataset, scale: Scale, rounds: int) -> dict[str, Any]:
    """Seconds a tile of every generator on every kind of label; how many times faster than the paper's network."""
    typical, whole = typical_labels(scale.labels, scale.tile_px, dataset.taxonomy), [whole_tile(scale.tile_px)]
    real = surfaces(dataset, scale.labels, scale.tile_px)
    kinds = {
        "typical_on_real": (typical, real),
        "typical_on_generated": (typical, None),
        "whole_tile_on_real": (whole, real[:1]),
        "whole_tile_on_generated": (whole, None),
    }
    tasks: dict[str, Callable[[], float]] = {}
    for kind, (labels, beneath) in kinds.items():
        for name, generator in painters.all.items():
            if not name.startswith("paper"):
                tasks[f"{kind}/{name}"] = painting(generator, labels, beneath)
                tasks[f"{kind}/{name}"]()  # Warm: the first look at a size is slower.
    small = typical_labels(1, min(64, scale.tile_px), dataset.taxonomy)
    papers = [name for name in painters.all if name.startswith("paper")]
    for name in papers:  # Whatever the label shows, the paper's network works alike.
        painting(painters.all[name], small, None)()  # Warm, but not for minutes.
        for ground, beneath in (("on_real", real[:1]), ("on_generated", None)):
            tasks[f"{ground}/{name}"] = painting(painters.all[name], typical[:1], beneath)
    seconds = alternating(tasks, rounds, "painting")
    covers = [float((label.defect > 0).mean()) for label in typical]
    return {
        "tile_px": scale.tile_px,
        "typical_labels": {"defects": "1 to 3", "cover_frac": [round(cover, 4) for cover in covers]},
        "seconds_a_tile": {name: summary(values) for name, values in seconds.items()},
        "times_faster_than_paper": {kind: _ratios(seconds, kind) for kind in kinds},
    }


def _ratios(seconds: Any, kind: str) -> dict[str, Any]:
    """In float32 against float32, and where this CPU has it in bfloat16 against bfloat16."""
    ground = "on_real" if kind.endswith("on_real") else "on_generated"
    f32, bf16 = seconds[f"{ground}/paper_torch"], seconds.get(f"{ground}/paper_torch_bf16")
    found = {
        "torch_f32": ratio(f32, seconds[f"{kind}/default_torch"]),
        "bundle_f32": ratio(f32, seconds[f"{kind}/default_bundle_f32"]),
    }
    if bf16 is not None:
        found["bundle_f32_against_paper_bf16"] = ratio(bf16, seconds[f"{kind}/default_bundle_f32"])
        found["bundle_bf16"] = ratio(bf16, seconds[f"{kind}/default_bundle_bf16"])
    return found


def _stages(painters: Painters, dataset: Dataset, scale: Scale, rounds: int) -> dict[str, Any]:
    chosen = {name: painters.all[name] for name in ("default_torch", "default_bundle_f32")}
    return stages(chosen, dataset, scale.stage_tiles, min(rounds, 2))


def _gpu(run: Path, dataset: Dataset, scale: Scale, rounds: int) -> dict[str, Any]:
    """The same on a CUDA device."""
    default = load_generator(run, "cuda")
    paper = paper_generator(scale.paper_width, dataset.taxonomy, dataset.channels, "cuda")
    labels, real = (
        typical_labels(scale.labels, scale.tile_px, dataset.taxonomy),
        surfaces(dataset, scale.labels, scale.tile_px),
    )
    painters: dict[str, Generator] = {
        "default_torch": default,
        "paper_torch": paper,
        "paper_torch_bf16": InBfloat16(paper, "cuda"),
    }
    tasks = {name: painting(generator, labels, real) for name, generator in painters.items()}
    for task in tasks.values():
        task()
    seconds = alternating(tasks, rounds, "painting on the GPU")
    return {
        "device": torch.cuda.get_device_name(),
        "seconds_a_tile_typical_on_real": {name: summary(values, 5) for name, values in seconds.items()},
        "training": gpu_training(dataset, scale.gpu_px, scale.gpu_batches, scale.paper_width, scale.default_width),
        "stages": stages({"default_torch": default}, dataset, scale.stage_tiles, 2),
    }


def text(figures: dict[str, Any]) -> str:
    """The main figures for people."""
    faster = figures["painting"]["times_faster_than_paper"]
    lines = [
        f"{'times faster than the paper: painting':<40}" + "".join(f"{name:>32}" for name in faster["typical_on_real"])
    ]
    lines += [
        f"  {kind:<38}" + "".join(f"{each['median']:>32}" for each in row.values()) for kind, row in faster.items()
    ]
    lines += [
        f"  training step {name}: {row['times_faster']['median']}" for name, row in figures["training"]["cases"].items()
    ]
    for name, row in figures["stages"]["generators"].items():
        lines.append(
            f"{name}: {row['tiles_a_second']['median']} tiles/s; 50,000 tiles in {row['minutes_for_50000']} min"
        )
    sizes_mb = {name: figures["size"][name]["mb_float32"] for name in ("default", "paper")}
    return "\n".join([*lines, f"MB float32: {sizes_mb}"])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, metavar="RUN", help="a trained default generator, with --data")
    parser.add_argument("--data", type=Path, metavar="DATASET", help="the data set that it was trained on")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--gpu-only", action="store_true", help="nothing on the CPU")
    parser.add_argument("--quick", action="store_true", help="tiny networks and tiles")
    parser.add_argument("--out", type=Path, default=OUT, metavar="FILE")
    options = parser.parse_args()
    if (options.run is None) != (options.data is None):
        parser.error("--run and --data go together")
    if options.gpu_only and not torch.cuda.is_available():
        parser.error("--gpu-only: this machine has no CUDA device that torch can use")
    return options


if __name__ == "__main__":
    main()
