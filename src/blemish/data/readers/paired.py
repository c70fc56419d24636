"""Pairs of files become pictures to import; whatever does not pair up is left out with its reason."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path

from blemish.core.errors import LabelError, PictureError
from blemish.core.records import Split
from blemish.data.readers.base import SPLIT_WORDS, Drawn, LeftOut, SourcePicture, empty_drawing, split_named
from blemish.data.readers.beside import LabelFiles
from blemish.data.readers.likeness import is_black, looks_like_a_mask
from blemish.data.readers.listing import Entry, Listing
from blemish.data.readers.pairing import mostly_masks
from blemish.data.readers.pairs import Pair, Pairing
from blemish.picture.read import picture_size, read_picture

_NONE = Entry((), "", "", "")
_SEPARATOR = re.compile(r"[\W_]")
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
    masks = {token: set() if silhouettes else _likely_masks(listing, own) for token, own in alone.items()}
    files = LabelFiles(listing)
    doubts = {token: _doubt(files, own, masks[token]) for token, own in alone.items()}
    for pair, token in zip(pairing.pairs, tokens, strict=True):
        if pair.is_sound:
            drawing = partial(_draw_all, draw, [listing.path(mask) for mask in pair.masks], token)
            sources.append(source_of(listing, pair, token, drawing, label=pair.masks[0].relative))
        elif doubts.get(token):
            left_out.extend(
                _mask_without_picture(entry) if entry in masks[token] else _doubted(entry, token, doubts[token])
                for entry in pair.pictures
            )
        elif bare_is_clean and token and pair.pictures and not pair.masks and not masked[token]:
            sources.append(clean_source(listing, pair.pictures[0], token))
        else:
            left_out.extend(_unpaired(listing, pair))
    halved = _halved(pairing)
    partly = [halved[source.source] for source in sources if source.source in halved]
    return [source for source in sources if source.source not in halved], partly + left_out


def _likely_masks(listing: Listing, pictures: Sequence[Entry]) -> set[Entry]:
    """Pictures of a folder that are masks; black ones where half of it is black, as one may be a dead frame."""
    black = {entry for entry in pictures if is_black(listing, entry)}
    masks = {entry for entry in pictures if looks_like_a_mask(listing, entry)}
    return masks | black if 2 * len(black) >= len(pictures) else masks


def _doubt(files: LabelFiles, pictures: Sequence[Entry], masks: Collection[Entry]) -> str:
    """The first file that may be a label of a folder which no mask goes with; "" = it may be clean."""
    mask = next((entry for entry in pictures if entry in masks), None)
    return (mask or next(filter(None, map(files.of, pictures)), None) or _NONE).relative


def _doubted(picture: Entry, folder: str, label: str) -> LeftOut:
    return LeftOut(
        picture.relative,
        f"picture {picture.relative} has no mask, and {label} may be a label that was not read: name the masks of "
        f"'{folder}' like those of the other folders, or take that file away",
    )


def _halved(pairing: Pairing) -> dict[str, LeftOut]:
    """Pictures that may have another mask beside their own, by path: `a.png` and `a_0.png` where `a_1.png` is left."""
    own = {
        (mask.folders, pair.pictures[0].stem): (pair.pictures[0], mask)
        for pair in pairing.pairs
        for mask in pair.masks
        if len(pair.pictures) == 1
    }
    found: dict[str, LeftOut] = {}
    for other in (mask for pair in pairing.pairs if not pair.pictures for mask in pair.masks):
        starts = [other.stem[: part.start()] for part in _SEPARATOR.finditer(other.stem)]
        for picture, mask in (own[other.folders, start] for start in starts if (other.folders, start) in own):
            reason = (
                f"picture {picture.relative} goes with {mask.relative}, and {other.relative} may be of it too: lay the "
                f"masks of a picture together in one file"
            )
            found.setdefault(picture.relative, LeftOut(picture.relative, reason))
    return found


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
    """The split that a folder is named after: by its whole name, else by a word of it; the innermost first."""
    folders = [folder.lower() for folder in reversed(entry.folders)]
    whole = (SPLIT_WORDS[folder] for folder in folders if folder in SPLIT_WORDS)
    by_a_word = (split for split in map(split_named, folders) if split is not Split.NONE)
    return next(whole, next(by_a_word, Split.NONE))


def _mask_without_picture(mask: Entry) -> LeftOut:
    return LeftOut(
        mask.relative, f"{mask.relative} looks like a mask and has no picture: add it or remove the mask", False
    )


def _draw_all(draw: Draw, masks: Sequence[Path], token: str) -> Drawn:
    """What the masks of a picture say together."""
    drawn = draw(masks[0], token)
    for path in masks[1:]:
        other = draw(path, token)
        if other.size_hw != drawn.size_hw:
            raise LabelError(
                f"{path} must be as large as {masks[0]}, another mask of the same picture, got "
                f"{other.size_hw[1]}x{other.size_hw[0]} for {drawn.size_hw[1]}x{drawn.size_hw[0]}"
            )
        drawn = drawn.with_(other)
    return drawn


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
