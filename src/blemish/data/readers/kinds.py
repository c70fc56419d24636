"""What kind of mask a set holds, read from the pixels of a few: binary, index or painted in colours."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from itertools import chain

import numpy as np

from blemish.core.arrays import UInt8
from blemish.core.errors import PictureError, TaxonomyError
from blemish.core.taxonomy import IGNORE, Taxonomy, rgb
from blemish.data.colour_labels import IGNORED, NOTHING
from blemish.data.readers.labelmap import colours_told
from blemish.data.readers.listing import Entry, Listing
from blemish.data.readers.pairing import spread
from blemish.data.readers.planes import gray_plane, index_plane, mask_picture, values_in
from blemish.picture.read import read_index

_SAMPLES = 24


class MaskKind(StrEnum):
    """How the value of a pixel says its class."""

    BINARY = "binary"
    INDEX = "index"
    COLOUR = "colour"


def kind_of(listing: Listing, masks: list[Entry], taxonomy: Taxonomy | None) -> MaskKind | None:
    """The kind that most of a sample of masks have; None where no mask can be read. Only empty masks are binary.

    Where no mask of the sample says anything, the others are asked until one does.

    Args:
        taxonomy: the user's; None = the one that lies in the folder, if any, or the colours that a file there tells.
    """
    taxonomy = taxonomy or taxonomy_in(listing) or colours_told(listing)
    votes: Counter[MaskKind] = Counter()
    readable = False
    sample = spread(masks, _SAMPLES)
    others = (mask for mask in masks if not votes and mask not in sample)
    for entry in chain(sample, others):
        try:
            vote = _kind(listing, entry, taxonomy)
        except PictureError:
            continue
        readable = True
        if vote is not None:
            votes[vote] += 1
    if not votes:
        return MaskKind.BINARY if readable else None
    return votes.most_common(1)[0][0]


def only_ones(listing: Listing, masks: list[Entry]) -> bool:
    """Whether a sample of masks holds 1 and no other value but 0."""
    found: set[int] = set()
    for entry in spread(masks, _SAMPLES):
        path = listing.path(entry)
        try:
            if _is_black_and_white(gray_plane(mask_picture(path))):
                return False  # Read as shown: which index is white differs from file to file.
            found.update(values_in(index_plane(path)))
        except PictureError:
            continue
        if found - {0, 1}:
            return False
    return 1 in found


def taxonomy_in(listing: Listing) -> Taxonomy | None:
    """The first TOML file of a folder that is a taxonomy.

    Raises:
        TaxonomyError: a file named taxonomy.toml is none: a slip in it must not pass for "no taxonomy given".
    """
    for entry in listing.with_extension(".toml"):
        try:
            return Taxonomy.from_toml(listing.path(entry))
        except TaxonomyError:
            if entry.name == "taxonomy.toml":
                raise
    return None


def colours_in(pixels: UInt8) -> dict[tuple[int, int, int], int]:
    """Each colour of an RGB picture and how many pixels have it, the most frequent first."""
    packed = pixels.reshape(-1, 3).astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    values, counts = np.unique(packed, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return {
        (int(v) >> 16, int(v) >> 8 & 255, int(v) & 255): int(n)
        for v, n in zip(values[order], counts[order], strict=True)
    }


def colours_of(taxonomy: Taxonomy) -> set[tuple[int, int, int]]:
    return {rgb(d.colour) for d in taxonomy.defects} | {rgb(b.colour) for b in taxonomy.backgrounds}


def _kind(listing: Listing, entry: Entry, taxonomy: Taxonomy | None) -> MaskKind | None:
    path = listing.path(entry)
    shown = mask_picture(path)
    plane = gray_plane(shown)
    if taxonomy is not None and shown.ndim == 3 and set(colours_in(shown)) <= {NOTHING, IGNORED}:
        return None  # Nothing is painted: also where the others are.
    if _is_painted(shown, taxonomy):  # A taxonomy's colours are classes also where they are gray, as a cell's body is.
        return MaskKind.COLOUR
    try:
        raw = read_index(path)
    except PictureError:  # RGB, or 16 bit.
        return MaskKind.COLOUR if plane is None else _kind_of_values(plane)
    return _kind_of_values(raw) if shown.ndim == 2 else _kind_of_indices(raw, plane)


def _is_painted(shown: UInt8, taxonomy: Taxonomy | None) -> bool:
    """Whether a picture in three planes shows colours of the taxonomy and no other."""
    if taxonomy is None or shown.ndim != 3:
        return False
    found = set(colours_in(shown))
    return found <= {*colours_of(taxonomy), NOTHING, IGNORED} and bool(found & colours_of(taxonomy))


def _kind_of_values(plane: UInt8) -> MaskKind | None:
    between = [v for v in values_in(plane) if v not in (0, IGNORE)]
    if not between:
        return MaskKind.BINARY if plane.any() else None
    low = [v for v in between if v <= 127]
    one_stray = len(between) - len(low) <= 1 and low == list(range(1, len(low) + 1))
    return MaskKind.INDEX if len(low) == len(between) or (low and one_stray) else MaskKind.BINARY


def _kind_of_indices(indices: UInt8, shown: UInt8 | None) -> MaskKind | None:
    """Of a mask with a palette; 0 and 255 alone, and black and white, say nothing: they are binary, unless others of
    the set hold classes.

    Args:
        shown: the gray plane that the palette makes of it; None = colours.
    """
    if not set(values_in(indices)) - {0, IGNORE} or _is_black_and_white(shown):
        return None
    is_gray_picture = shown is not None and np.array_equal(shown, indices)
    return _kind_of_values(indices) if is_gray_picture else MaskKind.INDEX


def _is_black_and_white(shown: UInt8 | None) -> bool:
    return shown is not None and values_in(shown) == [0, IGNORE]
