"""The synthetic sets of a view: each is made once, kept under the hash of its inputs, and shared by rungs and seeds.

A GAN is trained once a view (never once a seed), its time told apart from that of the cells that use its tiles.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from blemish.bench.fill_up import MakeGate, fill_up, paper_settings, train_gan
from blemish.bench.gan_parts import DRAWN, FOUND, RECOGNISED, mix_without, settings_without
from blemish.bench.gating import gate_for, gate_inputs, only_learned, train_gate
from blemish.bench.kept import only_one, read_or_make
from blemish.bench.scale import Scale, key_of
from blemish.bench.views import View
from blemish.core.errors import DatasetError, InputError
from blemish.core.protocols import Generator
from blemish.data.copy_paste import VERSION as PASTING
from blemish.data.copy_paste import copy_paste_dataset
from blemish.data.dataset import Dataset
from blemish.gan.bank import has_surface
from blemish.gan.composed.settings import ComposedSettings
from blemish.gan.gate import Gate
from blemish.gan.outcomes import WEAK_EXPLAINED
from blemish.gan.plan import Plan
from blemish.gan.presets import DEFAULT, Settings, preset
from blemish.gan.synthesis import DRAWING, NothingMadeError, Synthesis
from blemish.segment.out_of_fold import OutOfFold
from blemish.train.precision import Precision, default_precision

SEED = 0  # Of every synthetic set: seeds of the ladder differ in the inspector's training only.


@dataclass(frozen=True)
class SyntheticSet:
    """One synthetic set of one view: `copy_paste`, `gan_paper` or `gan`."""

    name: str
    view: View
    scale: Scale

    def inputs(self, dataset: Dataset, precision: Precision | None = None) -> dict[str, Any]:
        """What decides its tiles.

        Args:
            precision: of the machine that makes it; None = of this one.
        """
        return {
            "set": self.name,
            "data": dataset.hash,
            "view": self.view.inputs(),
            "per_class": self.scale.per_class,
            "seed": SEED,
            **_MAKERS[self.name].inputs(self.scale, precision),
        }

    @property
    def label(self) -> str:
        return f"tiles {self.name}, {self.view.name}{self.scale.told_apart}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for another process."""
        return {"name": self.name, "view": self.view.to_dict(), "scale": self.scale.to_dict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        return cls(str(values["name"]), View.from_dict(values["view"]), Scale.from_dict(values["scale"]))

    def folder(self, dataset: Dataset, work: Path) -> Path:
        """Where it lies: by its inputs, and by the version of what draws it."""
        key = key_of({**self.inputs(dataset), "drawn_by": _MAKERS[self.name].version})
        return work / "sets" / f"{self.name}-{self.view.name}-{key}"

    def is_there(self, dataset: Dataset, work: Path) -> bool:
        """Whether it was made; one that could not be is tried again by the next command."""
        told = _told(self.folder(dataset, work))
        return told.is_file() and not self.why_none(dataset, work)

    def why_none(self, dataset: Dataset, work: Path) -> str:
        """Why it could not be made, as far as was tried; empty otherwise."""
        told = _told(self.folder(dataset, work))
        return str(json.loads(told.read_text("utf-8")).get("why_none", "")) if told.is_file() else ""

    def make(self, dataset: Dataset, work: Path) -> dict[str, Any]:
        """Make it, or read what its making told: the number of tiles, and the seconds by stage.

        Where nothing of it can be made, `why_none` says why: the rungs that do without can still be told.
        """
        folder = self.folder(dataset, work)
        maker = _MAKERS[self.name].make

        def made() -> dict[str, Any]:
            try:
                return maker(self.view.open(dataset), folder, self.scale)
            except (InputError, DatasetError) as error:
                return {"tiles": 0, "why_none": error.reason if isinstance(error, NothingMadeError) else str(error)}

        return read_or_make(_told(folder), made, lambda kept: made() if kept.get("why_none") else None)


@dataclass(frozen=True)
class _Maker:
    inputs: Callable[[Scale, Precision | None], Mapping[str, Any]]
    make: Callable[[Dataset, Path, Scale], dict[str, Any]]  # Writes a data set and tells how.
    version: int  # Of what draws: equal inputs of another version may give other tiles.


def _copy_paste(view: Dataset, out: Path, scale: Scale) -> dict[str, Any]:
    """Real defects pasted and blended on clean tiles."""
    if out.exists():  # Whole, as a data set is; only what it told was lost.
        return {"tiles": len(Dataset(out))}
    return {"tiles": copy_paste_dataset(view, out, scale.per_class, SEED)}


def _paper(scale: Scale) -> Settings:
    return paper_settings(
        width=scale.paper_width, size_px=scale.paper_size_px, batch=scale.paper_batch, steps=scale.paper_steps
    )


def _gan_paper(view: Dataset, out: Path, scale: Scale) -> dict[str, Any]:
    """The paper's network and its tiles on generated backgrounds, every one admitted."""
    run, told = _trained(view, out, _paper(scale))
    return told | _filled(*fill_up(view, run, out, per_class=scale.per_class, seed=SEED))


def our_settings(scale: Scale) -> ComposedSettings:
    """How our GAN is trained at a scale."""
    whole = preset(DEFAULT, steps=scale.gan_steps, batch=scale.gan_batch, size_px=scale.gan_size_px)
    if not isinstance(whole, ComposedSettings):
        raise AssertionError("unreachable: the default preset is a composed one")
    return settings_without(whole, scale.gan_off)


def _gan(view: Dataset, out: Path, scale: Scale) -> dict[str, Any]:
    """Our default preset; where the gate is on, only tiles that pass it."""
    run, told = _trained(view, out, our_settings(scale))
    learned = only_learned(view)
    gate, of_gate = our_gate(learned, out.parent.parent, scale)
    real = on_real(learned, scale)
    mix = mix_without(scale.gan_off)
    made = fill_up(
        view,
        run,
        out,
        per_class=scale.per_class,
        seed=SEED,
        real_backgrounds=real,
        gate=gate,
        mix=mix,
        by_surroundings=scale.gan_surroundings,
    )
    return told | of_gate | {"background": "real" if real else "generated"} | _filled(*made)


def on_real(learned: Dataset, scale: Scale) -> bool:
    """Whether our defects are put on real pictures: asked for, or left to us where the set has surface to show."""
    return scale.gan_background == "real" or (scale.gan_background == "auto" and has_surface(learned))


def our_gate(learned: Dataset, work: Path, scale: Scale) -> tuple[MakeGate | None, dict[str, Any]]:
    """The gate of a view, None where it is off, and what its making told.

    Args:
        learned: a view that holds nothing but its training tiles.
    """
    if not scale.gan_gate:
        return None, {}
    if FOUND in scale.gan_off or scale.gate_folds == 0:
        return _gate_of(learned, None, scale), {}
    found, seconds = train_gate(learned, work, scale)
    return _gate_of(learned, found, scale), {
        "gate_seconds": round(seconds, 1),
        "thresholds": found.thresholds.to_dict(),
    }


def _gate_of(learned: Dataset, found: OutOfFold | None, scale: Scale) -> MakeGate:
    def make(generator: Generator, defects: Sequence[int]) -> Gate:
        recognised = RECOGNISED not in scale.gan_off
        look = scale.gate_second_look
        return gate_for(learned, generator, defects, found, recognised=recognised, second_look=look)

    return make


def _trained(view: Dataset, out: Path, settings: Settings) -> tuple[Path, dict[str, Any]]:
    run = gan_run(view, out.parent.parent, settings)
    with only_one(run):
        trained = train_gan(view, run, settings, seed=SEED, threads=1)
    return run, {"gan_seconds": round(trained.outcome.seconds, 1), "learning_rate": trained.learning_rate}


def _filled(plan: Plan, made: Synthesis) -> dict[str, Any]:
    return {"tiles": made.written, "plan": plan.to_dict(), "synthesis": told_of(made)}


def told_of(made: Synthesis) -> dict[str, Any]:
    """What a synthesis told; of the folder of its rejects the name only, as figures leave this machine."""
    told = made.to_dict()
    gate = told["gate"]
    return told if gate is None else {**told, "gate": {**gate, "rejects": Path(gate["rejects"]).name}}


def _gan_inputs(scale: Scale, precision: Precision | None) -> dict[str, Any]:
    drawn = [name for name in scale.gan_off if name in DRAWN]
    own: dict[str, Any] = {
        "gan": our_settings(scale).to_dict(),
        "background": scale.gan_background,
        "gate": gate_inputs(scale, precision),
        "weak_explained": WEAK_EXPLAINED,
    }
    asked: dict[str, Any] = {"surroundings": True} if scale.gan_surroundings else {}
    if "precision" not in (own["gate"] or {}):  # Where no network judges, that of the GAN alone tells sets apart.
        asked["precision"] = precision or default_precision()
    if scale.gan_gate and scale.gate_folds and FOUND not in scale.gan_off:
        asked["trial"] = True
    return own | asked | ({"off": sorted(drawn)} if drawn else {})


def _paper_inputs(scale: Scale, precision: Precision | None) -> dict[str, Any]:
    return {"gan": _paper(scale).to_dict(), "precision": precision or default_precision()}


def gan_run(view: Dataset, work: Path, settings: Settings) -> Path:
    """One run for all sets that the same training fills."""
    inputs = {"data": view.hash, "seed": SEED, "precision": default_precision(), **settings.to_dict()}
    return work / "gans" / f"{settings.preset}-{key_of(inputs)}"


def _told(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.json")


_MAKERS: Mapping[str, _Maker] = MappingProxyType(
    {
        "copy_paste": _Maker(lambda *_: {}, _copy_paste, PASTING),
        "gan_paper": _Maker(_paper_inputs, _gan_paper, DRAWING),
        "gan": _Maker(_gan_inputs, _gan, DRAWING),
    }
)
