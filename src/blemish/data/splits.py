"""Splits by group, stratified by class: pure functions from groups and their classes to sides.

A group (a physical defect, a part, a lot) never crosses a split. Classes are shared out the rarest first (iterative
stratification: Sechidis et al., ECML 2011), so that a class of few groups is not left to chance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from blemish.core.errors import InputError
from blemish.core.records import Split
from blemish.core.seeds import rng

SIDES = (Split.TRAIN, Split.VAL, Split.TEST)
_CLEAN = ""  # Groups without any defect are shared out as a class of their own.
Groups = Mapping[str, Collection[str]]  # Group -> the classes that it shows.


def draw_splits(groups: Groups, shares: Sequence[float] = (0.7, 0.15, 0.15), *, seed: int = 0) -> dict[str, Split]:
    """A side for every group.

    A class of three groups or more is on every side whose share is not 0; of two, in train and the last such side. Only
    where groups show several classes, and no single one can change its side without taking another class from it, may a
    class be missing.

    Args:
        shares: of train, val and test; they sum to 1.

    Raises:
        InputError: shares that are not three, negative, or do not sum to 1.

    Example:
        >>> sides = draw_splits({f"g{i}": {"crack"} for i in range(20)}, seed=1)
        >>> Counter(str(side) for side in sides.values()) == {"train": 14, "val": 3, "test": 3}
        True
    """
    if len(shares) != 3 or min(shares) < 0 or abs(sum(shares) - 1) > 1e-6:
        raise InputError(f"shares of train, val and test must be three and sum to 1, got {list(shares)}")
    side_of = _shared_out(groups, shares, seed, everywhere=True)
    _fill_gaps(side_of, _with_clean(groups), shares)
    return {group: SIDES[side] for group, side in side_of.items()}


def folds(groups: Groups, n: int, seed: int = 0) -> list[set[str]]:
    """The groups in `n` parts of about equal size and mix of classes, for cross-validation.

    Raises:
        InputError: fewer than two folds, or fewer groups than folds.
    """
    if n < 2 or len(groups) < n:
        raise InputError(f"folds must be 2 to {len(groups)} (the number of groups), got {n}")
    side_of = _shared_out(groups, [1 / n] * n, seed, everywhere=False)
    return [{group for group, side in side_of.items() if side == fold} for fold in range(n)]


def parse_shares(text: str) -> tuple[float, float, float]:
    """'70/15/15' as (0.7, 0.15, 0.15).

    Raises:
        InputError: not three numbers that sum to 100 or to 1.
    """
    try:
        values = [float(part) for part in text.split("/")]
    except ValueError:
        values = []
    total = sum(values)
    if len(values) != 3 or not min(values) >= 0 or not min(abs(total - 100), abs(total - 1)) <= 1e-6:  # No NaN.
        raise InputError(f"shares must look like 70/15/15 and sum to 100, got '{text}'")
    return values[0] / total, values[1] / total, values[2] / total


def _shared_out(groups: Groups, shares: Sequence[float], seed: int, *, everywhere: bool) -> dict[str, int]:
    """A side's number for each group, the rarest class first; equal needs are settled by the seed."""
    random = rng(seed, "splits")
    names = sorted(groups)
    shuffled = [names[i] for i in random.permutation(len(names))]
    classes = _with_clean(groups)
    wanted = {c: _wanted(n, shares, everywhere=everywhere) for c, n in _counts(classes).items()}
    room = _wanted(len(names), shares, everywhere=everywhere)
    side_of: dict[str, int] = {}
    while len(side_of) < len(names):
        left = _counts({name: classes[name] for name in names if name not in side_of})
        rarest = min(left, key=lambda c: (left[c], c))
        for name in shuffled:
            if name in side_of or rarest not in classes[name]:
                continue
            side = _neediest(wanted[rarest], room)
            side_of[name] = side
            room[side] -= 1
            for c in classes[name]:
                wanted[c][side] -= 1
    return side_of


def _fill_gaps(side_of: dict[str, int], classes: Mapping[str, set[str]], shares: Sequence[float]) -> None:
    """Put a class that is missing on a side there, with a group that no class needs where it is."""
    needed = {c: _needed(n, shares) for c, n in _counts(classes).items()}

    def held(c: str, side: int) -> int:
        return sum(side_of[name] == side and c in classes[name] for name in side_of)

    def is_free(name: str) -> bool:
        side = side_of[name]
        return all(held(c, side) > 1 for c in classes[name] if side in needed[c])

    for c, sides in sorted(needed.items()):
        for side in sides:
            if held(c, side) == 0:
                free = [name for name in side_of if c in classes[name] and is_free(name)]
                if free:
                    side_of[max(free, key=lambda name: held(c, side_of[name]))] = side


def _needed(count: int, shares: Sequence[float]) -> list[int]:
    """The sides on which a class of so many groups has to be."""
    sides = [side for side, share in enumerate(shares) if share > 0]
    if count >= 3:
        return sides
    return [sides[0], sides[-1]] if count == 2 and sides[0] == 0 else []


def _with_clean(groups: Groups) -> dict[str, set[str]]:
    return {name: set(groups[name]) or {_CLEAN} for name in groups}


def _counts(classes: Mapping[str, Collection[str]]) -> Counter[str]:
    return Counter(c for found in classes.values() for c in found)


def _wanted(count: int, shares: Sequence[float], *, everywhere: bool) -> list[float]:
    """How many of `count` groups each side should get; with `everywhere`, at least one where there are enough."""
    wanted = [share * count for share in shares]
    others = [side for side in range(1, len(shares)) if shares[side] > 0]
    if not everywhere or shares[0] == 0 or count <= 1 or not others:
        return wanted
    whole = [0.0] * len(shares)
    for side in others if count > len(others) else others[-1:]:
        whole[side] = max(1.0, float(round(wanted[side])))
    whole[0] = count - sum(whole)
    return whole if whole[0] >= 1 else wanted


def _neediest(wanted: Sequence[float], room: Sequence[float]) -> int:
    return max(range(len(wanted)), key=lambda side: (round(wanted[side], 9), round(room[side], 9), -side))
