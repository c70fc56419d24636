"""YOLO outlines: a text file a picture, on each line a class number and a polygon in shares of width and height."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from blemish.core.arrays import Bool, UInt8, UInt16
from blemish.core.errors import InputError, LabelError
from blemish.core.records import Split
from blemish.data.readers.base import Drawn, LeftOut, Match, Plan, ReadOptions, SourcePicture, split_named
from blemish.data.readers.json_labels import refuse_nothing
from blemish.data.readers.listing import Entry, Listing
from blemish.data.readers.paired import split_of
from blemish.data.readers.pairing import Folder, spread
from blemish.data.readers.spellings import Spellings
from blemish.picture.read import read_picture

_SAMPLES = 12
_BOX, _LEAST_NUMBERS = 4, 6  # Numbers behind the class: of a box, and of a polygon at least.
_BEYOND = 0.01  # A share may stick out by this much: tools round.
_MOST_CLASSES = 255
_PLACES = 2  # Of a corner in pixels.


@dataclass(frozen=True)
class YoloFiles:
    """Text files beside the pictures, or in a folder beside theirs (`images/a.jpg`, `labels/a.txt`).

    Names of classes come from a YAML file with `names`, else from the user, else they are class-1, class-2, ... An
    empty text file says that its picture is clean; no text file says nothing.
    """

    name: str = "yolo"

    def recognise(self, folder: Folder, options: ReadOptions) -> Match | None:
        sample = spread([text for text, _ in _placed(folder.listing).pairs], _SAMPLES)
        said = [is_yolo(folder.listing.path(text)) for text in sample]
        if not any(said) or sum(answer is not False for answer in said) * 2 < len(said):
            return None
        return Match(0.9, "a text file of numbers for each picture")

    def plan(self, folder: Folder, options: ReadOptions) -> Plan:
        listing = folder.listing
        texts = _placed(listing)
        pairs, left_out = texts.pairs, list(texts.left_out)
        if not pairs:
            raise InputError(f"{listing.root} cannot be read as 'yolo': no text file goes with a picture")
        names, spellings = names_in(listing), Spellings(options.taxonomy)
        sources: list[SourcePicture] = []
        for text, picture in pairs:
            try:
                outlines = read_yolo(listing.path(text))
                labels = [(_label(number, names, options, str(listing.path(text))), line) for number, line in outlines]
            except LabelError as error:
                left_out.append(LeftOut(picture.relative, str(error)))
                continue
            spellings.add(label for label, _ in labels)
            read = partial(read_picture, listing.path(picture))
            sources.append(
                SourcePicture(
                    id=picture.id,
                    source=picture.relative,
                    read=read,
                    draw=partial(draw_yolo, labels, read, spellings, str(listing.path(text))),
                    label=text.relative,
                    split=split_of(picture),
                )
            )
        told = {picture.relative for _, picture in pairs} | {one.file for one in left_out}
        left_out += [
            LeftOut(
                picture.relative,
                f"picture {picture.relative} has no text file: an empty one would say that it is clean; add it, leave "
                f"the picture out with --skip-bad, or say with --unlabelled-clean that such pictures show good parts",
                unlabelled=True,
            )
            for picture in listing.pictures
            if picture.relative not in told
        ]
        return Plan(self.name, tuple(sources), tuple(left_out), options.taxonomy, empty_is_clean=True)


def is_yolo(path: Path) -> bool | None:
    """Whether a text file holds lines of numbers as YOLO writes them; None for an empty one."""
    try:
        lines = _lines(path)
    except LabelError:
        return False
    if not lines:
        return None
    try:
        return all(len(_numbers(line, "")[1]) >= _BOX for line in lines)
    except LabelError:
        return False


def read_yolo(path: Path) -> list[tuple[int, tuple[float, ...]]]:
    """Class number from 0 and polygon (x, y, x, y, ... from 0 to 1) of each line.

    Raises:
        LabelError: a line that is a box, that has too few or odd numbers, or one that is no share.
    """
    return [_polygon(line, f"{path}, line {number}") for number, line in enumerate(_lines(path), start=1)]


def draw_yolo(
    labels: Sequence[tuple[str, tuple[float, ...]]],
    read: Callable[[], UInt8 | UInt16],
    spellings: Spellings,
    where: str,
) -> Drawn:
    """What one file says, its polygons filled, their borders included."""
    pixels = read()  # Decoded: the size in the header is that before any turn.
    height, width = pixels.shape[0], pixels.shape[1]
    masks: dict[str, Bool] = {}
    for number, (label, shares) in enumerate(labels, start=1):
        corners = [  # Shares in text are rounded: 15.99998 is a corner at 16.
            (round(x * width, _PLACES), round(y * height, _PLACES))
            for x, y in zip(shares[::2], shares[1::2], strict=True)
        ]
        canvas = Image.new("L", (width, height))
        ImageDraw.Draw(canvas).polygon(corners, fill=1, outline=1)
        mask = np.asarray(canvas) > 0
        refuse_nothing(mask, f"{where}, outline {number}")
        masks[label] = masks.get(label, np.zeros((height, width), bool)) | mask
    clipped = sum(not all(0 <= share <= 1 for share in shares) for _, shares in labels)
    return spellings.drawn(masks, (height, width), where, clipped_shapes=clipped)


def names_in(listing: Listing) -> Mapping[int, str]:
    """The classes that the YAML files of a folder name, else its `classes.txt` or `.names` file, by number; or empty.

    Raises:
        InputError: two files name them differently, or a name that is none.
    """
    tables = [*listing.with_extension(".yaml"), *listing.with_extension(".yml")]
    lists = [entry for entry in listing.with_extension(".txt") if entry.name == "classes.txt"]
    lists += listing.with_extension(".names")
    return _agreed_names(listing, tables, _names_of) or _agreed_names(listing, lists, _names_line_by_line)


def _agreed_names(
    listing: Listing, files: Iterable[Entry], names_of: Callable[[Path], dict[int, str]]
) -> dict[int, str]:
    found: dict[int, str] = {}
    first = ""
    for entry in files:
        names = names_of(listing.path(entry))
        if names and found and names != found:
            raise InputError(f"{listing.root}: {first} and {entry.relative} name the classes differently: leave one")
        if names:
            found, first = names, entry.relative
    return found


def _names_of(path: Path) -> dict[int, str]:
    yaml = import_module("yaml")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, RecursionError, yaml.YAMLError) as error:
        raise InputError(f"{path} is not readable YAML ({' '.join(str(error).split())[:120]}): correct it") from error
    names: Any = values.get("names") if isinstance(values, dict) else None
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict):
        return {}
    for number, name in names.items():
        if not isinstance(number, int) or not isinstance(name, str | int) or not str(name).strip():
            raise InputError(
                f"{path}: names must be class numbers with names, got {str(number)[:20]}: {str(name)[:40]}"
            )
    return {number: str(name).strip() for number, name in names.items()}


def _names_line_by_line(path: Path) -> dict[int, str]:
    try:
        text = path.read_text(encoding="utf-8-sig").rstrip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not readable text ({error}): save it again or leave it out") from error
    names = [line.strip() for line in text.splitlines()]
    if "" in names:
        raise InputError(f"{path}, line {names.index('') + 1} is empty: its place is a class's number, name it")
    return dict(enumerate(names))


def _label(number: int, names: Mapping[int, str], options: ReadOptions, where: str) -> str:
    """The class of a number: as a file of the set names it, else by its place among the user's classes."""
    if names:
        if number not in names:
            raise LabelError(
                f"{where}: class {number} is not among the {len(names)} names that the set's file lists: add it there"
            )
        return names[number]
    if options.taxonomy is None:
        return f"class-{number + 1}"
    if number >= len(options.taxonomy.defects):
        raise LabelError(
            f"{where}: class {number} is none of {', '.join(options.taxonomy.defect_names)}, which count from 0: "
            f"name all classes with --classes"
        )
    return options.taxonomy.defect(number + 1).name


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise LabelError(f"{path} is not readable text ({error}): save it again or leave it out") from error
    return [line for line in text.splitlines() if line.strip()]


def _numbers(line: str, where: str) -> tuple[int, tuple[float, ...]]:
    first, *rest = line.split()
    try:
        number, shares = int(first), tuple(map(float, rest))
    except ValueError as error:
        raise LabelError(f"{where} must be a class number and shares of width and height, got {line[:40]!r}") from error
    if not 0 <= number < _MOST_CLASSES or not all(-_BEYOND <= share <= 1 + _BEYOND for share in shares):
        raise LabelError(f"{where} must be a class number from 0 and shares from 0 to 1, got {line[:40]!r}")
    return number, shares


def _polygon(line: str, where: str) -> tuple[int, tuple[float, ...]]:
    number, shares = _numbers(line, where)
    if len(shares) == _BOX:
        raise LabelError(f"{where} is a box: a box does not say which pixels are the defect, draw its outline")
    if len(shares) < _LEAST_NUMBERS or len(shares) % 2:
        raise LabelError(f"{where} must have 6 or more numbers behind the class, x and y in turn, got {len(shares)}")
    return number, shares


@dataclass(frozen=True)
class _Texts:
    """Which text file goes with which picture, and those that cannot be placed."""

    pairs: list[tuple[Entry, Entry]]
    left_out: list[LeftOut]


def _placed(listing: Listing) -> _Texts:
    """Text file and picture of one name: beside it, else where one folder of the path differs.

    A text file that holds no labels (a list of classes, a note) is none of ours where no picture has its name.
    """
    by_stem: defaultdict[str, list[Entry]] = defaultdict(list)
    for picture in listing.pictures:
        by_stem[picture.stem].append(picture)
    of_picture: dict[Entry, list[Entry]] = {}
    left_out: list[LeftOut] = []
    for text in listing.with_extension(".txt"):
        near = nearest(text, by_stem.get(text.stem, ()))
        if len(near) == 1:
            of_picture.setdefault(near[0], []).append(text)
        elif by_stem.get(text.stem) or is_yolo(listing.path(text)):
            names = " and ".join(picture.relative for picture in near) or "none"
            reason = f"expected one picture for labels {text.relative}, found {names}: add or remove one"
            left_out.append(LeftOut(text.relative, reason, is_picture=False))
    pairs = []
    for picture, texts in of_picture.items():
        if len(texts) == 1:
            pairs.append((texts[0], picture))
        else:
            names = " and ".join(text.relative for text in texts)
            reason = f"expected one text file for picture {picture.relative}, found {names}: leave one"
            left_out.append(LeftOut(picture.relative, reason))
    return _Texts(pairs, left_out)


def nearest(text: Entry, pictures: Iterable[Entry]) -> list[Entry]:
    """The pictures in the folder of a file, else those from whose path one folder of the file's differs.

    Folders of two splits lead to no picture of the other: a number is a name in both.
    """
    near: defaultdict[int, list[Entry]] = defaultdict(list)
    for picture in pictures:
        if len(picture.folders) == len(text.folders):
            apart = [(a, b) for a, b in zip(picture.folders, text.folders, strict=True) if a != b]
            sides = [{split_named(a), split_named(b)} - {Split.NONE} for a, b in apart]
            if all(len(side) < 2 for side in sides):
                near[len(apart)].append(picture)
    return near[0] or near[1]
