"""The fixed-parameter machine-vision baseline: what an engineer would set up with OpenCV (the paper's first row).

Subtract a background (a large median), threshold bright and dark, clean up by morphology, measure each region's shape,
and name it by the vote of shape rules. The same parameters hold for every picture; `tuned` finds them on training
tiles (`baseline_tuning`). No torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from blemish.core.arrays import Float32, UInt8
from blemish.core.errors import BundleError
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Sample
from blemish.picture.normalise import to_channels
from blemish.segment.baseline_regions import FEATURES, VisionParameters, find_regions
from blemish.segment.baseline_rules import RuleSet, count_votes, name_regions
from blemish.segment.baseline_tuning import tune

KIND = "fixed-parameters"


class FixedParameters:
    """The baseline as a `Segmenter`; make one with `tuned` or `from_dict`.

    Example:
        >>> rules = RuleSet.from_list([{"class_index": 1, "low": {"log_area": 1.0}, "high": {}}], FEATURES)
        >>> baseline = FixedParameters(Taxonomy.of_names("one", ["spot"]), 1, VisionParameters(), [rules])
        >>> picture = np.full((1, 64, 64, 1), 100, np.uint8)
        >>> picture[0, 20:30, 20:30] = 200
        >>> baseline.probabilities(picture)[0, :, 24, 24].tolist()
        [0.0, 1.0]
    """

    def __init__(
        self, taxonomy: Taxonomy, channels: int, parameters: VisionParameters, committee: Sequence[RuleSet]
    ) -> None:
        self.taxonomy = taxonomy
        self.channels = channels
        self.parameters = parameters
        self.committee = tuple(committee)

    def probabilities(self, pictures: UInt8) -> Float32:
        """uint8 N H W C -> float32 N (K+1) H W of zeros and ones: the baseline has no doubts."""
        planes = np.eye(len(self.taxonomy.defects) + 1, dtype=np.float32)
        classes = np.stack([self.classify(picture) for picture in pictures])
        return np.ascontiguousarray(np.moveaxis(planes[classes], -1, 1))

    def classify(self, picture: UInt8) -> UInt8:
        """The class of each pixel of one picture (H W or H W C), uint8 H W."""
        gray = np.ascontiguousarray(to_channels(picture, 1)[:, :, 0])
        regions = find_regions(gray, self.parameters)
        votes = count_votes(regions.features, self.committee)
        return regions.paint(name_regions(votes, self.parameters.quorum_frac))

    @classmethod
    def tuned(
        cls,
        samples: Iterable[Sample],
        taxonomy: Taxonomy,
        channels: int,
        seed: int = 0,
        *,
        trials: int = 16,
        tiles_per_class: int = 40,
    ) -> FixedParameters:
        """The best of `trials` random settings by cross-validated mean IoU, each with shape rules of its own.

        Args:
            samples: training tiles, read once; of each class, and of clean tiles, a random few are kept.
            seed: equal seeds and samples give an equal baseline.

        Raises:
            DatasetError: no tile shows a defect.
        """
        found = tune(samples, len(taxonomy.defects), seed, trials=trials, tiles_per_class=tiles_per_class)
        return cls(taxonomy, channels, found.parameters, found.committee)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` reads them back."""
        return {
            "kind": KIND,
            "taxonomy": self.taxonomy.to_dict(),
            "channels": self.channels,
            "parameters": asdict(self.parameters),
            "features": list(FEATURES),
            "committee": [rules.to_list(FEATURES) for rules in self.committee],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FixedParameters:
        """Build from plain values.

        Raises:
            BundleError: not a baseline of this version.
        """
        if values.get("kind") != KIND or values.get("features") != list(FEATURES):
            raise BundleError(f"not a {KIND} baseline of this version (kind {values.get('kind')!r}): tune it again")
        try:
            committee = [RuleSet.from_list(rules, FEATURES) for rules in values["committee"]]
            parameters = VisionParameters(**values["parameters"])
            return cls(Taxonomy.from_dict(values["taxonomy"]), int(values["channels"]), parameters, committee)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise BundleError(f"a {KIND} baseline lacks or garbles {error}: tune it again") from error
