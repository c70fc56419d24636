"""Pictures of which no label says anything, where the user knows that they show good parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from blemish.data.readers.base import LeftOut, Plan
from blemish.data.readers.beside import LabelFiles
from blemish.data.readers.likeness import looks_like_a_mask
from blemish.data.readers.listing import Entry, Listing
from blemish.data.readers.paired import clean_source
from blemish.data.readers.pairing import mostly_masks


def as_clean(plan: Plan, listing: Listing, strange: Sequence[LeftOut] = ()) -> Plan:
    """The plan with its unlabelled pictures as clean ones.

    Where a label was left out (a mask without its picture, a file that cannot be read), an unlabelled picture may be
    the one that it belongs to: then they all stay out, with that reason. So does one that looks like a mask itself,
    unless all pictures of the set do, and one beside which a file of its name lies that no reader could use.

    Args:
        strange: links that lead nowhere or out, and names that are no text: each might be a label.
    """
    names = {one.file for one in plan.left_out if one.unlabelled}
    unlabelled = [entry for entry in listing.pictures if entry.relative in names]
    labelled = [one for one in plan.left_out if not one.unlabelled]
    sources = {source.source for source in plan.sources}
    silhouettes = mostly_masks(listing, [entry for entry in listing.pictures if entry.relative in sources])
    alone = [] if silhouettes else [entry for entry in unlabelled if looks_like_a_mask(listing, entry)]
    masks = [_mask_alone(entry) for entry in alone]
    others = LabelFiles(listing)
    held = {entry.relative: _held(entry, other) for entry in unlabelled if (other := others.beside(entry))}
    lost = next((one for one in (*labelled, *masks) if not one.is_picture), next(iter(strange), None))
    own = {one.file: one for one in masks} | held
    if lost is not None:
        doubted = [own.get(entry.relative) or _doubted(entry, lost) for entry in unlabelled]
        return replace(plan, left_out=(*doubted, *labelled))
    clean = [clean_source(listing, entry) for entry in unlabelled if entry.relative not in held]
    return replace(plan, sources=(*plan.sources, *clean), left_out=(*held.values(), *labelled))


def _mask_alone(entry: Entry) -> LeftOut:
    reason = f"{entry.relative} looks like a mask and goes with no picture: add that or remove the mask"
    return LeftOut(entry.relative, reason, is_picture=False)


def _held(entry: Entry, other: Entry) -> LeftOut:
    return LeftOut(
        entry.relative,
        f"picture {entry.relative} has no label that was read, but {other.relative} may be one: give the --format that "
        f"reads it, or take it away",
    )


def _doubted(entry: Entry, lost: LeftOut) -> LeftOut:
    reason = f"picture {entry.relative} has no label, and {lost.file} was left out, maybe its own: mend that first"
    return LeftOut(entry.relative, reason)
