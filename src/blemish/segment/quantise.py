"""A network in 8-bit integers: NNCF's post-training quantisation, its ranges taken from real tiles.

NNCF reports each use over the network unless told not to; it is told not to before it is imported.
"""

from __future__ import annotations

import logging
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from itertools import zip_longest
from types import ModuleType
from typing import Any

import numpy as np
import openvino as ov
from openvino._offline_transformations import apply_moc_transformations

from blemish.core.arrays import UInt8
from blemish.core.errors import InputError
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.core.seeds import rng
from blemish.data.dataset import Dataset
from blemish.picture.normalise import to_channels
from blemish.picture.tiling import cut

QUIET = "NNCF_CI"  # With it set, NNCF reports nothing.
MOST_PICTURES = 1000  # That NNCF looks at; more are left out.
DEFAULT_TILES = 300


@dataclass(frozen=True)
class Calibration:
    """Pictures that the ranges are taken from, each uint8 1 H W C, and what they are, in words for the card."""

    pictures: Sequence[UInt8]
    what: str


def calibration_tiles(dataset: Dataset, channels: int, stride: int, *, count: int = DEFAULT_TILES) -> Calibration:
    """Real training tiles in a seeded draw that takes from each class in turn, clean tiles as one of them.

    Args:
        count: fewer where the set has fewer, and 1000 at the most: NNCF looks at no more.

    Raises:
        InputError: no real training tile, or a count below 1.
    """
    if count < 1:
        raise InputError(f"int8 needs at least 1 tile to take its ranges from, got {count}")
    records = [r for r in dataset.records if r.split == Split.TRAIN and r.origin != Origin.SYNTHETIC]
    if not records:
        raise InputError(f"{dataset.folder} has no real training tile to take the ranges of int8 from: split it first")
    chosen = _in_turn(records)[: min(count, MOST_PICTURES)]
    pictures = [_padded(to_channels(dataset.picture(record), channels), stride) for record in chosen]
    return Calibration(pictures, f"{len(chosen)} of {len(records)} real training tiles of data set {dataset.hash[:12]}")


def quantised(model: ov.Model, pictures: Iterable[UInt8]) -> ov.Model:
    """The same network with its convolutions in int8; the model given stays as it is.

    Weights are symmetric by output channel, activations symmetric by tensor with ranges seen on the pictures, and
    biases are corrected for the mean error. The first convolution and what follows the last stay in float32: the
    picture's few grey levels and the logits' small differences matter most. Equal models and pictures give equal
    networks.

    Args:
        model: uint8 N H W C in, sizes open, as `export_networks.to_openvino` makes it.
        pictures: each uint8 N H W C of any N, H and W that the model takes, at most 1000.

    Raises:
        InputError: no picture, or NNCF is not installed.
    """
    folded = model.clone()
    apply_moc_transformations(folded, False)  # Batch norm into the convolutions: else both sides of it are rounded.
    layers = [(layer.get_friendly_name(), layer.get_type_name()) for layer in folded.get_ordered_ops()]
    result: ov.Model = _quantised(folded, list(_refused_unlike(pictures)), _kept_float(layers, "Convolution"))
    if "nncf" in result.rt_info:
        del result.rt_info["nncf"]  # Its notes hold names that differ from run to run.
    return result


def quantised_onnx(model: Any, pictures: Iterable[UInt8]) -> Any:
    """As `quantised`, of an `onnx.ModelProto` with the input `pictures`."""
    kept = _kept_float([(node.name, node.op_type) for node in model.graph.node], "Conv")
    return _quantised(model, [{"pictures": picture} for picture in _refused_unlike(pictures)], kept)


def _kept_float(layers: Sequence[tuple[str, str]], convolution: str) -> list[str]:
    """Names of the layers up to the first convolution and after the last; layers are (name, kind) in order of work."""
    places = [place for place, (_, kind) in enumerate(layers) if kind == convolution]
    if len(places) < 2:
        return []
    return [name for name, _ in (*layers[: places[0] + 1], *layers[places[-1] + 1 :])]


def _quantised(model: Any, items: list[Any], kept_float: list[str]) -> Any:
    if not items:
        raise InputError("int8 needs pictures to take its ranges from, got none: give --dataset")
    nncf = _nncf()
    with redirect_stdout(sys.stderr):  # Its progress bar.
        return nncf.quantize(
            model,
            nncf.Dataset(items),
            subset_size=min(len(items), MOST_PICTURES),
            ignored_scope=nncf.IgnoredScope(names=kept_float, validate=False),
        )


def _in_turn(records: Sequence[TileRecord]) -> list[TileRecord]:
    """All records, from each class in turn; a tile of several classes counts for its rarest."""
    many = Counter(index for record in records for index in record.classes)
    by_class: dict[int, list[TileRecord]] = defaultdict(list)
    draw = rng(0, "calibration")
    for place in draw.permutation(len(records)):
        record = records[place]
        by_class[min(record.classes, key=lambda index: (many[index], index), default=0)].append(record)
    rounds = zip_longest(*(by_class[index] for index in sorted(by_class)))
    return [record for some in rounds for record in some if record is not None]


def _padded(picture: UInt8, stride: int) -> UInt8:
    height, width = picture.shape[:2]
    return cut(picture, Box(0, 0, width + -width % stride, height + -height % stride))[None]


def _refused_unlike(pictures: Iterable[UInt8]) -> Iterator[UInt8]:
    for picture in pictures:
        if picture.dtype != np.uint8 or picture.ndim != 4:
            raise InputError(f"pictures must be uint8 N H W C, got {picture.dtype} {list(picture.shape)}")
        yield picture


def _nncf() -> ModuleType:
    os.environ.setdefault(QUIET, "1")
    try:
        nncf = import_module("nncf")
    except ImportError as error:
        raise InputError(f"int8 needs NNCF ({error}): install blemish[train]") from error
    nncf.set_log_level(logging.WARNING)
    return nncf
