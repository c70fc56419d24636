"""What kind of mask a set holds, read from the pixels of a few: binary, index or painted in colours."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum

import numpy as np

from blemish.core.arrays import UInt8, UInt16
from blemish.core.errors import PictureError, TaxonomyError
from blemish.core.taxonomy import IGNORE, Taxonomy, rgb
from blemish.data.readers.listing import Entry, Listing
from blemish.data.readers.pairing import spread
from blemish.picture.read import read_index, read_picture

_SAMPLES = 24
NOTHING, WHITE = (0, 0, 0), (255, 255, 255)  # Painted: no class, and ignore, where no class has that colour.


class MaskKind(StrEnum):
    """How the value of a pixel says its class."""

    BINARY = "binary"
    INDEX = "index"
    COLOUR = "colour"


def kind_of(listing: Listing, masks: list[Entry], taxonomy: Taxonomy | None) -> MaskKind | None:
    """The kind that most of a sample of masks have; None where no mask can be read. Only empty masks are binary.

    Args:
        taxonomy: the user's; None = the one that lies in the folder, if any.
    """
    taxonomy = taxonomy or taxonomy_in(listing)
    votes: Counter[MaskKind] = Counter()
    readable = False
    for entry in spread(masks, _SAMPLES):
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


def is_gray(pixels: UInt8 | UInt16) -> bool:
    """One plane, or three equal ones."""
    return pixels.ndim == 2 or bool((pixels == pixels[:, :, :1]).all())


def gray_plane(pixels: UInt8) -> UInt8 | None:
    """The one plane of a gray picture, also where it is stored as RGB; None for a coloured one."""
    if pixels.ndim == 2:
        return pixels
    return pixels[:, :, 0] if is_gray(pixels) else None


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
    shown = read_picture(listing.path(entry))
    plane = gray_plane(shown.astype(np.uint8)) if shown.dtype == np.uint8 else None
    try:
        raw = read_index(listing.path(entry))
    except PictureError:  # RGB. A taxonomy's colours are classes also where they are gray, as the pouch cell's body is.
        return MaskKind.COLOUR if plane is None or _is_painted(shown, taxonomy) else _kind_of_values(plane)
    if plane is None or shown.ndim == 3:  # A palette.
        return MaskKind.COLOUR if _is_painted(shown, taxonomy) else MaskKind.INDEX
    return _kind_of_values(raw)


def _is_painted(shown: UInt8 | UInt16, taxonomy: Taxonomy | None) -> bool:
    """Whether a picture in three planes shows colours of the taxonomy and no other."""
    if taxonomy is None or shown.ndim != 3:
        return False
    found = set(colours_in(shown.astype(np.uint8)))
    return found <= {*colours_of(taxonomy), NOTHING, WHITE} and bool(found & colours_of(taxonomy))


def _kind_of_values(plane: UInt8) -> MaskKind | None:
    between = [int(v) for v in np.unique(plane) if v not in (0, IGNORE)]
    if not between:
        return MaskKind.BINARY if plane.any() else None
    low = [v for v in between if v <= 127]
    one_stray = len(between) - len(low) <= 1 and low == list(range(1, len(low) + 1))
    return MaskKind.INDEX if len(low) == len(between) or (low and one_stray) else MaskKind.BINARY
