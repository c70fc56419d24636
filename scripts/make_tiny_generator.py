"""Make `tests/fixtures/tiny-generator`: a generator of a few KB, without torch, that can be checked by hand.

It makes class A darker and class B lighter by as much as the first number of their appearance code says, with a little
noise; its background is the drawn lighting with noise.

python scripts/make_tiny_generator.py OUT
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from blemish.bundle.generator import planes_of, write_generator_bundle
from blemish.bundle.generator_card import GeneratorCard, Painting
from blemish.core.taxonomy import Taxonomy

GRAIN = 0.05  # What noise of deviation 1 adds, in [-1, 1].
SIGNS = (-1.0, 1.0)  # Of class A and class B.


def tiny_defect(card: GeneratorCard) -> ov.Model:
    """Surface + sign of the class x first number of its code + GRAIN x noise."""
    surface, condition, noise = _inputs(planes_of(card)["defect"][0])
    labelled = 1 + len(card.taxonomy.backgrounds)
    code = labelled + len(card.taxonomy.defects)
    classes = [_plane(condition, labelled + place) for place in range(len(SIGNS))]
    signed = ops.subtract(classes[1], classes[0])
    change = ops.multiply(signed, _plane(condition, code))
    grain = ops.multiply(_plane(noise, 0), np.float32(GRAIN))
    return ov.Model([ops.add(ops.add(surface, change), grain)], [surface, condition, noise], "defect")


def tiny_background(card: GeneratorCard) -> ov.Model:
    """Mean + deviation x first noise plane."""
    classes, light, noise = _inputs(planes_of(card)["background"][0])
    nothing = ops.multiply(ops.reduce_sum(classes, np.array([1]), True), np.float32(0))  # Else it is no input.
    made = ops.add(_plane(light, 0), ops.multiply(_plane(light, 1), _plane(noise, 0)))
    return ov.Model([ops.add(made, nothing)], [classes, light, noise], "background")


def tiny_card() -> GeneratorCard:
    """Two classes, one background, gray."""
    defects = [{"name": "dark spot"}, {"name": "bright spot"}]
    taxonomy = Taxonomy.from_dict({"name": "tiny", "defects": defects})
    return GeneratorCard(
        architecture="tiny",
        preset="tiny",
        taxonomy=taxonomy,
        channels=1,
        painting=Painting(ring_px=2, codes=True, noise=True, composition=True),
        code_length=2,
        noise_planes=1,
        background_noise_planes=1,
        codes={"A": [[0.5, 0.0]], "B": [[0.6, 0.0], [0.8, 0.0]]},
        lights=[[[0.0, 0.05]], [[0.1, 0.05]]],
        weights_hash="0" * 64,
        precision="f32",
    )


def _inputs(planes: list[int]) -> list[ov.Node]:
    return [ops.parameter([1, count, -1, -1], np.float32) for count in planes]


def _plane(planes: ov.Node, place: int) -> ov.Node:
    return ops.gather(planes, np.array([place]), np.array(1))


if __name__ == "__main__":
    card = tiny_card()
    print(write_generator_bundle(Path(sys.argv[1]), tiny_defect(card), tiny_background(card), card).hash)
