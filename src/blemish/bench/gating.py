"""The quality gate of a view: what it asks of synthetic tiles is learned from the view's own training tiles.

Two or more trainings inside those tiles tell how well each class is found out of fold; one of them is the gate's
segmenter. They are made once a view and kept, like the synthetic sets.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from blemish.bench.gan_parts import RECOGNISED
from blemish.bench.kept import only_one
from blemish.bench.rungs import training_of
from blemish.bench.scale import Scale, key_of
from blemish.bench.start import device, start_hash, start_of
from blemish.bench.views import with_records
from blemish.core.protocols import Generator
from blemish.core.records import Split
from blemish.data.dataset import Dataset
from blemish.gan.gate import Gate
from blemish.gan.gate_reference import measure_real
from blemish.gan.recognition import learn_recognition
from blemish.gan.recognition_features import described_by, packaged_features
from blemish.segment.model import WEIGHTS_FOLDER, TorchSegmenter
from blemish.segment.out_of_fold import OutOfFold, out_of_fold
from blemish.segment.start_features import start_features
from blemish.train.checkpoint import WEIGHTS, load_weights
from blemish.train.precision import Precision, default_precision

_RUNG, _SEED = "balance", 0  # Of the gate's segmenters: the choice of BASE must not change the tiles.


def gate_inputs(scale: Scale, precision: Precision | None = None) -> dict[str, Any] | None:
    """What decides the gate, beside the view; None = no gate.

    Args:
        precision: of its trainings; None = the one that this machine trains in.
    """
    if not scale.gan_gate:
        return None
    recognised = RECOGNISED not in scale.gan_off
    looks = {"recognised": recognised, **({"second_look": True} if recognised and scale.gate_second_look else {})}
    if scale.gate_folds == 0:  # No trained judge: nothing of the inspector's scale decides.
        return {"folds": 0, **looks}
    return {
        "rung": _RUNG,
        "seed": _SEED,
        "folds": scale.gate_folds,
        **looks,
        "scale": scale.of_training(),
        "start": start_hash(scale),
        "precision": precision or default_precision(),
    }


def train_gate(learned: Dataset, work: Path, scale: Scale) -> tuple[OutOfFold, float]:
    """Thresholds and segmenters, and the seconds that they took now (none where they were there).

    Args:
        learned: a view that holds nothing but its training tiles (`only_learned`).
    """
    started = time.perf_counter()
    plain = replace(scale, gate_second_look=False)  # What the gate asks its probes changes no training.
    asked = {**(gate_inputs(plain) or {}), "recognised": True}
    folder = work / "gates" / key_of({"data": learned.hash, "gate": asked})
    settings = training_of(_RUNG, "", scale, _SEED)
    with only_one(folder):
        found = out_of_fold(learned, folder, settings, folds=scale.gate_folds, start=start_of(scale), threads=1)
    return found, time.perf_counter() - started


def gate_for(
    learned: Dataset,
    generator: Generator,
    defects: Sequence[int],
    found: OutOfFold | None,
    *,
    recognised: bool = True,
    second_look: bool = False,
) -> Gate:
    """The gate with the first fold's network as its segmenter; `found` None = the rule `found` is off."""
    gate = Gate(
        learned.taxonomy,
        measure_real(learned, defects),
        ring_px=getattr(generator, "ring_px", None),
        recognition=learn_recognition(learned, defects, packaged_features()) if recognised else None,
        second_look=learn_recognition(learned, defects, described_by(start_features()))
        if recognised and second_look
        else None,
    )
    if found is None:
        return gate
    run = found.runs[0]
    return replace(
        gate,
        segmenter=TorchSegmenter.load(run, device=device()),
        thresholds=found.thresholds,
        segmenter_hash=str(_card(run)["sha256"][WEIGHTS]),
    )


def only_learned(records_of: Dataset) -> Dataset:
    """The training tiles of a view alone, so that nothing judged can reach the gate."""
    return with_records(records_of, records_of.select(Split.TRAIN), f"{records_of.hash}, learned tiles")


def _card(run: Path) -> dict[str, Any]:
    return load_weights(run / WEIGHTS_FOLDER)[1]
