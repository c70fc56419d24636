"""The gate's page and its JSON, from the counts and the finished set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from blemish.core.arrays import UInt8
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Dataset
from blemish.gan.gate import RULES, Gate
from blemish.gan.gate_gallery import Gallery
from blemish.gan.trial import ClassTrial
from blemish.picture.labels import outlined
from blemish.picture.read import read_picture
from blemish.report.embed import jpeg_uri
from blemish.report.gallery import ClassGallery, GatePage, LeftOut, RuleGallery, Shown, write_gallery

SHOWN = 8  # Rejects of a rule and class on the page; the folder holds more.
BESIDE = 4  # Admitted tiles beside them.
WIDEST_PX = 256
ASKS = {
    "visible": "Each defect changes the surface beneath it, and stands out from it as 95 % of the real ones do.",
    "beyond": "Farther from the mask than the generator's ring, the written PNG is the background picture, bit by bit.",
    "copy": "No defect is a training defect's picture again, moved, mirrored or turned.",
    "recognised": "Features of EfficientNet-Lite0 tell it from bare surface, as they tell 95 % of the real ones.",
    "found": "A network trained on real tiles finds the mask as well as three quarters of the real tiles' masks.",
}


def finish_gallery(gallery: Gallery, gate: Gate, made: Dataset | None, planned: int, *, beneath: bool) -> Path:
    """Write page and JSON, and give the folder of rejects its name; returns it.

    Args:
        made: the finished synthetic set; None = nothing was admitted.
        planned: tiles of the plan.
        beneath: whether the pictures beneath tiles were known.
    """
    off = gate.off(beneath=beneath)
    write_gallery(gate_page(gallery, gate, made, planned, off), gallery.work)
    values = {
        "planned": planned,
        "written": 0 if made is None else len(made),
        "counts": gallery.counts.to_dict(),
        "rules": list(RULES),
        "off": off,
        "trials": {trial.name: trial.to_dict() for trial in gallery.trials},
        "limits": gate.limits(),
        "data_hash": None if made is None else made.hash,
        "later_attempts": gallery.later,
        "kept": gallery.kept,
    }
    return gallery.finish(values)


def gate_page(gallery: Gallery, gate: Gate, made: Dataset | None, planned: int, off: dict[str, str]) -> GatePage:
    """What the page tells."""
    rules = [rule for rule in RULES if rule in gallery.counts.rejected]
    names = _names(gallery)
    written = 0 if made is None else len(made)
    missing = [
        (name, reason, count)
        for name, reasons in gallery.counts.not_filled.items()
        for reason, count in reasons.items()
    ]
    return GatePage(
        name=gallery.folder.name.removesuffix(".rejects"),
        sentence=gallery.counts.sentence(),
        filled=f"{planned} planned = {written} written + {planned - written} not filled",
        head=("class", "admitted", *(f"rejected: {rule}" for rule in rules), "not drawn", "not filled"),
        counts=tuple(_count_row(gallery, name, rules) for name in names),
        limits=tuple(_limit_rows(gate)),
        off=off,
        rules=tuple(_rule(gallery, made, rule) for rule in rules),
        not_filled=tuple(sorted(missing)),
        left_out=tuple(_left_out(trial, gallery.taxonomy) for trial in gallery.trials if trial.fails),
    )


def _names(gallery: Gallery) -> list[str]:
    counts = gallery.counts
    rejected = {name for by_class in counts.rejected.values() for name in by_class}
    return sorted({*counts.admitted, *counts.not_drawn, *counts.not_filled, *rejected})


def _count_row(gallery: Gallery, name: str, rules: Sequence[str]) -> tuple[str, ...]:
    counts = gallery.counts
    missing = counts.not_filled[name].total() if name in counts.not_filled else 0
    numbers = [counts.admitted[name], *(counts.rejected[rule][name] for rule in rules), counts.not_drawn[name], missing]
    return (name, *map(str, numbers))


def _limit_rows(gate: Gate) -> Iterator[tuple[str, ...]]:
    for index, real in gate.real.items():
        name = gate.taxonomy.defect(index).name
        found = None if gate.thresholds is None else gate.thresholds.limit(name)
        yield (
            name,
            str(real.defects),
            "–" if real.contrast_limit is None else f"{real.contrast_limit:.2f}",
            f"{real.copy_limit:.3f}",
            "off" if found is None else f"{found:.2f}",
        )


def _rule(gallery: Gallery, made: Dataset | None, rule: str) -> RuleGallery:
    classes = []
    for name, count in sorted(gallery.counts.rejected[rule].items()):
        kept = [each for each in gallery.kept if (each["rule"], each["class"]) == (rule, name)]
        first = _first_of(name, gallery.taxonomy)
        classes.append(
            ClassGallery(
                name=name,
                colour=gallery.taxonomy.defect(first).colour,
                rejected=count,
                shown=tuple(_rejected(gallery.work, each) for each in kept[:SHOWN]),
                admitted=() if made is None else tuple(_admitted(made, first)),
            )
        )
    return RuleGallery(rule, ASKS[rule], tuple(classes))


def _first_of(name: str, taxonomy: Taxonomy) -> int:
    """The first class of a counted name: a class may itself be called "dent + chip"."""
    known = [
        (len(each), i) for i, each in enumerate(taxonomy.defect_names, start=1) if f"{name} + ".startswith(f"{each} + ")
    ]
    return max(known)[1]


def _rejected(folder: Path, kept: dict[str, Any]) -> Shown:
    caption = f"{kept['reason']} (tile {kept['tile'].rsplit('/', 1)[-1]}, attempt {kept['attempt'] + 1})"
    return Shown(_uri(_pixels(folder / kept["picture"])), _uri(_pixels(folder / kept["outlined"])), caption)


def _admitted(made: Dataset, index: int) -> Iterator[Shown]:
    for record in [record for record in made.records if index in record.classes][:BESIDE]:
        sample = made.sample(record)
        drawn = outlined(sample.picture, sample.label_map, made.taxonomy)
        yield Shown(_uri(sample.picture), _uri(drawn), f"tile {record.id.rsplit('/', 1)[-1]}")


def _left_out(trial: ClassTrial, taxonomy: Taxonomy) -> LeftOut:
    """With the tiles that were found worst."""
    worst = sorted(trial.looked_at, key=lambda each: each[1])[:SHOWN]
    shown = (
        Shown(
            _uri(sample.picture),
            _uri(outlined(sample.picture, sample.label_map, taxonomy)),
            f"found with an IoU of {iou:.2f}",
        )
        for sample, iou in worst
    )
    return LeftOut(trial.name, taxonomy.defect(trial.index).colour, trial.words(), tuple(shown))


def _pixels(path: Path) -> UInt8:
    return read_picture(path).astype("uint8", copy=False)


def _uri(picture: UInt8) -> str:
    return jpeg_uri(picture, widest_px=WIDEST_PX, quality=85)
