"""The trial of `gan generate` on a fold of a data set: which classes a network finds among drawn tiles.

    python benchmarks/class_trial.py work/tile GAN FOLDS --fold 0 --name magnetic-tile

GAN is a run that learned from the other folds, FOLDS holds a network a fold (`fold-0`, ...), as `segment out-of-fold`
leaves them. Real tiles are judged out of fold, drawn ones by the network of the GAN's own fold.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from blemish.bench.gating import gate_for, only_learned
from blemish.bench.provenance import write_result
from blemish.data.dataset import Dataset
from blemish.data.folds import fold_view
from blemish.gan.bank import build_bank
from blemish.gan.job import Job, Provenance, RealPictures
from blemish.gan.model import load_generator
from blemish.gan.plan import plan_per_class
from blemish.gan.trial import TRIAL_TILES, try_classes, why_untried
from blemish.metrics.pixel import Confusion
from blemish.segment.model import TorchSegmenter
from blemish.segment.out_of_fold import OutOfFold, Pooled, judge_fold, thresholds_of


def main() -> None:
    options = _options()
    dataset = Dataset(options.dataset)
    runs = tuple(sorted(options.folds.glob("fold-*")))
    pooled = Pooled(Confusion(len(dataset.taxonomy.defects)))
    for fold, run in enumerate(runs):
        judge_fold(TorchSegmenter.load(run), fold_view(dataset, n=len(runs), fold=fold), fold, pooled)
    thresholds = thresholds_of(pooled, dataset)

    learned = only_learned(fold_view(dataset, n=len(runs), fold=options.fold))
    generator = load_generator(options.gan, "cpu")
    plan = plan_per_class(learned.records, learned.taxonomy, options.per_class)
    defects = [row.index for row in plan.classes if row.planned]
    bank = build_bank(learned, defects, real_backgrounds=True)
    made_by = Provenance(generator.hash, generator.preset, 0)
    gate = gate_for(learned, generator, defects, OutOfFold(thresholds, options.folds, (runs[options.fold],)))
    trials = try_classes(Job(generator, bank, made_by, RealPictures.of(learned)), gate, plan)
    figures = {
        "data": {"name": options.name, "hash": dataset.hash, "fold": options.fold},
        "gan": options.gan.name,
        "tiles": TRIAL_TILES,
        "trials": {trial.name: trial.to_dict() for trial in trials},
        "untried": {row.name: why for row in plan.classes if (why := why_untried(gate, row.name))},
        "thresholds": thresholds.to_dict(),
    }
    write_result(Path("benchmarks/results") / f"class-trial-{options.name}.json", figures, seeds=[0])
    for trial in trials:
        print(f"{trial.name}: {trial.words()}")
    for name, why in figures["untried"].items():
        print(f"{name}: {why}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("gan", type=Path)
    parser.add_argument("folds", type=Path)
    parser.add_argument("--fold", type=int, default=0)
    parser.add_argument("--per-class", type=int, default=300)
    parser.add_argument("--name", required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
