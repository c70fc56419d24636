"""One module a format; `recognise` finds the one that a folder has, by structure and contents."""

from __future__ import annotations

from blemish.core.errors import InputError, LabelError, PictureError
from blemish.data.readers.base import Match, Reader, ReadOptions
from blemish.data.readers.coco import CocoFiles
from blemish.data.readers.colour import ColourMasks
from blemish.data.readers.csv_runs import CsvRuns
from blemish.data.readers.foreign import way_out
from blemish.data.readers.index import IndexMasks
from blemish.data.readers.json_labels import read_json_label
from blemish.data.readers.labelme import LabelmeFiles
from blemish.data.readers.listing import refuse_escape
from blemish.data.readers.masks import KolektorFolders, MaskFolders, MvtecFolders
from blemish.data.readers.pairing import Folder
from blemish.data.readers.scans import ScanFolders
from blemish.data.readers.supervisely import SuperviselyFiles
from blemish.data.readers.yolo import YoloFiles
from blemish.picture.read import picture_size

READERS: tuple[Reader, ...] = (
    ScanFolders(),
    MaskFolders(),
    MvtecFolders(),
    KolektorFolders(),
    IndexMasks(),
    ColourMasks(),
    LabelmeFiles(),
    CocoFiles(),
    SuperviselyFiles(),
    YoloFiles(),
    CsvRuns(),
)
_CLEAR_LEAD = 0.15
_EXPECTED = (
    "expected masks beside them or in a folder of their own, Labelme, COCO or Supervisely JSON, YOLO outlines, or a "
    "CSV of run lengths (see --format)"
)


def recognise(folder: Folder, options: ReadOptions) -> tuple[Reader, Match]:
    """The reader of a folder, with the reason.

    Raises:
        InputError: no format fits, or two fit alike; the message names them.
        PictureError, LabelError: no format fits, and a file in it is not the picture, or the JSON, that its name says.
    """
    found: list[tuple[Match, Reader]] = []
    for reader in READERS:
        match = reader.recognise(folder, options)
        if match is not None and match.confidence == 1:
            return reader, match
        if match is not None:
            found.append((match, reader))
    found.sort(key=lambda pair: -pair[0].confidence)
    if not found:
        raise _unrecognised(folder)
    if len(found) > 1 and found[0][0].confidence - found[1][0].confidence < _CLEAR_LEAD:
        names = " and ".join(f"'{reader.name}' ({match.reason})" for match, reader in found[:2])
        raise InputError(f"{folder.listing.root} looks like {names}: say which with --format")
    return found[0][1], found[0][0]


def reader_named(name: str) -> Reader:
    """The reader of a format given by name."""
    for reader in READERS:
        if reader.name == name:
            return reader
    raise InputError(f"no format '{name}': there are {', '.join(reader.name for reader in READERS)}")


def _unrecognised(folder: Folder) -> InputError:
    listing = folder.listing
    for entry in listing.with_extension(".json"):
        try:
            read_json_label(listing.path(entry))
        except LabelError as error:
            return error
    for entry in listing.pictures:
        try:
            picture_size(listing.path(entry))
        except PictureError as error:
            return error
    if listing.escaping:
        return refuse_escape(listing.escaping[0])
    return InputError(
        f"{listing.root} has {len(listing.pictures)} pictures and {len(listing.others)} other files, but no picture "
        f"with a label: {way_out(listing) or _EXPECTED}"
    )
