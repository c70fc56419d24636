"""Masks that come in several files, one a defect, told apart by a number: `a_mask1.png`, `a_mask2.png` (AITEX).

A number behind a mask's name, or behind what masks add to a name. Parts in a folder of the picture's name are a way of
`ways` (MVTec LOCO). What else could be a second mask of a picture is refused (`paired`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from blemish.data.readers.likeness import looks_like_a_mask
from blemish.data.readers.listing import Entry, Listing
from blemish.data.readers.pairs import Pair
from blemish.data.readers.ways import Way

_NUMBERED = re.compile(r"(.+?)([\W_]?)\d+")


def join_numbered(pairs: Sequence[Pair], way: Way, listing: Listing) -> tuple[Pair, ...]:
    """The pairs, with masks that found no picture given to the one whose name they have before their number."""
    homes, numbered = _homes(pairs, way), _numbered(pairs, way)
    found = {i: _home(pair, way, homes, numbered, listing) for i, pair in enumerate(pairs)}
    moving = {i: home for i, home in found.items() if home is not None and home != i}
    joined: defaultdict[int, list[Entry]] = defaultdict(list)
    left: list[tuple[int, Pair]] = []
    for i, pair in enumerate(pairs):
        home = moving.get(i)
        if home is None or home in moving:  # What would join a file that moves itself is left as it is, and told.
            left.append((i, pair))
        else:
            joined[home] += pair.masks or pair.pictures
    return tuple(
        replace(pair, masks=(*pair.masks, *joined[i]), parts=True) if i in joined else pair for i, pair in left
    )


def _homes(pairs: Sequence[Pair], way: Way) -> dict[tuple[str, ...], int]:
    """What a further mask's name begins with -> the pair that it belongs to."""
    found: dict[tuple[str, ...], int] = {}
    for i, pair in enumerate(pairs):
        if len(pair.pictures) != 1:
            continue
        picture = pair.pictures[0]
        if not pair.masks:
            found["picture", *way.key(picture)] = i
        elif len(pair.masks) == 1 and (text := _before_number(pair.masks[0].stem)).startswith(picture.stem):
            found["mask", *pair.masks[0].folders, text] = i
    return found


def _numbered(pairs: Sequence[Pair], way: Way) -> set[tuple[str, ...]]:
    """What names of pictures with masks of their own begin with before their number: there a number tells pictures."""
    named = (pair.pictures[0] for pair in pairs if len(pair.pictures) == 1 and pair.masks)
    return {(*way.rest(picture), text) for picture in named if (text := _before_number(picture.stem))}


def _home(
    pair: Pair, way: Way, homes: dict[tuple[str, ...], int], numbered: set[tuple[str, ...]], listing: Listing
) -> int | None:
    """Of a file without a partner that is a mask, the pair to join; None = there is none."""
    files = (*pair.pictures, *pair.masks)
    if len(files) != 1 or not (text := _before_number(files[0].stem)):
        return None
    file, plain = files[0], way.plain_stem(text)
    is_marked = plain != text or _NUMBERED.fullmatch(file.stem)[2] != ""  # type: ignore[index]
    home = homes.get(("mask", *file.folders, text))
    if home is None and is_marked and (*way.rest(file), plain) not in numbered:
        home = homes.get(("picture", *way.rest(file), plain))
    return home if home is None or pair.masks or looks_like_a_mask(listing, file) else None


def _before_number(stem: str) -> str:
    """A name without the number at its end and the sign before that; "" = it has none.

    Example:
        >>> _before_number("a_mask2"), _before_number("a_2"), _before_number("a")
        ('a_mask', 'a', '')
    """
    found = _NUMBERED.fullmatch(stem)
    return found[1] if found else ""
