"""Does the default preset live on a handful of physical defects of a class? One class is cut, and all else stays.

The GAN is trained on the cut view, draws tiles of that class through the gate, and is held against real defects of the
fold that it never saw. What came of it is kept under the hash of its inputs; `bench.few_words` says it in words.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from blemish.bench.cells import Cell, without_sets
from blemish.bench.compare import compared
from blemish.bench.fill_up import draw, train_gan
from blemish.bench.gan_parts import mix_without
from blemish.bench.gating import gate_inputs, only_learned
from blemish.bench.kept import only_one, read_or_make
from blemish.bench.parallel import make_all
from blemish.bench.quality import SETTINGS, feature_network
from blemish.bench.rungs import TRAINING
from blemish.bench.scale import Scale, key_of
from blemish.bench.synthetic_sets import SEED, gan_run, on_real, our_gate, our_settings, told_of
from blemish.bench.views import View
from blemish.bench.worker import one_thread
from blemish.core.arrays import UInt8
from blemish.core.errors import InputError
from blemish.core.records import Split, TileRecord
from blemish.data.dataset import Dataset
from blemish.gan.evaluation import Material, evaluate
from blemish.gan.features import FeatureCache
from blemish.gan.model import GENERATOR
from blemish.gan.outcomes import read_outcomes
from blemish.gan.plan import plan_tiles
from blemish.gan.sheets import Half, class_sheet, drawn_places
from blemish.gan.synthesis import NothingMadeError
from blemish.train import lite0

_VERSION = 1  # Raised when equal inputs would give other figures than before.


@dataclass(frozen=True, kw_only=True)
class FewPlan:
    """Which class is cut to how many groups, and what is asked of the GAN then.

    Args:
        view: with `few_class` and `few_groups`.
        tiles: of the class, to be drawn.
        base: the rung that learns with and without synthetic tiles, where `iou`.

    Raises:
        InputError: no class is cut, no tile is wanted, or no such rung.
    """

    view: View
    scale: Scale
    tiles: int = 60
    base: str = "loss"
    iou: bool = False

    def __post_init__(self) -> None:
        if not self.view.few_class:
            raise InputError("give the class that is cut to a few defects: --class NAME")
        if self.tiles < 1:
            raise InputError(f"--tiles must be 1 or more, got {self.tiles}")
        if self.base not in TRAINING:
            raise InputError(f"--base must be one of {', '.join(TRAINING)}, got '{self.base}'")

    def inputs(self, dataset: Dataset) -> dict[str, Any]:
        """All that decides the figures, but those of inspectors."""
        return {
            "version": _VERSION,
            "data": dataset.hash,
            "view": self.view.inputs(),
            "tiles": self.tiles,
            "gan": our_settings(self.scale).to_dict(),
            "off": list(self.scale.gan_off),
            "background": self.scale.gan_background,
            "gate": gate_inputs(self.scale),
            "settings": vars(SETTINGS),
            "features": lite0.SHA256,
        }

    def folder(self, dataset: Dataset, work: Path) -> Path:
        """Of the synthetic tiles."""
        return work / "few" / f"{self.view.name}-{key_of(self.inputs(dataset))}"


def few_defects(dataset: Dataset, plan: FewPlan, work: Path, *, jobs: int = 1) -> dict[str, Any]:
    """Train, draw and measure, or read what was kept; plain values.

    Raises:
        InputError, DatasetError: settings or a data set that do not fit: the class has fewer groups.
        TaskError: an inspector's training failed.
        KeyboardInterrupt: stopped; the same call goes on from there.
    """
    folder = plan.folder(dataset, work)
    with one_thread():
        figures = read_or_make(folder.with_name(f"{folder.name}.json"), lambda: _compute(dataset, plan, work))
    return {**figures, "iou": _iou(dataset, plan, work, jobs) if plan.iou else None}


def sheets_of(dataset: Dataset, plan: FewPlan, work: Path) -> dict[str, UInt8]:
    """Learned defects beside synthetic ones, and held-out ones beside the same; none without tiles."""
    folder = plan.folder(dataset, work)
    if not folder.is_dir():
        return {}
    made, view = Dataset(folder), plan.view.open(dataset)
    index = view.taxonomy.defect_index(plan.view.few_class)
    synthetic = Half("synthetic", made, drawn_places(made, made.records, index))
    sides = {"learned from": Split.TRAIN, "held out": plan.view.judged}
    halves = {
        title: Half(f"real, {title}", view, drawn_places(view, view.select(split), index))
        for title, split in sides.items()
    }
    return {title: class_sheet(half, synthetic) for title, half in halves.items() if half.places}


def _compute(dataset: Dataset, plan: FewPlan, work: Path) -> dict[str, Any]:
    view, settings = plan.view.open(dataset), our_settings(plan.scale)
    index = view.taxonomy.defect_index(plan.view.few_class)
    name = view.taxonomy.defect(index).name
    training, held_out = (_showing(view, split, index) for split in (Split.TRAIN, plan.view.judged))
    run = gan_run(view, work, settings)
    with only_one(run):
        trained = train_gan(view, run, settings, seed=SEED, threads=1)
    return {
        "class": name,
        "groups": sorted({record.group for record in training}),
        "training_tiles": len(training),
        "held_out": {"tiles": len(held_out), "groups": len({record.group for record in held_out})},
        "wanted": plan.tiles,
        "gan": {"steps": trained.outcome.steps, "seconds": round(trained.outcome.seconds, 1)},
        "learning_rate": trained.learning_rate,
        "outcome": read_outcomes(run / GENERATOR)[name],
        **_drawn(view, plan, index, run, work, plan.folder(dataset, work)),
        **_measured(view, plan.folder(dataset, work), held_out, training, name, work),
        "inputs": plan.inputs(dataset),
    }


def _showing(view: Dataset, split: Split, index: int) -> list[TileRecord]:
    return [record for record in view.select(split) if index in record.classes]


def _drawn(view: Dataset, plan: FewPlan, index: int, run: Path, work: Path, out: Path) -> dict[str, Any]:
    """The tiles through the gate; where not a single one is admitted, why."""
    learned = only_learned(view)
    gate, told = our_gate(learned, work, plan.scale)
    real = on_real(learned, plan.scale)
    wanted = plan_tiles(learned.records, view.taxonomy, index, plan.tiles)
    facts = {"background": "real" if real else "generated", "thresholds": told.get("thresholds"), "why_none": ""}
    mix = mix_without(plan.scale.gan_off)
    try:
        _, made = draw(view, run, out, wanted, seed=SEED, real_backgrounds=real, gate=gate, mix=mix)
    except NothingMadeError as error:
        return {**facts, "synthesis": None, "why_none": error.reason}
    return {**facts, "synthesis": told_of(made)}


def _measured(
    view: Dataset, folder: Path, held_out: list[TileRecord], training: list[TileRecord], name: str, work: Path
) -> dict[str, Any]:
    """The figures of `gan evaluate` on the tiles of this class alone; None where there are no synthetic ones."""
    if not folder.is_dir():
        return {"kid": None, "real": None, "memorisation": None, "diversity": None}
    material = Material(Dataset(folder), view, held_out=held_out, training=training)
    figures = evaluate(material, FeatureCache(feature_network(), work / "features" / "few"), SETTINGS).figures
    crops = figures["crops"]["overall"]
    return {
        "kid_name": figures["names"]["kid"],
        "kid": crops["held_out"],
        "real": crops["real_train_against_held_out"],
        "memorisation": figures["memorisation"],
        "diversity": figures["diversity"][name],
    }


def _iou(dataset: Dataset, plan: FewPlan, work: Path, jobs: int) -> dict[str, Any]:
    """The class's IoU of an inspector that learned from the cut view, with and without synthetic tiles."""
    cells = [Cell(rung=rung, base=plan.base, view=plan.view, seed=0, scale=plan.scale) for rung in (plan.base, "gan")]
    with tqdm(total=3, desc="few defects", unit="task", dynamic_ncols=True) as bar:
        make_all(cells[1].sets, dataset, work, jobs=jobs, bar=bar)
        if lacking := without_sets(cells, dataset, work):
            return {"base": plan.base, "without": None, "with": None, "difference": None, "why_none": lacking[cells[1]]}
        make_all(cells, dataset, work, jobs=jobs, bar=bar)
    without, with_tiles = (cell.read(dataset, work) for cell in cells)
    index = dataset.taxonomy.defect_index(plan.view.few_class)
    name, defects = dataset.taxonomy.defect(index).name, len(dataset.taxonomy.defects)
    difference = compared([without, with_tiles], defects, "gan", plan.base).classes[index - 1]
    return {
        "base": plan.base,
        "without": without["iou"][name],
        "with": with_tiles["iou"][name],
        "difference": difference.to_dict(),
    }
