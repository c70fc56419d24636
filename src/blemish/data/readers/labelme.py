"""Labelme JSON: one file a picture, with outlines of all kinds. Its text is read, Labelme itself is not needed."""

from __future__ import annotations

import base64
import binascii
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from blemish.core.arrays import Bool, UInt8, UInt16
from blemish.core.errors import InputError, LabelError
from blemish.core.taxonomy import Taxonomy
from blemish.data.readers.base import Drawn, LeftOut, Match, Plan, ReadOptions, SourcePicture
from blemish.data.readers.labelme_shapes import Shape, draw_shapes, read_shape
from blemish.data.readers.listing import Entry, Listing
from blemish.data.readers.paired import split_of
from blemish.data.readers.pairing import Folder, spread
from blemish.picture.read import BUDGET_PX, decode_picture, read_picture

_IGNORE_LABEL, _NO_LABEL = "__ignore__", "_background_"  # Labelme's own words.
_SAMPLES = 12


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
        for file in files:
            beside = _beside(file, by_path)
            try:
                values = read_labelme(listing.path(file))
                spellings.add(shape.label for shape in values.shapes)
                picture = _picture_of(listing, file, values, by_path)
                name = file.relative if picture is None else picture.relative
                _refuse_second(name, file, claimed)
                sources.append(_source(listing, file, picture, spellings))
            except LabelError as error:
                named = beside.relative if beside is not None else file.relative
                if claimed.setdefault(named, file.relative) == file.relative:
                    left_out.append(LeftOut(named, str(error)))
                else:
                    left_out.append(LeftOut(file.relative, str(error), is_picture=False))
        left_out += [
            LeftOut(name, f"picture {name} has no Labelme JSON: label it or leave it out with --skip-bad")
            for name in by_path
            if name not in claimed
        ]
        return Plan(self.name, tuple(sources), tuple(left_out), options.taxonomy, empty_is_clean=True)


@dataclass(frozen=True)
class LabelmeFile:
    """What matters of one file, checked."""

    shapes: tuple[Shape, ...]
    image_path: str  # "" = none given
    image_data: str  # Base64; "" = null
    size_hw: tuple[int, int] | None


class Spellings:
    """Labels as classes: through the taxonomy, else by their most common spelling, whatever the case."""

    def __init__(self, taxonomy: Taxonomy | None) -> None:
        self.taxonomy = taxonomy
        self._found: dict[str, Counter[str]] = {}

    def add(self, labels: Iterable[str]) -> None:
        """Take note of labels, while the files are listed."""
        for label in labels:
            self._found.setdefault(label.lower(), Counter())[label] += 1

    def place(self, label: str, where: str) -> tuple[str, bool]:
        """The class of a label, and whether it is a background."""
        if self.taxonomy is None:
            spelled = self._found[label.lower()]
            return max(sorted(spelled), key=lambda s: spelled[s]), False
        if label.lower() in (b.name.lower() for b in self.taxonomy.backgrounds):
            return label, True
        try:
            return self.taxonomy.defect(self.taxonomy.defect_index(label)).name, False
        except InputError as error:
            known = ", ".join((*self.taxonomy.defect_names, *(b.name for b in self.taxonomy.backgrounds)))
            raise LabelError(
                f"{where}: label {label[:40]!r} is no class of taxonomy '{self.taxonomy.name}', which has {known}: "
                f"correct it or add it as an alias"
            ) from error


def read_labelme(path: Path) -> LabelmeFile:
    """Read and check one file.

    Raises:
        LabelError: not JSON, not Labelme's, a number that is none (NaN, infinite), a bad shape or size.
    """
    where = str(path)

    def refuse_constant(text: str) -> float:
        raise LabelError(f"{where}: {text} is not a number that a point or size can have: draw the shape again")

    try:
        values = json.loads(path.read_bytes(), parse_constant=refuse_constant)
    except (OSError, ValueError, RecursionError) as error:
        raise LabelError(f"{where} is not readable JSON ({error}): save it again or leave it out") from error
    if not isinstance(values, dict) or not isinstance(values.get("shapes"), list):
        raise LabelError(f"{where} is not a Labelme file: expected a table with a list of shapes")
    shapes = tuple(read_shape(s, f"{where}, shape {i}") for i, s in enumerate(values["shapes"], start=1))
    return LabelmeFile(
        shapes, _text(values, "imagePath", where), _text(values, "imageData", where), _size(values, where)
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
    defects: dict[str, Bool] = {}
    backgrounds: dict[str, Bool] = {}
    for label, mask in masks.items():
        found, is_background = spellings.place(label, str(path))
        planes = backgrounds if is_background else defects
        planes[found] = planes.get(found, np.zeros(size_hw, bool)) | mask
    clipped = sum(shape.reaches_beyond(size_hw) for shape in file.shapes)
    return Drawn(size_hw, defects, backgrounds, ignored, clipped)


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
        LabelError: the path leads out of the folder, or there is no picture at all.
    """
    named = values.image_path.replace("\\", "/")
    if named:
        root = listing.root.resolve()
        target = (root.joinpath(*file.folders) / PurePosixPath(named)).resolve()
        if not target.is_relative_to(root) or ":" in named:
            raise LabelError(
                f"{listing.path(file)}: imagePath {named[:80]!r} leads out of {listing.root}: "
                f"expected a path inside it; put the picture there and correct the path"
            )
        found = by_path.get(target.relative_to(root).as_posix())
        if found is not None:
            return found
    beside = _beside(file, by_path)
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


def _refuse_second(name: str, file: Entry, claimed: dict[str, str]) -> None:
    other = claimed.setdefault(name, file.relative)
    if other != file.relative:
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


def _size(values: Mapping[str, Any], where: str) -> tuple[int, int] | None:
    height, width = values.get("imageHeight"), values.get("imageWidth")
    if height is None or width is None:
        return None
    if not (isinstance(height, int) and isinstance(width, int)) or min(height, width) < 1 or height * width > BUDGET_PX:
        raise LabelError(f"{where}: imageHeight and imageWidth must be its picture's size, got {height} and {width}")
    return height, width
