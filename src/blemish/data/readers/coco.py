"""COCO: JSON files that list pictures, categories and annotations; as many files as there are, one a split often."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from blemish.core.arrays import Bool, UInt8, UInt16
from blemish.core.errors import InputError, LabelError
from blemish.data.readers.base import Drawn, LeftOut, Match, Plan, ReadOptions, SourcePicture
from blemish.data.readers.coco_masks import Outline, draw_outline, read_outline
from blemish.data.readers.json_labels import read_json_label, refuse_nothing, size_in
from blemish.data.readers.listing import Entry, Listing
from blemish.data.readers.paired import split_of
from blemish.data.readers.pairing import Folder, spread
from blemish.data.readers.spellings import Spellings
from blemish.picture.read import read_picture

_LISTS = ("images", "annotations", "categories")
_SAMPLES = 12


@dataclass(frozen=True)
class CocoFiles:
    """JSON files of COCO's form; a picture that a file names without an annotation is clean.

    A picture is found by the end of its `file_name`, from the JSON file's folder first: tools write paths of other
    machines. Boxes alone are refused.
    """

    name: str = "coco"

    def recognise(self, folder: Folder, options: ReadOptions) -> Match | None:
        files, _ = _coco_files(folder.listing, spread(folder.listing.with_extension(".json"), _SAMPLES))
        return Match(0.95, "JSON files with images, annotations and categories") if files else None

    def plan(self, folder: Folder, options: ReadOptions) -> Plan:
        listing = folder.listing
        files, left_out = _coco_files(listing, listing.with_extension(".json"))
        if not files:
            raise InputError(
                f"{listing.root} cannot be read as 'coco': no JSON file in it has the lists {', '.join(_LISTS)}"
            )
        by_name = _by_name(listing.pictures)
        spellings = Spellings(options.taxonomy)
        claimed: dict[str, str] = {}
        found = [one for file, values in files for one in _of_file(listing, file, values, by_name, spellings, claimed)]
        left_out += [one for one in found if isinstance(one, LeftOut)]
        left_out += [
            LeftOut(
                name,
                f"picture {name} is in no COCO file: add it there, leave it out with --skip-bad, or say with "
                f"--unlabelled-clean that such pictures show good parts",
                unlabelled=True,
            )
            for name in (entry.relative for entry in listing.pictures)
            if name not in claimed
        ]
        twice = {name for name, where in claimed.items() if not where}  # Each entry says too little of such a picture.
        told = {one.file for one in left_out}
        left_out += [
            LeftOut(name, f"picture {name} is listed several times: lay its annotations together in one entry")
            for name in sorted(twice - told)
        ]
        sources = tuple(one for one in found if isinstance(one, SourcePicture) and one.source not in twice)
        return Plan(self.name, sources, tuple(left_out), options.taxonomy, empty_is_clean=True)


@dataclass(frozen=True)
class Labels:
    """All that is said of one picture, checked."""

    shapes: tuple[tuple[str, Outline], ...]
    size_hw: tuple[int, int] | None
    ignored: Outline | None  # Pixels that nobody knows: a key of our own export.
    where: str


@dataclass(frozen=True)
class CocoImage:
    """One picture of a file, with its annotations as they stand there."""

    file_name: str
    values: Mapping[str, Any]
    annotations: list[Mapping[str, Any]] = field(default_factory=list)
    categories: Mapping[Any, str] = field(default_factory=dict)

    def labels(self, where: str) -> Labels:
        """Its annotations, checked.

        Raises:
            LabelError: a category that the file does not have, an outline that is none, or a size that is none.
        """
        shapes = []
        for annotation in self.annotations:
            name = f"{where}, annotation {annotation.get('id', '?')}"
            category = annotation.get("category_id")
            if not isinstance(category, int | str) or category not in self.categories:
                raise LabelError(f"{name}: category_id {str(category)[:40]} is none of the file's categories")
            shapes.append((self.categories[category], read_outline(annotation.get("segmentation"), name)))
        ignored = self.values.get("ignore")
        return Labels(
            tuple(shapes),
            size_in(self.values, "height", "width", where),
            read_outline(ignored, f"{where}, ignore") if isinstance(ignored, dict) else None,
            where,
        )


def read_coco(values: Mapping[str, Any], where: str) -> list[CocoImage]:
    """The pictures of one file.

    Raises:
        LabelError: an entry that is no table, a category or picture without id or name, an id that is there twice, or
            an annotation of a picture that is not listed.
    """
    categories: dict[Any, str] = {}
    for entry in _tables(values, "categories", where):
        _put(categories, entry, _text(entry, "name", f"{where}, category"), f"{where}, category")
    images: dict[Any, CocoImage] = {}
    for entry in _tables(values, "images", where):
        name = _text(entry, "file_name", f"{where}, picture")
        _put(images, entry, CocoImage(name, entry, [], categories), f"{where}, picture")
    for entry in _tables(values, "annotations", where):
        image = entry.get("image_id")
        if not isinstance(image, int | str) or image not in images:
            raise LabelError(
                f"{where}, annotation {entry.get('id', '?')}: image_id {str(image)[:40]} is none of the file's pictures"
            )
        images[image].annotations.append(entry)
    return list(images.values())


def pictures_named(
    names: Iterable[str], file: Entry, by_name: Mapping[str, list[Entry]]
) -> dict[str, tuple[Entry, ...]]:
    """The pictures that each `file_name` of a file may mean: one where it is clear, none, or several that fit alike.

    Meant is the picture at that path from the file's folder; else the one whose path ends with most of the name, as
    leading folders may be those of another machine. A picture that one name means with more of its path is not there
    for another; and a name with folders means no picture by its bare name where others are found by their folders: the
    labels of a picture that is missing must go to no other that is called alike.
    """
    parts_of = {name: _parts(name) for name in names}
    found: dict[str, tuple[Entry, ...]] = {}
    for name, parts in parts_of.items():
        beside = [entry for entry in _ending_with(parts, by_name) if _path(entry) == (*file.folders, *parts)]
        if beside:
            found[name] = (beside[0],)
    by_folders = any(len(parts_of[name]) > 1 for name in found)
    for cut in range(max(map(len, parts_of.values()), default=0)):
        taken = {entry.relative for own in found.values() for entry in own}
        for name, parts in parts_of.items():
            is_bare = len(parts) - cut == 1 < len(parts)
            if name in found or cut >= len(parts) or (is_bare and by_folders):
                continue
            fitting = [entry for entry in _ending_with(parts[cut:], by_name) if entry.relative not in taken]
            if fitting:
                found[name] = tuple(fitting)
        by_folders = by_folders or any(len(parts_of[name]) - cut > 1 for name in found)
    return {name: found.get(name, ()) for name in parts_of}


def the_one(fitting: Sequence[Entry], where: str) -> Entry:
    """The picture that a name means.

    Raises:
        LabelError: there is none, or several fit alike.
    """
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        both = " and ".join(entry.relative for entry in fitting[:2])
        raise LabelError(f"{where}: {both} are called so: put the JSON file into the folder of its pictures")
    raise LabelError(f"{where}: there is no such picture: add it, or take it out of the file")


def _parts(name: str) -> tuple[str, ...]:
    return tuple(part for part in PurePosixPath(name.replace("\\", "/")).parts if part not in ("/", "."))


def _ending_with(parts: tuple[str, ...], by_name: Mapping[str, list[Entry]]) -> list[Entry]:
    """Pictures whose path ends so; none of an empty one."""
    candidates = by_name.get(parts[-1], []) if parts else []
    return [entry for entry in candidates if _path(entry)[-len(parts) :] == parts]


def draw_coco(labels: Labels, read: Callable[[], UInt8 | UInt16], spellings: Spellings) -> Drawn:
    """What is said of one picture, its outlines as masks."""
    size_hw = labels.size_hw
    if size_hw is None:
        pixels = read()
        size_hw = pixels.shape[0], pixels.shape[1]
    masks: dict[str, Bool] = {}
    for number, (label, outline) in enumerate(labels.shapes, start=1):
        mask = draw_outline(outline, size_hw, labels.where)
        if len(labels.shapes) == 1 or outline.reaches_beyond(size_hw):  # Else a speck between two pixels is no loss.
            refuse_nothing(mask, f"{labels.where}, its annotation {number} ({label[:40]})")
        masks[label] = masks.get(label, np.zeros(size_hw, bool)) | mask
    ignored = None if labels.ignored is None else draw_outline(labels.ignored, size_hw, labels.where)
    clipped = sum(outline.reaches_beyond(size_hw) for _, outline in labels.shapes)
    return spellings.drawn(masks, size_hw, labels.where, ignored=ignored, clipped_shapes=clipped)


def _of_file(
    listing: Listing,
    file: Entry,
    values: Mapping[str, Any],
    by_name: Mapping[str, list[Entry]],
    spellings: Spellings,
    claimed: dict[str, str],
) -> Iterator[SourcePicture | LeftOut]:
    """The pictures of one file; what cannot be read with its reason.

    Args:
        claimed: by picture the place that names it, filled here.
    """
    try:
        images = read_coco(values, str(listing.path(file)))
    except LabelError as error:
        yield LeftOut(file.relative, str(error), is_picture=False)
        return
    fitting = pictures_named((image.file_name for image in images), file, by_name)
    for image in images:
        where = f"{listing.path(file)}, picture {image.file_name[:80]!r}"
        try:
            picture = the_one(fitting[image.file_name], where)
            _refuse_second(picture, f"{where}, id {image.values.get('id')}", claimed)
        except LabelError as error:
            yield LeftOut(file.relative, str(error), is_picture=False)
            continue
        try:
            labels = image.labels(where)
        except LabelError as error:
            yield LeftOut(picture.relative, str(error))
            continue
        spellings.add(label for label, _ in labels.shapes)
        read = partial(read_picture, listing.path(picture))
        yield SourcePicture(
            id=picture.id,
            source=picture.relative,
            read=read,
            draw=partial(draw_coco, labels, read, spellings),
            label=file.relative,
            split=split_of(picture),
        )


def _refuse_second(picture: Entry, where: str, claimed: dict[str, str]) -> None:
    other = claimed.get(picture.relative)
    claimed[picture.relative] = where if other is None else ""
    if other is not None:
        raise LabelError(f"{where} is {picture.relative}, and so is {other or 'another'}: lay them together in one")


def _coco_files(
    listing: Listing, files: Sequence[Entry]
) -> tuple[list[tuple[Entry, Mapping[str, Any]]], list[LeftOut]]:
    """The JSON files of COCO's form with what they hold, and those that are no JSON at all or half of one."""
    found: list[tuple[Entry, Mapping[str, Any]]] = []
    unreadable: list[LeftOut] = []
    for entry in files:
        try:
            values = read_json_label(listing.path(entry))
        except LabelError as error:
            unreadable.append(LeftOut(entry.relative, str(error), is_picture=False))
            continue
        missing = [key for key in _LISTS if not isinstance(values, dict) or not isinstance(values.get(key), list)]
        if not missing:
            found.append((entry, values))
        elif isinstance(values, dict) and {"images", "annotations"} & values.keys():
            reason = f"{listing.path(entry)} is half a COCO file: the list {missing[0]} is missing; export it again"
            unreadable.append(LeftOut(entry.relative, reason, is_picture=False))
    return found, unreadable


def _by_name(pictures: Iterable[Entry]) -> dict[str, list[Entry]]:
    by_name: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in pictures:
        by_name[entry.name].append(entry)
    return by_name


def _path(entry: Entry) -> tuple[str, ...]:
    return (*entry.folders, entry.name)


def _tables(values: Mapping[str, Any], key: str, where: str) -> list[Mapping[str, Any]]:
    for entry in values[key]:
        if not isinstance(entry, dict):
            raise LabelError(f"{where}: {key} must be a list of tables, got {str(entry)[:40]!r} in it")
    entries: list[Mapping[str, Any]] = values[key]
    return entries


def _put(table: dict[Any, Any], entry: Mapping[str, Any], value: Any, where: str) -> None:
    number = entry.get("id")
    if not isinstance(number, int | str) or number in table:
        raise LabelError(f"{where} {str(number)[:40]}: every id must be a number or text, and there once")
    table[number] = value


def _text(entry: Mapping[str, Any], key: str, where: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value.strip():
        raise LabelError(f"{where} {entry.get('id', '?')}: {key} must be a text, got {str(value)[:40]!r}")
    return value.strip()
