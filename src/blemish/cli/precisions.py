"""What a precision may be called on the command line: training and bundles keep their own short names for the same."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from blemish.core.errors import InputError

if TYPE_CHECKING:
    from blemish.bundle.card import FloatPrecision
    from blemish.bundle.card import Precision as BundlePrecision
    from blemish.train.precision import Precision

OF_TRAINING, OF_BUNDLES = "fp32 or bf16", "f32, bf16 or int8"
_TRAINED: Mapping[str, Precision] = MappingProxyType(
    {"fp32": "fp32", "f32": "fp32", "float32": "fp32", "bf16": "bf16", "bfloat16": "bf16"}
)
_BUNDLED: Mapping[Precision, FloatPrecision] = MappingProxyType({"fp32": "f32", "bf16": "bf16"})


def trained_in(text: str | None) -> Precision | None:
    """What a network is trained or run in; None = what the hardware does well.

    Raises:
        InputError: another word.

    Example:
        >>> trained_in("float32"), trained_in("f32"), trained_in("bf16"), trained_in(None)
        ('fp32', 'fp32', 'bf16', None)
    """
    if text is None:
        return None
    if text not in _TRAINED:
        raise InputError(f"--precision must be {OF_TRAINING}, got '{text}'")
    return _TRAINED[text]


def painted_in(text: str) -> FloatPrecision:
    """What a generator bundle computes in: the same, under the names that bundles use."""
    if text not in _TRAINED:
        raise InputError(f"--precision must be f32 or bf16, got '{text}'")
    return _BUNDLED[_TRAINED[text]]


def bundled_in(text: str) -> BundlePrecision:
    """What an inspector's bundle computes in: `int8` too.

    Example:
        >>> bundled_in("fp32"), bundled_in("bfloat16"), bundled_in("int8")
        ('f32', 'bf16', 'int8')
    """
    if text == "int8":
        return "int8"
    if text not in _TRAINED:
        raise InputError(f"--precision must be {OF_BUNDLES}, got '{text}'")
    return painted_in(text)
