"""A labelled folder becomes a data set: recognise, look at everything once, group and split, then cut tiles and write.

Least sizes are applied to the whole scan and splits are drawn by group, both before tiling.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from blemish.core.arrays import UInt8, without_channels
from blemish.core.errors import DatasetError, InputError
from blemish.core.labels import LabelMap
from blemish.core.records import Box, Origin, TileRecord
from blemish.core.taxonomy import IGNORE, Taxonomy
from blemish.data.dataset import DatasetInfo, DatasetWriter, Sample
from blemish.data.import_groups import groups_beside, is_of_an_export
from blemish.data.import_report import ImportReport, report_of, summarised
from blemish.data.import_sides import Placed, Placement, SplitChoice, place
from blemish.data.import_survey import Seen, Survey, label_map_of, of_some, survey, with_range
from blemish.data.readers import reader_named, recognise
from blemish.data.readers.base import LeftOut, ReadOptions
from blemish.data.readers.kinds import taxonomy_in
from blemish.data.readers.listing import Listing, list_folder, refuse_escape
from blemish.data.readers.pairing import Folder
from blemish.data.readers.unlabelled import as_clean
from blemish.picture.normalise import to_8_bit, to_channels
from blemish.picture.read import is_picture, is_turned
from blemish.picture.tiling import cut, padding_of, plan_tiles

STRIDE = 32  # Offsets suit any network here; a tile that is no multiple of it takes the largest divisor they share.
LEAST_TILE_PX, MOST_TILE_PX = 64, 512  # Where nobody says the side of a tile.


@dataclass(frozen=True)
class ImportOptions:
    """What the user chose.

    Args:
        tile_px: side of a tile; None = `fitting_tile_px`.
        format: a reader's name; None = recognise.
        groups: a CSV; None = `groups.csv` in the folder, else each picture is its own group.
        value_range: of 16-bit pictures, the values that become 0 and 255; None = the lowest and highest of the set.
        split: "file" (the CSV's column), "folders" (the publisher's), "none", or shares; None = the CSV's column where
            it has one, else 70/15/15.
        priority: where two defects lie on one pixel, the class that is named first wins; classes that are not named
            come last. Empty = as the taxonomy says.
        unlabelled_clean: pictures without a label show good parts; else they are bad files.
        empty_clean: so do those with an empty mask; else a lone one among defects is taken for forgotten.
    """

    tile_px: int | None = None
    overlap_px: int = 0
    format: str | None = None
    taxonomy: Taxonomy | None = None
    groups: Path | None = None
    value_range: tuple[int, int] | None = None
    split: SplitChoice = None
    seed: int = 0
    skip_bad: bool = False
    priority: tuple[str, ...] = ()
    unlabelled_clean: bool = False
    empty_clean: bool = False


@dataclass(frozen=True)
class Prepared:
    """A surveyed folder with the group and side of every picture: all that is needed to write it."""

    survey: Survey
    placement: Placement
    tile_px: int
    report: ImportReport


def import_folder(src: Path, out: Path, options: ImportOptions) -> ImportReport:
    """Import a labelled folder into a new data set, which appears whole or not at all.

    Raises:
        InputError: the folder is not recognised, or a file in it is bad and `skip_bad` is off.
        DatasetError: `out` is there already.
    """
    if out.exists():
        raise DatasetError(f"{out} is there already and a data set is never changed: choose another --out")
    prepared = prepare(src, options)
    refuse_bad(prepared.report, options)
    write(prepared, out, options)
    return prepared.report


def prepare(src: Path, options: ImportOptions) -> Prepared:
    """Everything but the writing; `report` says what would be imported and what is wrong.

    Raises:
        InputError: the folder is not recognised, its groups or splits cannot be had, or a value range is given for
            8-bit pictures.
    """
    listing = list_folder(src)
    exported = is_of_an_export(groups_beside(listing))
    taxonomy = options.taxonomy or (taxonomy_in(listing) if exported else None)
    folder, read_options = Folder(listing), ReadOptions(taxonomy)
    if options.format is None:
        reader, match = recognise(folder, read_options)
        reason = match.reason
    else:
        reader, reason = reader_named(options.format), "as told with --format"
    plan = reader.plan(folder, read_options)
    strange, empty = _strange(listing), _empty_folders(listing)
    if options.unlabelled_clean:
        plan = as_clean(plan, listing, strange)
    if options.empty_clean or exported:
        plan = replace(plan, empty_is_clean=True)
    plan = replace(plan, left_out=(*strange, *empty, *plan.left_out), priority=options.priority)
    surveyed = _with_turned_noted(survey(plan, src.resolve().name), src)
    if options.value_range is not None:
        surveyed = with_range(surveyed, options.value_range)
    placement = place(surveyed, listing, groups=options.groups, split=options.split, seed=options.seed)
    if len(placement.rows) < len(surveyed.seen):
        placed = [row.seen for row in placement.rows]
        surveyed = of_some(surveyed, placed, src.resolve().name, ranged=options.value_range is not None)
    tile_px = options.tile_px or fitting_tile_px([row.seen.size_hw for row in placement.rows])
    tiles = sum(len(_boxes(row.seen.size_hw, tile_px, options.overlap_px)) for row in placement.rows)
    report = report_of(str(src), reason, surveyed, placement, tiles=tiles, tile_px=tile_px)
    return Prepared(surveyed, placement, tile_px, report)


def _with_turned_noted(surveyed: Survey, src: Path) -> Survey:
    """A mask has no such tag: one that was painted on the picture as it is stored lies turned on what is read."""
    labelled = [seen.source.source for seen in surveyed.seen if seen.source.label]
    turned = [source for source in labelled if is_turned(src / source)]
    if not turned:
        return surveyed
    note = (
        f"pictures turned as their EXIF tag says: {len(turned)} of {len(labelled)}, the first {turned[0]}; look "
        f"whether their labels fit, which may have been drawn on the picture as it is stored"
    )
    return replace(surveyed, plan=replace(surveyed.plan, notes=(*surveyed.plan.notes, note)))


def fitting_tile_px(sizes_hw: Sequence[tuple[int, int]]) -> int:
    """The side of a tile for pictures of these sizes: half of them fill it from side to side, and it is no larger than
    training can bear.

    Example:
        >>> fitting_tile_px([(200, 200)]), fitting_tile_px([(2000, 5400)]), fitting_tile_px([(244, 351), (120, 400)])
        (224, 512, 192)
    """
    if not sizes_hw:
        return MOST_TILE_PX
    middle = math.ceil(float(np.median([min(size) for size in sizes_hw])))
    return min(max(-(-middle // STRIDE) * STRIDE, LEAST_TILE_PX), MOST_TILE_PX)


def refuse_bad(report: ImportReport, options: ImportOptions) -> None:
    """Refuse a folder with bad files, unless they may be left out; refuse one with nothing else."""
    if report.left_out and not options.skip_bad:
        raise InputError(summarised(list(report.left_out)))
    if report.pictures_imported == 0:
        raise InputError(f"nothing in {report.source} can be imported: {summarised(list(report.left_out))}")


def write(prepared: Prepared, out: Path, options: ImportOptions) -> None:
    """Cut and write every picture, one in memory at a time."""
    surveyed = prepared.survey
    info = DatasetInfo(surveyed.taxonomy, prepared.tile_px, surveyed.channels, surveyed.value_range)
    with DatasetWriter(out, info) as writer:
        for row in tqdm(prepared.placement.rows, desc="import", unit="picture", disable=None, leave=False):
            picture = _picture(row.seen, surveyed)
            label_map = label_map_of(row.seen, surveyed.taxonomy)
            boxes = _boxes(row.seen.size_hw, prepared.tile_px, options.overlap_px)
            _write_tiles(writer, row, picture, label_map, row.origin or surveyed.plan.origin, boxes)


def _boxes(size_hw: tuple[int, int], tile_px: int, overlap_px: int) -> list[Box]:
    return plan_tiles(*size_hw, tile_px=tile_px, overlap_px=overlap_px, stride=math.gcd(tile_px, STRIDE))


def _picture(seen: Seen, surveyed: Survey) -> UInt8:
    picture = seen.source.read()
    eight = to_8_bit(picture, surveyed.value_range)
    if surveyed.channels == 1:
        return eight if eight.ndim == 2 else eight[:, :, 0]  # R = G = B: the survey made sure.
    return without_channels(to_channels(eight, 3))


def _write_tiles(
    writer: DatasetWriter, row: Placed, picture: UInt8, label_map: LabelMap, origin: Origin, boxes: Sequence[Box]
) -> None:
    height, width = label_map.size_hw
    for box in boxes:
        padding = padding_of(box, height, width)
        defect = cut(label_map.defect, box)
        defect[padding] = IGNORE
        record = TileRecord(
            id=f"{row.seen.source.id}-x{box.x}-y{box.y}",
            part=row.part,
            view="",
            source=row.seen.source.source,
            box=box,
            group=row.group,
            split=row.split,
            origin=origin,
            defect_px=(),
            background_px=(),
        )
        tile = Sample(cut(picture, box), LabelMap(defect, cut(label_map.background, box)), record)
        writer.add(tile, padding if padding.any() else None)


def _strange(listing: Listing) -> list[LeftOut]:
    """Links that lead out or nowhere, names that are no text: none is silently passed over."""
    links = [LeftOut(name, str(refuse_escape(name))) for name in listing.escaping]
    broken = [
        LeftOut(name, f"{name} is a link to nothing: put the file there or remove it", is_picture(Path(name)))
        for name in listing.broken
    ]
    names = [LeftOut(name, f"the name {name} is not UTF-8: rename the file") for name in listing.unreadable_names]
    return links + broken + names


def _empty_folders(listing: Listing) -> list[LeftOut]:
    return [
        LeftOut(name, f"folder {name} of {listing.root} is empty: put its pictures there or remove it", False)
        for name in listing.empty_folders
    ]
