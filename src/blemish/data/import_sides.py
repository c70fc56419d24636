"""The group and the side of every picture: from a groups file, or drawn before tiling."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from blemish.core.errors import InputError
from blemish.core.records import Origin, Split
from blemish.data.import_groups import GroupRow, groups_beside, read_groups
from blemish.data.import_survey import Seen, Survey
from blemish.data.readers.base import LeftOut
from blemish.data.readers.listing import Listing
from blemish.data.splits import draw_splits
from blemish.data.whole_parts import with_whole_parts

DEFAULT_SHARES = (0.7, 0.15, 0.15)
SplitChoice = str | tuple[float, float, float] | None  # "file", "folders", "none", shares; None = file where it can.


@dataclass(frozen=True)
class Placed:
    """A picture with its group, side and part."""

    seen: Seen
    group: str
    split: Split
    part: str
    origin: Origin | None = None  # As an export says; None = that of its format.


@dataclass(frozen=True)
class Placement:
    """All pictures in their places, what is left out for having none, and what to tell the user."""

    rows: tuple[Placed, ...]
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]
    grouped_by: str
    split_by: str


@dataclass(frozen=True)
class _Listed:
    """The rows of a groups file for the pictures at hand."""

    rows: Mapping[str, GroupRow]  # By the picture's path.
    has_splits: bool
    path: Path


def place(surveyed: Survey, listing: Listing, *, groups: Path | None, split: SplitChoice, seed: int) -> Placement:
    """Give every surveyed picture its group and side.

    Args:
        groups: a CSV; None = `groups.csv` at the top of the folder, else each picture is its own group.

    Raises:
        InputError: a groups file that contradicts itself, or a split that cannot be had.
    """
    notes: list[str] = []
    listed = _listed(surveyed, listing, groups, notes)
    seen = surveyed.seen
    left_out: tuple[LeftOut, ...] = ()
    if listed is not None:
        made = [s for s in seen if _origin(s, listed) is Origin.SYNTHETIC]
        left_out = tuple(_unlisted(s, listed.path) for s in seen if s.source.source not in listed.rows)
        left_out += tuple(_synthetic(s) for s in made)
        seen = tuple(s for s in seen if s.source.source in listed.rows and s not in made)
        grouped_by = str(listed.path)
    elif any(s.source.group for s in seen):
        grouped_by = "serial"
    else:
        grouped_by = "picture"
        notes.append("no groups file: each picture is its own group, so views of one defect may cross the split")
    places, joined = with_whole_parts({s.source.id: _place(s, listed) for s in seen})
    if joined:
        notes.append(f"{joined} parts have pictures in several groups: these groups are one each, so no part is parted")
    sides, split_by = _sides(seen, places, listed, split, seed)
    if split is None and not (listed is not None and listed.has_splits) and _has_publishers_sides(seen):
        notes.append("folders are named after splits, but sides are drawn anew: --split folders takes the publisher's")
    rows = tuple(
        Placed(s, group, sides[group], part, _origin(s, listed)) for s in seen for group, part in (places[s.source.id],)
    )
    return Placement(rows, left_out, tuple(notes), grouped_by, split_by)


def _listed(surveyed: Survey, listing: Listing, groups: Path | None, notes: list[str]) -> _Listed | None:
    """A file that the user names must fit; one that merely lies there is not used where it names no picture."""
    path = groups or groups_beside(listing)
    if path is None:
        return None
    file = read_groups(path)
    matched = file.match(s.source.source for s in surveyed.seen)
    if groups is None and not matched.rows and surveyed.seen:
        notes.append(f"{path} names none of these pictures: not used")
        return None
    if matched.without_picture:
        notes.append(f"{matched.without_picture} rows of {path} name no picture that is imported")
    return _Listed(matched.rows, file.has_splits, path)


def _origin(seen: Seen, listed: _Listed | None) -> Origin | None:
    row = None if listed is None else listed.rows.get(seen.source.source)
    return None if row is None else row.origin


def _synthetic(seen: Seen) -> LeftOut:
    return LeftOut(
        seen.source.source,
        f"{seen.source.source} is a synthetic tile, and what it was made of is not known any more: export the real "
        f"tiles alone, and draw it again",
    )


def _unlisted(seen: Seen, path: Path) -> LeftOut:
    return LeftOut(seen.source.source, f"{seen.source.source} is not listed in {path}: add a row for it")


def _place(seen: Seen, listed: _Listed | None) -> tuple[str, str]:
    source = seen.source
    if listed is None:
        return source.group or source.id, source.part or source.id
    row = listed.rows[source.source]
    return row.group, row.part or source.part or source.id


def _sides(
    seen: Sequence[Seen],
    places: Mapping[str, tuple[str, str]],
    listed: _Listed | None,
    split: SplitChoice,
    seed: int,
) -> tuple[dict[str, Split], str]:
    """The side of every group, and by what it was decided."""
    how = split or ("file" if listed is not None and listed.has_splits else DEFAULT_SHARES)
    if how == "none":
        return {group: Split.NONE for group, _ in places.values()}, "nothing: none drawn"
    if how == "file":
        if listed is None or not listed.has_splits:
            raise InputError("--split file needs a groups file with a split column: give --groups FILE")
        return _sides_of_file(seen, places, listed), "the groups file"
    if how == "folders":
        return _sides_of_folders(seen, places), "the publisher's folders"
    if isinstance(how, str):
        raise InputError(f"--split must be file, folders, none or shares like 70/15/15, got '{how}'")
    classes: dict[str, set[str]] = defaultdict(set)
    for row in seen:
        classes[places[row.source.id][0]].update(row.class_px)
    shares = "/".join(f"{100 * share:g}" for share in how)
    return draw_splits(classes, how, seed=seed), f"drawing {shares} by group, seed {seed}"


def _has_publishers_sides(seen: Sequence[Seen]) -> bool:
    """Whether every picture lies in a folder named after a split, and there are defects to train on."""
    sides = {row.source.split for row in seen}
    shown = any(row.class_px for row in seen if row.source.split is Split.TRAIN)
    return len(sides) > 1 and Split.NONE not in sides and shown


def _sides_of_file(seen: Sequence[Seen], places: Mapping[str, tuple[str, str]], listed: _Listed) -> dict[str, Split]:
    sides: dict[str, Split] = {}
    for row in seen:
        (group, part), split = places[row.source.id], listed.rows[row.source.source].split
        if sides.setdefault(group, split) is not split:
            raise InputError(
                f"{listed.path}: part '{part}' has pictures in {sides[group]} and in {split}, by way of group "
                f"'{group}': a part, and what shares a group with it, must be on one side"
            )
    return sides


def _sides_of_folders(seen: Sequence[Seen], places: Mapping[str, tuple[str, str]]) -> dict[str, Split]:
    sides: dict[str, Split] = {}
    for row in seen:
        group, split = places[row.source.id][0], row.source.split
        if split is Split.NONE:
            raise InputError(f"--split folders: {row.source.source} lies in no folder called train, val or test")
        if sides.setdefault(group, split) is not split:
            raise InputError(f"--split folders: group '{group}' lies in {sides[group]} and in {split}")
    return sides
