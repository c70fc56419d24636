"""Which picture belongs to which mask, found from structure and contents: names may be anything.

The ways in which files pair up are those of `ways`.
Which side is the mask is read from the pixels of a few files: masks hold few values, mostly near black and white.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from blemish.data.readers.likeness import MASK, looks_like_a_mask, mask_likeness
from blemish.data.readers.listing import Entry, Listing
from blemish.data.readers.mask_parts import join_numbered
from blemish.data.readers.pairs import Pair, Pairing
from blemish.data.readers.ways import Column, Way, reach_of, ways_of

LEAST_GAP = 0.2  # Between the likeness of masks and of pictures; measured: real sets are 0.7 apart and more.
_NOISE = -1.0  # Below, no column is of masks: its pixels differ from their neighbours.
_SAMPLES = 6


class Folder:
    """A listed folder with what is known of its structure, each thing worked out once.

    The folder is read while this is made; contents are sampled when `pairing` is first asked for.
    """

    def __init__(self, listing: Listing) -> None:
        self.listing = listing

    @cached_property
    def pairing(self) -> Pairing | None:
        """The way that pairs the most files; None where there is none."""
        return find_pairing(self.listing)


def find_pairing(listing: Listing) -> Pairing | None:
    """The way of pairing that covers the most files; of equals the one with the fewest masks left over, the simplest.

    A mask without a picture speaks against a way: folders of equal file numbers pair up in more ways than one.
    """
    ways = sorted(
        ((reach_of(way, listing), i, way) for i, way in enumerate(ways_of(listing))), key=lambda t: (-t[0], t[1])
    )
    likeness = _Likeness(listing)
    best: tuple[Way, tuple[Pair, ...]] | None = None
    matched = left_over = 0
    for reach, _, way in ways:
        if reach < max(matched, 1) or (reach == matched and not left_over):
            break
        masks = _mask_columns(way, listing, likeness)
        pairs = _pairs(way, listing, masks) if masks else ()
        count = sum(1 for pair in pairs if pair.pictures and pair.masks)
        alone = sum(len(pair.masks) for pair in pairs if not pair.pictures)
        if count and (count, -alone) > (matched, -left_over):
            best, matched, left_over = (way, pairs), count, alone
    if best is None:
        return None
    way, pairs = best
    return Pairing(way.depth, way.addition, join_numbered(pairs, way, listing), way.inside)


def mostly_masks(listing: Listing, entries: Sequence[Entry]) -> bool:
    """Whether most of a sample look like masks: where a set's own pictures do, they are silhouettes."""
    sample = spread(list(entries), _SAMPLES)
    return 2 * sum(looks_like_a_mask(listing, entry) for entry in sample) > len(sample)


def spread(entries: list[Entry], count: int) -> list[Entry]:
    """At most `count` entries, evenly over the list."""
    if len(entries) <= count:
        return entries
    return [entries[round(i * (len(entries) - 1) / (count - 1))] for i in range(count)]


class _Likeness:
    """`mask_likeness` of a listing's files, each looked at once."""

    def __init__(self, listing: Listing) -> None:
        self._listing = listing
        self._known: dict[tuple[Entry, bool], float | None] = {}

    def of(self, entry: Entry, *, by_losses: bool) -> float | None:
        key = (entry, by_losses)
        if key not in self._known:
            self._known[key] = mask_likeness(self._listing, entry, by_losses=by_losses)
        return self._known[key]


def _mask_columns(way: Way, listing: Listing, likeness: _Likeness) -> set[Column]:
    """The columns that hold masks: those above the widest gap in likeness, among siblings."""
    entries: dict[Column, list[Entry]] = defaultdict(list)
    for entry in listing.pictures:
        if way.covers(entry):
            entries[way.column(entry)].append(entry)
    families: dict[Column, list[tuple[float, Column]]] = defaultdict(list)
    for column, members in entries.items():
        usual = _usual(likeness, members, column, by_losses=not (way.inside or way.swap))
        families[way.siblings(column)].append((usual, column))
    least = MASK if way.swap else _NOISE  # Pictures in two lights are called alike too.
    masks: set[Column] = set()
    for family in families.values():
        family.sort()
        gaps = [(family[i + 1][0] - family[i][0], i + 1) for i in range(len(family) - 1)]
        widest, start = max(gaps, default=(0.0, 0))
        if widest >= LEAST_GAP:
            masks.update(column for usual, column in family[start:] if usual >= least)
    return masks


def _usual(likeness: _Likeness, members: list[Entry], column: Column, *, by_losses: bool) -> float:
    """Of a column. Where names may pair up by chance the extension says nothing: a folder inside may hold copies."""
    scores = [likeness.of(entry, by_losses=by_losses) for entry in spread(members, _SAMPLES)]
    found = [score for score in scores if score is not None]
    usual = float(np.median(found)) if found else 0.3  # Nothing readable: between a mask and a picture.
    return usual + (0.3 if column == ("added",) else 0.0)  # Where pixels do not tell: it is the mask that is marked.


def _pairs(way: Way, listing: Listing, mask_columns: set[Column]) -> tuple[Pair, ...]:
    together: dict[tuple[str, ...], tuple[list[Entry], list[Entry]]] = {}
    pairs: list[Pair] = []
    for entry in listing.pictures:
        if not way.covers(entry):
            pairs.append(Pair((entry,), (), entry.folders, ""))
            continue
        key = way.key(entry)
        together.setdefault(key, ([], []))[way.column(entry) in mask_columns].append(entry)
    for pictures, masks in together.values():
        if masks:
            pairs.append(_pair(way, pictures, masks))
        else:
            pairs.extend(_pair(way, [picture], []) for picture in pictures)
    return tuple(pairs)


def _pair(way: Way, pictures: list[Entry], masks: list[Entry]) -> Pair:
    first = (pictures or masks)[0]
    return Pair(tuple(pictures), tuple(masks), way.folders(first), way.role(first), parts=bool(way.each))
