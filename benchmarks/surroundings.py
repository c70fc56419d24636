"""Are synthetic defects found more like real ones where each lies in surroundings like those of a real one?

    python benchmarks/surroundings.py work/tile work/ladder/tile/gans/default-KEY RUN --fold 0 --name magnetic-tile

The same generator draws the same plan twice, placed as its classes lie and placed by surroundings, on real clean
surface, without a gate. An inspector that was trained on the fold's real tiles looks for the labels: IoU of each class,
and tiles of which it finds three tenths of the label. Beside them: real tiles that it never saw.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch

from blemish.bench.gating import only_learned
from blemish.bench.provenance import write_result
from blemish.bench.views import View
from blemish.core.records import Split
from blemish.core.seeds import rng
from blemish.data.dataset import Dataset, Sample
from blemish.gan.bank import build_bank
from blemish.gan.job import Job, Provenance, RealPictures, draw_batch, paint_batch
from blemish.gan.model import load_generator
from blemish.gan.plan import PlanItem
from blemish.metrics.pixel import Confusion
from blemish.segment.evaluation import predict
from blemish.segment.model import TorchSegmenter

OUT = Path("benchmarks/results")
BATCH = 8
FOUND_FRAC = 0.3


class Looked:
    """What an inspector found of some tiles' labels."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names, self.confusion = names, Confusion(len(names))
        self.tiles, self.found = dict.fromkeys(names, 0), dict.fromkeys(names, 0)

    def look(self, segmenter: TorchSegmenter, samples: list[Sample]) -> None:
        """Count some tiles; a tile counts for each class it shows."""
        for sample, predicted in zip(samples, predict(segmenter, samples), strict=True):
            truth = sample.label_map.defect
            self.confusion.add(truth, predicted)
            for index, name in enumerate(self.names, start=1):
                own = truth == index
                if own.any():
                    self.tiles[name] += 1
                    self.found[name] += bool((predicted[own] == index).mean() >= FOUND_FRAC)

    def told(self) -> dict[str, Any]:
        """By class; None where no tile shows it."""
        iou = self.confusion.iou()
        return {
            name: {"tiles": self.tiles[name], "found": self.found[name], "iou": round(float(iou[place]), 4)}
            if self.tiles[name]
            else None
            for place, name in enumerate(self.names)
        }


def main() -> None:
    options = _options()
    torch.set_num_threads(1)
    dataset = Dataset(options.dataset)
    view = View(folds=options.folds, fold=options.fold).open(dataset)
    learned, generator, segmenter = only_learned(view), load_generator(options.gan), TorchSegmenter.load(options.run)
    classes = sorted({index for record in learned.records for index in record.classes})
    items = [PlanItem(i, (classes[i % len(classes)],)) for i in range(options.tiles * len(classes))]
    names = dataset.taxonomy.defect_names
    figures: dict[str, Any] = {}
    for name, by_surroundings in (("as_classes_lie", False), ("by_surroundings", True)):
        bank = build_bank(learned, classes, real_backgrounds=True, by_surroundings=by_surroundings)
        made_by = Provenance(generator.hash, generator.preset, options.seed)
        job = Job(generator, bank, made_by, RealPictures.of(learned))
        looked = Looked(names)
        for start in range(0, len(items), BATCH):
            looked.look(segmenter, paint_batch(job, draw_batch(job, items[start : start + BATCH])[0]))
        figures[name] = looked.told()
        print(name, figures[name], flush=True)
    real = Looked(names)
    shown = [record for record in view.select(Split.VAL) if record.classes]
    for place in rng(0, "surroundings").permutation(len(shown))[: options.tiles * len(classes)]:
        real.look(segmenter, [view.sample(shown[place])])
    figures["real_unseen"] = real.told()
    print("real_unseen", figures["real_unseen"])
    told = {"data": dataset.hash, "folds": options.folds, "fold": options.fold, "generator": generator.hash}
    write_result(OUT / f"surroundings-{options.name}.json", {**told, "looked": figures}, seeds=[options.seed])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, metavar="DATASET")
    parser.add_argument("gan", type=Path, metavar="GAN", help="a run of gan train, on the fold")
    parser.add_argument("run", type=Path, metavar="RUN", help="an inspector trained on the fold's real tiles")
    parser.add_argument("--name", required=True, help="of the data set, in the result's name")
    parser.add_argument("--fold", type=int, default=0)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--tiles", type=int, default=40, metavar="N", help="of each class")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
