"""`blemish bench speed`: how fast is the inspector beside eager PyTorch, alone and from file to result?"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from blemish.cli.console import guarded, say, show

_BUSY = 0.5  # Load a core before the measurement, above which its figures mean little.


@guarded
def speed(
    run: Annotated[
        Path | None, typer.Option("--run", metavar="RUN", help="A trained gray inspector. (fresh weights)")
    ] = None,
    precision: Annotated[
        str, typer.Option("--precision", help="Of the two main figures: f32, bf16 or int8. (what the CPU multiplies)")
    ] = "",
    rounds: Annotated[int, typer.Option("--rounds", metavar="N", min=2, help="Of A and B in turn.")] = 7,
    quick: Annotated[bool, typer.Option("--quick", help="A small network and scan: does it run?")] = False,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Also write the figures as JSON.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Time the inspector against eager PyTorch in float32; makes its own bundle and scan, ends within 8 minutes."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # Before torch: its threads would spin into the other's turn.
    import json

    from blemish.bench.provenance import read_own
    from blemish.bench.speed import measure_speed
    from blemish.bench.speed_scene import FULL, QUICK
    from blemish.picture.write import write_bytes

    if out is not None:
        read_own(out, "bench speed", lambda there: "equal_work_ratio" in there)
    figures = measure_speed(rounds=rounds, precision=precision, run=run, scale=QUICK if quick else FULL)
    if figures["load_before"] > _BUSY * figures["threads"]:
        say(f"the machine was busy before this began (load {figures['load_before']}): the figures mean little")
    if out is not None:
        write_bytes(out, (json.dumps(figures, indent=2, allow_nan=False) + "\n").encode())
    show(figures, text(figures), as_json)


def text(figures: Mapping[str, Any]) -> str:
    """The figures for people."""
    scan, work, whole, capped = (figures[key] for key in ("scan_s", "equal_work", "end_to_end", "avx2"))
    lines = [
        f"{figures['scan']['architecture']}, {figures['precision']}, {figures['threads']} threads, "
        f"{figures['machine']['cpu']} ({', '.join(figures['cpu_flags'])})",
        f"equal work     {figures['equal_work_ratio']:6.2f} times faster than eager PyTorch float32 "
        f"({figures['reference_tile_ms']} ms a tile)",
        f"end to end     {figures['end_to_end_ratio']:6.2f} times; a scan in {scan['p50']} s "
        f"(p95 {scan['p95']}, p99 {scan['p99']}), {figures['peak_rss_mb']} MB at most",
        "",
        f"{'stage, s':<24}{'p50':>9}{'p95':>9}{'p99':>9}",
        *(
            f"  {name:<22}{row['p50']:9.4f}{row['p95']:9.4f}{row['p99']:9.4f}"
            for name, row in figures["stages"].items()
        ),
        f"  {'(overlay, apart)':<22}" + "".join(f"{value:9.4f}" for value in figures["overlay_s"].values()),
        "",
        f"{'tiles alone':<24}{'ms a tile':>12}{'times':>8}",
        *_rows(work["tile_ms"], work["ratio"]),
        f"{'file to result':<24}{'s a scan':>12}{'times':>8}",
        *_rows(whole["scan_s"], whole["ratio"]),
        f"{'held to AVX2, tiles':<24}{'ms a tile':>12}{'times':>8}",
        *_rows(capped["tile_ms"], capped["equal_work_ratio"]),
        f"{'held to AVX2, scans':<24}{'s a scan':>12}{'times':>8}",
        *_rows(capped["scan_s"], capped["end_to_end_ratio"]),
        "",
        f"{'roofline':<12}{'GMAC/s':>9}{'peak':>9}{'share':>8}",
        *(
            f"  {name:<10}{row['reached_gmac_s']:9.1f}{row['peak_gmac_s']:9.1f}{row['share_of_peak']:8.2f}"
            for name, row in figures["roofline"]["by_precision"].items()
        ),
    ]
    return "\n".join(lines)


def _rows(values: Mapping[str, Any], ratios: Mapping[str, Any]) -> list[str]:
    return [
        f"  {name:<22}{row['median']:12.3f}" + (f"{ratios[name]['median']:8.2f}" if name in ratios else "")
        for name, row in values.items()
    ]
