"""Does training on spoilt pictures flatten the curves of robustness, and what does it cost on good ones?

    python benchmarks/robust_training.py work/tile --name magnetic-tile --steps 1500

Inspectors of one fold of the selection half that differ in nothing but the share of pictures that are spoilt while they
learn (`Augmentation.robust`). Each is judged by the fold that it never saw, undisturbed on all of it and disturbed on
some tiles of every class. With `--go-on` the spoilt ones begin where the first of them, which saw none, has ended. A
training or a judging that is there already in the work folder is not made again.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from blemish.bench.compare import gain
from blemish.bench.figures import of_rung
from blemish.bench.judging import judge
from blemish.bench.provenance import write_result
from blemish.bench.rungs import training_of
from blemish.bench.scale import Scale
from blemish.bench.start import start_of
from blemish.bench.views import View
from blemish.data.augment import Augmentation
from blemish.data.dataset import Dataset
from blemish.picture.disturb import DISTURBANCES, STRENGTHS
from blemish.segment.model import TorchSegmenter
from blemish.segment.robustness import measure_robustness, tiles_of_every_class
from blemish.segment.training import Pace, train
from blemish.train.machine import commit
from blemish.train.precision import default_precision


def main() -> None:
    options = _options()
    dataset = Dataset(options.dataset)
    scale = Scale(steps=options.steps, start="procedural")
    view = View(folds=options.folds, fold=options.fold)
    judged = [_judged(dataset, view, scale, options.share[0], options)]
    if options.go_on:
        scale = replace(scale, start=str(_folder(options, options.share[0], "procedural") / "run"))
    judged += [_judged(dataset, view, scale, share, options) for share in options.share[1:]]
    cells, classes = [row.pop("cell") for row in judged], list(dataset.taxonomy.defect_names)
    names = [cell["rung"] for cell in cells]
    figures: dict[str, Any] = {
        "data": {"name": options.name, "hash": dataset.hash},
        "fold": options.fold,
        "steps": options.steps,
        "precision": default_precision(),
        "disturbed_tiles": options.tiles,
        "rungs": [of_rung(name, cells, classes) for name in names],
        "gains": [gain(cells, classes, name, names[0]) for name in names[1:]],
        "inspectors": judged,
    }
    for row in judged:
        kept = {name: curve["kept"] for name, curve in row["robustness"]["disturbances"].items()}
        print(
            f"spoilt {row['spoilt_share']}: mean IoU {row['mean_iou']:.3f}, disturbed {row['disturbed_iou']:.3f}", kept
        )
    out = Path(f"benchmarks/results/robust-training-{options.name}{'-go-on' if options.go_on else ''}.json")
    write_result(out, figures, seeds=[options.seed])
    print(f"written: {out}")


def _judged(dataset: Dataset, view: View, scale: Scale, share: float, options: argparse.Namespace) -> dict[str, Any]:
    folder = _folder(options, share, scale.start)
    kept = folder / "judged.json"
    if kept.is_file():
        row: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
        return row
    opened = view.open(dataset)
    settings = training_of("loss", "", scale, options.seed)
    if share:
        settings = replace(settings, augmentation=Augmentation.robust(share))
    pace = Pace.of(settings.steps, threads=1)
    start = start_of(scale)
    train(opened, folder / "run", settings, pace=pace, precision=default_precision(), resume=True, start=start)
    segmenter = TorchSegmenter.load(folder / "run")
    records = opened.select(view.judged)
    some = tiles_of_every_class(records, len(dataset.taxonomy.defects), options.tiles)
    found = judge(segmenter, opened, records).to_dict()
    robustness = measure_robustness({f"{share:g}": segmenter}, opened, some, progress=True)[0].to_dict()
    curves = robustness["disturbances"].values()
    disturbed = [value for curve in curves for value in curve["mean_iou"]]
    assert len(disturbed) == len(DISTURBANCES) * STRENGTHS
    row = {
        "spoilt_share": share,
        "begins_with": Path(scale.start).parent.name or scale.start,
        "commit": commit(),
        "mean_iou": found["mean_iou"],
        "disturbed_iou": round(sum(disturbed) / len(disturbed), 6),
        "cell": {
            "rung": f"spoilt {share:g}" + ("" if scale.start == "procedural" else ", goes on"),
            "fold": options.fold,
            "seed": options.seed,
            **found,
        },
        "robustness": robustness,
    }
    kept.write_text(json.dumps(row, indent=1), encoding="utf-8")
    return row


def _folder(options: argparse.Namespace, share: float, start: str) -> Path:
    begun = "" if start == "procedural" else f"-from-{Path(start).parent.name.rsplit('-', 1)[-1]}"
    name = f"{options.name}-fold-{options.fold}-{options.steps}-steps-seed-{options.seed}-{share:g}{begun}"
    return Path(options.work / name)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--name", required=True, help="of the set, for the file")
    parser.add_argument("--work", type=Path, default=Path("work/robust-training"))
    parser.add_argument("--share", type=float, nargs="+", default=[0.0, 0.25, 0.5, 1.0])
    parser.add_argument("--go-on", action="store_true", help="begin the others with the first one's weights")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--tiles", type=int, default=60)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--fold", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
