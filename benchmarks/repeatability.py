"""One simulated part scanned ten times: verdict flips, and the spread of sizes and places in mm.

    python benchmarks/repeatability.py                                  # the true labels: what the camera alone does
    python benchmarks/repeatability.py --bundle work/bundle --recipe work/recipe.toml --parts 4   # and a trained bundle
    python benchmarks/repeatability.py --smoke                          # seconds, to see that it works; writes nothing

Every scan has its own noise and jitter, a shift up to 10 px, a turn up to 0.3 degrees and a gain within 5 %.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from blemish.bench.provenance import write_result
from blemish.bench.repeatability import Judge, by_labels, by_line, repeat, summary
from blemish.bundle.bundle import Bundle
from blemish.core.taxonomy import Taxonomy
from blemish.inspect.defects import Limits
from blemish.inspect.recipe import read_recipe
from blemish.inspect.registration import PartSearch
from blemish.inspect.run import Inspection
from blemish.simulate.line import DEFAULT, LineSettings
from blemish.simulate.rescan import draw_layings, rescan_cell

OUT = Path("benchmarks/results/repeatability.json")


def main() -> None:
    options = _options()
    taxonomy = Taxonomy.preset("pouch-cell")
    limits = Limits(dict.fromkeys(taxonomy.codes, 0.5), {d.code: d.least_size_px or 0 for d in taxonomy.defects})
    figures: dict[str, Any] = {
        "moved": {"shift_px": 10, "turn_deg": 0.3, "gain_frac": 0.05},
        "by_labels": _repeat(by_labels(taxonomy, limits), options),
    }
    if options.bundle is not None:
        bundle = Bundle.open(options.bundle)
        recipe = None if options.recipe is None else read_recipe(options.recipe)
        inspection = Inspection.of_bundle(bundle, recipe=recipe, threads=1, part=PartSearch())  # Places are the part's.
        figures["by_bundle"] = {
            "bundle": bundle.hash,
            "architecture": bundle.card.architecture,
            "recipe": None if recipe is None else recipe.title,
            **_repeat(by_line(inspection), options),
        }
    print(figures)
    if not options.smoke:
        write_result(options.out, figures, seeds=[options.seed])
        print(f"written: {options.out}")


def _repeat(judge: Judge, options: argparse.Namespace) -> dict[str, Any]:
    settings = LineSettings.small(1200, 700) if options.smoke else DEFAULT
    settings = replace(settings, defects_per_cell=options.defects)
    parts = []
    for index in tqdm(range(options.parts), desc="parts", disable=None):
        layings = draw_layings(options.seed, index, options.scans)
        parts.append(repeat(rescan_cell(options.seed, index, layings, settings=settings), judge))
    return summary(parts)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, metavar="BUNDLE", help="a trained inspector of pouch cells")
    parser.add_argument("--recipe", type=Path, metavar="FILE", help="what is NG; else the bundle's card says it")
    parser.add_argument("--parts", type=int, default=6, metavar="N")
    parser.add_argument("--scans", type=int, default=10, metavar="N", help="of each part")
    parser.add_argument("--defects", type=float, default=3.0, metavar="N", help="mean number on a part that has any")
    parser.add_argument("--seed", type=int, default=6, metavar="N")
    parser.add_argument("--out", type=Path, default=OUT, metavar="FILE")
    parser.add_argument("--smoke", action="store_true", help="small cells, nothing written")
    return parser.parse_args()


if __name__ == "__main__":
    main()
