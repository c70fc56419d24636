"""The quality gate: every synthetic tile is admitted, or rejected by a written rule with the value that was measured.

Rules, in the order they are asked; the first that fails rejects the tile (docs/adr/0008):

visible   each defect changes the surface beneath it, and stands out from it as real ones of its class do
beyond    farther than the generator's ring from the mask, nothing changed: 0 grey levels on the PNG as it is written
copy      no defect is the picture, or the shape, of a training defect again
recognised  a network's features tell it from bare surface, as they do real ones; one that has seen photographs looks,
            and, where it is given, one that the generator never learned from
found     a segmenter trained on real tiles finds the mask about as well as it finds real ones
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from blemish.core.arrays import Picture, UInt8, without_channels
from blemish.core.errors import InputError
from blemish.core.protocols import Segmenter
from blemish.core.taxonomy import Taxonomy
from blemish.data.cutouts import CutOut, cut_outs_of
from blemish.data.dataset import Sample
from blemish.gan.gate_reference import RealDefects, ring_of
from blemish.gan.gate_rules import (
    content_patch,
    contrast,
    largest_change_beyond,
    own_change,
    picture_copy,
)
from blemish.gan.near_copy import NEAR_COPY_IOU
from blemish.gan.recognition import Recognition
from blemish.metrics.tile_iou import GateThresholds, class_iou
from blemish.picture.compose import defect_mask
from blemish.picture.normalise import to_channels

RULES = ("visible", "beyond", "copy", "recognised", "found")


@dataclass(frozen=True)
class Candidate:
    """A finished tile that asks to be admitted.

    Args:
        sample: its picture as the written PNG reads.
        beneath: the background picture that it was painted on, uint8 H W or H W C; None = it is not known.
        shape_iou: the highest overlap of its shapes with a training defect (`gan.near_copy`).
    """

    sample: Sample
    beneath: Picture | None
    shape_iou: float = 0.0


@dataclass(frozen=True)
class Rejection:
    """Why a tile was not admitted."""

    rule: str
    defect: int  # Class 1..K that failed; 0 = the rule is about the whole tile.
    value: float
    limit: float
    reason: str  # One line, for people.


@dataclass(frozen=True)
class Gate:
    """The rules with their limits.

    Args:
        real: what training defects show.
        ring_px: of the generator: beyond it a composed tile is bit-exact; None = a generator that repaints the whole
            tile, so that the rule `beyond` does not apply.
        recognition: the probes; None = the rule `recognised` is off.
        second_look: the same through the eyes of another network; None = one look is enough.
        segmenter: trained on real tiles; None = the rule `found` is off.
        thresholds: what the segmenter must reach.
        segmenter_hash: stands for the segmenter in what a run must resume with.

    Raises:
        InputError: a segmenter without thresholds or the other way round, or one of other classes or channels.
    """

    taxonomy: Taxonomy
    real: RealDefects
    ring_px: int | None = None
    recognition: Recognition | None = None
    second_look: Recognition | None = None
    segmenter: Segmenter | None = None
    thresholds: GateThresholds | None = None
    segmenter_hash: str = ""

    def __post_init__(self) -> None:
        if (self.segmenter is None) != (self.thresholds is None):
            raise InputError(
                "the gate's segmenter and its thresholds go together: give --segmenter RUN and --thresholds FILE"
            )
        if self.segmenter is not None and self.segmenter.taxonomy.defect_names != self.taxonomy.defect_names:
            raise InputError(
                f"the gate's segmenter knows {', '.join(self.segmenter.taxonomy.defect_names)}, the data set has "
                f"{', '.join(self.taxonomy.defect_names)}: give one that was trained on this data set"
            )

    def judge(self, candidates: Sequence[Candidate]) -> list[Rejection | None]:
        """For each tile the rule that rejects it, or None; only those that pass the others go to the segmenter."""
        verdicts = [self._first_rules(candidate) for candidate in candidates]
        left = [place for place, verdict in enumerate(verdicts) if verdict is None]
        if self.segmenter is not None and left:
            found = self._found([candidates[place].sample for place in left])
            for place, verdict in zip(left, found, strict=True):
                verdicts[place] = verdict
        return verdicts

    def segmented(self, samples: Sequence[Sample]) -> UInt8:
        """What the segmenter calls on some tiles of one size: uint8 N H W of class indices."""
        if self.segmenter is None:
            raise AssertionError("a gate without a segmenter finds nothing")
        pictures = np.stack([to_channels(sample.picture, self.segmenter.channels) for sample in samples])
        answers: UInt8 = self.segmenter.probabilities(pictures).argmax(axis=1).astype(np.uint8)
        return answers

    def off(self, *, beneath: bool) -> dict[str, str]:
        """The rules, or parts of them, that are off, and why.

        Args:
            beneath: whether the picture beneath a tile is known.
        """
        why: dict[str, str] = {}
        if not beneath:
            why["visible: change"] = "the picture beneath is not known: the generator paints its background itself"
        if self.ring_px is None:
            why["beyond"] = "this generator repaints the whole tile: it has no ring beyond which nothing may change"
        elif not beneath:
            why["beyond"] = why["visible: change"]
        for index, real in self.real.items():
            if real.contrast_limit is None:
                why[f"visible: contrast of {self._name(index)}"] = (
                    f"only {len(real.contrasts)} of {real.defects} real defects lie on sound surface to learn by"
                )
            if not len(real.patches):
                why[f"copy: content of {self._name(index)}"] = (
                    f"none of {real.defects} real defects is large enough to be told from another by what it shows"
                )
        if self.recognition is None:
            why["recognised"] = "there is no torch here, or it was not asked for"
        else:
            probes = self.recognition.probes
            why |= {f"recognised: {self._name(i)}": probe.why_off for i, probe in probes.items() if probe.why_off}
        seconds = {} if self.second_look is None else self.second_look.probes
        why |= {f"second look: {self._name(i)}": probe.why_off for i, probe in seconds.items() if probe.why_off}
        if self.thresholds is None:
            why["found"] = "no segmenter was given (--segmenter, --thresholds)"
        else:
            names = {self._name(index): self.thresholds.why_off(self._name(index)) for index in self.real}
            why |= {f"found: {name}": reason for name, reason in names.items() if reason}
        return why

    def limits(self) -> dict[str, Any]:
        """All that decides a verdict, as plain values for JSON."""
        return {
            "ring_px": self.ring_px,
            "real": {self._name(index): real.to_dict() for index, real in self.real.items()},
            "recognised": self._probes(self.recognition),
            **({} if self.second_look is None else {"second_look": self._probes(self.second_look)}),
            "found": None if self.thresholds is None else {self._name(i): self._limit(i) for i in self.real},
            "segmenter": self.segmenter_hash,
        }

    def _first_rules(self, candidate: Candidate) -> Rejection | None:
        pairs = list(_defects(candidate, self.real))
        for rejections in (
            self._visible(pairs),
            self._beyond(candidate),
            self._copies(pairs, candidate.shape_iou),
            self._unrecognised(candidate.sample, self.recognition),
            self._unrecognised(candidate.sample, self.second_look),
        ):
            first = next(rejections, None)
            if first is not None:
                return first
        return None

    def _visible(self, pairs: Sequence[tuple[CutOut, CutOut | None]]) -> Iterator[Rejection]:
        for seen, beneath in pairs:
            mask, ring, name = seen.mask > 0, ring_of(seen), self._name(seen.index)
            if beneath is not None:
                change, least = own_change(seen.picture, beneath.picture, mask, ring)
                if change < least:
                    text = f"{name} changes the surface by {change:.2f} grey levels on average, under {least:.2f}"
                    yield Rejection("visible", seen.index, change, least, text)
            value, limit = contrast(seen.picture, mask, ring), self.real[seen.index].contrast_limit
            if limit is not None and value < limit:  # NaN, too little surface to tell, is not under it.
                text = f"{name} has a contrast of {value:.3f}: 95 % of the real ones have {limit:.3f} or more"
                yield Rejection("visible", seen.index, value, limit, text)

    def _beyond(self, candidate: Candidate) -> Iterator[Rejection]:
        if self.ring_px is None or candidate.beneath is None:
            return
        mask = defect_mask(candidate.sample.label_map)
        change = largest_change_beyond(candidate.sample.picture, candidate.beneath, mask, self.ring_px)
        if change > 0:
            text = f"a pixel more than {self.ring_px} px from the mask changed by {change} grey levels"
            yield Rejection("beyond", 0, change, 0, text)

    def _copies(self, pairs: Sequence[tuple[CutOut, CutOut | None]], shape_iou: float) -> Iterator[Rejection]:
        if shape_iou >= NEAR_COPY_IOU:
            text = f"a shape overlaps by {shape_iou:.2f} with that of a training defect, moved or mirrored"
            yield Rejection("copy", 0, shape_iou, NEAR_COPY_IOU, text)
        for seen, _ in pairs:
            patch, real = content_patch(seen.picture, seen.mask > 0), self.real[seen.index]
            if patch is None:
                continue
            value, which = picture_copy(patch, real.patches)
            if value >= real.copy_limit:
                text = f"{self._name(seen.index)} correlates by {value:.3f} with the defect on {real.sources[which]}"
                yield Rejection("copy", seen.index, value, real.copy_limit, text)

    def _unrecognised(self, sample: Sample, look: Recognition | None) -> Iterator[Rejection]:
        for index, probe in ({} if look is None else look.probes).items():
            if probe.limit is None or look is None:
                continue
            value = look.score(sample, index)
            if value is not None and value < probe.limit:
                text = f"{self._name(index)} looks like bare surface: {value:.2f}, under {probe.limit:.2f}"
                yield Rejection("recognised", index, value, probe.limit, text)

    def _found(self, samples: Sequence[Sample]) -> list[Rejection | None]:
        answers = self.segmented(samples)
        return [self._missed(sample, answer) for sample, answer in zip(samples, answers, strict=True)]

    def _missed(self, sample: Sample, answer: UInt8) -> Rejection | None:
        for index in self.real:
            limit, value = self._limit(index), class_iou(sample.label_map.defect, answer, index)
            if limit is not None and not math.isnan(value) and value < limit:
                text = f"{self._name(index)} is found with an IoU of {value:.2f}, a real one with {limit:.2f} or more"
                return Rejection("found", index, value, limit, text)
        return None

    def _probes(self, look: Recognition | None) -> dict[str, Any] | None:
        return None if look is None else {self._name(i): probe.to_dict() for i, probe in look.probes.items()}

    def _limit(self, index: int) -> float | None:
        return None if self.thresholds is None else self.thresholds.limit(self._name(index))

    def _name(self, index: int) -> str:
        return self.taxonomy.defect(index).name


def _defects(candidate: Candidate, real: RealDefects) -> Iterator[tuple[CutOut, CutOut | None]]:
    """Each defect of a tile with its surface, and the same place on the picture beneath."""
    sample = candidate.sample
    for index in real:
        seen, _ = cut_outs_of(sample, index)
        if candidate.beneath is None:
            yield from ((each, None) for each in seen)
        else:
            beneath = Sample(without_channels(candidate.beneath), sample.label_map, sample.record)
            yield from zip(seen, cut_outs_of(beneath, index)[0], strict=True)
