"""Which tile is drawn for (seed, step, index): a pure function, so any batch is drawn without those before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from blemish.core.arrays import Int64
from blemish.core.errors import DatasetError, InputError
from blemish.core.records import TileRecord
from blemish.core.seeds import rng

CLEAN = 0  # Beside the label values 1..K in `shares`.


class Pick(NamedTuple):
    """A tile that was drawn.

    Args:
        place: in the sampler's list of real records, or of synthetic ones where it is `made`.
        shown: the class 1..K that it was drawn for, 0 = for being clean; None = whatever it shows.
    """

    place: int
    shown: int | None = None
    made: bool = False


class Sampler(Protocol):
    """Chooses the tile of a sample."""

    def pick(self, step: int, index: int) -> Pick:
        """The tile of sample `index` of a step."""
        ...


class UniformSampler:
    """Every tile equally often (drawn with replacement).

    Example:
        >>> 0 <= UniformSampler(10, seed=1).pick(step=0, index=0).place < 10
        True
    """

    def __init__(self, n: int, seed: int) -> None:
        if n < 1:
            raise DatasetError("there is no tile to draw from: the train split is empty")
        self.n = n
        self.seed = seed

    def pick(self, step: int, index: int) -> Pick:
        return Pick(int(rng(self.seed, "uniform", step, index).integers(self.n)))


class ClassBalancedSampler:
    """A class first, each equally often, then a tile that shows it.

    A tile of several classes is in each class's pool. A tile that shows no defect but holds 255 is in no pool: nobody
    knows that it is clean.

    Args:
        records: the tiles to draw from.
        clean_share: share of the draws that are clean tiles, 0 to 1; None = clean counts as one more class. Without
            clean tiles it goes to the classes, without classes everything is clean.
        by_group: within a class draw a group first, then one of its tiles: fourteen pictures of four defects count as
            four defects. False = every tile of the class equally often.
        only: the one class, 1..K, to draw; None = all that are there.

    Raises:
        DatasetError: neither a class nor a clean tile among the records, or none that shows the only class.
    """

    def __init__(
        self,
        records: Sequence[TileRecord],
        seed: int,
        *,
        clean_share: float | None = None,
        by_group: bool = False,
        only: int | None = None,
    ) -> None:
        _refuse_clean_share(clean_share)
        self.seed = seed
        places = _places_of_classes(records)
        if only is not None:
            if only not in places:
                raise DatasetError(f"none of the {len(records)} tiles shows class {only}: there is nothing to draw")
            places = {only: places[only]}
        self.shares = _shares(sorted(places), clean_share)
        self._pools = {
            value: _by_group(records, places[value]) if by_group else [np.array(places[value])] for value in self.shares
        }

    def pick(self, step: int, index: int) -> Pick:
        draw = rng(self.seed, "class-balanced", step, index)
        value = _drawn(self.shares, draw)
        groups = self._pools[value]
        tiles = groups[int(draw.integers(len(groups)))]
        return Pick(int(tiles[int(draw.integers(len(tiles)))]), value)


class MixedSampler:
    """Real and synthetic tiles at a fixed share of the samples drawn.

    Args:
        share: of synthetic tiles, 0 to 1.

    Example:
        >>> mixed = MixedSampler(UniformSampler(5, 1), UniformSampler(9, 1), share=1.0, seed=1)
        >>> mixed.pick(0, 0).made
        True
    """

    def __init__(self, real: Sampler, synthetic: Sampler, share: float, seed: int) -> None:
        _refuse_share(share)
        self.samplers = (real, synthetic)
        self.share = share
        self.seed = seed

    def pick(self, step: int, index: int) -> Pick:
        made = bool(rng(self.seed, "mixed", step, index).random() < self.share)
        return self.samplers[made].pick(step, index)._replace(made=made)


class BalancedMixedSampler:
    """Real and synthetic tiles, every class equally often: a class first, then whether real or synthetic.

    Mixing after balancing would halve what comes in real tiles only: clean ones, and classes that no generator has
    learned. So clean is always real, and so is a class without synthetic tiles.

    Args:
        real, made: the tiles to draw from.
        share: of synthetic tiles among the samples of every class that has them, 0 to 1.
        clean_share: as `ClassBalancedSampler`.

    Example:
        >>> from blemish.core.records import Box, Origin, Split
        >>> tile = TileRecord("a", "a", "", "", Box(0, 0, 8, 8), "a", Split.TRAIN, Origin.REAL, (5,), (64,))
        >>> BalancedMixedSampler([tile], [tile], share=1.0, seed=1).pick(0, 0)
        Pick(place=0, shown=1, made=True)
    """

    def __init__(
        self,
        real: Sequence[TileRecord],
        made: Sequence[TileRecord],
        share: float,
        seed: int,
        *,
        clean_share: float | None = None,
    ) -> None:
        _refuse_share(share)
        _refuse_clean_share(clean_share)
        self.share, self.seed = share, seed
        shown = _places_of_classes(made)
        self._pools = (_places_of_classes(real), {value: shown[value] for value in shown if value != CLEAN})
        self.shares = _shares(sorted(set(self._pools[0]) | set(self._pools[1])), clean_share)
        self._classes = list(self.shares)
        self._evenly = clean_share is None  # Drawn as before there was a share, so that seeds repeat older runs.

    def pick(self, step: int, index: int) -> Pick:
        draw = rng(self.seed, "balanced-mixed", step, index)
        value = self._classes[int(draw.integers(len(self._classes)))] if self._evenly else _drawn(self.shares, draw)
        real, made = (pool.get(value, []) for pool in self._pools)
        from_made = bool(made) and (not real or draw.random() < self.share)
        places = made if from_made else real
        return Pick(places[int(draw.integers(len(places)))], value, bool(from_made))


def _refuse_share(share: float) -> None:
    if not 0 <= share <= 1:
        raise InputError(f"the share of synthetic tiles must be 0 to 1, got {share}")


def _refuse_clean_share(clean_share: float | None) -> None:
    if clean_share is not None and not 0 <= clean_share <= 1:
        raise InputError(f"clean_share must be 0 to 1, got {clean_share}")


def _drawn(shares: Mapping[int, float], draw: np.random.Generator) -> int:
    """One of the values, each as often as its share says."""
    which = int(np.searchsorted(np.cumsum(list(shares.values())), draw.random(), side="right"))
    return list(shares)[min(which, len(shares) - 1)]


def _places_of_classes(records: Sequence[TileRecord]) -> dict[int, list[int]]:
    places: dict[int, list[int]] = {}
    for place, record in enumerate(records):
        for value in [CLEAN] if record.is_clean else record.classes:
            places.setdefault(value, []).append(place)
    if not places:
        raise DatasetError(
            f"none of the {len(records)} tiles shows a defect or is clean: there is nothing to draw evenly"
        )
    return places


def _shares(present: list[int], clean_share: float | None) -> dict[int, float]:
    classes = [value for value in present if value != CLEAN]
    if CLEAN not in present:
        clean = 0.0
    elif not classes:
        clean = 1.0
    else:
        clean = 1 / len(present) if clean_share is None else clean_share
    shares = {CLEAN: clean} | {value: (1 - clean) / len(classes) for value in classes}
    return {value: share for value, share in shares.items() if share > 0}


def _by_group(records: Sequence[TileRecord], places: list[int]) -> list[Int64]:
    groups: dict[str, list[int]] = {}
    for place in places:
        groups.setdefault(records[place].group, []).append(place)
    return [np.array(members) for members in groups.values()]
