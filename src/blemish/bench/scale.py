"""How large a training on the ladder is: fixed once, in steps and never in minutes, and the same for every rung."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self

from blemish.core.errors import InputError

Background = Literal["auto", "real", "generated"]


@dataclass(frozen=True, kw_only=True)
class Scale:
    """The reduced scale of docs/adr/0010: about four minutes a cell on one of two cores.

    Fields that begin with `gan_` and `gate_` decide our GAN's tiles only, those with `paper_` the paper's only.
    """

    network: str = "hardnet-small"
    crop_px: int | None = None  # None = whole tiles.
    batch: int = 8
    steps: int = 1000
    learning_rate: float = 0.003
    balanced_until: float = 0.5  # `LossSettings.balanced_until`: without it nothing is found in so few steps.
    start: str = "auto"  # Of every rung: `procedural` (packaged weights), `scratch`, either as there are, or a run.
    synthetic_share: float = 0.25  # Of the samples of every class that has synthetic tiles,
    shares: tuple[tuple[str, float], ...] = ()  # but for these rungs.
    synthetic_until: float = 0.6  # Share of the steps in which they are drawn; the last steps see real tiles only.
    per_class: int = 300  # Real + synthetic train tiles of each class.
    gan_steps: int | None = None  # None = as the preset `default` says; so for the next two.
    gan_batch: int | None = None
    gan_size_px: int | None = None
    gan_background: Background = "auto"  # Real where training tiles are clean or have clean areas, else generated.
    gan_gate: bool = True  # Admit only tiles that pass the quality gate.
    gan_off: tuple[str, ...] = ()  # Parts of our GAN that an ablation turns off (`bench.gan_parts`).
    gan_surroundings: bool = False  # Our defects lie where it looks as it does round real ones (docs/adr/0007).
    gate_folds: int = (
        2  # Inside the training tiles: so many trainings a view for the gate; 0 = its rule `found` is off.
    )
    gate_second_look: bool = False  # The rule `recognised` asks the packaged start weights too (docs/adr/0008).
    paper_width: int = 16
    paper_steps: int = 2000
    paper_batch: int = 4
    paper_size_px: int = 128

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; what came later is left out where it is off, as in older results."""
        values = {**asdict(self), "shares": [list(pair) for pair in self.shares], "gan_off": list(self.gan_off)}
        unsaid = [name for name in ("gan_off", "gan_surroundings", "gate_second_look") if not values[name]]
        return {name: value for name, value in values.items() if name not in unsaid}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`.

        Raises:
            InputError: a name that no scale has: a result of another version.
        """
        unknown = sorted(set(values) - {field.name for field in fields(cls)})
        if unknown:
            raise InputError(f"a ladder of another version: its scale has '{unknown[0]}'; run the selection again")
        pairs = tuple((str(rung), float(share)) for rung, share in values.get("shares", ()))
        return cls(**{**values, "shares": pairs, "gan_off": tuple(values.get("gan_off", ()))})

    def share_of(self, rung: str) -> float:
        """The share of synthetic tiles among the samples of a rung.

        Example:
            >>> Scale(synthetic_share=0.5, shares=(("gan", 0.25),)).share_of("gan")
            0.25
        """
        return dict(self.shares).get(rung, self.synthetic_share)

    @property
    def told_apart(self) -> str:
        """What the tasks of an ablation's row are called beside those of the whole preset; empty where nothing is off.

        Example:
            >>> Scale(gan_off=("noise",)).told_apart
            ', without noise'
        """
        off = [*self.gan_off, *([] if self.gan_gate else ["gate"])]
        names = [f"without {' '.join(off)}"] * bool(off)
        names += [self.gan_background] * (self.gan_background != "auto")
        names += ["surroundings"] * self.gan_surroundings
        return "".join(f", {name}" for name in names)

    def of_training(self) -> dict[str, Any]:
        """What decides every training alike: neither how synthetic tiles are made and mixed in, nor where start weights
        lie, whose hash stands in a cell's inputs.

        Example:
            >>> sorted(Scale().of_training())
            ['balanced_until', 'batch', 'crop_px', 'learning_rate', 'network', 'steps']
        """
        unused = ("synthetic_share", "shares", "synthetic_until", "per_class", "start")
        return {
            name: value
            for name, value in self.to_dict().items()
            if name not in unused and not name.startswith(("gan_", "gate_", "paper_"))
        }


def key_of(inputs: Mapping[str, Any]) -> str:
    """Sixteen hex digits that stand for plain JSON values.

    Example:
        >>> key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1})
        True
    """
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]
