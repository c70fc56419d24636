"""Pairs of files become pictures to import; whatever does not pair up is left out with its reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from blemish.core.errors import PictureError
from blemish.core.records import Split
from blemish.data.readers.base import SPLIT_WORDS, Drawn, LeftOut, SourcePicture, empty_drawing
from blemish.data.readers.listing import Entry, Listing
from blemish.data.readers.pairing import Pair, Pairing, mostly_masks
from blemish.picture.read import picture_size, read_picture

Draw = Callable[[Path, str], Drawn]  # From a mask's path and the class token of its pair.


def paired_sources(
    listing: Listing, pairing: Pairing, tokens: Sequence[str], draw: Draw, *, bare_is_clean: bool
) -> tuple[list[SourcePicture], list[LeftOut]]:
    """The pictures of all sound pairs, and what is left out.

    Args:
        tokens: of each pair, the folder or word that says its class.
        bare_is_clean: a folder without a single mask holds clean pictures (`good`); else they are unlabelled.
    """
    sources: list[SourcePicture] = []
    left_out: list[LeftOut] = []
    masked: defaultdict[str, int] = defaultdict(int)
    bare: defaultdict[str, list[Entry]] = defaultdict(list)
    for pair, token in zip(pairing.pairs, tokens, strict=True):
        masked[token] += len(pair.masks)
        bare[token] += pair.pictures
    alone = {token: own for token, own in bare.items() if token and not masked[token]}
    labelled = [pair.pictures[0] for pair in pairing.pairs if pair.pictures and pair.masks]
    silhouettes = bool(alone) and mostly_masks(listing, labelled)
    lost = {token for token, own in alone.items() if not silhouettes and mostly_masks(listing, own)}
    for pair, token in zip(pairing.pairs, tokens, strict=True):
        if len(pair.pictures) == 1 and len(pair.masks) == 1:
            mask = pair.masks[0]
            drawing = partial(draw, listing.path(mask), token)
            sources.append(source_of(listing, pair, token, drawing, label=mask.relative))
        elif token in lost:
            left_out.extend(_mask_without_picture(entry) for entry in pair.pictures)
        elif bare_is_clean and token and pair.pictures and not pair.masks and not masked[token]:
            sources.append(clean_source(listing, pair.pictures[0], token))
        else:
            left_out.extend(_unpaired(listing, pair))
    return sources, left_out


def clean_source(listing: Listing, picture: Entry, folder: str = "") -> SourcePicture:
    """A picture without a label that is known to be clean."""
    return SourcePicture(
        id=picture.id,
        source=picture.relative,
        read=partial(read_picture, listing.path(picture)),
        draw=partial(_draw_clean, listing.path(picture)),
        split=split_of(picture),
        folder=folder,
    )


def source_of(listing: Listing, pair: Pair, token: str, draw: Callable[[], Drawn], label: str = "") -> SourcePicture:
    """The record of a pair's first picture."""
    picture = pair.pictures[0]
    return SourcePicture(
        id=picture.id,
        source=picture.relative,
        read=partial(read_picture, listing.path(picture)),
        draw=draw,
        label=label,
        split=split_of(picture),
        folder=token,
    )


def split_of(entry: Entry) -> Split:
    """The split that a folder of a file is named after, the innermost first."""
    for folder in reversed(entry.folders):
        if folder.lower() in SPLIT_WORDS:
            return SPLIT_WORDS[folder.lower()]
    return Split.NONE


def _mask_without_picture(mask: Entry) -> LeftOut:
    return LeftOut(
        mask.relative, f"{mask.relative} looks like a mask and has no picture: add it or remove the mask", False
    )


def _draw_clean(picture: Path) -> Drawn:
    pixels = read_picture(picture)  # Decoded: the size in the header is that before any turn.
    return empty_drawing((pixels.shape[0], pixels.shape[1]))


def _unpaired(listing: Listing, pair: Pair) -> list[LeftOut]:
    pictures, masks = pair.pictures, pair.masks
    for entry in (*pictures, *masks):
        try:
            picture_size(listing.path(entry))
        except PictureError as error:
            return [LeftOut(entry.relative, str(error), bool(pictures)), *_rest(pair, entry)]
    if len(pictures) > 1:
        names = " and ".join(p.relative for p in pictures)
        reason = f"expected one picture for mask {masks[0].relative}, found {len(pictures)}: {names}; leave one"
        return [LeftOut(p.relative, reason) for p in pictures]
    if len(masks) > 1:
        names = " and ".join(m.relative for m in masks)
        reason = f"expected one mask for picture {pictures[0].relative}, found {len(masks)}: {names}; leave one"
        return [LeftOut(p.relative, reason) for p in pictures] or [LeftOut(m.relative, reason, False) for m in masks]
    if masks:
        return [
            LeftOut(masks[0].relative, f"mask {masks[0].relative} has no picture: add it or remove the mask", False)
        ]
    return [
        LeftOut(
            p.relative,
            f"picture {p.relative} has no mask though others beside it do: label it, leave it out, or say with "
            f"--unlabelled-clean that such pictures show good parts",
            unlabelled=True,
        )
        for p in pictures
    ]


def _rest(pair: Pair, named: Entry) -> list[LeftOut]:
    return [
        LeftOut(p.relative, f"picture {p.relative} goes with {named.relative}, which cannot be read")
        for p in pair.pictures
        if p is not named
    ]
