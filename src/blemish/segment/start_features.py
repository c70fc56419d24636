"""Features of the packaged start weights: eyes that no generator has learned to please.

FC-HarDNet-70 learned on procedural surfaces, from their labels and from EfficientNet-Lite0 as its teacher
(docs/adr/0006): so it is another network, but not one that knows nothing of the first. The GAN's gate looks through it
a second time (docs/adr/0008).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F

from blemish.core.arrays import Float32, UInt8
from blemish.picture.normalise import to_channels
from blemish.segment.hardnet import FCHarDNet
from blemish.segment.model import TorchSegmenter
from blemish.segment.networks import DEFAULT
from blemish.segment.start import start_named
from blemish.simulate.procedural import NAME as PROCEDURAL

_STAGES = 3  # At 1/4, 1/8 and 1/16.
_STRIDE = 4 << (_STAGES - 1)
_LEAST_DEVIATION = 1e-3


def start_features() -> Callable[[UInt8], list[Float32]]:
    """Of a picture uint8 H W or H W C, any size: feature maps float32 D h w at 1/4, 1/8 and 1/16.

    RGB is seen gray; a picture is brought to mean 0 and deviation 1, as a data set's normalisation would on average.
    """
    folder = start_named(PROCEDURAL, DEFAULT)
    assert folder is not None  # Packaged.
    network = TorchSegmenter.load(folder).network
    assert isinstance(network, FCHarDNet)

    def maps(shown: UInt8) -> list[Float32]:
        levels = torch.from_numpy(to_channels(shown, 1)[:, :, 0].astype(np.float32))[None, None] / 255
        height, width = levels.shape[2:]
        even = (levels - levels.mean()) / (levels.std(correction=0) + _LEAST_DEVIATION)
        features = F.pad(even, (0, -width % _STRIDE, 0, -height % _STRIDE), mode="replicate")
        left = []
        with torch.inference_mode():
            features = network.stem(features)
            for place in range(_STAGES):
                features = features if place == 0 else F.avg_pool2d(features, 2)
                seen = network.down[place](features)
                features = network.narrow[place](seen)
                size = 4 << place
                left.append(seen[0, :, : -(-height // size), : -(-width // size)].numpy())
        return left

    return maps
