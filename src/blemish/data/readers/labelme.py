"""Labelme JSON: one file a picture, with outlines of all kinds. Its text is read, Labelme itself is not needed."""

from __future__ import annotations

import base64
import binascii
import json
import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from blemish.core.arrays import UInt8, UInt16
from blemish.core.errors import InputError, LabelError
from blemish.data.readers.base import Drawn, LeftOut, Match, Plan, ReadOptions, SourcePicture
from blemish.data.readers.json_labels import read_json_label, size_in
from blemish.data.readers.labelme_shapes import Shape, draw_shapes, read_shape
from blemish.data.readers.listing import Entry, Listing
from blemish.data.readers.paired import split_of
from blemish.data.readers.pairing import Folder, spread
from blemish.data.readers.spellings import Spellings
from blemish.picture.read import decode_picture, read_picture

_IGNORE_LABEL, _NO_LABEL = "__ignore__", "_background_"  # Labelme's own words.
_SAMPLES = 12
_DRIVE = re.compile(r"[A-Za-z]:/")


@dataclass(frozen=True)
class LabelmeFiles:
    """JSON files with a list of shapes; labels are names, aliases or codes of the taxonomy, else new classes."""

    name: str = "labelme"

    def recognise(self, folder: Folder, options: ReadOptions) -> Match | None:
        sample = spread(folder.listing.with_extension(".json"), _SAMPLES)
        good = sum(_is_labelme(folder.listing, entry) for entry in sample)
        return Match(0.9, "JSON files with lists of shapes") if good and 2 * good >= len(sample) else None

    def plan(self, folder: Folder, options: ReadOptions) -> Plan:
        listing = folder.listing
        files = listing.with_extension(".json")
        if not files:
            raise InputError(f"{listing.root} cannot be read as 'labelme': it has no JSON file")
        by_path = {entry.relative: entry for entry in listing.pictures}
        spellings = Spellings(options.taxonomy)
        sources: list[SourcePicture] = []
        left_out: list[LeftOut] = []
        claimed: dict[str, str] = {}
        twice: set[str] = set()  # Pictures of two files: each says too little of them.
        for file in files:
            beside = _beside(file, by_path)
            try:
                values = read_labelme(listing.path(file))
                spellings.add(shape.label for shape in values.shapes)
                picture = _picture_of(listing, file, values, by_path)
                name = file.relative if picture is None else picture.relative
                _refuse_second(name, file, claimed, twice)
                sources.append(_source(listing, file, picture, spellings))
            except LabelError as error:
                named = beside.relative if beside is not None else file.relative
                if claimed.setdefault(named, file.relative) == file.relative:
                    left_out.append(LeftOut(named, str(error), is_picture=beside is not None))
                else:
                    left_out.append(LeftOut(file.relative, str(error), is_picture=False))
        left_out += [
            LeftOut(
                name,
                f"picture {name} has no Labelme JSON: label it, leave it out with --skip-bad, or say with "
                f"--unlabelled-clean that such pictures show good parts",
                unlabelled=True,
            )
            for name in by_path
            if name not in claimed
        ]
        left_out += [LeftOut(name, f"picture {name} has several Labelme files: leave one") for name in sorted(twice)]
        sources = [source for source in sources if source.source not in twice]
        return Plan(self.name, tuple(sources), tuple(left_out), options.taxonomy, empty_is_clean=True)


@dataclass(frozen=True)
class LabelmeFile:
    """What matters of one file, checked."""

    shapes: tuple[Shape, ...]
    image_path: str  # "" = none given
    image_data: str  # Base64; "" = null
    size_hw: tuple[int, int] | None


def read_labelme(path: Path) -> LabelmeFile:
    """Read and check one file.

    Raises:
        LabelError: not JSON, not Labelme's, a number that is none (NaN, infinite), a bad shape or size.
    """
    where, values = str(path), read_json_label(path)
    if not isinstance(values, dict) or not isinstance(values.get("shapes"), list):
        raise LabelError(f"{where} is not a Labelme file: expected a table with a list of shapes")
    shapes = tuple(read_shape(s, f"{where}, shape {i}") for i, s in enumerate(values["shapes"], start=1))
    return LabelmeFile(
        shapes,
        _text(values, "imagePath", where),
        _text(values, "imageData", where),
        size_in(values, "imageHeight", "imageWidth", where),
    )


def draw_labelme(path: Path, read: Callable[[], UInt8 | UInt16], spellings: Spellings) -> Drawn:
    """What one file says, its shapes as masks."""
    file = read_labelme(path)
    size_hw = file.size_hw
    if size_hw is None:
        pixels = read()
        size_hw = pixels.shape[0], pixels.shape[1]
    masks = draw_shapes(file.shapes, size_hw, str(path))
    masks.pop(_NO_LABEL, None)
    ignored = masks.pop(_IGNORE_LABEL, None)
    clipped = sum(shape.reaches_beyond(size_hw) for shape in file.shapes)
    return spellings.drawn(masks, size_hw, str(path), ignored=ignored, clipped_shapes=clipped)


def _source(listing: Listing, file: Entry, picture: Entry | None, spellings: Spellings) -> SourcePicture:
    path = listing.path(file)
    read = partial(_read_inside, path) if picture is None else partial(read_picture, listing.path(picture))
    return SourcePicture(
        id=(picture or file).id,
        source=(picture or file).relative,
        read=read,
        draw=partial(draw_labelme, path, read, spellings),
        label=file.relative,
        split=split_of(file),
    )


def _read_inside(path: Path) -> UInt8 | UInt16:
    try:
        data = base64.b64decode(read_labelme(path).image_data)
    except (binascii.Error, ValueError) as error:
        raise LabelError(f"{path}: imageData is not base64 ({error}): save the file again") from error
    return decode_picture(data, path)


def _picture_of(listing: Listing, file: Entry, values: LabelmeFile, by_path: Mapping[str, Entry]) -> Entry | None:
    """The picture that the file names, else the one of its own name beside it, else None for `imageData`.

    Raises:
        LabelError: the path leads out of the folder, there is no picture at all, or there are two that may be meant.
    """
    named, beside = values.image_path.replace("\\", "/"), _beside(file, by_path)
    if named:
        target = posixpath.normpath(posixpath.join(*file.folders, named))  # Names only: links were looked at before.
        if target.startswith(("/", "../")) or target == ".." or _DRIVE.match(named):
            raise LabelError(
                f"{listing.path(file)}: imagePath {named[:80]!r} leads out of {listing.root}: "
                f"expected a path inside it; put the picture there and correct the path"
            )
        found = by_path.get(target)
        if found is not None and beside not in (None, found):  # Renamed in bulk, each would get another's outlines.
            raise LabelError(
                f"{listing.path(file)}: imagePath names {found.relative}, but {beside.relative} has the file's own "
                f"name: correct the path, or rename the one that is called wrongly"
            )
        if found is not None:
            return found
    elsewhere = [path for path in by_path if path.rsplit("/", 1)[-1] == posixpath.basename(named)] if named else []
    if beside is None and elsewhere:  # It would go without its label, and could pass for a clean one.
        raise LabelError(
            f"{listing.path(file)}: imagePath {named[:80]!r} is not there, but {elsewhere[0]} is called so: put the "
            f"JSON file beside its picture, or correct the path"
        )
    if beside is None and not values.image_data:
        raise LabelError(
            f"{listing.path(file)}: there is no picture {named[:80]!r} and no imageData: add the picture beside it"
        )
    return beside


def _beside(file: Entry, by_path: Mapping[str, Entry]) -> Entry | None:
    for extension in (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"):
        for spelled in (extension, extension.upper()):
            entry = by_path.get(file.id + spelled)
            if entry is not None:
                return entry
    return None


def _refuse_second(name: str, file: Entry, claimed: dict[str, str], twice: set[str]) -> None:
    other = claimed.setdefault(name, file.relative)
    if other != file.relative:
        twice.add(name)
        raise LabelError(f"expected one Labelme file for picture {name}, found {other} and {file.relative}: leave one")


def _is_labelme(listing: Listing, entry: Entry) -> bool:
    try:
        values = json.loads(listing.path(entry).read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(values, dict) and isinstance(values.get("shapes"), list) and "imagePath" in values


def _text(values: Mapping[str, Any], key: str, where: str) -> str:
    value = values.get(key)
    if value is not None and not isinstance(value, str):
        raise LabelError(f"{where}: {key} must be a text or null, got {type(value).__name__}")
    return value or ""
