"""Peak memory of 60,000 tiles: `data stats`, and one training epoch's loading, each under 1 GB, torch included.

    python benchmarks/memory.py                    the full measurement (minutes), writes benchmarks/results/memory.json
    python benchmarks/memory.py --tiles 3000 --out other.json    a quick look

The data set is made of hard links to a few tiles and a manifest with a row for each link. Memory is summed over the
measured process and all its children, looked at every 50 ms: RSS counts pages that processes share once for each of
them, PSS once in all. The limit holds for the larger one, RSS.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import psutil
from tqdm import tqdm

from blemish.bench.provenance import write_result
from blemish.core.labels import LabelMap
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.core.seeds import rng
from blemish.core.taxonomy import Taxonomy
from blemish.data.augment import Augmentation, augment
from blemish.data.dataset import Dataset, DatasetInfo, DatasetWriter, Sample, write_info
from blemish.data.manifest import ManifestWriter

TILE_PX = 512
MODELS = 24  # Different tiles behind the links; no file system allows 60,000 links to one file and more of them.
LIMIT_MB = 1000.0
SEED = 1
EVERY_S = 0.05
PLANES = ("images", "labels", "backgrounds")


@dataclass(frozen=True)
class Peak:
    """Highest memory of a command and its children, and how long it took."""

    seconds: float
    rss_mb: float
    pss_mb: float
    processes: int
    rss_mb_over_time: list[int]  # Twenty looks, evenly spaced: flat where memory does not grow with the tiles.


def main() -> int:
    """Build, measure, write; exit code 1 where a figure is over the limit."""
    arguments = _arguments()
    if arguments.load:
        load_epoch(arguments.load, batch=arguments.batch, threads=arguments.threads)
        return 0
    with tempfile.TemporaryDirectory(dir=arguments.work, prefix="blemish-memory-") as work:
        folder = Path(work) / "many"
        build(folder, arguments.tiles)
        blemish = str(Path(sys.executable).with_name("blemish"))
        loading = [sys.executable, __file__, "--load", str(folder), "--batch", str(arguments.batch)]
        peaks = {
            "data_stats": measure([blemish, "data", "stats", str(folder), "--json"]),
            "training_epoch_loading": measure([*loading, "--threads", str(arguments.threads)]),
        }
    figures = {
        "tiles": arguments.tiles,
        "tile_px": TILE_PX,
        "batch": arguments.batch,
        "threads": arguments.threads,
        "limit_mb": LIMIT_MB,
        "under_limit": {name: peak.rss_mb < LIMIT_MB for name, peak in peaks.items()},
        "peaks": {name: vars(peak) for name, peak in peaks.items()},
    }
    write_result(arguments.out, figures, seeds=[SEED])
    for name, peak in peaks.items():
        print(f"{name}: {peak.rss_mb:.0f} MB RSS, {peak.pss_mb:.0f} MB PSS, {peak.seconds:.0f} s", file=sys.stderr)
    return 0 if all(figures["under_limit"].values()) else 1


def build(folder: Path, tiles: int) -> None:
    """A data set of so many tiles that takes the place of a few."""
    few = folder.with_name("few")
    info = DatasetInfo(Taxonomy.preset("pouch-cell"), TILE_PX, 1)
    with DatasetWriter(few, info) as writer:
        models = [writer.add(model_tile(place, info.taxonomy)) for place in range(MODELS)]
    for name in PLANES:
        (folder / name).mkdir(parents=True)
    manifest = ManifestWriter(folder / "manifest.parquet")
    for place in tqdm(range(tiles), desc="links", unit="tile", file=sys.stderr):
        model, tile_id = models[place % MODELS], f"part-{place // 40:05d}-tile-{place % 40:02d}"
        for name in PLANES:
            os.link(few / name / f"{model.id}.png", folder / name / f"{tile_id}.png")
        part = f"part-{place // 40:05d}"
        manifest.add(replace(model, id=tile_id, part=part, group=part, source=f"scans/{part}.png"))
    manifest.close()
    write_info(folder, info)


def model_tile(place: int, taxonomy: Taxonomy) -> Sample:
    """Noise on a slope, which PNG cannot shrink much, with a defect of each class in turn; every seventh is clean."""
    draw = rng(SEED, "model", place)
    slope = np.linspace(90, 160, TILE_PX)[:, None] + draw.normal(0, 6, (TILE_PX, TILE_PX))
    label = LabelMap.clean(TILE_PX, TILE_PX)
    label.background[:, : 8 * place] = 1
    kind = place % (len(taxonomy.defects) + 1)
    y, x = draw.integers(40, TILE_PX - 80, 2)
    label.defect[y : y + 30, x : x + 25] = kind
    record = TileRecord(
        id=f"model-{place:02d}", part="", view="front", source="", box=Box(0, 0, TILE_PX, TILE_PX),
        group=f"model-{place:02d}", split=Split.TRAIN, origin=Origin.SIMULATED, defect_px=(), background_px=(),
    )  # fmt: skip
    return Sample(np.clip(slope + 40 * (label.defect > 0), 0, 255).astype(np.uint8), label, record)


def load_epoch(folder: Path, *, batch: int, threads: int) -> None:
    """Draw, decode, augment and stack as many samples as the data set has tiles, as training does."""
    from blemish.train.loader import BatchLoader
    from blemish.train.loop import run_loop  # What a training process has imported, TensorBoard and all.
    from blemish.train.precision import accelerator
    from blemish.train.sampling import ClassBalancedSampler

    assert callable(run_loop)
    accelerator("fp32", cpu=True)
    dataset = Dataset(folder)
    records = dataset.select(Split.TRAIN)
    sampler = ClassBalancedSampler(records, SEED, by_group=True)
    settings = Augmentation.paper_segment()

    def draw(step: int, index: int) -> dict[str, np.ndarray]:
        sample = dataset.sample(records[sampler.pick(step, index).place])
        picture, label = augment(sample.picture, sample.label_map, settings, rng(SEED, "augment", step, index))
        return {"picture": picture[None].astype(np.float32) / 255, "defect": label.defect}

    steps = -(-len(records) // batch)
    for _ in tqdm(
        BatchLoader(draw, batch=batch, threads=threads).batches(0, steps), total=steps, desc="epoch", unit="batch"
    ):
        pass


def measure(command: list[str]) -> Peak:
    """Run a command and watch its memory.

    Raises:
        SystemExit: the command failed; its own message is on standard error.
    """
    began = time.perf_counter()
    looks = []
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as running:
        while running.poll() is None:
            looks.append(_memory_mb(running.pid))
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.wait(EVERY_S)
    if running.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with exit code {running.returncode}")
    rss, pss, processes = (max(values) for values in zip(*looks, strict=True))
    over_time = [round(looks[len(looks) * part // 20][0]) for part in range(20)]
    return Peak(round(time.perf_counter() - began, 1), round(rss, 1), round(pss, 1), processes, over_time)


def _memory_mb(pid: int) -> tuple[float, float, int]:
    """RSS and PSS of a process and its descendants in MB (10^6 bytes), and their number."""
    try:
        parent = psutil.Process(pid)
        family = [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0, 0.0, 0
    rss = pss = 0
    for process in family:
        try:
            memory = process.memory_full_info()
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
        rss, pss = rss + memory.rss, pss + memory.pss
    return rss / 1e6, pss / 1e6, len(family)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiles", type=int, default=60_000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/memory.json"), metavar="FILE")
    parser.add_argument(
        "--work", type=Path, default=None, metavar="DIR", help="where the links are made; default: temp"
    )
    parser.add_argument("--load", type=Path, default=None, help=argparse.SUPPRESS)  # The measured process itself.
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
