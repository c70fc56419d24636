"""What the gate did, so that it adds up: drawn = admitted + rejected + not drawn, planned = written + not filled.

An attempt is one draw of one planned tile. It is admitted, or rejected by one rule for one class, or could not be drawn
at all; a planned tile none of whose attempts was admitted is not filled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass
class GateCounts:
    """Counts by name of class; a tile of several classes counts under their names joined by " + "."""

    admitted: Counter[str] = field(default_factory=Counter)
    rejected: dict[str, Counter[str]] = field(default_factory=dict)  # Rule -> class -> attempts.
    not_drawn: Counter[str] = field(default_factory=Counter)
    not_filled: dict[str, Counter[str]] = field(default_factory=dict)  # Class -> reason -> planned tiles.
    near_copies: int = 0  # Shapes drawn again within an attempt, as near-copies of training defects.

    @property
    def drawn(self) -> int:
        """All attempts."""
        return self.admitted.total() + self.rejections + self.not_drawn.total()

    @property
    def rejections(self) -> int:
        return sum(by_class.total() for by_class in self.rejected.values())

    def reject(self, rule: str, name: str) -> None:
        self.rejected.setdefault(rule, Counter())[name] += 1

    def miss(self, name: str, reason: str) -> None:
        self.not_filled.setdefault(name, Counter())[reason] += 1

    def add(self, other: GateCounts) -> None:
        """Count another's on top."""
        self.near_copies += other.near_copies
        self.admitted.update(other.admitted)
        self.not_drawn.update(other.not_drawn)
        for rule, by_class in other.rejected.items():
            self.rejected.setdefault(rule, Counter()).update(by_class)
        for name, reasons in other.not_filled.items():
            self.not_filled.setdefault(name, Counter()).update(reasons)

    def sentence(self) -> str:
        """For people, e.g. '12 drawn = 9 admitted + 3 rejected (visible 2, copy 1) + 0 not drawn'."""
        rules = ", ".join(f"{rule} {by_class.total()}" for rule, by_class in sorted(self.rejected.items()))
        told = f" ({rules})" if rules else ""
        return (
            f"{self.drawn} drawn = {self.admitted.total()} admitted + {self.rejections} rejected{told} "
            f"+ {self.not_drawn.total()} not drawn"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, in an order that does not depend on what came first."""
        return {
            "drawn": self.drawn,
            "admitted": _sorted(self.admitted),
            "rejected": {rule: _sorted(self.rejected[rule]) for rule in sorted(self.rejected)},
            "not_drawn": _sorted(self.not_drawn),
            "not_filled": {name: _sorted(self.not_filled[name]) for name in sorted(self.not_filled)},
            "near_copies": self.near_copies,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        return cls(
            Counter(values["admitted"]),
            {rule: Counter(by_class) for rule, by_class in values["rejected"].items()},
            Counter(values["not_drawn"]),
            {name: Counter(reasons) for name, reasons in values["not_filled"].items()},
            int(values["near_copies"]),
        )


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return {name: counts[name] for name in sorted(counts)}
