"""The first pass of an import: every picture and label is read once and judged, nothing is written or kept.

So an error is found before the first file is written, and the dry run and the import are the same survey.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from tqdm import tqdm

from blemish.core.arrays import UInt8, UInt16
from blemish.core.errors import DatasetError, InputError, LabelError, PictureError, TaxonomyError
from blemish.core.labels import LabelMap
from blemish.core.taxonomy import IGNORE, NAME, Taxonomy
from blemish.data.boxes_drawn import boxes_in
from blemish.data.least_size import ignore_small
from blemish.data.manifest import refuse_bad_id
from blemish.data.priorities import with_priorities
from blemish.data.readers.base import Drawn, LeftOut, Plan, SourcePicture
from blemish.data.readers.layout import EMPTY_SHARE
from blemish.data.readers.planes import is_gray
from blemish.picture.normalise import common_range

_MOST_BYTES = 210  # Of 255 that a file's name may have: the tile's place and endings follow.


@dataclass(frozen=True)
class Seen:
    """What the survey keeps of one picture: a few hundred bytes."""

    source: SourcePicture
    size_hw: tuple[int, int]
    is_colour: bool
    value_range: tuple[int, int] | None
    class_px: Mapping[str, int]  # By class name, after least sizes.
    defects: Mapping[str, int]  # How many of each class stay, after least sizes.
    small: Mapping[str, int]  # How many of each class are under the least size.
    ignored_px: int
    settled_px: int
    clipped_shapes: int
    has_empty_label: bool
    large: int = 0  # Regions of which it can be told whether they are boxes,
    boxes: int = 0  # and how many are.
    is_blank: bool = False  # A lone empty mask: the whole picture becomes 255.


@dataclass(frozen=True)
class Survey:
    """All pictures that can be imported, those that cannot, and what they have in common."""

    plan: Plan
    seen: tuple[Seen, ...]
    left_out: tuple[LeftOut, ...]
    taxonomy: Taxonomy
    channels: int
    value_range: tuple[int, int] | None


def survey(plan: Plan, name: str, *, progress: bool = True) -> Survey:
    """Read and judge every picture of a plan.

    Args:
        name: of the taxonomy, where the set brings only names.

    Raises:
        InputError: no class is left, or the classes found cannot make a taxonomy.
    """
    seen: list[Seen] = []
    left_out = list(plan.left_out)
    ids: dict[str, str] = {}
    for source in tqdm(plan.sources, desc="look", unit="picture", disable=None if progress else True, leave=False):
        try:
            _refuse_id(source, ids)
            seen.append(look(source, plan))
        except (PictureError, LabelError, TaxonomyError, DatasetError) as error:
            left_out.append(LeftOut(source.source, str(error)))
    judged = _with_blanks(seen, plan)
    return Survey(
        _with_depths_noted(plan, judged),
        tuple(judged),
        tuple(left_out),
        with_priorities(plan.taxonomy or _taxonomy_of(judged, name, left_out), plan.priority),
        3 if any(s.is_colour for s in judged) else 1,
        _merged_range(s.value_range for s in judged),
    )


def with_range(surveyed: Survey, value_range: tuple[int, int]) -> Survey:
    """The survey with the user's range of 16-bit values; how many pictures reach beyond it is noted.

    Raises:
        InputError: no picture has 16 bit.
    """
    low, high = value_range
    found = [s.value_range for s in surveyed.seen if s.value_range is not None]
    if not found:
        raise InputError(f"--range {low}/{high} is for 16-bit pictures, but none has 16 bit: leave it out")
    beyond = sum(lowest < low or highest > high for lowest, highest in found)
    plan = surveyed.plan
    if beyond:
        note = f"16-bit pictures with values beyond --range {low}/{high}, which are clipped: {beyond} of {len(found)}"
        plan = replace(plan, notes=(*plan.notes, note))
    return replace(surveyed, plan=plan, value_range=value_range)


def of_some(surveyed: Survey, seen: Sequence[Seen], name: str, *, ranged: bool) -> Survey:
    """What some of the pictures have in common: the others are not imported.

    Args:
        ranged: the user gave the value range, which stands.

    Raises:
        InputError: none of them shows a defect, and no taxonomy is given.
    """
    plan = surveyed.plan
    met = plan.taxonomy or _taxonomy_of(list(seen), name, list(surveyed.left_out))
    return replace(
        surveyed,
        taxonomy=with_priorities(met, plan.priority),
        channels=3 if any(s.is_colour for s in seen) else 1,
        value_range=surveyed.value_range if ranged else _merged_range(s.value_range for s in seen),
    )


def look(source: SourcePicture, plan: Plan) -> Seen:
    """Read one picture and its label and count what they show.

    Raises:
        PictureError, LabelError, TaxonomyError: they cannot be imported.
    """
    drawn = source.draw()
    picture = source.read()
    _refuse_size(source, drawn, picture)
    taxonomy = plan.taxonomy or _provisional(drawn)
    taxonomy = with_priorities(taxonomy, plan.priority, of_a_picture=plan.taxonomy is None)
    combined = drawn.settle(taxonomy, source.label or source.source)
    lessened = ignore_small(combined.label_map, taxonomy)
    counts = np.bincount(lessened.label_map.defect.ravel(), minlength=256)
    names = taxonomy.defect_names
    large, boxes = boxes_in(lessened.label_map.defect)
    return Seen(
        source=source,
        size_hw=drawn.size_hw,
        is_colour=not is_gray(picture),
        value_range=common_range([picture]),
        class_px={n: int(counts[i]) for i, n in enumerate(names, start=1) if counts[i]},
        defects={n: count for n, count in zip(names, lessened.kept, strict=True) if count},
        small={n: count for n, count in zip(names, lessened.small, strict=True) if count},
        ignored_px=int(counts[IGNORE]),
        settled_px=combined.settled_px,
        clipped_shapes=drawn.clipped_shapes,
        has_empty_label=bool(source.label) and drawn.is_empty,
        large=large,
        boxes=boxes,
    )


def label_map_of(seen: Seen, taxonomy: Taxonomy) -> LabelMap:
    """The label map of a whole scan: settled, least sizes applied, all 255 where its mask is a lone empty one."""
    source = seen.source
    combined = source.draw().settle(taxonomy, source.label or source.source)
    if seen.is_blank:
        return LabelMap(np.full(seen.size_hw, IGNORE, np.uint8), combined.label_map.background)
    return ignore_small(combined.label_map, taxonomy).label_map


def _with_depths_noted(plan: Plan, seen: Sequence[Seen]) -> Plan:
    """8-bit pictures stay as they are and 16-bit ones are scaled: side by side one surface has two contrasts."""
    deep = sum(s.value_range is not None for s in seen)
    if not 0 < deep < len(seen):
        return plan
    note = f"{deep} pictures have 16 bit and {len(seen) - deep} have 8: bring all to one depth, else contrasts differ"
    return replace(plan, notes=(*plan.notes, note))


def _refuse_id(source: SourcePicture, ids: dict[str, str]) -> None:
    refuse_bad_id(source.id)
    if any(len(name.encode()) > _MOST_BYTES for name in source.id.split("/")):
        raise LabelError(f"{source.source} has too long a name for files of its tiles: {_MOST_BYTES} bytes at most")
    other = ids.get(source.id)
    ids[source.id] = source.source
    if other is not None:
        raise LabelError(f"{source.source} and {other} would both be called '{source.id}': rename or remove one")


def _refuse_size(source: SourcePicture, drawn: Drawn, picture: UInt8 | UInt16) -> None:
    height, width = picture.shape[:2]
    if min(height, width) == 0 or drawn.size_hw != (height, width):
        raise LabelError(
            f"label must be {width}x{height} px like its picture {source.source}, got "
            f"{drawn.size_hw[1]}x{drawn.size_hw[0]} ({source.label or source.source}): "
            f"export it again or leave the pair out with --skip-bad"
        )


def _provisional(drawn: Drawn) -> Taxonomy:
    """The classes of one picture, while those of the whole set are not known; overlaps cannot be settled by it."""
    for name in drawn.defects:
        if not NAME.fullmatch(name):
            raise TaxonomyError(
                f"a class name must be 1 to 64 letters, digits or ' .+-_', got {name[:40]!r}: rename it, or give "
                f"--taxonomy with it as an alias"
            )
    return Taxonomy.of_names("found", list(drawn.defects) or ["none"])


def _with_blanks(seen: list[Seen], plan: Plan) -> list[Seen]:
    """Mark lone empty masks: in a folder of defects, an empty mask says that the label is missing, not the defect."""
    if plan.empty_is_clean:
        return seen
    labelled: Counter[str] = Counter(s.source.folder for s in seen if s.source.label)
    empty: Counter[str] = Counter(s.source.folder for s in seen if s.has_empty_label)

    def is_lone(folder: str) -> bool:
        if empty[folder] == labelled[folder]:
            return False
        return plan.folder_is_class or empty[folder] < EMPTY_SHARE * labelled[folder]

    lone = {folder for folder in empty if is_lone(folder)}
    return [replace(s, is_blank=True) if s.has_empty_label and s.source.folder in lone else s for s in seen]


def _taxonomy_of(seen: list[Seen], name: str, left_out: list[LeftOut]) -> Taxonomy:
    """The classes met, the most pictures first, then the most pixels: an order that no renaming changes."""
    pictures: Counter[str] = Counter()
    pixels: dict[str, int] = defaultdict(int)
    for row in seen:
        for found, px in row.class_px.items():
            pictures[found] += 1
            pixels[found] += px
    if not pictures and not seen and left_out:
        raise InputError(left_out[0].reason)
    if not pictures:
        first = f", and {len(left_out)} files are left out, the first: {left_out[0].reason}" if left_out else ""
        raise InputError(f"no picture of '{name}' shows a defect{first}; for clean pictures alone give --taxonomy")
    return Taxonomy.of_names(name, sorted(pictures, key=lambda n: (-pictures[n], -pixels[n], n)))


def _merged_range(ranges: Iterable[tuple[int, int] | None]) -> tuple[int, int] | None:
    known = [r for r in ranges if r is not None]
    return (min(low for low, _ in known), max(high for _, high in known)) if known else None
