"""Thousands of unseen parts of the simulated line through a bundle: escape, overkill and REVIEW with their limits.

    python benchmarks/line_acceptance.py work/bundle --recipe work/recipe.toml --work work/line --processes 2
    python benchmarks/line_acceptance.py work/bundle --work /tmp/line --smoke     # small cells, nothing written

A stopped run goes on where it was, a finished one is widened by a larger --parts.
`blemish accept work/line/results work/line/reference.csv --out REPORT` makes the report of the same run.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from blemish.bench.line_run import RESULTS, Line, run_line
from blemish.bench.provenance import write_result
from blemish.bundle.bundle import Bundle
from blemish.inspect.decisions import read_run
from blemish.inspect.recipe import read_recipe
from blemish.inspect.reference import read_reference
from blemish.metrics.acceptance_outcome import Targets, accept
from blemish.report.acceptance import to_dict
from blemish.simulate.line import DEFAULT, VERSION, LineSettings

OUT = Path("benchmarks/results/line-acceptance.json")


def main() -> None:
    options = _options()
    bundle = Bundle.open(options.bundle)
    line = Line(
        bundle=options.bundle,
        recipe=options.recipe,
        seed=options.seed,
        settings=LineSettings.small(1200, 700) if options.smoke else DEFAULT,
        threads=1 if options.processes > 1 else None,
    )
    began = time.perf_counter()
    reference = run_line(line, options.parts, options.work, processes=options.processes)
    seconds = time.perf_counter() - began
    found = accept(read_reference(reference), [read_run(options.work / RESULTS)], Targets(0.02, 0.03, 0.95))
    told = to_dict(found)
    figures = {
        "line": {"version": VERSION, "parts": options.parts, "unknown_left_out": len(found.matching.without_reference)},
        "bundle": {
            "hash": bundle.hash,
            "architecture": bundle.card.architecture,
            "precision": bundle.card.precision,
            "recipe": None if options.recipe is None else read_recipe(options.recipe).title,
        },
        "seconds_of_this_go": round(seconds, 1),
        **{name: told[name] for name in ("outcome", "targets", "reference_by", "parts", "runs", "items", "classes")},
    }
    del figures["parts"]["without_reference"]  # Counted above: two thousand serials say no more.
    print(figures)
    if not options.smoke:
        write_result(options.out, figures, seeds=[options.seed])
        print(f"written: {options.out}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="an inspector of pouch cells")
    parser.add_argument("--recipe", type=Path, metavar="FILE", help="what is NG; else the bundle's card says it")
    parser.add_argument("--parts", type=int, default=2000, metavar="N")
    parser.add_argument("--seed", type=int, default=90, metavar="N", help="of the line; no set was made of this one")
    parser.add_argument("--work", type=Path, required=True, metavar="DIR", help="results and reference; goes on there")
    parser.add_argument("--processes", type=int, default=1, metavar="N")
    parser.add_argument("--out", type=Path, default=OUT, metavar="FILE")
    parser.add_argument("--smoke", action="store_true", help="small cells, no JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
