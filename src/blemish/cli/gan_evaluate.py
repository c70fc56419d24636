"""`blemish gan evaluate`: how good synthetic tiles are, against real defects that the generator never saw."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from blemish.cli.console import guarded, say, show
from blemish.cli.loading import chosen_device
from blemish.core.errors import InputError

if TYPE_CHECKING:
    from blemish.data.dataset import Dataset
    from blemish.gan.evaluation import Material
    from blemish.gan.features import FeatureNetwork

_MORE = "Measure more"
_CACHE = "features"


@guarded
def evaluate(
    synthetic: Path = typer.Argument(..., metavar="SYNTHETIC", help="A data set of gan generate, or of copy-paste."),
    dataset: Path = typer.Option(..., metavar="DATASET", help="The real data set that it was made from."),
    out: Path = typer.Option(..., metavar="DIR", help="evaluation.json, index.html, sheets/; features are kept there."),
    split: str = typer.Option("val", metavar="SPLIT", help="Held-out real tiles: val; test only for a release."),
    fold: int | None = typer.Option(
        None, metavar="N", min=0, help="Of a ladder's set: held out is what this fold judges, instead of a split."
    ),
    folds: int = typer.Option(3, metavar="N", min=2, help="Of that ladder."),
    generator: Path | None = typer.Option(
        None, metavar="RUN", help="A run of gan train: PSNR, SSIM, one label drawn 16 times.", rich_help_panel=_MORE
    ),
    segmenter: Path | None = typer.Option(
        None, metavar="PATH", help="Inspector trained on real tiles: mask consistency.", rich_help_panel=_MORE
    ),
    inception: Path | None = typer.Option(
        None, metavar="FILE", help="pt_inception-2015-12-05-6726825d.pth: FID.", rich_help_panel=_MORE
    ),
    ring: int = typer.Option(8, metavar="PX", min=0, help="Width of the ring beside masks.", rich_help_panel=_MORE),
    crops: int = typer.Option(300, metavar="N", min=4, help="Crops of a class, of each side, at most."),
    seed: int = typer.Option(0, metavar="N"),
    device: str = typer.Option("auto", metavar="auto|cpu|cuda", help="auto: cuda where there is one."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object on standard output."),
) -> None:
    """KID, Frechet distance, precision and recall, classifier, copies, diversity and masks of synthetic tiles.

    Feature network: the packaged EfficientNet-Lite0, and figures are named after it; with --inception the standard one.
    """
    from blemish.bench.provenance import provenance
    from blemish.bundle.painting import Painter
    from blemish.cli.loading import load_painter, load_segmenter
    from blemish.gan.evaluation import Settings
    from blemish.gan.evaluation import evaluate as measure
    from blemish.gan.evaluation_figures import redraw_with
    from blemish.gan.evaluation_report import to_text, write_evaluation
    from blemish.gan.features import FeatureCache

    _refuse_strange_folder(out)
    held_out = split if fold is None else f"fold {fold} of {folds}"
    material = _material(synthetic, dataset, split) if fold is None else _of_fold(synthetic, dataset, fold, folds)
    on = chosen_device(device)
    painter = None if generator is None else load_painter(generator, on)
    judge = None if segmenter is None else load_segmenter(segmenter)
    cache = FeatureCache(_network(inception, on), out / _CACHE)
    settings = Settings(crops_per_class=crops, tiles_per_class=max(4, crops // 2), ring_px=ring, seed=seed)
    found = measure(material, cache, settings, generator=painter, segmenter=judge)
    facts = {
        "synthetic": f"{synthetic.name}, {material.synthetic.hash[:12]}",
        "real": f"{dataset.name}, {material.real.hash[:12]}, held out: {held_out}",
        "feature network": f"{cache.network.name}, SHA-256 {cache.network.sha256}",
        "generator": "not given" if painter is None else f"{painter.preset}, {painter.hash[:12]}",
        "segmenter": "not given" if segmenter is None else segmenter.name,
        "seed": str(seed),
        **({} if found.figures["doubt"] is None else {"beware": found.figures["doubt"]}),
    }
    redraw = redraw_with(painter) if isinstance(painter, Painter) else None
    page = write_evaluation(out, found, material, facts, made_by=provenance([seed]), generator=painter, redraw=redraw)
    say(f"written: {page}")
    show(found.figures, to_text(found.figures), as_json)


def _material(synthetic: Path, dataset: Path, split: str) -> Material:
    from blemish.core.records import Origin, Split
    from blemish.data.dataset import Dataset
    from blemish.gan.evaluation import Material

    if split not in (Split.VAL, Split.TEST):
        raise InputError(f"--split must be val (or test, for a release): real tiles that were held out, got '{split}'")
    if split == Split.TEST:
        say("the test split is for a release: choose nothing by these figures")
    real: Dataset = Dataset(dataset)
    records = [record for record in real.records if record.origin != Origin.SYNTHETIC]
    return Material(
        Dataset(synthetic),
        real,
        held_out=[record for record in records if record.split == split],
        training=[record for record in records if record.split == Split.TRAIN],
    )


def _of_fold(synthetic: Path, dataset: Path, fold: int, folds: int) -> Material:
    """As the selection ladder sees the data set: a set of its folder `sets` learned from the other folds."""
    from blemish.core.records import Split
    from blemish.data.dataset import Dataset
    from blemish.data.folds import fold_view
    from blemish.gan.evaluation import Material

    view = fold_view(Dataset(dataset), n=folds, fold=fold)
    return Material(Dataset(synthetic), view, held_out=view.select(Split.VAL), training=view.select(Split.TRAIN))


def _network(inception: Path | None, on: str) -> FeatureNetwork:
    from blemish.gan import features

    return features.efficientnet_lite0(on) if inception is None else features.inception(inception, on)


def _refuse_strange_folder(out: Path) -> None:
    """An earlier evaluation is written over, and its features are used again; anything else is left alone."""
    begun = out.is_dir() and {path.name for path in out.iterdir()} == {_CACHE}  # Stopped before it wrote its figures.
    if out.exists() and not (out / "evaluation.json").is_file() and not begun:
        raise InputError(f"{out} is there already and holds no evaluation: choose another --out")
