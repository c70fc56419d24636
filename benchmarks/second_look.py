"""Whether admitted synthetic tiles are recognised by eyes that the generator never learned from.

    python benchmarks/second_look.py work/ladder/tile/sets/gan-fold-0-KEY work/tile --fold 0 --name magnetic-tile

For each class two probes, as the gate's rule `recognised` learns them: through EfficientNet-Lite0, and through the
packaged start weights of FC-HarDNet-70. Told: how well each tells real defects from bare surface (out of fold), and the
share of synthetic tiles, and of real ones that the probe never saw, that reach its limit.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from blemish.bench.provenance import write_result
from blemish.bench.views import View
from blemish.core.records import Split, TileRecord
from blemish.core.seeds import rng
from blemish.data.dataset import Dataset
from blemish.gan.recognition import Recognition, learn_recognition
from blemish.gan.recognition_features import described_by, packaged_features
from blemish.segment.start_features import start_features

OUT = Path("benchmarks/results")
MOST = 120  # Tiles of a class, by lot.


def main() -> None:
    options = _options()
    dataset, synthetic = Dataset(options.dataset), Dataset(options.synthetic)
    view = View(folds=options.folds, fold=options.fold).open(dataset)
    classes = list(range(1, len(dataset.taxonomy.defects) + 1))
    looks = {"EfficientNet-Lite0": packaged_features(), "FC-HarDNet-70": described_by(start_features())}
    figures: dict[str, Any] = {}
    for name, describe in looks.items():
        recognition = learn_recognition(view, classes, describe)
        figures[name] = {
            dataset.taxonomy.defect(index).name: {
                **recognition.probes[index].to_dict(),
                "off": recognition.probes[index].why_off,
                "synthetic": _passed(recognition, index, synthetic, synthetic.records),
                "unseen_real": _passed(recognition, index, view, view.select(Split.VAL)),
            }
            for index in classes
        }
    print(figures)
    told = {"set": synthetic.hash, "data": dataset.hash, "folds": options.folds, "fold": options.fold}
    write_result(OUT / f"second-look-{options.name}.json", {**told, "looks": figures}, seeds=[0])


def _passed(recognition: Recognition, index: int, dataset: Dataset, records: Sequence[TileRecord]) -> dict[str, Any]:
    """Tiles of a class that reach the limit, of those that show enough of it to be judged."""
    limit = recognition.probes[index].limit
    shown = [record for record in records if index in record.classes]
    chosen = [shown[place] for place in rng(0, "second-look", index).permutation(len(shown))[:MOST]]
    scores = [recognition.score(dataset.sample(record), index) for record in chosen]
    judged = [score for score in scores if score is not None]
    if limit is None or not judged:
        return {"judged": len(judged), "passed": None, "share": None}
    passed = sum(score >= limit for score in judged)
    return {"judged": len(judged), "passed": passed, "share": round(passed / len(judged), 4)}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("synthetic", type=Path, metavar="SET")
    parser.add_argument("dataset", type=Path, metavar="DATASET")
    parser.add_argument("--name", required=True, help="of the data set, in the result's name")
    parser.add_argument("--folds", type=int, default=3, metavar="N", help="of the ladder that made the set")
    parser.add_argument("--fold", type=int, default=0, metavar="K")
    return parser.parse_args()


if __name__ == "__main__":
    main()
