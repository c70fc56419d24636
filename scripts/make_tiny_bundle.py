"""Make `tests/fixtures/tiny-bundle`: an inspector of a few KB, without torch. Dark pixels are class A, bright ones B.

python scripts/make_tiny_bundle.py OUT
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from blemish.bundle.bundle import write_bundle
from blemish.bundle.card import Card, default_thresholds, least_sizes
from blemish.core.taxonomy import Taxonomy

DARK, BRIGHT = 40.0, 215.0  # Half-way values: below DARK is class A, above BRIGHT class B.


def tiny_network(dark: float = DARK, bright: float = BRIGHT) -> ov.Model:
    """One 1x1 convolution and a softmax: logits 0, dark - gray, gray - bright."""
    pictures = ops.parameter([-1, -1, -1, 1], np.uint8, name="pictures")
    planes = ops.transpose(ops.convert(pictures, "f32"), np.array([0, 3, 1, 2]))
    weights = np.array([0.0, -1.0, 1.0], np.float32).reshape(3, 1, 1, 1)
    biases = np.array([0.0, dark, -bright], np.float32).reshape(1, 3, 1, 1)
    logits = ops.add(ops.convolution(planes, weights, [1, 1], [0, 0], [0, 0], [1, 1]), biases)
    return ov.Model([ops.softmax(logits, 1)], [pictures], "tiny")


def tiny_card() -> Card:
    """Pixels of 0.5 x 0.25 mm, tiles of 64 px; regions from 5 px on count."""
    defects = [{"name": "dark spot", "least_size_px": 5}, {"name": "bright spot", "least_size_px": 5}]
    taxonomy = Taxonomy.from_dict({"name": "tiny", "pixel_mm_xy": [0.5, 0.25], "defects": defects})
    return Card(
        architecture="threshold",
        taxonomy=taxonomy,
        channels=1,
        tile_px=64,
        overlap_px=16,
        stride=8,
        thresholds=default_thresholds(taxonomy),
        least_sizes_px=least_sizes(taxonomy),
        precision="f32",
    )


if __name__ == "__main__":
    print(write_bundle(Path(sys.argv[1]), tiny_network(), tiny_card()).hash)
