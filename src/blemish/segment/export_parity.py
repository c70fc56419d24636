"""Whether an exported network answers like the one it was made from: by probabilities, and by IoU on validation tiles.

Both sides take the same pixels through the same padding, and a pixel's class is the most probable one, as everywhere
where a network is judged (`segment.evaluation`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from blemish.bundle.bundle import BundleSegmenter
from blemish.bundle.card import Backend, Parity, Precision, Validation
from blemish.core.arrays import Float32, UInt8, with_channels
from blemish.core.errors import DatasetError, ParityError
from blemish.core.protocols import Segmenter
from blemish.core.records import Box, Split, TileRecord
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Dataset
from blemish.picture.normalise import to_channels
from blemish.picture.tiling import cut
from blemish.segment.evaluation import evaluate, none_if_nan

# Largest difference of a probability in float32, where only the order of sums differs; mean difference in bfloat16,
# which has 8 bits of precision, and in int8, besides the share of decided pixels that must keep their class.
TOLERANCES: Mapping[Precision, float] = {"f32": 1e-3, "bf16": 1e-2, "int8": 2e-2}
LEAST_AGREEMENT = 0.99
DECIDED = 0.1  # A pixel is decided where PyTorch's best class leads the next by this much.
ALLOWED_DROP = 0.005  # Of any class's IoU.
COMPARED_TILES = 6


@dataclass(frozen=True)
class Tiles:
    """Pictures to compare on: uint8 N H W C, and what they are, in words for the card."""

    pictures: UInt8
    what: str

    @classmethod
    def of(cls, dataset: Dataset) -> Tiles:
        """A few tiles of a data set, spread over it."""
        step = max(1, len(dataset) // COMPARED_TILES)
        records = dataset.records[::step][:COMPARED_TILES]
        pictures = np.stack([with_channels(dataset.picture(record)) for record in records])
        return cls(pictures, f"{len(records)} tiles of data set {dataset.hash[:12]}")

    def in_channels(self, channels: int) -> Tiles:
        """As a network of so many channels takes them, 1 gray or 3 RGB."""
        return Tiles(np.stack([to_channels(picture, channels) for picture in self.pictures]), self.what)


@dataclass(frozen=True)
class Judged:
    """Tiles with labels to judge both networks by."""

    dataset: Dataset
    records: Sequence[TileRecord]

    @classmethod
    def of(cls, dataset: Dataset) -> Judged:
        """The validation tiles of a data set.

        Raises:
            DatasetError: it has none.
        """
        records = dataset.select(Split.VAL)
        if not records:
            raise DatasetError(
                f"{dataset.folder} has no val tiles to judge the bundle by: draw a split with data split, or leave "
                f"--dataset out"
            )
        return cls(dataset, records)


class Eager:
    """The network in PyTorch's float32 as a `Segmenter`, pictures padded as a bundle pads them."""

    def __init__(self, frozen: nn.Module, taxonomy: Taxonomy, channels: int, stride: int) -> None:
        self._frozen, self._taxonomy, self._channels, self._stride = frozen, taxonomy, channels, stride

    @property
    def taxonomy(self) -> Taxonomy:
        return self._taxonomy

    @property
    def channels(self) -> int:
        return self._channels

    def probabilities(self, pictures: UInt8) -> Float32:
        height, width = pictures.shape[1:3]
        box = Box(0, 0, width + -width % self._stride, height + -height % self._stride)
        padded = np.stack([cut(picture, box) for picture in pictures])
        with torch.inference_mode():
            answers: Float32 = self._frozen(torch.from_numpy(padded)).numpy()
        return answers[:, :, :height, :width]


def measured_parity(
    eager: Eager, exported: Mapping[Backend, BundleSegmenter], compared: Sequence[Tiles], tolerance: float
) -> Parity:
    """Both on the same pictures; of several backends the worst figure of each kind, as each must answer alike.

    Args:
        compared: the first is what the card names.
    """
    pictures = [picture for tiles in compared for picture in tiles.pictures]
    by_backend = [[_difference(eager, one, picture) for picture in pictures] for one in exported.values()]
    return Parity(
        pictures=f"{compared[0].what}, and one of another size",
        computed_in=next(iter(exported.values())).precision,
        tolerance=tolerance,
        max_abs_diff=max(difference.largest for own in by_backend for difference in own),
        mean_abs_diff=max(float(np.mean([difference.mean for difference in own])) for own in by_backend),
        argmax_agreement=min(_agreement(own) for own in by_backend),
    )


def refuse_unlike(parity: Parity, precision: Precision) -> None:
    """Raise where probabilities or classes differ too much."""
    measure = "largest" if precision == "f32" else "mean"
    found = parity.max_abs_diff if precision == "f32" else parity.mean_abs_diff
    if found > parity.tolerance:
        raise ParityError(
            f"the bundle's probabilities must be within {parity.tolerance:g} of PyTorch's ({measure} difference, "
            f"{parity.pictures}), got {found:.3g}: nothing was written; raise --tolerance only if that is acceptable"
        )
    if parity.argmax_agreement < LEAST_AGREEMENT:
        raise ParityError(
            f"the bundle must name the same class as PyTorch on {LEAST_AGREEMENT:.0%} of the decided pixels "
            f"({parity.pictures}), got {parity.argmax_agreement:.2%}: nothing was written; export with --precision f32"
        )


def validated(
    eager: Segmenter, exported: Mapping[Backend, Segmenter], judged: Judged, *, allowed_drop: float = ALLOWED_DROP
) -> Validation:
    """IoU of each class on the validation tiles by PyTorch and by each backend.

    Raises:
        DatasetError: no validation tiles, or other classes.
    """
    before = evaluate(eager, judged.dataset, judged.records).iou
    after = {name: evaluate(one, judged.dataset, judged.records).iou for name, one in exported.items()}
    drops = [drop for iou in after.values() for drop in drops_of(before, iou).values()]
    return Validation(
        tiles=len(judged.records),
        data_hash=judged.dataset.hash,
        iou_torch={name: none_if_nan(value) for name, value in before.items()},
        iou={backend: {name: none_if_nan(value) for name, value in iou.items()} for backend, iou in after.items()},
        largest_drop=round(max(drops, default=0.0), 6),
        allowed_drop=allowed_drop,
    )


def drops_of(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """By how much each class's IoU fell; below 0 = it rose. A class that no tile shows is left out.

    Example:
        >>> drops_of({"a": 0.5, "b": float("nan")}, {"a": 0.25, "b": float("nan")})
        {'a': 0.25}
    """
    return {name: value - after[name] for name, value in before.items() if not math.isnan(value)}


def refuse_worse(validation: Validation) -> None:
    """Raise where a class's IoU fell by more than is allowed, naming the one that fell most."""
    if validation.largest_drop <= validation.allowed_drop:
        return
    falls = [
        (before - after, name, backend, before, after)
        for backend, iou in validation.iou.items()
        for name, after in iou.items()
        if (before := validation.iou_torch[name]) is not None and after is not None
    ]
    drop, name, backend, before, after = max(falls)
    raise ParityError(
        f"IoU of '{name}' must not fall by more than {validation.allowed_drop:g}, it falls by {drop:.4f} from "
        f"{before:.4f} to {after:.4f} ({backend}, {validation.tiles} validation tiles): nothing was written; export "
        f"with --precision f32, or allow it with --allow-drop"
    )


@dataclass(frozen=True)
class _Difference:
    largest: float
    mean: float
    decided_px: int
    agreed_px: int


def _agreement(differences: Sequence[_Difference]) -> float:
    decided = sum(difference.decided_px for difference in differences)
    return sum(difference.agreed_px for difference in differences) / decided if decided else 1.0


def _difference(eager: Eager, exported: BundleSegmenter, picture: UInt8) -> _Difference:
    expected, got = eager.probabilities(picture[None]), exported.probabilities(picture[None])
    apart = np.abs(expected - got)
    if not np.isfinite(apart).all():
        return _Difference(1.0, 1.0, apart[0, 0].size, 0)
    two_best = np.sort(expected, axis=1)[:, -2:]
    decided = two_best[:, 1] - two_best[:, 0] >= DECIDED
    agreed = decided & (expected.argmax(axis=1) == got.argmax(axis=1))
    return _Difference(float(apart.max()), float(apart.mean()), int(decided.sum()), int(agreed.sum()))
