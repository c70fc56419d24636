"""Which folder, or which word of a file name, says the class of a picture."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from blemish.core.errors import LabelError, PictureError
from blemish.data.readers.base import ONE_CLASS, SPLIT_WORDS, split_named
from blemish.data.readers.binary import binary_mask
from blemish.data.readers.listing import Entry, Listing
from blemish.data.readers.pairing import spread
from blemish.data.readers.pairs import Pair, Pairing

_WORD = re.compile(r"([^\W\d_][^\d]*?)[ _.-]*\d+")
_SIDE = re.compile(f"({'|'.join(sorted(SPLIT_WORDS, key=len, reverse=True))})")
_SAMPLES = 12
EMPTY_SHARE = 0.25  # From here on, empty masks are the clean pictures of a set; below, each is a lone one.


def class_depth(pairs: Sequence[Pair]) -> int | None:
    """The folder depth that says the class; None where no folder does.

    It is the deepest that varies, without those named like splits; of two that vary together, the upper one. Where
    the deepest mixes pictures with masks and without, one above it that parts them (`good/line-1`, `crack/line-1`).
    """
    lists = [pair.folders for pair in pairs if pair.pictures]
    least = min((len(folders) for folders in lists), default=0)
    depths = [d for d in range(least) if not _are_sides({folders[d] for folders in lists})]
    varying = [d for d in depths if len({folders[d] for folders in lists}) > 1]
    if not varying:
        return depths[0] if depths else None
    deepest = next((d for d in reversed(varying) if _parts_clean(pairs, d)), varying[-1])
    values = {folders[deepest] for folders in lists}
    for depth in varying[: varying.index(deepest)]:
        together = {(folders[depth], folders[deepest]) for folders in lists}
        if len(together) == len(values) == len({folders[depth] for folders in lists}):
            return depth
    return deepest


def _are_sides(names: set[str]) -> bool:
    """Whether folders are named after splits alone: `train`, `test_images`; or `traincrop` with `testcrop`."""
    if all(split_named(name) for name in names):
        return True
    rests = {_SIDE.sub("", name.lower(), count=1) for name in names if _SIDE.match(name.lower())}
    return len(rests) == 1 < len(names) == sum(bool(_SIDE.match(name.lower())) for name in names)


def _parts_clean(pairs: Sequence[Pair], depth: int) -> bool:
    """Whether the folders of a depth hold either pictures with masks or pictures without, and there are both."""
    masked = {pair.folders[depth] for pair in pairs if pair.pictures and pair.masks}
    bare = {pair.folders[depth] for pair in pairs if pair.pictures and not pair.masks}
    return bool(masked and bare) and not masked & bare


def tokens(pairing: Pairing, *, by_folder: bool = True) -> list[str]:
    """For each pair, the folder or the leading word of the file name that says its class; "" where nothing does.

    Where the pictures' folders say none, those of masks inside them may: `a.png` with `crack/a.png`.
    """
    depth = class_depth(pairing.pairs) if by_folder else None
    if depth is not None:
        return [pair.folders[depth] if len(pair.folders) > depth else "" for pair in pairing.pairs]
    if by_folder and pairing.inside and pairing.depth is not None:
        folders = [pair.masks[0].folders[pairing.depth] if pair.masks else "" for pair in pairing.pairs]
        if len({folder for folder in folders if folder}) > 1:
            return folders
    words = [_word(pair) for pair in pairing.pairs]
    return words if by_folder and all(words) and len(set(words)) > 1 else [""] * len(words)


def class_names(found: Sequence[str]) -> dict[str, str]:
    """The class name of each token: what all begin with, up to a separator, is left away (`MT_Crack` is Crack).

    Tokens that differ in case alone are one class, by their most common spelling.

    Example:
        >>> class_names(["MT_Crack", "MT_Free"])
        {'MT_Crack': 'Crack', 'MT_Free': 'Free'}
        >>> class_names(["Crack", "crack", "crack", "Hole"])
        {'Crack': 'crack', 'Hole': 'Hole', 'crack': 'crack'}
    """
    names = sorted(set(found))
    start = _common_start(names) if len(names) > 1 else ""
    short = {name: name[len(start) :] for name in names}
    if not all(text and text[0].isalpha() for text in short.values()):
        short = {name: name for name in names}
    clean = {name: re.sub(r"[^\w .+-]", "-", text)[:64].lstrip(" .+-") or ONE_CLASS for name, text in short.items()}
    spellings: dict[str, Counter[str]] = defaultdict(Counter)
    for name in found:
        spellings[clean[name].lower()][clean[name]] += 1
    common = {lower: max(sorted(counts), key=lambda text: counts[text]) for lower, counts in spellings.items()}
    return {name: common[text.lower()] for name, text in clean.items()}


def empty_shares(listing: Listing, pairing: Pairing, found: Sequence[str]) -> dict[str, float]:
    """For each token, the share of empty masks in a sample; 1 where no picture has a mask."""
    masks: defaultdict[str, list[Entry]] = defaultdict(list)
    for pair, token in zip(pairing.pairs, found, strict=True):
        masks[token].extend(pair.masks if pair.pictures else ())
    return {token: _empty_share(listing, entries) for token, entries in masks.items()}


def _empty_share(listing: Listing, entries: list[Entry]) -> float:
    empty = seen = 0
    for entry in spread(entries, _SAMPLES):
        try:
            empty += not binary_mask(listing.path(entry)).any()
        except (PictureError, LabelError):
            continue
        seen += 1
    return empty / seen if seen else 1.0


def _word(pair: Pair) -> str:
    stem = pair.pictures[0].stem if pair.pictures else ""
    found = _WORD.match(stem)
    return found.group(1) if found else ""


def _common_start(names: list[str]) -> str:
    first, last = names[0], names[-1]
    same = 0
    while same < min(len(first), len(last)) and first[same] == last[same]:
        same += 1
    found = re.match(r".*[ _-]", first[:same])
    return found.group(0) if found else ""
