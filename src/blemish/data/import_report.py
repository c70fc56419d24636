"""What an import found and did, in numbers that add up: for people as lines, for programs as one object."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from blemish.core.records import Split
from blemish.core.taxonomy import Taxonomy
from blemish.data.import_sides import Placed, Placement
from blemish.data.import_survey import Seen, Survey

_LISTED = 20
_NAMED = 6
_LEAST_BOXES, _BOXES_FRAC = 5, 0.9  # So many defects, and so much of the large ones, that fill a rectangle are told.


@dataclass(frozen=True)
class ImportReport:
    """pictures_found = pictures_imported + pictures_left_out; imported = clean + one class + several + only ignored."""

    source: str
    format: str
    recognised_by: str
    pictures_found: int
    pictures_imported: int
    pictures_left_out: int
    left_out: tuple[tuple[str, str], ...]  # File and reason; labels without picture are among them.
    labels_left_out: int
    clean: int
    one_class: int
    several_classes: int
    only_ignored: int
    clean_without_label: int  # Clean pictures without a mask.
    clean_folders: dict[str, int]  # Those of folders without any mask, by folder.
    empty_masks: int  # Masks without defect in clean folders.
    lone_empty_masks: int  # Imported as 255.
    classes: tuple[dict[str, Any], ...]  # name, code, pictures, defects, px, small, groups.
    settled_px: int
    clipped_shapes: int
    groups: int
    splits: dict[str, dict[str, int]]  # Split -> pictures, groups.
    grouped_by: str
    split_by: str
    tiles: int
    tile_px: int
    channels: int
    value_range: tuple[int, int] | None
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        values = asdict(self)
        values["left_out"] = [{"file": file, "reason": reason} for file, reason in self.left_out]
        return values

    def to_text(self) -> str:
        """Lines for people; the last are the counts that add up."""
        kind = f"{'gray' if self.channels == 1 else 'RGB'}, {'8' if self.value_range is None else '16'} bit"
        lines = [f"{self.source}: {self.format} ({self.recognised_by}), {kind}", *self._class_table(), ""]
        lines += [f"left out: {file}: {reason}" for file, reason in self.left_out[:_LISTED]]
        if len(self.left_out) > _LISTED:
            lines.append(f"... and {len(self.left_out) - _LISTED} more (all with --json)")
        lines += [f"warning: {text}" for text in self.warnings]
        small = sum(row["small"] for row in self.classes)
        clean = _few([f"{folder} {count}" for folder, count in self.clean_folders.items()])
        sides = ", ".join(f"{side or 'none'} {n['pictures']} ({n['groups']})" for side, n in self.splits.items())
        return "\n".join(
            [
                *lines,
                f"defects under the least size, now 255: {small}; pixels settled by priority: {self.settled_px}",
                f"empty masks: {self.empty_masks} in clean pictures, {self.lone_empty_masks} lone, imported as 255; "
                f"clean pictures without a mask: {self.clean_without_label}{f' ({clean})' if clean else ''}; "
                f"labels left out: {self.labels_left_out}",
                f"groups by {self.grouped_by}; splits by {self.split_by}, pictures (groups): {sides}",
                f"tiles: {self.tiles} of {self.tile_px} px",
                f"imported {self.pictures_imported} = clean {self.clean} + one class {self.one_class} + several "
                f"classes {self.several_classes} + only ignored {self.only_ignored}",
                f"pictures found {self.pictures_found} = imported {self.pictures_imported} + left out "
                f"{self.pictures_left_out}",
            ]
        )

    def _class_table(self) -> list[str]:
        width = max((len(row["name"]) for row in self.classes), default=0)
        head = f"  {'class':{width + 3}} {'pictures':>9} {'groups':>7} {'defects':>8} {'pixels':>11} {'small':>6}"
        return [head] + [
            f"  {row['code']:2} {row['name']:{width}} {row['pictures']:>9} {row['groups']:>7} {row['defects']:>8} "
            f"{row['px']:>11} {row['small']:>6}"
            for row in self.classes
        ]


def summarised(reasons: list[tuple[str, str]]) -> str:
    """The first reason, and how many more files have one: a single line."""
    file, reason = reasons[0]
    named = reason if file in reason else f"{file}: {reason}"
    more = len(reasons) - 1
    rest = f" (and {more} more bad file{'s' if more > 1 else ''}: --dry-run lists all, --skip-bad leaves them out)"
    return named + (rest if more else "")


def report_of(
    source: str, recognised_by: str, surveyed: Survey, placement: Placement, *, tiles: int, tile_px: int
) -> ImportReport:
    """Count what an import will write, or has written."""
    rows = placement.rows
    seen = [row.seen for row in rows]
    left_out = (*surveyed.left_out, *placement.left_out)
    pictures_out = len({entry.file for entry in left_out if entry.is_picture})
    only_ignored = sum(not s.class_px and (s.is_blank or s.ignored_px > 0) for s in seen)
    return ImportReport(
        source=source,
        format=surveyed.plan.format,
        recognised_by=recognised_by,
        pictures_found=len(seen) + pictures_out,
        pictures_imported=len(seen),
        pictures_left_out=pictures_out,
        left_out=tuple((entry.file, entry.reason) for entry in left_out),
        labels_left_out=sum(not entry.is_picture for entry in left_out),
        clean=sum(not s.class_px for s in seen) - only_ignored,
        one_class=sum(len(s.class_px) == 1 for s in seen),
        several_classes=sum(len(s.class_px) > 1 for s in seen),
        only_ignored=only_ignored,
        clean_without_label=sum(not s.source.label for s in seen),
        clean_folders=_clean_folders(seen),
        empty_masks=sum(s.has_empty_label and not s.is_blank for s in seen),
        lone_empty_masks=sum(s.is_blank for s in seen),
        classes=tuple(_class_row(surveyed.taxonomy, name, rows) for name in surveyed.taxonomy.defect_names),
        settled_px=sum(s.settled_px for s in seen),
        clipped_shapes=sum(s.clipped_shapes for s in seen),
        groups=len({row.group for row in rows}),
        splits=_splits(rows),
        grouped_by=placement.grouped_by,
        split_by=placement.split_by,
        tiles=tiles,
        tile_px=tile_px,
        channels=surveyed.channels,
        value_range=surveyed.value_range,
        warnings=(*surveyed.plan.notes, *placement.notes, *_warnings(seen)),
    )


def _class_row(taxonomy: Taxonomy, name: str, rows: Sequence[Placed]) -> dict[str, Any]:
    showing = [row for row in rows if name in row.seen.class_px]
    return {
        "name": name,
        "code": taxonomy.defect(taxonomy.defect_index(name)).code,
        "pictures": len(showing),
        "groups": len({row.group for row in showing}),
        "defects": sum(row.seen.defects.get(name, 0) for row in rows),
        "px": sum(row.seen.class_px[name] for row in showing),
        "small": sum(row.seen.small.get(name, 0) for row in rows),
    }


def _splits(rows: Sequence[Placed]) -> dict[str, dict[str, int]]:
    found = {}
    for side in (Split.TRAIN, Split.VAL, Split.TEST, Split.NONE):
        members = [row for row in rows if row.split is side]
        if members:
            found[str(side)] = {"pictures": len(members), "groups": len({row.group for row in members})}
    return found


def _clean_folders(seen: Sequence[Seen]) -> dict[str, int]:
    return dict(Counter(s.source.folder for s in seen if s.source.folder and not s.source.label).most_common())


def _few(texts: Sequence[str]) -> str:
    return ", ".join((*texts[:_NAMED], *(["..."] if texts[_NAMED:] else [])))


def _warnings(seen: Sequence[Seen]) -> list[str]:
    lone = [s.source.label for s in seen if s.is_blank]
    clipped = sum(s.clipped_shapes for s in seen)
    folders = list(_clean_folders(seen))
    found = [f"lone empty masks are imported as 255 (ignore): {len(lone)}, the first {lone[0]}"] if lone else []
    if len(folders) > 1:
        found.append(
            f"folders without any mask are taken for clean: {_few(folders)}; if one of them shows defects, its "
            f"masks are missing"
        )
    if _covers_most(seen):
        found.append(
            "most labels cover more than half of their picture: if masks are white where nothing is wrong, invert them"
        )
    large, boxes = sum(s.large for s in seen), sum(s.boxes for s in seen)
    if boxes >= _LEAST_BOXES and boxes >= _BOXES_FRAC * large:
        found.append(
            f"{boxes} of {large} defects fill a rectangle: if these are boxes drawn round them, the inspector learns "
            f"the boxes, and sizes are theirs: draw outlines"
        )
    return found + ([f"shapes that reached beyond their picture were clipped: {clipped}"] if clipped else [])


def _covers_most(seen: Sequence[Seen]) -> bool:
    showing = [s for s in seen if s.class_px]
    wide = sum(2 * sum(s.class_px.values()) > s.size_hw[0] * s.size_hw[1] for s in showing)
    return 2 * wide > len(showing)
