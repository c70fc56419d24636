"""A network in 8-bit integers: NNCF's post-training quantisation, its ranges taken from real tiles.

NNCF reports each use over the network unless told not to; it is told not to before it is imported.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import redirect_stdout
from importlib import import_module
from types import ModuleType

import numpy as np
import openvino as ov

from blemish.core.arrays import UInt8
from blemish.core.errors import InputError

QUIET = {"NNCF_CI": "1", "CI": "true"}  # With the first NNCF sends nothing, with the second it keeps no count either.
MOST_PICTURES = 1000  # Pictures that NNCF looks at; more are left out.


def quantised(model: ov.Model, pictures: Iterable[UInt8]) -> ov.Model:
    """The same network with its convolutions in int8; the model given stays as it is.

    Weights are symmetric by output channel, activations symmetric by tensor with ranges seen on the pictures, and
    biases are corrected for the mean error. Equal models and pictures give equal networks.

    Args:
        model: uint8 N H W C in, sizes open, as `segment.export.to_openvino` makes it.
        pictures: each uint8 N H W C of any N, H and W that the model takes, at most 1000.

    Raises:
        InputError: no picture, or NNCF is not installed.
    """
    items = list(_refused_unlike(pictures))
    if not items:
        raise InputError("int8 needs pictures to take its ranges from, got none: give --dataset")
    nncf = _nncf()
    with redirect_stdout(sys.stderr):  # Its progress bar.
        result: ov.Model = nncf.quantize(
            model.clone(), nncf.Dataset(items), subset_size=min(len(items), MOST_PICTURES), fast_bias_correction=True
        )
    return result


def _refused_unlike(pictures: Iterable[UInt8]) -> Iterator[UInt8]:
    for picture in pictures:
        if picture.dtype != np.uint8 or picture.ndim != 4:
            raise InputError(f"pictures must be uint8 N H W C, got {picture.dtype} {list(picture.shape)}")
        yield picture


def _nncf() -> ModuleType:
    before = {name: os.environ.get(name) for name in QUIET}
    os.environ.update(QUIET)
    try:
        nncf = import_module("nncf")
    except ImportError as error:
        raise InputError(f"int8 needs NNCF ({error}): install blemish[train]") from error
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    nncf.set_log_level(logging.WARNING)
    return nncf
