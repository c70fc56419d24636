"""A segmenter whose probabilities are softened or sharpened by one temperature, as calibration chose it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from blemish.core.arrays import Float32, UInt8
from blemish.core.protocols import CoarseScores, InHalves, Segmenter
from blemish.core.taxonomy import Taxonomy

_LEAST = 1e-7  # Probabilities below it stand for it: their logarithm is still finite.


class Tempered:
    """Another segmenter's answers with every log probability divided by `temperature`, then summing to 1 again.

    Dividing logits before a softmax gives the same, as probabilities keep the differences between logits. Above 1 the
    answers become less sure, below 1 surer; which class is the likeliest does not change.
    """

    def __init__(self, segmenter: Segmenter, temperature: float) -> None:
        self.segmenter, self.temperature = segmenter, temperature

    @property
    def taxonomy(self) -> Taxonomy:
        return self.segmenter.taxonomy

    @property
    def channels(self) -> int:
        return self.segmenter.channels

    def probabilities(self, pictures: UInt8) -> Float32:
        """As `Segmenter.probabilities`."""
        given = self.segmenter.probabilities(pictures)
        powers = np.maximum(given, np.float32(_LEAST)) ** np.float32(1 / self.temperature)
        result: Float32 = powers / powers.sum(axis=1, keepdims=True)
        return result

    @property
    def coarse(self) -> CoarseScores | None:
        """Of the other segmenter, where it has one: enlarging is linear, so its logits may be divided before it."""
        halves = self.segmenter.coarse if isinstance(self.segmenter, InHalves) else None
        return None if halves is None else _TemperedHalves(halves, self.temperature)


class _TemperedHalves:
    """`core.protocols.CoarseScores` with every logit divided by the temperature."""

    def __init__(self, halves: CoarseScores, temperature: float) -> None:
        self.halves, self.temperature = halves, np.float32(temperature)
        self.factor, self.workers = halves.factor, halves.workers

    def logits(self, pictures: Iterable[UInt8]) -> Iterator[Float32]:
        for logits in self.halves.logits(pictures):
            yield logits / self.temperature

    def finish(self, logits: Float32) -> Float32:
        return self.halves.finish(logits)
