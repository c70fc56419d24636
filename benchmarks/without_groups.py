"""A published ladder once more, without some groups of the test split: those that `data check` found in train too.

    python benchmarks/without_groups.py benchmarks/results/ladder-NAME.json GROUP ... --name NAME

Nothing is trained or judged anew: every cell of a ladder keeps what it called, group by group.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from blemish.bench.compare import gain
from blemish.bench.figures import of_rung
from blemish.bench.provenance import write_result


def main() -> None:
    options = _options()
    half = json.loads(options.ladder.read_text(encoding="utf-8"))["published"]
    classes, cells = half["classes"], half["cells"]
    kept = [_without(cell, options.groups) for cell in cells]
    names = [rung["name"] for rung in half["rungs"]]
    figures = {
        "ladder": options.ladder.name,
        "data": half["data"],
        "left_out": options.groups,
        "classes": classes,
        "rungs": {name: {"whole": _iou(name, cells, classes), "without": _iou(name, kept, classes)} for name in names},
        "over_base": [gain(kept, classes, name, half["base"]) for name in names if name != half["base"]],
        "gain": gain(kept, classes, half["gain"]["of"], half["gain"]["over"]),
    }
    seeds = sorted({int(cell["seed"]) for cell in cells})
    path = Path("benchmarks/results") / f"ladder-{options.name}-without-leaks.json"
    write_result(path, figures, seeds=seeds)
    for name, both in figures["rungs"].items():
        print(f"{name:<16} {both['whole']['mean_iou']}  {both['without']['mean_iou']}")


def _without(cell: Mapping[str, Any], groups: Sequence[str]) -> dict[str, Any]:
    missing = [group for group in groups if group not in cell["groups"]]
    if missing:
        raise SystemExit(f"{cell['rung']}, seed {cell['seed']}: no group {', '.join(missing)} was judged")
    return {**cell, "groups": {name: text for name, text in cell["groups"].items() if name not in groups}}


def _iou(name: str, cells: Sequence[Mapping[str, Any]], classes: Sequence[str]) -> dict[str, Any]:
    figures = of_rung(name, cells, classes)
    return {"mean_iou": figures["mean_iou"], "iou": figures["iou"]}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ladder", type=Path)
    parser.add_argument("groups", nargs="+")
    parser.add_argument("--name", required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
