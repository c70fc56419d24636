"""Folders of pictures and binary masks: the class in a folder or in the file name, MVTec AD, KolektorSDD2.

All three are one structure, told apart by where the class stands:

- `masks`: a folder (`MT_Crack/...`) or the first word of a name (`crack_01`) is the class.
- `mvtec`: as above, with pictures and masks in trees of their own and a third tree of clean pictures.
- `kolektor`: no class at all; empty masks are clean pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from blemish.core.errors import InputError, PictureError
from blemish.core.taxonomy import Taxonomy
from blemish.data.readers.base import ONE_CLASS, Drawn, Match, Plan, ReadOptions
from blemish.data.readers.binary import binary_mask
from blemish.data.readers.kinds import MaskKind, kind_of, only_ones
from blemish.data.readers.layout import EMPTY_SHARE, class_names, empty_shares, tokens
from blemish.data.readers.paired import paired_sources
from blemish.data.readers.pairing import Folder, spread
from blemish.data.readers.pairs import Pairing
from blemish.data.readers.planes import gray_plane, mask_picture, values_in

_SAMPLES = 24
_MOSTLY = 0.7  # Folders of parts, not of classes: of each, this share of the masks is empty, and of some all.


@dataclass(frozen=True)
class MaskFolders:
    """The class stands in a folder or in the file name."""

    name: str = "masks"

    def recognise(self, folder: Folder, options: ReadOptions) -> Match | None:
        return _match(folder, options, self.name, "binary masks, the class in a folder or file name")

    def plan(self, folder: Folder, options: ReadOptions) -> Plan:
        return _plan_by_class(self.name, folder, options)


@dataclass(frozen=True)
class MvtecFolders:
    """`<object>/train/good`, `test/<defect>/000.png`, `ground_truth/<defect>/000_mask.png`; one object or several."""

    name: str = "mvtec"

    def recognise(self, folder: Folder, options: ReadOptions) -> Match | None:
        return _match(folder, options, self.name, "trees of pictures, of binary masks, and of clean pictures")

    def plan(self, folder: Folder, options: ReadOptions) -> Plan:
        return _plan_by_class(self.name, folder, options)


@dataclass(frozen=True)
class KolektorFolders:
    """`train/10000.png` with `train/10000_GT.png`: one class, and an empty mask is a clean picture."""

    name: str = "kolektor"

    def recognise(self, folder: Folder, options: ReadOptions) -> Match | None:
        return _match(folder, options, self.name, "binary masks beside their pictures, many of them empty, no classes")

    def plan(self, folder: Folder, options: ReadOptions) -> Plan:
        pairing = pairing_of(folder, self.name)
        sources, left_out = paired_sources(
            folder.listing,
            pairing,
            [""] * len(pairing.pairs),
            partial(_draw_named, {"": _only_class(options)}, False),
            bare_is_clean=False,
        )
        notes = _notes(folder, pairing)
        return Plan(self.name, tuple(sources), tuple(left_out), options.taxonomy, empty_is_clean=True, notes=notes)


def pairing_of(folder: Folder, name: str) -> Pairing:
    """The pairing of a folder that must have one.

    Raises:
        InputError: no picture has a mask.
    """
    if folder.pairing is None:
        raise InputError(f"{folder.listing.root} cannot be read as '{name}': no picture in it has a mask")
    return folder.pairing


def _match(folder: Folder, options: ReadOptions, name: str, reason: str) -> Match | None:
    pairing = folder.pairing
    return Match(pairing.confidence, reason) if pairing and _binary_format(folder, options) == name else None


def mask_kind(folder: Folder, options: ReadOptions) -> MaskKind | None:
    """The kind of a folder's masks; those of 0 and 1 alone are binary where folders or names tell several classes."""
    pairing = folder.pairing
    if pairing is None:
        return None
    kind = kind_of(folder.listing, pairing.masks, options.taxonomy)
    if kind is MaskKind.INDEX and _tells_classes(pairing, options) and only_ones(folder.listing, pairing.masks):
        return MaskKind.BINARY
    return kind


def _tells_classes(pairing: Pairing, options: ReadOptions) -> bool:
    found = {token for token in tokens(pairing) if token}
    return len(found) > 1 and (options.taxonomy is None or any(_knows(options.taxonomy, token) for token in found))


def _binary_format(folder: Folder, options: ReadOptions) -> str | None:
    pairing = folder.pairing
    if pairing is None or mask_kind(folder, options) is not MaskKind.BINARY:
        return None
    found = tokens(pairing)
    if pairing.depth is not None and any(found) and _has_clean_tree(pairing):
        return "mvtec"
    if pairing.depth is None and pairing.addition and _is_without_classes(folder, pairing, found):
        return "kolektor"
    return "masks"


def _has_clean_tree(pairing: Pairing) -> bool:
    """Whether pictures without masks lie in a tree that holds no masked picture."""
    masked = {pair.role for pair in pairing.pairs if pair.masks}
    return bool({pair.role for pair in pairing.pairs if pair.pictures and not pair.masks} - masked - {""})


def _is_without_classes(folder: Folder, pairing: Pairing, found: list[str]) -> bool:
    """No class word at all, or folders that mix empty and other masks as only splits do."""
    shares = empty_shares(folder.listing, pairing, found)
    mixed = any(EMPTY_SHARE <= share < 1 for share in shares.values())
    usual = sum(_MOSTLY <= share < 1 for share in shares.values()) > 1 and min(shares.values()) >= _MOSTLY  # KSDD
    return mixed and (not any(found) or usual or all(share < 1 for share in shares.values()))


def _plan_by_class(name: str, folder: Folder, options: ReadOptions) -> Plan:
    pairing = pairing_of(folder, name)
    found = tokens(pairing)
    names = class_names([token for token in found if token]) | {"": _only_class(options)}
    if options.taxonomy is not None:
        names |= {token: token for token in names if token and _knows(options.taxonomy, token)}
    draw = partial(_draw_named, names, only_ones(folder.listing, pairing.masks))
    sources, left_out = paired_sources(folder.listing, pairing, found, draw, bare_is_clean=True)
    return Plan(
        name,
        tuple(sources),
        tuple(left_out),
        options.taxonomy,
        folder_is_class=any(found),
        notes=_notes(folder, pairing),
    )


def _notes(folder: Folder, pairing: Pairing) -> tuple[str, ...]:
    """A warning where masks of one value each differ in it: their gray levels may name classes."""
    levels: dict[int, str] = {}
    for entry in spread(pairing.masks, _SAMPLES):
        try:
            plane = gray_plane(mask_picture(folder.listing.path(entry)))
        except PictureError:
            continue
        values = [] if plane is None else values_in(plane)
        if len(values) == 2 and values[0] == 0:
            levels.setdefault(values[1], entry.relative)
    if len(levels) < 2:
        return pairing.notes
    (one, here), (other, there) = list(levels.items())[:2]
    return (
        f"masks differ in their one value, {one} in {here} and {other} in {there}: all are read as the same defect; "
        f"where gray levels name classes give --format colour and a --taxonomy FILE with these grays as colours",
        *pairing.notes,
    )


def _knows(taxonomy: Taxonomy, name: str) -> bool:
    return any(name.lower() in (d.name.lower(), *(a.lower() for a in d.aliases)) for d in taxonomy.defects)


def _only_class(options: ReadOptions) -> str:
    return ONE_CLASS if options.taxonomy is None else options.taxonomy.defects[0].name


def _draw_named(names: dict[str, str], ones: bool, path: Path, token: str) -> Drawn:
    mask = binary_mask(path, ones=ones)
    return Drawn((mask.shape[0], mask.shape[1]), {names[token]: mask} if mask.any() else {})
