"""The ways in which pictures and masks can find each other by their names and folders; names may be anything.

Same name and another extension (`a.jpg`, `a.png`), a common addition to the name (`a.png`, `a_mask.png`), one word for
another (`image_1.png`, `mask_1.png`), another folder at one depth (`images/x/a.png`, `masks/x/a.png`), a folder inside
that of the pictures (`x/a.png`, `x/masks/a.png`), one put in between (`t/x/a.png`, `t/masks/x/a.png`), or one a picture
in another (`images/a.png`, `masks/a/0.png`); those of folders alone, or with an addition or another word. Or every
picture has a folder with its mask, and all are called alike (`a/image.png`, `a/mask.png`).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations

from blemish.data.readers.listing import Entry, Listing

Column = tuple[str, ...]
_LEAD, _TAIL = re.compile(r"(\D+)\d.*"), re.compile(r".*\d(\D+)")
_MOST_WORDS = 6


@dataclass(frozen=True)
class Way:
    """One way to pair files: a key that partners share, and the column that tells them apart."""

    depth: int | None  # Folder depth that says picture or mask; None = side by side.
    addition: str  # "*_mask" or "mask_*"; "" = none.
    inside: bool = False  # Files that lie just above that depth are a column of their own.
    between: str = ""  # The folder at that depth that masks have and pictures have not.
    each: str = ""  # The folder at that depth in which every picture has a folder of its name with its masks.
    swap: tuple[str, ...] = ()  # Words that stand for each other: ("image_*", "mask_*"); the longest first.
    whole: bool = False  # They are whole names, ("image", "mask"); what is one thing lies in one folder.

    def key(self, entry: Entry) -> tuple[str, ...]:
        stem = entry.folders[-1] if self._is_part(entry) else self.plain_stem(entry.stem)
        return (*self.rest(entry), stem)

    def rest(self, entry: Entry) -> tuple[str, ...]:
        """The folders that partners share."""
        if self.depth is None or (self.between and not self._is_between(entry)):
            return entry.folders
        shared = _without(entry.folders, self.depth)
        return shared[:-1] if self._is_part(entry) else shared

    def folders(self, entry: Entry) -> tuple[str, ...]:
        """The folders that partners share, less the one that is theirs alone."""
        return self.rest(entry)[:-1] if self.whole else self.rest(entry)

    def role(self, entry: Entry) -> str:
        """The folder that says picture or mask."""
        if self.depth is None or self.between or len(entry.folders) <= self.depth:
            return ""
        return entry.folders[self.depth]

    def column(self, entry: Entry) -> Column:
        if self.depth is not None and self.between:
            return (*entry.folders[: self.depth], self.between if self._is_between(entry) else "")
        if self.depth is not None:
            return entry.folders[: self.depth + 1]
        if self.swap:
            found = (
                word
                for word in self.swap
                if (word == entry.stem if self.whole else _cut(entry.stem, word) != entry.stem)
            )
            return (next(found, ""),)
        if self.addition:
            return ("added" if self.plain_stem(entry.stem) != entry.stem else "plain",)
        return (entry.extension,)

    def siblings(self, column: Column) -> Column:
        """Columns are compared with those beside them only."""
        return () if self.depth is None else column[: self.depth]

    def covers(self, entry: Entry) -> bool:
        return self.depth is None or bool(self.between) or len(entry.folders) + self.inside > self.depth

    def _is_between(self, entry: Entry) -> bool:
        return self.depth is not None and _is_between(entry, self.depth, self.between)

    def _is_part(self, entry: Entry) -> bool:
        return self.depth is not None and bool(self.each) and _is_between(entry, self.depth, self.each)

    def plain_stem(self, stem: str) -> str:
        """A name without what the way adds to it or swaps in it."""
        if self.whole:
            return "" if stem in self.swap else stem
        for word in self.swap or (self.addition,):
            cut = _cut(stem, word)
            if cut != stem:
                return cut
        return stem


def ways_of(listing: Listing) -> Iterator[Way]:
    """All that a folder's names and folders allow, the simplest first."""
    deepest = max((len(entry.folders) for entry in listing.pictures), default=0)
    plain = [Way(depth, "") for depth in (None, *range(deepest))]
    inside = [Way(depth, "", inside=True) for depth in range(deepest)]
    between = [Way(depth, "", between=name) for depth in range(deepest) for name in _between(listing, depth)]
    each = [Way(depth, "", each=name) for depth in range(deepest) for name in _each(listing, depth)]
    ways = [*plain, *inside, *between, *each]
    yield from (Way(None, "", swap=swap, whole=True) for swap in _alike(listing))
    for way in ways:
        yield way
        yield from (replace(way, addition=addition) for addition in _additions(listing, way))
    for way in ways:
        yield from (replace(way, swap=swap) for swap in _swaps(listing, way))


def reach_of(way: Way, listing: Listing) -> int:
    """Keys that files of at least two columns share: no pairing can match more."""
    columns: dict[tuple[str, ...], set[Column]] = defaultdict(set)
    for entry in listing.pictures:
        if way.covers(entry):
            columns[way.key(entry)].add(way.column(entry))
    return sum(1 for found in columns.values() if len(found) > 1)


def _between(listing: Listing, depth: int) -> list[str]:
    """The folder at a depth without which most files would lie in folders of others."""
    folders = {entry.folders for entry in listing.pictures}
    names = Counter(
        entry.folders[depth]
        for entry in listing.pictures
        if len(entry.folders) > depth + 1 and _without(entry.folders, depth) in folders
    )
    return [name for name, _ in names.most_common(1)]


def _each(listing: Listing, depth: int) -> list[str]:
    """The folder at a depth in which most folders have the name of a picture elsewhere; their files are numbered."""
    pictures = {(_without(entry.folders, depth), entry.stem) for entry in listing.pictures}
    names = Counter(
        entry.folders[depth]
        for entry in listing.pictures
        if len(entry.folders) > depth + 1
        and entry.stem.isdigit()
        and (_without(entry.folders, depth)[:-1], entry.folders[-1]) in pictures
    )
    return [name for name, _ in names.most_common(1)]


def _is_between(entry: Entry, depth: int, name: str) -> bool:
    return len(entry.folders) > depth + 1 and entry.folders[depth] == name


def _additions(listing: Listing, way: Way) -> list[str]:
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


def _swaps(listing: Listing, way: Way) -> Iterator[tuple[str, ...]]:
    """The words before a number, and those behind it, that the most numbers have: two, or more that are as common."""
    entries = [entry for entry in listing.pictures if way.covers(entry)]
    for pattern, form in ((_LEAD, "{}*"), (_TAIL, "*{}")):
        keys: defaultdict[str, set[tuple[str, ...]]] = defaultdict(set)
        for entry in entries:
            found = pattern.fullmatch(entry.stem)
            if found:
                word = form.format(found.group(1))
                keys[word].add((*way.rest(entry), _cut(entry.stem, word)))
        yield from _most_shared(keys)


def _alike(listing: Listing) -> Iterator[tuple[str, ...]]:
    """Names without a number that files of several folders have."""
    folders: defaultdict[str, set[tuple[str, ...]]] = defaultdict(set)
    for entry in listing.pictures:
        if entry.folders and not any(map(str.isdigit, entry.stem)):
            folders[entry.stem].add(entry.folders)
    yield from _most_shared({name: held for name, held in folders.items() if len(held) > 1})


def _most_shared(keys: dict[str, set[tuple[str, ...]]]) -> Iterator[tuple[str, ...]]:
    common = sorted(keys, key=lambda word: -len(keys[word]))[:_MOST_WORDS]
    pairs = [(len(keys[one] & keys[other]), one, other) for one, other in combinations(common, 2)]
    shared, one, other = max(pairs, default=(0, "", ""))
    if shared:
        both = keys[one] & keys[other]
        words = [word for word in common if 2 * len(keys[word] & both) >= shared]
        yield tuple(sorted(words, key=lambda word: (-len(word), word)))


def _cut(stem: str, word: str) -> str:
    """A name without what `*_mask` or `mask_*` adds to it; never nothing."""
    if word.startswith("*"):
        return stem.removesuffix(word[1:]) or stem
    return stem.removeprefix(word[:-1]) or stem if word else stem


def _without(folders: Iterable[str], depth: int) -> tuple[str, ...]:
    parts = tuple(folders)
    return parts[:depth] + parts[depth + 1 :]
