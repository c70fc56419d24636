"""What stands at the end of a training: the codes and lights of the real tiles, and how each class came out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from blemish.core.arrays import Float32, with_channels
from blemish.core.labels import LabelMap
from blemish.core.records import TileRecord
from blemish.core.seeds import derive_seed
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Dataset
from blemish.gan.composed.codes import draw_codes, groups_in_turn, read_codes, set_codes
from blemish.gan.composed.draw import CompositionDraw
from blemish.gan.composed.networks import ComposedGenerator
from blemish.gan.composed.settings import ComposedSettings
from blemish.gan.composed.trainer import compose, scenes_of
from blemish.gan.outcomes import WEAK, WEAK_DIVERSITY, WEAK_EXPLAINED
from blemish.train.loader import stack

LIGHTS = 64
_LEAST_PX = 64  # Of a background class on a tile, for its lighting to be known.
_JUDGED = 8  # Crops of a class.


@dataclass(frozen=True)
class ClassOutcome:
    """How a class came out, measured on crops of its real training defects."""

    name: str
    tiles: int
    groups: int
    explained_frac: float  # Share of what a real defect changes that is painted again from its code; 1 is best.
    contrast_frac: float  # Mean change that drawn defects make inside the mask, over that of the real ones; 1 is best.
    diversity_frac: float  # Mean deviation between draws of one label, over the real mean change.
    state: str  # "learned", or "weak": leave it to copy-paste.


def remember_real(
    generator: ComposedGenerator, dataset: Dataset, records: Sequence[TileRecord], settings: ComposedSettings, seed: int
) -> None:
    """Put the codes of the real defects in place of those of the last steps."""
    set_codes(generator, read_codes(generator, dataset, records, ring_px=settings.ring_px, seed=seed))


def lights_of(dataset: Dataset, records: Sequence[TileRecord], seed: int) -> list[Any]:
    """Mean and deviation of each background class on up to 64 real tiles, groups in turn: L M 2C in [-1, 1].

    A class that a tile does not show has its mean over the others.
    """
    m, c = len(dataset.taxonomy.backgrounds), dataset.channels
    rows = []
    for record in groups_in_turn(list(records), LIGHTS, derive_seed(seed, "lights")):
        sample = dataset.sample(record)
        picture = with_channels(sample.picture).astype(np.float32) / 127.5 - 1
        rows.append([_light(picture, _clean(sample.label_map, index), c) for index in range(m)])
    found = np.asarray(rows, np.float32)  # L M 2C with NaN
    usual = np.nan_to_num(np.nanmean(found, axis=0)) if np.isfinite(found).any() else np.zeros((m, 2 * c), np.float32)
    return np.where(np.isfinite(found), found, usual).round(4).tolist()  # type: ignore[no-any-return]


def class_outcomes(
    generator: ComposedGenerator, dataset: Dataset, records: Sequence[TileRecord], settings: ComposedSettings
) -> list[ClassOutcome]:
    """How each class that has training defects came out."""
    outcomes = []
    for index, name in enumerate(dataset.taxonomy.defect_names, start=1):
        of_class = [record for record in records if index in record.classes]
        if of_class:
            explained, contrast, diversity = _judge(generator, dataset, of_class, index, settings)
            weak = explained < WEAK_EXPLAINED or (settings.parts.codes and diversity < WEAK_DIVERSITY)
            groups = len({record.group for record in of_class})
            state = WEAK if weak else "learned"
            outcomes.append(ClassOutcome(name, len(of_class), groups, explained, contrast, diversity, state))
    return outcomes


def composed_card(
    settings: ComposedSettings, taxonomy: Taxonomy, outcomes: Sequence[ClassOutcome], lights: list[Any], channels: int
) -> dict[str, Any]:
    """What the card of a default generator holds beside that of any."""
    parts = settings.parts
    return {
        "architecture": {
            "name": "composed",
            "width": settings.width,
            "channels": channels,
            "every_scale": parts.every_scale,
            "wear": parts.wear,
        },
        "normalisation": "pictures in [-1, 1]; condition: soft edge, latent matrix, appearance code",
        "painting": {
            "ring_px": settings.ring_px,
            "codes": parts.codes,
            "noise": parts.noise,
            "composition": parts.composition,
        },
        "classes": [asdict(outcome) for outcome in outcomes],
        "lights": lights,
    }


@torch.inference_mode()
def _judge(
    generator: ComposedGenerator,
    dataset: Dataset,
    of_class: Sequence[TileRecord],
    index: int,
    settings: ComposedSettings,
) -> tuple[float, float, float]:
    draw = CompositionDraw(
        dataset,
        of_class,
        size_px=settings.size_px,
        ring_px=settings.ring_px,
        steps=1,
        whole_frac=0.0,
        seed=index,
        only=index,
    )
    batch = stack([draw(0, i) for i in range(_JUDGED)])
    scenes = scenes_of({name: t.to(generator.codes.device) for name, t in batch.items()}, dataset.taxonomy)
    mask = scenes.masks[:, index - 1 : index]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = torch.stack(
            [
                compose(generator, scenes, draw_codes(generator, scenes.classes_there) * settings.parts.codes, settings)
                for _ in range(6)
            ]
        )
        read, _ = generator.appearance(scenes.picture, scenes.surface, scenes.region)
        again = compose(generator, scenes, read * settings.parts.codes, settings)
    area = mask.sum().clamp(min=1) * made.shape[2]
    real = float(((scenes.picture - scenes.surface).abs() * mask).sum() / area)
    change = float(((made - scenes.surface).abs() * mask).mean(0).sum() / area)
    apart = float((made.std(0) * mask).sum() / area)
    missed = float(((scenes.picture - again).abs() * mask).sum() / area)
    known = max(real, 1e-4)
    return round(1 - missed / known, 4), round(change / known, 4), round(apart / known, 4)


def _clean(label_map: LabelMap, index: int) -> Any:
    return (label_map.defect == 0) & (label_map.background == index)


def _light(picture: Float32, where: Any, channels: int) -> list[float]:
    if int(where.sum()) < _LEAST_PX:
        return [float("nan")] * (2 * channels)
    pixels = picture[where]
    return [*pixels.mean(axis=0).tolist(), *pixels.std(axis=0).tolist()]
