"""How much a file looks like a mask, by its pixels alone: few values, mostly near black and white, in flat regions."""

from __future__ import annotations

import numpy as np

from blemish.core.errors import PictureError
from blemish.data.readers.listing import Entry, Listing
from blemish.picture.read import read_picture

MASK = 0.7  # From here on a file by itself passes for a mask; measured: masks 0.9 and more, dark scenes up to 0.6.
_FLAT = 0.5  # Of a mask's pixels, the least share like their neighbour; measured: 0.95 and more, dark noise 0.1.


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
        values = pixels.astype(np.int64) @ np.array([1 << 32, 1 << 16, 1])
        extremes = 0.6 if len(np.unique(values)) <= 32 else 0.0
    else:
        values = pixels.astype(np.int64)
        extremes = float(((values <= 31) | ((values >= 224) & (values <= 255))).mean())
    counts = np.unique(values, return_counts=True)[1] / values.size
    entropy_bits = float(-(counts * np.log2(counts)).sum())
    compressed = 0.5 if by_losses and entry.extension in (".jpg", ".jpeg") else 0.0
    noise = 0.0 if values.shape[1] < 2 or (values[:, 1:] == values[:, :-1]).mean() >= _FLAT else 2.0
    return extremes - min(entropy_bits / 8, 1.0) - compressed - noise


def looks_like_a_mask(listing: Listing, entry: Entry) -> bool:
    """Whether a file that no label goes with is likely a mask itself: nearly all of it black or white, and both."""
    try:
        pixels = read_picture(listing.path(entry))
    except PictureError:
        return False
    likeness = mask_likeness(listing, entry, by_losses=False)
    return likeness is not None and likeness >= MASK and bool((pixels != pixels.flat[0]).any())


def is_black(listing: Listing, entry: Entry) -> bool:
    """Whether a file is black throughout, as the mask of a good part is."""
    try:
        return not read_picture(listing.path(entry)).any()
    except PictureError:
        return False
