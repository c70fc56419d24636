"""Where the time of a synthetic tile goes: draw its label, read a background, paint, compose, gate, write."""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from blemish.bundle.painting import Painter
from blemish.core.taxonomy import IGNORE
from blemish.data.dataset import Dataset, DatasetInfo, DatasetWriter, tile_files
from blemish.gan.bank import Bank, build_bank, source_tiles
from blemish.gan.gate import Candidate, Gate
from blemish.gan.gate_reference import measure_real
from blemish.gan.job import Job, Provenance, RealPictures, beneath_batch, draw_batch, paint_batch
from blemish.gan.plan import PlanItem
from blemish.gan.recognition import Recognition, learn_recognition
from blemish.gan.recognition_features import packaged_features
from blemish.picture.read import decode_picture
from blemish.picture.write import png_bytes
from gan_speed_parts import SEED, summary

BATCH = 8
Clock = defaultdict[str, float]
MANY = 50_000


def stages(generators: Mapping[str, Any], dataset: Dataset, tiles: int, rounds: int) -> dict[str, Any]:
    """Seconds a tile of every stage, on real backgrounds, each tile drawn once, in one process.

    The gate works without a segmenter: how long one looks at a tile is measured by `blemish bench speed`.
    """
    classes = sorted({index for record in source_tiles(dataset.records) for index in record.classes})
    started = perf_counter()
    bank = build_bank(dataset, classes, real_backgrounds=True)
    gate = Gate(dataset.taxonomy, measure_real(dataset, classes))
    probes = learn_recognition(dataset, classes, packaged_features())
    prepared = perf_counter() - started
    items = [PlanItem(i, (classes[i % len(classes)],)) for i in range(tiles)]
    found: dict[str, list[dict[str, float]]] = {name: [] for name in generators}
    for number in range(rounds):
        for name in reversed(list(generators)) if number % 2 else generators:
            found[name].append(_round(generators[name], dataset, bank, gate, probes, items))
    return {
        "tile_px": dataset.info.tile_px,
        "tiles": tiles,
        "batch": BATCH,
        "prepare_once_s": round(prepared, 2),
        "generators": {name: _told(rows) for name, rows in found.items()},
    }


def _told(rows: list[dict[str, float]]) -> dict[str, Any]:
    names = [name for name in rows[0] if name not in ("drawn", "admitted", "total")]
    speeds = summary([row["drawn"] / row["total"] for row in rows], 3)
    admitted = sum(row["admitted"] for row in rows) / sum(row["drawn"] for row in rows)
    return {
        "seconds_a_tile": {name: summary([row[name] / row["drawn"] for row in rows], 5) for name in names},
        "tiles_a_second": speeds,
        "admitted_frac": round(admitted, 3),
        "minutes_for_50000": round(MANY / speeds["median"] / 60, 1),
        # Those rejected are drawn again: as long as this run's share of them is typical.
        "minutes_for_50000_admitted": round(MANY / speeds["median"] / 60 / admitted, 1) if admitted else None,
    }


def _round(
    generator: Painter, dataset: Dataset, bank: Bank, gate: Gate, probes: Recognition, items: list[PlanItem]
) -> dict[str, float]:
    job = Job(generator, bank, Provenance("0" * 64, "default", SEED), RealPictures.of(dataset))
    gate = replace(gate, ring_px=generator.ring_px)
    clock: Clock = defaultdict(float)
    info = DatasetInfo(dataset.taxonomy, dataset.info.tile_px, dataset.channels)
    started, counts = perf_counter(), Counter[str]()
    with tempfile.TemporaryDirectory() as work, DatasetWriter(Path(work) / "set", info) as writer:
        for start in range(0, len(items), BATCH):
            _batch(job, gate, probes, items[start : start + BATCH], writer, clock, counts)
        total = perf_counter() - started
    named = {f"{name}_s": seconds for name, seconds in clock.items()}
    return {**named, "drawn": counts["drawn"], "admitted": counts["admitted"], "total": total}


def _batch(
    job: Job,
    gate: Gate,
    probes: Recognition,
    items: list[PlanItem],
    writer: DatasetWriter,
    clock: Clock,
    counts: Counter[str],
) -> None:
    """The steps of `gan.gated.admit_batch` and of `gan.synthesis`, with a clock; rejected tiles are written too."""
    with timed(clock, "draw_label"):
        tasks, _ = draw_batch(job, items)
    with timed(clock, "read_background"):
        beneath = beneath_batch(job, tasks)
    assert beneath is not None
    networks: Clock = defaultdict(float)
    with timed(networks, "whole"), _networks_timed(job.generator, networks):
        samples = paint_batch(job, tasks, beneath)
    clock["paint"] += networks["run"]
    clock["compose"] += networks["whole"] - networks["run"]
    with timed(clock, "png_for_the_gate"):
        pngs = [png_bytes(sample.picture) for sample in samples]
        read = [decode_picture(png, Path("tile.png")) for png in pngs]
        samples = [
            replace(sample, picture=pixels.astype(np.uint8)) for sample, pixels in zip(samples, read, strict=True)
        ]
    with timed(clock, "gate"):
        asking = zip(samples, beneath, tasks, strict=True)
        verdicts = gate.judge([Candidate(sample, under, task.shape_iou) for sample, under, task in asking])
    with timed(clock, "gate_recognised"):  # Of every tile, as if all passed the rules before it.
        for sample, item in zip(samples, items, strict=True):
            for index in item.classes:
                probes.score(sample, index)
    with timed(clock, "write"):
        for sample, task, png in zip(samples, tasks, pngs, strict=True):
            writer.add(sample, task.label_map.defect == IGNORE, tile_files(sample, job.bank.taxonomy, png))
    counts["drawn"] += len(tasks)
    counts["admitted"] += sum(verdict is None for verdict in verdicts)


@contextmanager
def timed(clock: Clock, name: str) -> Iterator[None]:
    started = perf_counter()
    yield
    clock[name] += perf_counter() - started


@contextmanager
def _networks_timed(generator: Any, clock: Clock) -> Iterator[None]:
    """The painter's defect network with a clock: what is left of painting is condition, noise and composition."""
    inner: Callable[..., Any] = generator.defect_network

    def run(*planes: Any) -> Any:
        with timed(clock, "run"):
            return inner(*planes)

    generator.defect_network = run
    try:
        yield
    finally:
        generator.defect_network = inner
