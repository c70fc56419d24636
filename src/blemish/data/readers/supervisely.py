"""Supervisely: a JSON file a picture, `img/a.jpg` with `ann/a.jpg.json`, of bitmaps and polygons."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from blemish.core.arrays import Bool
from blemish.core.errors import InputError, LabelError
from blemish.data.readers.base import Drawn, LeftOut, Match, Plan, ReadOptions, SourcePicture
from blemish.data.readers.json_labels import is_place, read_json_label, refuse_nothing, size_in
from blemish.data.readers.listing import Entry, Listing
from blemish.data.readers.paired import split_of
from blemish.data.readers.pairing import Folder, spread
from blemish.data.readers.spellings import Spellings
from blemish.data.readers.yolo import nearest
from blemish.picture.read import BUDGET_PX, read_picture

_SAMPLES = 12
_MOST_BYTES = 1 << 26  # Of a bitmap's PNG.


@dataclass(frozen=True)
class SuperviselyFiles:
    """JSON files with a size and a list of objects, each named like its picture with `.json` behind.

    There is one for every picture, also for one at which nobody has looked: empty files are judged as empty masks are.
    """

    name: str = "supervisely"

    def recognise(self, folder: Folder, options: ReadOptions) -> Match | None:
        sample = spread(_named(folder.listing), _SAMPLES)
        good = any(_is_one(folder.listing.path(entry)) for entry in sample)
        return Match(0.95, "JSON files with a size and a list of objects") if good else None

    def plan(self, folder: Folder, options: ReadOptions) -> Plan:
        listing = folder.listing
        files = _named(listing)
        if not files:
            raise InputError(
                f"{listing.root} cannot be read as 'supervisely': no JSON file is named like a picture and '.json'"
            )
        by_name: defaultdict[str, list[Entry]] = defaultdict(list)
        for picture in listing.pictures:
            by_name[picture.name].append(picture)
        spellings = Spellings(options.taxonomy)
        sources: list[SourcePicture] = []
        left_out: list[LeftOut] = []
        claimed: set[str] = set()
        for file in files:
            found = nearest(file, by_name.get(file.stem, ()))
            if len(found) != 1 or found[0].relative in claimed:
                reason = f"expected one picture {file.stem} for labels {file.relative}, and one such file a picture"
                left_out.append(LeftOut(file.relative, f"{reason}: add or remove one", is_picture=False))
                continue
            claimed.add(found[0].relative)
            try:
                spellings.add(_labels(listing.path(file)))
                sources.append(_source(listing, file, found[0], spellings))
            except LabelError as error:
                left_out.append(LeftOut(found[0].relative, str(error)))
        left_out += [
            LeftOut(
                picture.relative,
                f"picture {picture.relative} has no Supervisely JSON: label it, leave it out with --skip-bad, or say "
                f"with --unlabelled-clean that such pictures show good parts",
                unlabelled=True,
            )
            for picture in listing.pictures
            if picture.relative not in claimed
        ]
        return Plan(self.name, tuple(sources), tuple(left_out), options.taxonomy)


def draw_supervisely(path: Path, spellings: Spellings) -> Drawn:
    """What one file says, its objects as masks.

    Raises:
        LabelError: no size, a box, or an object that cannot be drawn.
    """
    things = _objects(path)
    size_hw = size_in(read_json_label(path)["size"], "height", "width", str(path))
    if size_hw is None:
        raise LabelError(f"{path}: size must have a height and a width")
    masks: dict[str, Bool] = {}
    for number, thing in enumerate(things, start=1):
        mask = _mask(thing, size_hw, f"{path}, object {number}")
        refuse_nothing(mask, f"{path}, object {number}")
        label = thing["classTitle"].strip()
        masks[label] = masks.get(label, np.zeros(size_hw, bool)) | mask
    return spellings.drawn(masks, size_hw, str(path))


def _source(listing: Listing, file: Entry, picture: Entry, spellings: Spellings) -> SourcePicture:
    return SourcePicture(
        id=picture.id,
        source=picture.relative,
        read=partial(read_picture, listing.path(picture)),
        draw=partial(draw_supervisely, listing.path(file), spellings),
        label=file.relative,
        split=split_of(picture),
    )


def _named(listing: Listing) -> list[Entry]:
    names = {picture.name for picture in listing.pictures}
    return [entry for entry in listing.with_extension(".json") if entry.stem in names]


def _is_one(path: Path) -> bool:
    try:
        _objects(path)
    except LabelError:
        return False
    return True


def _objects(path: Path) -> Sequence[Mapping[str, Any]]:
    values = read_json_label(path)
    things = values.get("objects") if isinstance(values, dict) else None
    if not isinstance(things, list) or not isinstance(values.get("size"), dict):
        raise LabelError(f"{path} is not a Supervisely file: expected a table with a size and a list of objects")
    for number, thing in enumerate(things, start=1):
        title = thing.get("classTitle") if isinstance(thing, dict) else None
        if not isinstance(title, str) or not title.strip():
            raise LabelError(f"{path}, object {number}: classTitle must be a text, got {str(title)[:40]!r}")
    return things


def _labels(path: Path) -> list[str]:
    return [thing["classTitle"].strip() for thing in _objects(path)]


def _mask(thing: Mapping[str, Any], size_hw: tuple[int, int], where: str) -> Bool:
    kind = thing.get("geometryType") or ("bitmap" if thing.get("bitmap") else "polygon")
    if kind == "bitmap":
        return _bitmap(thing.get("bitmap"), size_hw, where)
    if kind == "polygon":
        return _polygon(thing.get("points"), size_hw, where)
    if kind == "rectangle":
        raise LabelError(f"{where} is a box: a box does not say which pixels are the defect, draw its outline")
    raise LabelError(f"{where} must be a bitmap or a polygon, got a {str(kind)[:40]!r}: draw its area")


def _bitmap(values: Any, size_hw: tuple[int, int], where: str) -> Bool:
    try:
        (x, y), data = values["origin"], base64.b64decode(values["data"], validate=True)
        picture = Image.open(BytesIO(zlib.decompressobj().decompress(data, _MOST_BYTES)), formats=["PNG"])
        if picture.width * picture.height > BUDGET_PX:
            raise LabelError(f"{where}: its bitmap is over the budget of {BUDGET_PX:,} pixels")
        is_clear = "transparency" in picture.info or picture.mode in ("LA", "RGBA")
        shown = np.asarray(picture.convert("RGBA"))[:, :, 3] > 0 if is_clear else np.asarray(picture.convert("L")) > 0
    except (KeyError, TypeError, ValueError, binascii.Error, zlib.error, OSError, SyntaxError) as error:
        raise LabelError(f"{where} has a bitmap that cannot be read ({error}): export it again") from error
    mask = np.zeros(size_hw, bool)
    if not (isinstance(x, int) and isinstance(y, int)) or min(x, y) < 0:
        raise LabelError(f"{where}: origin must be a pixel of the picture, got {x}, {y}")
    if y + shown.shape[0] > size_hw[0] or x + shown.shape[1] > size_hw[1]:
        raise LabelError(f"{where}: its bitmap leads out of the picture of {size_hw[1]} x {size_hw[0]} px")
    mask[y : y + shown.shape[0], x : x + shown.shape[1]] = shown
    return mask


def _polygon(values: Any, size_hw: tuple[int, int], where: str) -> Bool:
    points = values if isinstance(values, dict) else {}
    canvas = Image.new("L", (size_hw[1], size_hw[0]))
    pen = ImageDraw.Draw(canvas)
    pen.polygon(_corners(points.get("exterior"), where), fill=1, outline=1)
    for hole in points.get("interior") or ():
        pen.polygon(_corners(hole, where), fill=0, outline=0)
    return np.asarray(canvas) > 0


def _corners(values: Any, where: str) -> list[tuple[float, float]]:
    corners = [point for point in values if isinstance(point, list)] if isinstance(values, list) else []
    if len(corners) < 3 or not all(len(point) == 2 and all(map(is_place, point)) for point in corners):
        raise LabelError(f"{where}: a polygon must have three or more corners, each x and y in pixels: draw it again")
    return [(point[0], point[1]) for point in corners]
