"""Index masks: each value is a class, 0 none, 255 ignore; gray or with a palette."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from blemish.core.arrays import UInt8
from blemish.core.errors import InputError, PictureError
from blemish.core.taxonomy import IGNORE, Taxonomy
from blemish.data.readers.base import Drawn, Match, Plan, ReadOptions, refuse_unknown_values
from blemish.data.readers.kinds import MaskKind
from blemish.data.readers.layout import class_depth
from blemish.data.readers.masks import mask_kind, pairing_of
from blemish.data.readers.paired import paired_sources
from blemish.data.readers.pairing import Folder
from blemish.data.readers.pairs import Pairing
from blemish.data.readers.planes import index_plane, values_in


@dataclass(frozen=True)
class IndexMasks:
    """Pictures with index masks; names of classes come from the user, else they are class-1, class-2, ..."""

    name: str = "index"

    def recognise(self, folder: Folder, options: ReadOptions) -> Match | None:
        pairing = folder.pairing
        if pairing is None or mask_kind(folder, options) is not MaskKind.INDEX:
            return None
        return Match(pairing.confidence, "masks whose values are classes")

    def plan(self, folder: Folder, options: ReadOptions) -> Plan:
        pairing = pairing_of(folder, self.name)
        paths = [folder.listing.path(mask) for mask in pairing.masks]
        open_labels = _refuse_binary(paths)
        taxonomy = options.taxonomy or numbered_classes(folder.listing.root.name, paths)
        sources, left_out = paired_sources(
            folder.listing, pairing, [""] * len(pairing.pairs), partial(_draw, taxonomy), bare_is_clean=False
        )
        return Plan(self.name, tuple(sources), tuple(left_out), taxonomy, notes=(*open_labels, *_notes(pairing)))


def _notes(pairing: Pairing) -> tuple[str, ...]:
    """A warning where masks lie in folders of several names: the numbers of each may be its own."""
    masked = [pair for pair in pairing.pairs if pair.pictures and pair.masks]
    depth = class_depth(masked)
    folders = sorted({pair.folders[depth] for pair in masked}) if depth is not None else []
    if len(folders) < 2:
        return pairing.notes
    return (
        f"a value is taken for the same class in all folders, {', '.join(folders[:3])}"
        f"{', ...' if folders[3:] else ''}; where each counts its own classes, import them one by one",
        *pairing.notes,
    )


def numbered_classes(name: str, paths: list[Path]) -> Taxonomy:
    """class-1, ..., class-K for a set without names.

    K is the highest value up to which the values in use are without gap. A value beyond a gap is believed where at
    least half of the values up to it are in use and two masks hold it; else it is a slip, refused when it is read.
    """
    masks_with: Counter[int] = Counter()
    for path in paths:
        try:
            masks_with.update(v for v in values_in(index_plane(path)) if v not in (0, IGNORE))
        except PictureError:
            continue  # Named when the mask is read for good.
    known = 0
    for rank, value in enumerate(sorted(masks_with), start=1):
        if value == known + 1 or (masks_with[value] >= 2 and 2 * rank >= value):
            known = value
    return Taxonomy.of_names(name, [f"class-{i}" for i in range(1, max(known, 1) + 1)])


def draw_index(plane: UInt8, taxonomy: Taxonomy, where: str) -> Drawn:
    """What an index plane says.

    Raises:
        LabelError: a value that is no class.
    """
    values = values_in(plane)
    classes = [v for v in values if v not in (0, IGNORE)]
    refuse_unknown_values(classes, plane, len(taxonomy.defects), where)
    return Drawn(
        size_hw=(plane.shape[0], plane.shape[1]),
        defects={taxonomy.defect(v).name: plane == v for v in classes},
        ignored=plane == IGNORE if IGNORE in values else None,
    )


def _draw(taxonomy: Taxonomy, path: Path, token: str) -> Drawn:
    return draw_index(index_plane(path), taxonomy, str(path))


def _refuse_binary(paths: list[Path]) -> tuple[str, ...]:
    """Refuse masks that hold 255 and no class at all: read as index masks, every defect would be ignored.

    Returns:
        A warning where some masks do, beside others with classes: they may be binary.
    """
    ignored: list[Path] = []
    classes = False
    for path in paths:
        try:
            values = set(values_in(index_plane(path)))
        except PictureError:
            continue  # Named when the mask is read for good.
        classes = classes or bool(values - {0, IGNORE})
        if values & {IGNORE} and not values - {0, IGNORE}:
            ignored.append(path)
    if ignored and not classes:
        raise InputError(
            f"index masks must hold values that name classes, but the {len(paths)} masks hold none but 0 and 255 "
            f"(ignore), the first {ignored[0]}: if 255 is a defect, give --format masks"
        )
    if not ignored:
        return ()
    return (
        f"masks with 255 (ignore) and no class: {len(ignored)} of {len(paths)}, the first {ignored[0]}; where 255 is a "
        f"defect there, write its class instead",
    )
