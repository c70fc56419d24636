"""Pictures of which no label says anything, where the user knows that they show good parts."""

from __future__ import annotations

from dataclasses import replace

from blemish.data.readers.base import LeftOut, Plan
from blemish.data.readers.listing import Listing
from blemish.data.readers.paired import clean_source


def as_clean(plan: Plan, listing: Listing) -> Plan:
    """The plan with its unlabelled pictures as clean ones.

    Where a label was left out (a mask without its picture, a file that cannot be read), an unlabelled picture may be
    the one that it belongs to: then they all stay out, with that reason.
    """
    lost = next((one for one in plan.left_out if not one.is_picture), None)
    if lost is not None:
        return replace(plan, left_out=tuple(_doubted(one, lost) if one.unlabelled else one for one in plan.left_out))
    names = {one.file for one in plan.left_out if one.unlabelled}
    clean = [clean_source(listing, entry) for entry in listing.pictures if entry.relative in names]
    return replace(
        plan,
        sources=(*plan.sources, *clean),
        left_out=tuple(one for one in plan.left_out if not one.unlabelled),
    )


def _doubted(one: LeftOut, lost: LeftOut) -> LeftOut:
    return replace(
        one,
        reason=f"picture {one.file} has no label, and {lost.file} was left out, maybe its own: mend that first",
    )
