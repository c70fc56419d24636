"""How good the tiles of a synthetic set are, without training an inspector: measured once and kept like a cell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from blemish.bench.gating import gate_inputs, only_learned, train_gate
from blemish.bench.kept import read_or_make
from blemish.bench.scale import Scale, key_of
from blemish.bench.start import device
from blemish.bench.synthetic_sets import SyntheticSet, gan_run, our_settings
from blemish.core.records import Split
from blemish.data.dataset import Dataset
from blemish.gan.evaluation import Material, Settings, evaluate
from blemish.gan.features import FeatureCache, FeatureNetwork, efficientnet_lite0
from blemish.gan.model import GENERATOR
from blemish.gan.outcomes import read_outcomes
from blemish.segment.model import TorchSegmenter
from blemish.train import lite0

SETTINGS = Settings()  # Of the evaluation.
_VERSION = 2  # Raised when equal inputs would give other figures than before.


@dataclass(frozen=True)
class SetQuality:
    """The figures of `gan evaluate` for one set `gan`, against the real defects that its view judges by.

    A set of which no tile was admitted has no figures, and says why.

    Masks are looked for by a segmenter of the gate's folds that the gate itself did not ask.
    """

    of: SyntheticSet

    @property
    def label(self) -> str:
        return f"quality of {self.of.label}"

    def inputs(self, dataset: Dataset) -> dict[str, Any]:
        """All that decides the figures, by contents."""
        return {
            "version": _VERSION,
            "set": key_of(self.of.inputs(dataset)),
            "settings": vars(SETTINGS),
            "features": lite0.SHA256,
            "segmenter": gate_inputs(_judging(self.of.scale)),
        }

    def file(self, dataset: Dataset, work: Path) -> Path:
        return work / "quality" / f"{self.of.view.name}-{key_of(self.inputs(dataset))}.json"

    def is_there(self, dataset: Dataset, work: Path) -> bool:
        return self.file(dataset, work).is_file()

    def read(self, dataset: Dataset, work: Path) -> dict[str, Any]:
        values: dict[str, Any] = json.loads(self.file(dataset, work).read_text(encoding="utf-8"))
        return values

    def make(self, dataset: Dataset, work: Path) -> dict[str, Any]:
        """Measure it, or read what was kept."""
        return read_or_make(self.file(dataset, work), lambda: self._compute(dataset, work))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for another process."""
        return self.of.to_dict()

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        return cls(SyntheticSet.from_dict(values))

    def _compute(self, dataset: Dataset, work: Path) -> dict[str, Any]:
        view, scale = self.of.view.open(dataset), self.of.scale
        told = self.of.make(dataset, work)
        if why := told.get("why_none"):
            return {**self._came_out(view, work), "set": None, "figures": None, "why_none": why}
        found, _ = train_gate(only_learned(view), work, _judging(scale))
        material = Material(
            Dataset(self.of.folder(dataset, work)),
            view,
            held_out=view.select(self.of.view.judged),
            training=view.select(Split.TRAIN),
        )
        segmenter = TorchSegmenter.load(found.runs[-1], device=device())
        cache = FeatureCache(feature_network(), work / "features" / self.of.view.name)
        figures = evaluate(material, cache, SETTINGS, segmenter=segmenter).figures
        return {**self._came_out(view, work), "set": told, "figures": figures, "why_none": ""}

    def _came_out(self, view: Dataset, work: Path) -> dict[str, Any]:
        """How the GAN's classes came out."""
        run = gan_run(view, work, our_settings(self.of.scale))
        return {"classes": read_outcomes(run / GENERATOR)}


def feature_network() -> FeatureNetwork:
    """The packaged one, so that figures of different machines compare."""
    return efficientnet_lite0(device())


def _judging(scale: Scale) -> Scale:
    """The scale whose gate's folds hold the judging segmenter: the same for every row of an ablation."""
    return replace(scale, gan_gate=True, gan_off=())
