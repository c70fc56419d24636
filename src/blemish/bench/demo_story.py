"""What the demo's stages made, as the story that the report tells."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path

import numpy as np

from blemish.bench.curve import learning_curve
from blemish.bench.demo import Inspector, Products, settings_table
from blemish.core.arrays import UInt8, with_channels
from blemish.core.labels import LabelMap
from blemish.core.records import Box, Defect, PartResult, Split, TileRecord
from blemish.core.seeds import rng
from blemish.core.taxonomy import IGNORE, Taxonomy
from blemish.data.dataset import Dataset, Sample
from blemish.gan.plan import ClassPlan
from blemish.inspect.defects import Limits, find_defects
from blemish.inspect.scan import ScoreMap
from blemish.metrics.part import escape_rate, overkill_rate, review_share
from blemish.picture.labels import label_picture
from blemish.picture.normalise import to_8_bit
from blemish.picture.overlay import draw_overlay
from blemish.picture.read import read_index, read_picture
from blemish.picture.tiling import cut
from blemish.report.chart import Curve
from blemish.report.embed import jpeg_uri, png_uri
from blemish.report.story import InspectedCell, Judged, Labelled, Pair, PartFigures, Story, UnseenTile

_CLOSE_UP_PX = 256
_MOST_CLOSE_UPS = 8


def tell(products: Products) -> Story:
    """The story of one demo."""
    dataset, taxonomy = products.dataset, products.dataset.taxonomy
    truths = {result.serial: true_defects(products.scans, result.serial, taxonomy) for result in products.results}
    shown = most_to_see(products.results, truths)
    return Story(
        taxonomy=taxonomy,
        real_tiles=_tiles_per_class(dataset, Split.TRAIN),
        synthetic_tiles=_tiles_per_class(products.synthetic, Split.TRAIN),
        pairs=_pairs(products),
        judged=tuple(_judged(inspector) for inspector in _inspectors(products)),
        unseen_tiles=_unseen_tiles(products),
        curves=(
            _curve(products.before.name, products.before_run),
            _curve(products.after.name, products.after_run),
        ),
        on_the_line=products.on_the_line.name,
        cell=_inspected(shown, truths[shown.serial], products.scans, taxonomy),
        parts=_parts(products.results, truths),
        settings=settings_table(products.settings),
        seconds=products.seconds,
        notes=_notes(products),
    )


def true_defects(scans: Path, serial: str, taxonomy: Taxonomy) -> tuple[Defect, ...]:
    """What the simulator put on a cell and the least sizes let count, measured as the inspector measures."""
    label = read_index(scans / "labels" / f"{serial}.png")
    shown = np.where(label == IGNORE, 0, label).astype(np.uint8)
    scores = ScoreMap(np.maximum(shown, 1), (shown > 0).astype(np.float32))
    sizes = {defect.code: defect.least_size_px for defect in taxonomy.defects}
    return find_defects(scores, taxonomy, Limits(dict.fromkeys(sizes, 0.5), sizes)).defects


def most_to_see(results: tuple[PartResult, ...], truths: dict[str, tuple[Defect, ...]]) -> PartResult:
    """The cell with the most kinds of defect, then the most defects, then the first serial: a rule, not a choice."""

    def rank(result: PartResult) -> tuple[int, int, str]:
        found = truths[result.serial]
        return -len({defect.code for defect in found}), -len(found), result.serial

    return min(results, key=rank)


def _tiles_per_class(dataset: Dataset, split: Split) -> tuple[int, ...]:
    counts = Counter(index for record in dataset.select(split) for index in record.classes)
    return tuple(counts[index] for index in range(1, len(dataset.taxonomy.defects) + 1))


def _pairs(products: Products) -> tuple[Pair, ...]:
    pairs, taxonomy = [], products.dataset.taxonomy
    for index, defect in enumerate(taxonomy.defects, start=1):
        made = _drawn(products.synthetic.records, index, products.settings.seed)
        real = _drawn(products.dataset.select(Split.TRAIN), index, products.settings.seed)
        synthetic = None if made is None else _labelled(products.synthetic.sample(made), taxonomy)
        pairs.append(
            Pair(
                f"{defect.code} {defect.name}",
                synthetic,
                None if real is None else _labelled(products.dataset.sample(real), taxonomy),
                "" if made else why_none(products.plan.classes[index - 1]),
            )
        )
    return tuple(pairs)


def why_none(planned: ClassPlan) -> str:
    """Why no tile of a class was drawn.

    Example:
        >>> why_none(ClassPlan(1, "A", "groove", real=90, synthetic=0, wanted=90, planned=0))
        'this class has enough real tiles'
        >>> why_none(ClassPlan(3, "C", "spore", real=4, synthetic=0, wanted=90, planned=86))
        'of 86 planned the quality gate admitted none'
    """
    if planned.note:
        return planned.note
    if planned.planned:
        return f"of {planned.planned} planned the quality gate admitted none"
    return "this class has enough real tiles"


def _labelled(sample: Sample, taxonomy: Taxonomy) -> Labelled:
    return Labelled(png_uri(sample.picture), png_uri(label_picture(sample.label_map, taxonomy)))


def _inspectors(products: Products) -> tuple[Inspector, ...]:
    return products.baseline, products.before, products.after


def _unseen_tiles(products: Products) -> tuple[UnseenTile, ...]:
    """One unseen tile of each class by lot, and what each inspector found on it."""
    dataset, taxonomy = products.dataset, products.dataset.taxonomy
    shown = []
    for index, defect in enumerate(taxonomy.defects, start=1):
        record = _drawn(dataset.select(Split.TEST), index, products.settings.seed)
        if record is None:
            continue
        sample = dataset.sample(record)
        truth = _labelled(sample, taxonomy)
        pictures = with_channels(sample.picture)[None]
        found = []
        for inspector in _inspectors(products):
            classes = inspector.segmenter.probabilities(pictures)[0].argmax(axis=0).astype(np.uint8)
            painted = label_picture(LabelMap(classes, sample.label_map.background), taxonomy)
            found.append((inspector.name, png_uri(painted)))
        shown.append(UnseenTile(f"{defect.code} {defect.name}", truth, tuple(found)))
    return tuple(shown)


def _drawn(records: list[TileRecord], index: int, seed: int) -> TileRecord | None:
    """One tile of the class by lot, from the half that shows most of it: a sliver at the edge tells nothing."""
    showing = [record for record in records if index in record.classes]
    showing.sort(key=lambda record: (-record.defect_px[index - 1], record.id))
    pool = showing[: -(-len(showing) // 2)]
    return pool[int(rng(seed, "report", index).integers(len(pool)))] if pool else None


def _judged(inspector: Inspector) -> Judged:
    found = inspector.found
    return Judged(inspector.name, tuple(found.iou.values()), found.mean_iou, found.accuracy.value)


def _curve(name: str, run: Path) -> Curve:
    points = [(float(row["step"]), float(row["val_iou"])) for row in learning_curve(run) if "val_iou" in row]
    return Curve(name, tuple(points))


def _inspected(result: PartResult, truth: tuple[Defect, ...], scans: Path, taxonomy: Taxonomy) -> InspectedCell:
    picture = to_8_bit(read_picture(scans / "scans" / f"{result.serial}.png"), None)
    found = draw_overlay(picture, result.defects, taxonomy, f"{result.serial}: {result.verdict}")
    there = draw_overlay(picture, truth, taxonomy, f"{result.serial}: what the simulator put there")
    largest = sorted(result.defects, key=lambda defect: -defect.area_px)[:_MOST_CLOSE_UPS]
    close_ups = tuple((f"{d.code} {d.name}, score {d.score:.2f}", jpeg_uri(_close_up(picture, d))) for d in largest)
    return InspectedCell(result, jpeg_uri(found), jpeg_uri(there), close_ups)


def _close_up(picture: UInt8, defect: Defect) -> UInt8:
    side = max(_CLOSE_UP_PX, min(defect.box.longest_px + 32, 1024))
    x, y = defect.box.x + defect.box.width // 2 - side // 2, defect.box.y + defect.box.height // 2 - side // 2
    return cut(picture, Box(x, y, side, side))


def _parts(results: tuple[PartResult, ...], truths: dict[str, tuple[Defect, ...]]) -> PartFigures:
    verdicts = [result.verdict for result in results]
    defective = [bool(truths[result.serial]) for result in results]
    return PartFigures(
        results,
        tuple(defective),
        escape_rate(verdicts, defective),
        overkill_rate(verdicts, defective),
        review_share(verdicts),
    )


def _notes(products: Products) -> tuple[str, ...]:
    run = products.before_run.with_name("gan") / "run.json"
    rate = json.loads(run.read_text(encoding="utf-8")).get("learning_rate", {})
    notes = [
        "The pictures are simulated (origin: simulated): the simulator is not the judge of real gain.",
        "Tiles shown above are drawn by lot from the half that shows most of their class, not chosen. The inspected "
        "cell is the unseen one with the most kinds of defect.",
    ]
    for diverged in rate.get("diverged", []):
        notes.append(
            f"The learning rate {diverged['learning_rate']:g} diverged in step {diverged['step']} "
            f"({diverged['reason']}); {rate.get('used')} was used instead."
        )
    absent = [name for name, value in products.after.found.iou.items() if math.isnan(value)]
    if absent:
        notes.append(f"No unseen tile shows {', '.join(absent)}: its IoU is not defined and not in the mean.")
    return tuple(notes)
