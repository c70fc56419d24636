"""Which picture belongs to which mask, found from structure and contents: names may be anything.

Files pair up in one of four ways: same name and another extension (`a.jpg`, `a.png`), a common addition to the name
(`a.png`, `a_mask.png`), another folder at one depth (`images/x/a.png`, `masks/x/a.png`), or a folder inside that of the
pictures (`x/a.png`, `x/masks/a.png`); the last two alone or with an addition.
Which side is the mask is read from the pixels of a few files: masks hold few values, mostly near black and white.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from blemish.core.errors import PictureError
from blemish.data.readers.listing import Entry, Listing
from blemish.picture.read import read_picture

_LEAST_GAP = 0.2  # Between the likeness of masks and of pictures; measured: real sets are 0.7 apart and more.
_SAMPLES = 6
_MASK = 0.7  # From here on a file by itself passes for a mask; measured: masks 0.9 and more, dark scenes up to 0.6.
Column = tuple[str, ...]


@dataclass(frozen=True)
class Pair:
    """Pictures and masks that belong together; exactly one of each is as it should be."""

    pictures: tuple[Entry, ...]
    masks: tuple[Entry, ...]
    folders: tuple[str, ...]  # Of the picture, without the folder that says picture or mask.
    role: str  # That folder of the picture; "" = the files lie side by side, or the mask in a folder inside.


@dataclass(frozen=True)
class Pairing:
    """How the files of a folder pair up."""

    depth: int | None  # Folder depth that says picture or mask; None = side by side.
    addition: str  # "*_mask" or "mask_*"; "" = equal names.
    pairs: tuple[Pair, ...]
    inside: bool = False  # The masks' folders lie inside those of the pictures.

    @property
    def confidence(self) -> float:
        """Of a format that knows the set by this: a folder inside may be of overlays or thumbnails."""
        return 0.7 if self.inside else 0.8

    @property
    def masks(self) -> list[Entry]:
        return [mask for pair in self.pairs for mask in pair.masks]


@dataclass(frozen=True)
class _Way:
    """One way to pair files: a key that partners share, and the column that tells them apart."""

    depth: int | None
    addition: str
    inside: bool = False  # Files that lie just above that depth are a column of their own.

    def key(self, entry: Entry) -> tuple[str, ...]:
        return (*self.rest(entry), self._plain_stem(entry.stem))

    def rest(self, entry: Entry) -> tuple[str, ...]:
        """The folders that partners share."""
        return entry.folders if self.depth is None else _without(entry.folders, self.depth)

    def column(self, entry: Entry) -> Column:
        if self.depth is not None:
            return entry.folders[: self.depth + 1]
        if self.addition:
            return ("added" if self._plain_stem(entry.stem) != entry.stem else "plain",)
        return (entry.extension,)

    def siblings(self, column: Column) -> Column:
        """Columns are compared with those beside them only."""
        return () if self.depth is None else column[: self.depth]

    def covers(self, entry: Entry) -> bool:
        return self.depth is None or len(entry.folders) + self.inside > self.depth

    def _plain_stem(self, stem: str) -> str:
        if self.addition.startswith("*"):
            return stem.removesuffix(self.addition[1:]) or stem
        if self.addition.endswith("*"):
            return stem.removeprefix(self.addition[:-1]) or stem
        return stem


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
    ways = sorted(((_reach(way, listing), i, way) for i, way in enumerate(_ways(listing))), key=lambda t: (-t[0], t[1]))
    likeness = _Likeness(listing)
    best: Pairing | None = None
    matched = left_over = 0
    for reach, _, way in ways:
        if reach < max(matched, 1) or (reach == matched and not left_over):
            break
        masks = _mask_columns(way, listing, likeness)
        pairs = _pairs(way, listing, masks) if masks else ()
        count = sum(1 for pair in pairs if pair.pictures and pair.masks)
        alone = sum(len(pair.masks) for pair in pairs if not pair.pictures)
        if count and (count, -alone) > (matched, -left_over):
            best, matched, left_over = Pairing(way.depth, way.addition, pairs, way.inside), count, alone
    return best


def mask_likeness(listing: Listing, entry: Entry, *, by_losses: bool = True) -> float | None:
    """Near 1 for a mask, near 0 or below for a picture; None where the file cannot be read.

    Args:
        by_losses: masks are seldom stored with losses; without it the pixels alone tell.
    """
    try:
        pixels = read_picture(listing.path(entry))
    except PictureError:
        return None
    step = max(1, int((pixels.shape[0] * pixels.shape[1] / 250_000) ** 0.5))
    pixels = pixels[::step, ::step]
    if pixels.ndim == 3 and (pixels == pixels[:, :, :1]).all():
        pixels = pixels[:, :, 0]
    if pixels.ndim == 3:
        colours = pixels.reshape(-1, 3).astype(np.int64) @ np.array([1 << 32, 1 << 16, 1])
        extremes = 0.6 if len(np.unique(colours)) <= 32 else 0.0
        values = colours
    else:
        values = pixels.ravel().astype(np.int64)
        extremes = float(((values <= 31) | ((values >= 224) & (values <= 255))).mean())
    counts = np.unique(values, return_counts=True)[1] / values.size
    entropy_bits = float(-(counts * np.log2(counts)).sum())
    compressed = 0.5 if by_losses and entry.extension in (".jpg", ".jpeg") else 0.0
    return extremes - min(entropy_bits / 8, 1.0) - compressed


def looks_like_a_mask(listing: Listing, entry: Entry) -> bool:
    """Whether a file that no label goes with is likely a mask itself: nearly all of it black or white, and both."""
    try:
        pixels = read_picture(listing.path(entry))
    except PictureError:
        return False
    likeness = mask_likeness(listing, entry, by_losses=False)
    return likeness is not None and likeness >= _MASK and bool((pixels != pixels.flat[0]).any())


def mostly_masks(listing: Listing, entries: Sequence[Entry]) -> bool:
    """Whether most of a sample look like masks: where a set's own pictures do, they are silhouettes."""
    sample = spread(list(entries), _SAMPLES)
    return 2 * sum(looks_like_a_mask(listing, entry) for entry in sample) > len(sample)


def spread(entries: list[Entry], count: int) -> list[Entry]:
    """At most `count` entries, evenly over the list."""
    if len(entries) <= count:
        return entries
    return [entries[round(i * (len(entries) - 1) / (count - 1))] for i in range(count)]


def _ways(listing: Listing) -> Iterator[_Way]:
    deepest = max((len(entry.folders) for entry in listing.pictures), default=0)
    plain = [_Way(depth, "") for depth in (None, *range(deepest))]
    for way in (*plain, *(_Way(depth, "", inside=True) for depth in range(deepest))):
        yield way
        yield from (replace(way, addition=addition) for addition in _additions(listing, way))


def _additions(listing: Listing, way: _Way) -> list[str]:
    """The most common addition behind a name and before it, among files that could be partners."""
    stems: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for entry in listing.pictures:
        if way.covers(entry):
            stems[way.rest(entry)].add(entry.stem)
    behind: Counter[str] = Counter()
    before: Counter[str] = Counter()
    for names in stems.values():
        behind.update(_extensions_of_neighbours(sorted(names)))
        before.update(text[::-1] for text in _extensions_of_neighbours(sorted(name[::-1] for name in names)))
    found = [f"*{text}" for text, _ in behind.most_common(1)]
    return found + [f"{text}*" for text, _ in before.most_common(1)]


def _extensions_of_neighbours(names: list[str]) -> Iterator[str]:
    """What longer names add to a shorter one; digits alone are a number going on, not an addition."""
    for i, name in enumerate(names):
        for longer in names[i + 1 : i + 4]:
            if not longer.startswith(name):
                break
            if not longer[len(name) :].isdigit():
                yield longer[len(name) :]


def _reach(way: _Way, listing: Listing) -> int:
    """Keys that files of at least two columns share: no pairing can match more."""
    columns: dict[tuple[str, ...], set[Column]] = defaultdict(set)
    for entry in listing.pictures:
        if way.covers(entry):
            columns[way.key(entry)].add(way.column(entry))
    return sum(1 for found in columns.values() if len(found) > 1)


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


def _mask_columns(way: _Way, listing: Listing, likeness: _Likeness) -> set[Column]:
    """The columns that hold masks: those above the widest gap in likeness, among siblings."""
    entries: dict[Column, list[Entry]] = defaultdict(list)
    for entry in listing.pictures:
        if way.covers(entry):
            entries[way.column(entry)].append(entry)
    families: dict[Column, list[tuple[float, Column]]] = defaultdict(list)
    for column, members in entries.items():
        usual = _usual(likeness, members, column, by_losses=not way.inside)
        families[way.siblings(column)].append((usual, column))
    masks: set[Column] = set()
    for family in families.values():
        family.sort()
        gaps = [(family[i + 1][0] - family[i][0], i + 1) for i in range(len(family) - 1)]
        widest, start = max(gaps, default=(0.0, 0))
        if widest >= _LEAST_GAP:
            masks.update(column for _, column in family[start:])
    return masks


def _usual(likeness: _Likeness, members: list[Entry], column: Column, *, by_losses: bool) -> float:
    """Of a column. In a folder inside, the extension says nothing: it may hold copies of its pictures."""
    scores = [likeness.of(entry, by_losses=by_losses) for entry in spread(members, _SAMPLES)]
    found = [score for score in scores if score is not None]
    usual = float(np.median(found)) if found else 0.3  # Nothing readable: between a mask and a picture.
    return usual + (0.3 if column == ("added",) else 0.0)  # Where pixels do not tell: it is the mask that is marked.


def _pairs(way: _Way, listing: Listing, mask_columns: set[Column]) -> tuple[Pair, ...]:
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


def _pair(way: _Way, pictures: list[Entry], masks: list[Entry]) -> Pair:
    first = (pictures or masks)[0]
    if way.depth is None:
        return Pair(tuple(pictures), tuple(masks), first.folders, "")
    role = first.folders[way.depth] if len(first.folders) > way.depth else ""
    return Pair(tuple(pictures), tuple(masks), _without(first.folders, way.depth), role)


def _without(folders: tuple[str, ...], depth: int) -> tuple[str, ...]:
    return folders[:depth] + folders[depth + 1 :]
