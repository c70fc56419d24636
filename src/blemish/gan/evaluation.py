"""How good synthetic tiles are, against real defects that the generator never saw: `gan evaluate`.

Every figure is made from files as they were written, on whole tiles and on crops round defects, the same rule for both
sides. Figures come out as plain values for JSON; None = not defined.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from blemish.core.arrays import Float64
from blemish.core.errors import DatasetError, InputError
from blemish.core.protocols import Generator, Segmenter
from blemish.core.records import Origin, TileRecord
from blemish.core.seeds import derive_seed
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Dataset
from blemish.gan.evaluation_compare import Described, compare, matched, plain, spread_dict
from blemish.gan.evaluation_crops import Cutter, Place, find_places
from blemish.gan.evaluation_pixels import changes, consistency, likeness, same_label
from blemish.gan.features import FeatureCache, Features
from blemish.gan.made_with import learned_from, read_made_with
from blemish.metrics.inception_score import inception_score
from blemish.metrics.neighbours import Memorisation, mean_pairwise_distance, memorisation

FORMAT = 1


@dataclass(frozen=True)
class Settings:
    """What decides the figures, besides the pictures."""

    crops_per_class: int = 300  # At most, of each side.
    tiles_per_class: int = 150
    least_held_out: int = 50  # Fewer held-out pictures of a class are pooled over classes.
    ring_px: int = 8
    seed: int = 0


@dataclass(frozen=True)
class Material:
    """What is compared.

    Args:
        synthetic: a data set of gan generate or copy-paste.
        real: the data set that its generator learned from.
        held_out: real tiles that the generator never saw (a val split, or the held-out side of a fold); without any,
            only the columns named train have figures.
        training: the real tiles that it saw.
    """

    synthetic: Dataset
    real: Dataset
    held_out: Sequence[TileRecord]
    training: Sequence[TileRecord]

    def __post_init__(self) -> None:
        if self.synthetic.taxonomy.defect_names != self.real.taxonomy.defect_names:
            raise DatasetError(
                f"{self.synthetic.folder} has the defect classes {', '.join(self.synthetic.taxonomy.defect_names)}, "
                f"{self.real.folder} has {', '.join(self.real.taxonomy.defect_names)}: give the data set that the "
                f"synthetic tiles were made from"
            )
        if not any(record.classes for record in self.training):
            raise DatasetError(f"{self.real.folder} has no training tile with a defect to compare with: split it first")
        if shared := {r.group for r in self.held_out} & {r.group for r in self.training}:
            raise DatasetError(f"group '{min(shared)}' is held out and in training: split {self.real.folder} by group")

    @property
    def made(self) -> list[TileRecord]:
        return [record for record in self.synthetic.records if record.origin == Origin.SYNTHETIC and record.classes]


@dataclass(frozen=True)
class Crops:
    """The defects of one side: where they are, and what the network says of the crops."""

    places: list[Place]
    described: Described


@dataclass(frozen=True)
class Evaluation:
    """`figures` as JSON holds them, and what pictures of the report are made from."""

    figures: dict[str, Any]
    synthetic: Crops
    held_out: Crops
    training: Crops
    copies: Memorisation


def evaluate(
    material: Material,
    cache: FeatureCache,
    settings: Settings | None = None,
    *,
    generator: Generator | None = None,
    segmenter: Segmenter | None = None,
) -> Evaluation:
    """Measure a synthetic data set.

    Args:
        cache: with the feature network that figures are named after.
        generator: paints the held-out labels, for PSNR, SSIM and what seeds change; None = those are None.
        segmenter: of real tiles; for mask consistency; None = that is None.

    Raises:
        DatasetError: other classes, nothing to compare, or a group on both sides.
        InputError: a generator or segmenter of other classes, or of the same in another order.
    """
    settings = settings or Settings()
    _refuse_other_classes("generator", generator, material.real)
    if generator is not None and generator.channels != material.real.info.channels:
        raise InputError(
            f"the generator paints pictures of {generator.channels} channels, {material.real.folder} has "
            f"{material.real.info.channels}: give one that learned from pictures like these"
        )
    _refuse_other_classes("segmenter", segmenter, material.real)
    if not material.made:
        raise DatasetError(f"{material.synthetic.folder} holds no synthetic tile with a defect: nothing to evaluate")
    sides = {
        "synthetic": (material.synthetic, material.made),
        "held_out": (material.real, material.held_out),
        "train": (material.real, material.training),
    }
    crops = {name: _crops(dataset, records, cache, settings, name) for name, (dataset, records) in sides.items()}
    tiles = {name: _tiles(dataset, records, cache, settings, name) for name, (dataset, records) in sides.items()}
    values = {name: side.described.values.astype(np.float64) for name, side in crops.items()}
    first = crops["synthetic"].described.first_classes, crops["held_out"].described.first_classes
    copies = memorisation(values["synthetic"], values["train"], values["held_out"], first)
    figures: dict[str, Any] = {
        "format": FORMAT,
        "data": _facts(material),
        "doubt": doubt_of(material, generator),
        "network": cache.network.to_dict(),
        "names": {"kid": cache.network.kid, "frechet": cache.network.frechet},
        "settings": asdict(settings),
        "crops": _table({name: side.described for name, side in crops.items()}, material.real.taxonomy, settings),
        "tiles": _table({name: side[0] for name, side in tiles.items()}, material.real.taxonomy, settings),
        "inception_score": {
            name: spread_dict(inception_score(side[1].probabilities.astype(np.float64), seed=settings.seed))
            for name, side in tiles.items()
        },
        "memorisation": _memorisation(copies, material.real.taxonomy),
        "diversity": _diversity(material, crops, cache, settings),
        "change": changes(material.synthetic, material.made, material.real, settings.ring_px),
        "mask_consistency": None
        if segmenter is None
        else {
            "synthetic": consistency(segmenter, material.synthetic, material.made, settings.seed),
            "held_out": consistency(segmenter, material.real, material.held_out, settings.seed),
        },
        "likeness": None if generator is None else likeness(generator, material.real, material.held_out, settings.seed),
        "same_label": None if generator is None else same_label(generator, material.real, material.held_out),
    }
    cache.save()
    return Evaluation(figures, crops["synthetic"], crops["held_out"], crops["train"], copies)


def doubt_of(material: Material, generator: Generator | None) -> str | None:
    """One sentence where the generator, or the synthetic set, says that it comes from another data set or fold.

    What is held out here may then have been learned from. None where nothing speaks for it.
    """
    made_with = read_made_with(material.synthetic.folder)
    for what, data in (
        ("the synthetic tiles were made from", "" if made_with is None else made_with.data),
        ("the generator learned from", learned_from(generator)),
    ):
        if data and not _is_of(data, material.real.hash):
            return (
                f"{what} {_short(data)}, not {_short(material.real.hash)}: what is held out may have been learned from"
            )
    return None


def _is_of(data_hash: str, view_hash: str) -> bool:
    """Whether they name one view of a data set; one that learned from fewer groups of it, or more beside it, is too."""
    return data_hash == view_hash or data_hash.startswith((f"{view_hash}, ", f"{view_hash} + "))


def _short(data_hash: str) -> str:
    """The beginning of a hash; what names a fold of the set stays."""
    start, slash, fold = data_hash.partition("/")
    return f"{start[:12]}{slash}{fold}"


def _refuse_other_classes(what: str, network: Generator | Segmenter | None, real: Dataset) -> None:
    if network is not None and network.taxonomy.defect_names != real.taxonomy.defect_names:
        raise InputError(
            f"the {what} knows {', '.join(network.taxonomy.defect_names)}, {real.folder} has "
            f"{', '.join(real.taxonomy.defect_names)}: give one of the same classes in the same order"
        )


def _facts(material: Material) -> dict[str, Any]:
    def side(records: Sequence[TileRecord]) -> dict[str, int]:
        shown = [record for record in records if record.classes]
        return {"tiles": len(shown), "groups": len({record.group for record in shown})}

    made = material.made
    return {
        "synthetic": {
            "hash": material.synthetic.hash,
            **side(made),
            "generators": sorted({record.generator for record in made}),
            "presets": sorted({record.preset for record in made}),
        },
        "real": {"hash": material.real.hash, "held_out": side(material.held_out), "train": side(material.training)},
    }


def _crops(
    dataset: Dataset, records: Sequence[TileRecord], cache: FeatureCache, settings: Settings, what: str
) -> Crops:
    places = find_places(dataset, records, most_per_class=settings.crops_per_class, seed=settings.seed)
    features = cache.features(Cutter(dataset).pictures(places), what=f"{what} crops")
    groups = tuple(place.tile.group for place in places)
    return Crops(places, Described(features.values, groups, tuple((place.index,) for place in places)))


def _tiles(
    dataset: Dataset, records: Sequence[TileRecord], cache: FeatureCache, settings: Settings, what: str
) -> tuple[Described, Features]:
    chosen = _some_of_each_class(records, settings)
    features = cache.features((dataset.picture(record) for record in chosen), what=f"{what} tiles")
    classes = tuple(tuple(sorted(r.classes, key=lambda i: -r.defect_px[i - 1])) for r in chosen)
    return Described(features.values, tuple(record.group for record in chosen), classes), features


def _some_of_each_class(records: Sequence[TileRecord], settings: Settings) -> list[TileRecord]:
    """Tiles with defects, at most so many of each class (the one that they show most of), chosen by a hash."""
    by_class: dict[int, list[TileRecord]] = {}
    for record in sorted(records, key=lambda r: derive_seed(settings.seed, "tiles", r.id)):
        if record.classes:
            by_class.setdefault(max(record.classes, key=lambda i: record.defect_px[i - 1]), []).append(record)
    return [record for index in sorted(by_class) for record in by_class[index][: settings.tiles_per_class]]


def _table(sides: dict[str, Described], taxonomy: Taxonomy, settings: Settings) -> dict[str, Any]:
    """Overall (class shares matched) and per class, against held-out and, in a column named so, train pictures."""
    made, held_out, train = sides["synthetic"], sides["held_out"], sides["train"]
    seed = settings.seed
    overall = {
        "held_out": _overall(held_out, made, settings),
        "train": compare(*matched(train, made, seed), seed).to_dict(),
        "real_train_against_held_out": _overall(held_out, train, settings),
    }
    classes = {
        name: {
            "held_out": _of_class(held_out.of_class(index), made.of_class(index), settings),
            "train": compare(train.of_class(index), made.of_class(index), seed).to_dict(),
        }
        for index, name in enumerate(taxonomy.defect_names, start=1)
    }
    return {"overall": overall, "classes": classes}


def _overall(real: Described, other: Described, settings: Settings) -> dict[str, Any]:
    found = compare(*matched(real, other, settings.seed), settings.seed)
    few = found.real < settings.least_held_out
    note = f"only {found.real} held-out pictures over all classes, {settings.least_held_out} wanted" if few else None
    return {**found.to_dict(), "note": note}


def _of_class(real: Described, made: Described, settings: Settings) -> dict[str, Any]:
    """The row of a class, or why it is pooled."""
    if len(real) >= settings.least_held_out:
        return {**compare(real, made, settings.seed).to_dict(), "pooled": False, "note": None}
    note = f"{len(real)} held-out pictures, {settings.least_held_out} wanted: pooled over classes, see all classes"
    return {"real": len(real), "synthetic": len(made), "pooled": True, "note": note}


def _memorisation(copies: Memorisation, taxonomy: Taxonomy) -> dict[str, Any]:
    """Share of synthetic crops closer to a training crop than (nearly) all real held-out ones of their class are."""

    def middle(of: Float64) -> float | None:
        return plain(float(np.median(of))) if len(of) else None

    names = list(enumerate(taxonomy.defect_names, start=1))
    return {
        "share": plain(copies.share),
        "expected": plain(copies.expected),
        "most_by_chance": plain(copies.most),
        "limits": {name: plain(copies.limits[index]) for index, name in names if index in copies.limits},
        "median_synthetic": middle(copies.synthetic),
        "median_held_out": middle(copies.held_out),
        "held_out": len(copies.held_out),
        "classes": {name: plain(copies.shares[index]) if index in copies.shares else None for index, name in names},
    }


def _diversity(
    material: Material, crops: dict[str, Crops], cache: FeatureCache, settings: Settings
) -> dict[str, dict[str, float | int | None]]:
    """Mean distance between masked crops of a class, beside that of as many real training ones."""
    rows: dict[str, dict[str, float | int | None]] = {}
    for index, name in enumerate(material.real.taxonomy.defect_names, start=1):
        pairs = [_places_of(crops[side].places, index, settings.least_held_out) for side in ("synthetic", "train")]
        count = min(len(pair) for pair in pairs)
        values = [
            _values_of(cache.features(Cutter(dataset).masked(places[:count]), what=f"diversity {name}"))
            for dataset, places in zip((material.synthetic, material.real), pairs, strict=True)
        ]
        made, real = (plain(mean_pairwise_distance(each)) if len(each) else None for each in values)
        rows[name] = {"synthetic": made, "real": real, "crops": count}
    return rows


def _places_of(places: Iterable[Place], index: int, most: int) -> list[Place]:
    return [place for place in places if place.index == index][:most]


def _values_of(features: Features) -> Float64:
    return features.values.astype(np.float64) if len(features) else np.zeros((0, 1))
