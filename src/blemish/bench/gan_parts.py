"""The parts of the default preset that an ablation turns off by name (`Scale.gan_off`): in training, or in drawing."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields, replace

from blemish.core.errors import InputError
from blemish.gan.composed.settings import ComposedSettings, ComposedWeights, Parts
from blemish.gan.shape_model import DEFAULT_MIX, ShapeMix

ADVERSARIAL, FINE_DETAIL, PERCEPTION = "adversarial", "fine_detail", "perception"
SHAPE_MIX, FOUND, RECOGNISED = "shape_mix", "found", "recognised"
TRAINED = (*(field.name for field in fields(Parts)), ADVERSARIAL, FINE_DETAIL, PERCEPTION)  # Another GAN each.
# The same GAN, other tiles: shapes are only deformed; the gate has no segmenter, or no probes.
DRAWN = (SHAPE_MIX, FOUND, RECOGNISED)


def settings_without(settings: ComposedSettings, off: Collection[str]) -> ComposedSettings:
    """The settings with these parts off; names of `DRAWN` change nothing here.

    Raises:
        InputError: no such part.

    Example:
        >>> settings_without(ComposedSettings(), ["noise"]).parts.noise
        False
    """
    unknown = sorted({*off} - {*TRAINED, *DRAWN})
    if unknown:
        raise InputError(f"no part '{unknown[0]}' to turn off: there are {', '.join((*TRAINED, *DRAWN))}")
    parts = replace(settings.parts, **{field.name: False for field in fields(Parts) if field.name in off})
    return replace(settings, parts=parts, weights=_weights_without(settings.weights, off))


def mix_without(off: Collection[str]) -> ShapeMix:
    """How shapes are drawn: without `shape_mix` real ones are deformed, never recombined or grown."""
    return ShapeMix(deform=1, recombine=0, grow=0) if SHAPE_MIX in off else DEFAULT_MIX


def _weights_without(weights: ComposedWeights, off: Collection[str]) -> ComposedWeights:
    if ADVERSARIAL in off:  # Its features are no use either: nothing of the discriminator is left.
        weights = replace(weights, adversarial=0.0, features=0.0)
    if PERCEPTION in off:
        weights = replace(weights, perception=0.0)
    return replace(weights, fine_detail=0.0, grain=0.0) if FINE_DETAIL in off else weights
