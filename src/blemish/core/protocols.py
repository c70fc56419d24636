"""What rooms expect of a network without knowing it: so that a bundle and a torch model are the same to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, runtime_checkable

from blemish.core.arrays import Float32, UInt8
from blemish.core.labels import LabelMap
from blemish.core.taxonomy import Taxonomy


class Segmenter(Protocol):
    """Anything that says what each pixel shows: a torch model, a bundle, the fixed-parameter baseline."""

    @property
    def taxonomy(self) -> Taxonomy: ...

    @property
    def channels(self) -> int:
        """1 gray, 3 RGB."""
        ...

    def probabilities(self, pictures: UInt8) -> Float32:
        """Probability of each class for each pixel.

        Args:
            pictures: uint8 N H W C, C as `channels`, any H and W (padded to the stride inside and cropped back).

        Returns:
            float32 N (K+1) H W in [0, 1], plane 0 = no defect, planes sum to 1.
        """
        ...


class CoarseScores(Protocol):
    """A segmenter's network in two halves, for who needs probabilities in few places only (`inspect.sparse`)."""

    factor: int  # One value of the coarse grid stands for this many pixels a side.
    workers: int  # Pictures that are computed side by side.

    def logits(self, pictures: Iterable[UInt8]) -> Iterator[Float32]:
        """float32 K+1 H/factor W/factor of each picture, uint8 H W C, sides multiples of the network's stride."""
        ...

    def finish(self, logits: Float32) -> Float32:
        """Probabilities float32 N K+1 H W of logits N K+1 H/factor W/factor: enlarged bilinearly, then softmax.

        Bilinear with pixel areas aligned: a value reaches no further than to its eight neighbours. May be a view that
        the next call overwrites.
        """
        ...


@runtime_checkable
class InHalves(Protocol):
    """A segmenter that may offer its network in two halves."""

    @property
    def coarse(self) -> CoarseScores | None:
        """None where the network cannot be cut in two."""
        ...


class Generator(Protocol):
    """Anything that paints what a label map says."""

    @property
    def taxonomy(self) -> Taxonomy: ...

    @property
    def channels(self) -> int: ...

    def paint(self, label_maps: Sequence[LabelMap], seeds: Sequence[int], backgrounds: UInt8 | None = None) -> UInt8:
        """Pictures for labels.

        Args:
            label_maps: N label maps of one size.
            seeds: one a picture; equal seeds and labels give equal pictures.
            backgrounds: uint8 N H W C of clean pictures to put the defects on; None = generated backgrounds.

        Returns:
            uint8 N H W C.
        """
        ...
