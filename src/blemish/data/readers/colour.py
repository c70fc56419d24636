"""Labels painted in the taxonomy's colours, the paper's paint or Photoshop way; without soft edges."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from blemish.core.arrays import UInt8
from blemish.core.errors import InputError, LabelError, PictureError
from blemish.core.taxonomy import IGNORE, Taxonomy
from blemish.data.colour_labels import IGNORED, NOTHING, index_from_colours
from blemish.data.readers.base import Drawn, Match, Plan, ReadOptions
from blemish.data.readers.kinds import MaskKind, colours_in, colours_of, kind_of, taxonomy_in
from blemish.data.readers.labelmap import colours_told
from blemish.data.readers.listing import Entry, Listing
from blemish.data.readers.masks import pairing_of
from blemish.data.readers.paired import paired_sources
from blemish.data.readers.pairing import Folder, spread
from blemish.data.readers.pairs import Pairing
from blemish.picture.read import read_label

_NAMED = 6
_SAMPLES = 24


@dataclass(frozen=True)
class ColourMasks:
    """Pictures with masks whose colours are classes, of the taxonomy given or of the one that lies in the folder."""

    name: str = "colour"

    def recognise(self, folder: Folder, options: ReadOptions) -> Match | None:
        pairing = folder.pairing
        taxonomy = _taxonomy(folder.listing, options)
        if pairing is None or kind_of(folder.listing, pairing.masks, taxonomy) is not MaskKind.COLOUR:
            return None
        return Match(pairing.confidence, "masks whose colours are classes")

    def plan(self, folder: Folder, options: ReadOptions) -> Plan:
        pairing = pairing_of(folder, self.name)
        taxonomy = _taxonomy(folder.listing, options)
        if taxonomy is None:
            raise InputError(_which_colours(folder.listing, pairing))
        pairing, notes = _of_one_tree(folder.listing, pairing, taxonomy)
        sources, left_out = paired_sources(
            folder.listing, pairing, [""] * len(pairing.pairs), partial(_draw, taxonomy), bare_is_clean=False
        )
        return Plan(self.name, tuple(sources), tuple(left_out), taxonomy, notes=(*notes, *pairing.notes))


def _taxonomy(listing: Listing, options: ReadOptions) -> Taxonomy | None:
    """The user's, or the one that lies in the folder, or what a list of colours there tells."""
    return options.taxonomy or taxonomy_in(listing) or colours_told(listing)


def _of_one_tree(listing: Listing, pairing: Pairing, taxonomy: Taxonomy) -> tuple[Pairing, tuple[str, ...]]:
    """Of two masks a picture, in trees of their own, those of the one tree that the taxonomy's colours fit; it is said.

    Masks of objects lie beside those of classes (`SegmentationObject`), in other colours.
    """
    trees: defaultdict[str, list[Entry]] = defaultdict(list)
    if pairing.depth is None or all(len(pair.masks) < 2 for pair in pairing.pairs):
        return pairing, ()
    for mask in pairing.masks:
        trees[mask.folders[pairing.depth]].append(mask)
    fitting = {
        tree for tree, masks in trees.items() if all(_fits(listing, m, taxonomy) for m in spread(masks, _SAMPLES))
    }
    if len(fitting) != 1:
        return pairing, ()
    pairs = [
        replace(pair, masks=tuple(mask for mask in pair.masks if mask.folders[pairing.depth] in fitting))
        for pair in pairing.pairs
    ]
    others = ", ".join(sorted(trees.keys() - fitting))
    note = f"the masks of {others} are passed over, as their colours are no classes; those of {min(fitting)} are taken"
    return replace(pairing, pairs=tuple(pair for pair in pairs if pair.pictures or pair.masks)), (note,)


def _fits(listing: Listing, mask: Entry, taxonomy: Taxonomy) -> bool:
    try:
        pixels = read_label(listing.path(mask))
    except PictureError:
        return True  # Named when it is read for good.
    if pixels.dtype != np.uint8 or pixels.ndim != 3:
        return pixels.ndim == 2 and not pixels.any()
    return set(colours_in(pixels.astype(np.uint8, copy=False))) <= {*colours_of(taxonomy), NOTHING, IGNORED}


def _draw(taxonomy: Taxonomy, path: Path, token: str) -> Drawn:
    pixels = read_label(path)
    if pixels.dtype != np.uint8:
        raise LabelError(f"{path} must be painted in 8-bit colours, got 16-bit: save it as 8-bit RGB PNG")
    painted: UInt8 = pixels.astype(np.uint8, copy=False)
    if painted.ndim == 2:
        painted = np.repeat(painted[:, :, None], 3, axis=2)
    found = index_from_colours(painted, taxonomy, str(path))
    return Drawn(
        size_hw=found.size_hw,
        defects={
            d.name: found.defect == i for i, d in enumerate(taxonomy.defects, start=1) if (found.defect == i).any()
        },
        backgrounds={b.name: found.background == i for i, b in enumerate(taxonomy.backgrounds)},
        ignored=found.defect == IGNORE,
    )


def _which_colours(listing: Listing, pairing: Pairing) -> str:
    for entry in spread(pairing.masks, _NAMED):
        try:
            pixels = read_label(listing.path(entry))
        except PictureError:
            continue
        if pixels.dtype == np.uint8 and pixels.ndim == 3:
            colours = colours_in(pixels.astype(np.uint8, copy=False))
            few = ", ".join(f"#{r:02x}{g:02x}{b:02x} ({n} px)" for (r, g, b), n in list(colours.items())[:_NAMED])
            return (
                f"{listing.root} has labels painted in colours, and only a taxonomy says which class a colour is: give "
                f"--taxonomy FILE; {entry.relative} has {few}{' and more' if len(colours) > _NAMED else ''}"
            )
    return f"{listing.root} has labels painted in colours: give --taxonomy FILE, which says the class of each colour"
