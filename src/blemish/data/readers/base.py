"""What every reader of a labelled folder hands over: pictures with what their labels say, read when asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from blemish.core.arrays import Bool, UInt8, UInt16
from blemish.core.errors import LabelError
from blemish.core.labels import Combined, combine
from blemish.core.records import Origin, Split
from blemish.core.taxonomy import IGNORE, Taxonomy
from blemish.data.readers.pairing import Folder

ONE_CLASS = "defect"  # The class of a set that names none.
SPLIT_WORDS: Mapping[str, Split] = {
    "train": Split.TRAIN,
    "training": Split.TRAIN,
    "val": Split.VAL,
    "valid": Split.VAL,
    "validation": Split.VAL,
    "test": Split.TEST,
    "testing": Split.TEST,
}
_LETTERS = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Drawn:
    """What the label of one picture says, before a taxonomy numbers its classes.

    Args:
        size_hw: of the label, which must be the picture's.
        defects: class name -> bool H W; classes may overlap (`settle` decides).
        backgrounds: class name -> bool H W; a pixel in none has background 0.
        ignored: bool H W of pixels that are 255 from the start; None = none.
        clipped_shapes: outlines that reached beyond the picture.
    """

    size_hw: tuple[int, int]
    defects: Mapping[str, Bool]
    backgrounds: Mapping[str, Bool] = field(default_factory=dict)
    ignored: Bool | None = None
    clipped_shapes: int = 0

    @property
    def is_empty(self) -> bool:
        """Neither a defect nor an ignored pixel."""
        return not any(mask.any() for mask in self.defects.values()) and (
            self.ignored is None or not self.ignored.any()
        )

    def with_(self, other: Drawn) -> Drawn:
        """This and another label of the same picture together."""
        ignored = [mask for mask in (self.ignored, other.ignored) if mask is not None]
        return Drawn(
            self.size_hw,
            _either(self.defects, other.defects),
            _either(self.backgrounds, other.backgrounds),
            np.logical_or.reduce(ignored) if ignored else None,
            self.clipped_shapes + other.clipped_shapes,
        )

    def settle(self, taxonomy: Taxonomy, where: str) -> Combined:
        """The label map, two defects on a pixel settled by priority; ignored pixels without a defect become 255.

        Raises:
            TaxonomyError: a class that the taxonomy does not have.
            LabelError: two backgrounds on a pixel, or two defects that no priority settles.
        """
        nothing = np.zeros(self.size_hw, bool)
        defects = [nothing] * len(taxonomy.defects)
        for name, mask in self.defects.items():
            index = taxonomy.defect_index(name)
            defects[index - 1] = defects[index - 1] | mask
        backgrounds = [nothing] * len(taxonomy.backgrounds)
        for name, mask in self.backgrounds.items():
            index = taxonomy.background_index(name)
            backgrounds[index] = backgrounds[index] | mask
        backgrounds[0] = backgrounds[0] | ~np.logical_or.reduce(backgrounds)
        combined = combine(backgrounds, defects, taxonomy, where)
        if self.ignored is not None:
            combined.label_map.defect[self.ignored & (combined.label_map.defect == 0)] = IGNORE
        return combined


@dataclass(frozen=True)
class SourcePicture:
    """One picture to import; nothing is decoded until `read` or `draw` is called."""

    id: str  # Relative path without extension, forward slashes: file names repeat, folders tell them apart.
    source: str  # Relative path of the picture's file.
    read: Callable[[], UInt8 | UInt16]
    draw: Callable[[], Drawn]
    label: str = ""  # Relative path of the label's file, for messages; "" = the folder says that it is clean.
    part: str = ""  # "" = the id.
    group: str = ""  # "" = not known.
    split: Split = Split.NONE  # As the publisher's folder says, used only when asked for.
    folder: str = ""  # Pictures of one folder (or file name token) are judged together when masks are empty.


@dataclass(frozen=True)
class LeftOut:
    """A file that cannot be imported, and why."""

    file: str
    reason: str
    is_picture: bool = True
    unlabelled: bool = False  # A sound picture, as far as its reader looked, of which no label says anything.


@dataclass(frozen=True)
class Plan:
    """What a reader makes of a folder."""

    format: str
    sources: tuple[SourcePicture, ...]
    left_out: tuple[LeftOut, ...] = ()
    taxonomy: Taxonomy | None = None  # Given or found; None = from the names met, the most frequent first.
    origin: Origin = Origin.REAL
    empty_is_clean: bool = False  # A label without defects always means a clean picture.
    folder_is_class: bool = False  # A lone empty mask contradicts its folder, however many there are.
    notes: tuple[str, ...] = ()
    priority: tuple[str, ...] = ()  # Classes that win over others on one pixel, the first before the second.


@dataclass(frozen=True)
class ReadOptions:
    """What the user said about the classes."""

    taxonomy: Taxonomy | None = None


@dataclass(frozen=True)
class Match:
    """How sure a reader is that a folder is its own, and by what it knows."""

    confidence: float  # 0 to 1
    reason: str


class Reader(Protocol):
    """One format. Recognition goes by structure and contents; names of folders and files do not matter."""

    @property
    def name(self) -> str: ...

    def recognise(self, folder: Folder, options: ReadOptions) -> Match | None: ...

    def plan(self, folder: Folder, options: ReadOptions) -> Plan: ...


def split_named(folder: str) -> Split:
    """The split that a folder is named after: by its whole name, or its first or last word.

    Example:
        >>> [str(split_named(name)) for name in ("Train", "test_public", "images-val", "train2017", "valve")]
        ['train', 'test', 'val', 'train', '']
    """
    words = _LETTERS.findall(folder.lower())
    sides = {SPLIT_WORDS[word] for word in (*words[:1], *words[-1:]) if word in SPLIT_WORDS}
    return sides.pop() if len(sides) == 1 else Split.NONE


def _either(one: Mapping[str, Bool], other: Mapping[str, Bool]) -> dict[str, Bool]:
    return {name: np.logical_or(one.get(name, False), other.get(name, False)) for name in {**one, **other}}


def empty_drawing(size_hw: tuple[int, int]) -> Drawn:
    """No defect at all."""
    return Drawn(size_hw, {})


def refuse_unknown_values(values: list[int], plane: UInt8, known: int, where: str) -> None:
    """Refuse an index above the classes there are, naming the first pixel and how many there are."""
    for value in values:
        if value > known:
            y, x = np.argwhere(plane == value)[0]
            raise LabelError(
                f"{where}: value {value} at x={x}, y={y} ({int((plane == value).sum())} pixels) is not a class: "
                f"expected 0 to {known} or 255 (ignore); correct the label, or name all classes with --classes"
            )
