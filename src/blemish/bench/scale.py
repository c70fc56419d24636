"""How large a training on the ladder is: fixed once, in steps and never in minutes, and the same for every rung."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from blemish.core.errors import InputError

_SYNTHETIC = ("synthetic_share",)  # The rest of how synthetic tiles are made is in the hash of their set.


@dataclass(frozen=True, kw_only=True)
class Scale:
    """The reduced scale of docs/adr/0010: about four minutes a cell on one of two cores.

    Fields that begin with `gan_` decide our GAN's tiles only, those with `paper_` the paper's only.
    """

    network: str = "hardnet-small"
    crop_px: int | None = 192  # None = whole tiles.
    batch: int = 8
    steps: int = 1500
    learning_rate: float = 0.003
    balanced_until: float = 0.9  # `LossSettings.balanced_until`: without it nothing is found in so few steps.
    start: str = ""  # Start weights of every rung: "" from scratch, a packaged name, or the folder of a run.
    synthetic_share: float = 0.5  # Of the samples drawn.
    per_class: int = 300  # Real + synthetic train tiles of each class.
    gan_steps: int = 1500
    gan_batch: int = 8
    gan_size_px: int = 128
    gan_gate: bool = True  # Admit only tiles that pass the quality gate.
    paper_width: int = 16
    paper_steps: int = 2000
    paper_batch: int = 4
    paper_size_px: int = 128

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`.

        Raises:
            InputError: a name that no scale has: a result of another version.
        """
        unknown = sorted(set(values) - {field.name for field in fields(cls)})
        if unknown:
            raise InputError(f"a ladder of another version: its scale has '{unknown[0]}'; run the selection again")
        return cls(**values)

    def of_training(self, *, synthetic: bool) -> dict[str, Any]:
        """What decides the training of one cell; a rung without synthetic tiles does not change with their making.

        Start weights are left out: their hash stands in a cell's inputs, not where they lie.

        Example:
            >>> sorted(Scale().of_training(synthetic=True).keys() - Scale().of_training(synthetic=False).keys())
            ['synthetic_share']
        """
        made = [name for name in self.to_dict() if name.startswith(("gan_", "paper_"))]
        unused = [*made, "per_class", "start", *(() if synthetic else _SYNTHETIC)]
        return {name: value for name, value in self.to_dict().items() if name not in unused}


def key_of(inputs: Mapping[str, Any]) -> str:
    """Sixteen hex digits that stand for plain JSON values.

    Example:
        >>> key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1})
        True
    """
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]
