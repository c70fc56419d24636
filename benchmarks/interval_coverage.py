"""How often a calibration's 95 % intervals hold the truth: whole groups drawn plainly, and within classes.

    python benchmarks/interval_coverage.py

Sets are drawn from a made-up line: each group is good or of one of six lopsided classes, has one to six parts, and a
chance of its own to be called. What the whole line would show is known, so it can be counted how often an interval from
one set holds it. Half a minute of a core.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from blemish.bench.provenance import write_result
from blemish.core.arrays import Float64, Int64
from blemish.core.seeds import rng
from blemish.metrics.bootstrap import group_weights
from blemish.metrics.part import wilson

GROUPS, SETS, DRAWS, SEED = 88, 400, 1000, 0
SHARES = np.array([0.35, 0.2, 0.15, 0.12, 0.1, 0.05, 0.03])  # Of groups: good ones, then classes 1 to 6.
CALLED = np.array([0.08, 0.95, 0.9, 0.85, 0.7, 0.5, 0.97])  # How often a part is called, the middle of its groups.
_SPREAD, _MOST_PARTS = 1.0, 6  # Of the groups' chances, as log odds.


@dataclass(frozen=True)
class Drawn:
    """One set, a row a group."""

    kind: Int64  # 0 = good.
    parts: Int64
    called: Int64


def main() -> None:
    random = rng(SEED, "interval coverage")
    line = _drawn(random, 2_000_000)
    truths = {name: float(hits.sum() / totals.sum()) for name, (hits, totals) in _rates(line).items()}
    held = {way: dict.fromkeys(truths, 0) for way in ("plain", "within_classes", "wilson")}
    for _ in range(SETS):
        one = _drawn(random, GROUPS)
        weights = {
            "plain": random.multinomial(GROUPS, np.full(GROUPS, 1 / GROUPS), size=DRAWS),
            "within_classes": group_weights(one.kind[:, None] == np.arange(1, len(SHARES)), DRAWS, random),
        }
        for name, (hits, totals) in _rates(one).items():
            for way, drawn in weights.items():
                low, high = np.nanquantile((drawn @ hits) / np.maximum(drawn @ totals, 1), [0.025, 0.975])
                held[way][name] += low <= truths[name] <= high
            parts = wilson(int(hits.sum()), int(totals.sum()))
            held["wilson"][name] += parts.low <= truths[name] <= parts.high
    coverage = {way: {name: count / SETS for name, count in own.items()} for way, own in held.items()}
    figures: dict[str, Any] = {"groups": GROUPS, "sets": SETS, "draws": DRAWS, "truth": truths, "coverage": coverage}
    for way, own in coverage.items():
        print(f"{way:<16}" + "  ".join(f"{name} {value:.2f}" for name, value in own.items()))
    out = Path("benchmarks/results/interval-coverage.json")
    write_result(out, figures, seeds=[SEED])
    print(f"written: {out}")


def _drawn(random: np.random.Generator, groups: int) -> Drawn:
    kind = random.choice(len(SHARES), size=groups, p=SHARES)
    odds = np.log(CALLED / (1 - CALLED))[kind] + random.normal(0, _SPREAD, groups)
    parts = random.integers(1, _MOST_PARTS + 1, groups)
    return Drawn(kind, parts, random.binomial(parts, 1 / (1 + np.exp(-odds))))


def _rates(drawn: Drawn) -> dict[str, tuple[Float64, Float64]]:
    """Hits and totals of each group."""
    bad, good = drawn.kind > 0, drawn.kind == 0
    return {
        "escape": ((drawn.parts - drawn.called) * bad, drawn.parts * bad),
        "overkill": (drawn.called * good, drawn.parts * good),
        "human": (drawn.called, drawn.parts),
    }


if __name__ == "__main__":
    main()
