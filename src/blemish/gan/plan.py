"""Which classes need how many synthetic tiles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from blemish.core.errors import DatasetError, InputError
from blemish.core.records import Origin, Split, TileRecord
from blemish.core.seeds import rng
from blemish.core.taxonomy import Taxonomy


@dataclass(frozen=True)
class ClassPlan:
    """The tiles of one class, counted over the training split; a tile with several classes counts for each."""

    index: int  # 1..K
    code: str
    name: str
    real: int  # Not made by a generator.
    synthetic: int  # In the data set already.
    wanted: int
    planned: int
    note: str = ""

    @property
    def after(self) -> int:
        return self.real + self.synthetic + self.planned


@dataclass(frozen=True)
class PlanItem:
    """One synthetic tile to be drawn."""

    index: int
    classes: tuple[int, ...]  # 1..K; the first chooses the background.


@dataclass(frozen=True)
class Plan:
    """What will be drawn, tile by tile, and why."""

    classes: tuple[ClassPlan, ...]
    items: tuple[PlanItem, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: the classes, and the number of tiles."""
        return {"classes": [{**asdict(c), "after": c.after} for c in self.classes], "tiles": len(self.items)}

    def table(self) -> str:
        """The same for people."""
        head = ("class", "real", "synthetic there", "wanted", "planned", "after")
        rows = [
            (
                f"{c.code} {c.name}",
                c.real,
                c.synthetic,
                c.wanted,
                c.planned,
                f"{c.after}{'  ' + c.note if c.note else ''}",
            )
            for c in self.classes
        ]
        width = max(len(str(row[0])) for row in [head, *rows])
        lines = [f"{row[0]:<{width}}" + "".join(f"  {cell:>{len(head[i + 1])}}" for i, cell in enumerate(row[1:]))
                 for row in [head, *rows]]  # fmt: skip
        return "\n".join([*lines, f"{len(self.items)} synthetic tiles"])


def plan_per_class(
    records: Iterable[TileRecord], taxonomy: Taxonomy, per_class: int, *, pairs: bool = False, seed: int = 0
) -> Plan:
    """As many synthetic tiles as bring every class of the training split to `per_class` tiles.

    A class that has them already gets none; one without a real defect gets none either, as there is no shape to draw.

    Args:
        pairs: other classes that still need tiles are drawn beside the first as often as real tiles show both
            together; else each tile shows one class.
        seed: of the pairs.

    Raises:
        InputError: `per_class` is not positive.
        DatasetError: no tile is in the training split.

    Example:
        >>> from blemish.core.records import Box
        >>> def tile(name, *px):
        ...     return TileRecord(name, "", "", "", Box(0, 0, 8, 8), name, Split.TRAIN, Origin.REAL, px, (64,))
        >>> plan = plan_per_class([tile("a", 5, 5), tile("b", 5, 0)], Taxonomy.of_names("t", ["crack", "dent"]), 3)
        >>> [(c.real, c.planned, c.after) for c in plan.classes], [item.classes for item in plan.items]
        ([(2, 1, 3), (1, 2, 3)], [(2,), (1,), (2,)])
    """
    if per_class <= 0:
        raise InputError(f"--per-class must be 1 or more, got {per_class}")
    train = _train(records)
    classes = tuple(_class_plan(train, taxonomy, i, per_class) for i in range(1, len(taxonomy.defects) + 1))
    need = {c.index: c.planned for c in classes}
    return Plan(classes, tuple(_items(need, _together(train, need) if pairs else {}, seed)))


def plan_tiles(records: Iterable[TileRecord], taxonomy: Taxonomy, index: int, tiles: int) -> Plan:
    """A number of tiles of one class.

    Raises:
        InputError: `tiles` is not positive.
        DatasetError: the class has no real defect in the training split.
    """
    if tiles <= 0:
        raise InputError(f"--tiles must be 1 or more, got {tiles}")
    train = _train(records)
    real, synthetic = _counts(train, index)
    defect = taxonomy.defect(index)
    if real == 0:
        raise DatasetError(f"class '{defect.name}' has no real defect in the training split to take shapes from")
    row = ClassPlan(index, defect.code, defect.name, real, synthetic, real + synthetic + tiles, tiles)
    return Plan((row,), tuple(PlanItem(i, (index,)) for i in range(tiles)))


def without(plan: Plan, why: Mapping[int, str], remedy: str) -> tuple[Plan, dict[str, int]]:
    """The plan without some classes, and for each reason the tiles that are left out.

    A tile that was to show other classes too still shows those.

    Args:
        why: the reason of each class 1..K that is left out; it becomes the class's note.
        remedy: ends the message where nothing is left.

    Raises:
        InputError: nothing is left of the plan.
    """
    items = [replace(item, classes=tuple(i for i in item.classes if i not in why)) for item in plan.items]
    left_out = Counter(
        why[before.classes[0]] for before, item in zip(plan.items, items, strict=True) if not item.classes
    )
    if plan.items and left_out.total() == len(plan.items):
        raise InputError(f"nothing to generate: {'; '.join(sorted(left_out))}; {remedy}")
    rows = [replace(row, planned=0, note=why[row.index]) if row.index in why else row for row in plan.classes]
    return Plan(tuple(rows), tuple(item for item in items if item.classes)), dict(left_out)


def without_named(plan: Plan, taxonomy: Taxonomy, names: Iterable[str]) -> Plan:
    """The plan without classes that a user named; empty names are passed over.

    Raises:
        InputError: it is a plan of one class, or nothing is left of it.
        TaxonomyError: no such class.
    """
    asked = [name.strip() for name in names if name.strip()]
    if not asked:
        return plan
    if len(plan.classes) < 2:
        raise InputError("--leave-out goes with --per-class: one --class alone is simply not asked for")
    why = {taxonomy.defect_index(name): "left out (--leave-out)" for name in asked}
    return without(plan, why, "ask for another class")[0]


def _train(records: Iterable[TileRecord]) -> list[TileRecord]:
    train = [record for record in records if record.split == Split.TRAIN]
    if not train:
        raise DatasetError("no tile is in the training split: draw one first with data split")
    return train


def _class_plan(train: Sequence[TileRecord], taxonomy: Taxonomy, index: int, per_class: int) -> ClassPlan:
    defect = taxonomy.defect(index)
    real, synthetic = _counts(train, index)
    note = "" if real else "no real defect in the training split: nothing to draw"
    planned = max(0, per_class - real - synthetic) if real else 0
    return ClassPlan(index, defect.code, defect.name, real, synthetic, per_class, planned, note)


def _counts(train: Sequence[TileRecord], index: int) -> tuple[int, int]:
    of_class = [record for record in train if index in record.classes]
    synthetic = sum(record.origin == Origin.SYNTHETIC for record in of_class)
    return len(of_class) - synthetic, synthetic


def _together(train: Sequence[TileRecord], need: dict[int, int]) -> dict[int, list[tuple[int, float]]]:
    """For each class the others, with the share of its real tiles that show them."""
    shown = [set(record.classes) for record in train if record.origin != Origin.SYNTHETIC]
    together: dict[int, list[tuple[int, float]]] = {}
    for first in need:
        own = [classes for classes in shown if first in classes]
        together[first] = [
            (other, float(np.mean([other in classes for classes in own]))) for other in need if other != first and own
        ]
    return together


def _items(need: dict[int, int], together: dict[int, list[tuple[int, float]]], seed: int) -> list[PlanItem]:
    """The neediest class first, so that any beginning of the list is as balanced as it can be."""
    left = dict(need)
    items: list[PlanItem] = []
    while any(left.values()):
        first = max(left, key=lambda index: (left[index], -index))
        chance = rng(seed, "pairs", len(items)) if together else None
        others = [
            other
            for other, share in together.get(first, [])
            if left[other] > 0 and chance is not None and chance.random() < share
        ]
        for index in (first, *others):
            left[index] -= 1
        items.append(PlanItem(len(items), (first, *others)))
    return items
