"""What a machine could do at most, and how much of it a network takes: peaks measured, work counted.

A network can be no faster than its multiplications at the machine's peak, nor than its bytes at the memory's speed.
Peaks are those of a plain convolution and a plain copy, measured here, not those of a data sheet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from blemish.bundle.openvino_runner import NETWORK, openvino_core

CHANNELS, SIDE_PX, KERNEL = 256, 64, 3  # Of the plain convolution: 2.4 GMAC a layer.
LAYERS, CALLS = 2, 2  # Convolutions one after another, and runs of them in a turn.
COPIED_MB = 256
TURNS = 5
BYTES = {"f32": 4, "bf16": 2, "int8": 1}


@dataclass(frozen=True)
class Work:
    """What one picture costs a network."""

    gmac: float  # Multiplications of its convolutions, in 10^9.
    values_m: float  # Values that convolutions read and write, weights too, in 10^6; times bytes a value is traffic.


def work_of(bundle: Path, tile_px: int) -> Work:
    """Counted over the convolutions of a float32 bundle's network at one tile."""
    network = openvino_core().read_model(bundle / NETWORK)
    network.reshape([1, tile_px, tile_px, network.input(0).partial_shape[3].get_length()])
    macs, values = 0, 0
    for node in network.get_ops():
        if node.get_type_name() != "Convolution":
            continue
        out, weights = list(node.output(0).shape), list(node.input_value(1).shape)
        macs += prod(out) * prod(weights[1:])
        values += prod(out) + prod(weights) + prod(node.input_value(0).shape)
    return Work(macs / 1e9, values / 1e6)


def peak_gmac_s(precision: str, threads: int) -> float:
    """10^9 multiplications a second of a plain convolution on all threads, the best of a few turns."""
    settings = {
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": threads,
    }
    compiled = openvino_core().compile_model(_convolution(integers=precision == "int8"), "CPU", settings)
    requests = [compiled.create_infer_request() for _ in range(threads)]
    picture = np.random.default_rng(1).uniform(-1, 1, (1, CHANNELS, SIDE_PX, SIDE_PX)).astype(np.float32)
    best = 0.0
    for _ in range(TURNS):
        started = perf_counter()
        for _ in range(CALLS):
            for request in requests:
                request.start_async({0: picture})
            for request in requests:
                request.wait()
        work = CALLS * threads * LAYERS * CHANNELS**2 * KERNEL**2 * SIDE_PX**2 / 1e9
        best = max(best, work / (perf_counter() - started))
    return best


def copy_gb_s() -> float:
    """10^9 bytes a second, read and written, of one thread's plain copy that no cache holds."""
    source = np.ones(COPIED_MB * 1_000_000 // 8)
    target = np.zeros_like(source)
    best = 0.0
    for _ in range(TURNS):
        started = perf_counter()
        np.copyto(target, source)
        best = max(best, 2 * source.nbytes / 1e9 / (perf_counter() - started))
    return best


def roofline(work: Work, tile_ms: Mapping[str, float], threads: int) -> dict[str, Any]:
    """Peaks, and for each precision the least time that they allow and the share of it that was reached.

    Args:
        tile_ms: measured time a tile by precision, on all threads.
    """
    bandwidth = copy_gb_s()
    rows = {}
    for precision, took in tile_ms.items():
        peak = peak_gmac_s(precision, threads)
        rows[precision] = {
            "peak_gmac_s": round(peak, 1),
            "reached_gmac_s": round(work.gmac / took * 1000, 1),
            "share_of_peak": round(work.gmac / took * 1000 / peak, 3),
            "least_ms_by_multiplying": round(1000 * work.gmac / peak, 2),
            "least_ms_by_memory": round(work.values_m * BYTES[precision] / bandwidth, 2),
            "tile_ms": round(took, 2),
        }
    return {
        "gmac_a_tile": round(work.gmac, 3),
        "values_moved_a_tile_m": round(work.values_m, 1),
        "copy_gb_s": round(bandwidth, 1),
        "by_precision": rows,
    }


def _convolution(*, integers: bool) -> ov.Model:
    """Some equal convolutions one after another; with `integers`, ranges that let them run in int8."""
    picture = ops.parameter([1, CHANNELS, SIDE_PX, SIDE_PX], np.float32, name="picture")
    draw = np.random.default_rng(2)
    values = picture
    for _ in range(LAYERS):
        weights = draw.normal(0, 0.02, (CHANNELS, CHANNELS, KERNEL, KERNEL)).astype(np.float32)
        kernel = ops.constant(weights)
        if integers:
            values = ops.fake_quantize(values, *_levels(-1, 1), 256)
            kernel = ops.fake_quantize(kernel, *_levels(-0.1, 0.1), 255)
        values = ops.convolution(values, kernel, [1, 1], [1, 1], [1, 1], [1, 1])
    return ov.Model([values], [picture])


def _levels(low: float, high: float) -> list[Any]:
    return [np.float32(value) for value in (low, high, low, high)]
