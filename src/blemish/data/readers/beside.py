"""Files that may be the label of a picture though no reader read them: of its name, beside it or one folder apart."""

from __future__ import annotations

import re
from collections import defaultdict

from blemish.data.readers.listing import Entry, Listing

_ADDITION = re.compile(r"[\W_]+[a-z][\w -]*", re.IGNORECASE)  # What `a_mask` adds to `a`: a word, no mere number.


class LabelFiles:
    """The other files of a listing, by what may be labelled by them."""

    def __init__(self, listing: Listing) -> None:
        self._by_folder: defaultdict[tuple[str, ...], list[Entry]] = defaultdict(list)
        self._by_stem: defaultdict[str, list[Entry]] = defaultdict(list)
        homes = {(picture.folders, picture.stem) for picture in listing.pictures}
        for entry in listing.others:
            self._by_folder[entry.folders].append(entry)
            if (entry.folders, entry.stem) not in homes:  # Else it is of the picture beside it.
                self._by_stem[entry.stem].append(entry)

    def beside(self, picture: Entry) -> Entry | None:
        """A file in its folder whose name is the picture's, or the picture's and a word."""
        return next((other for other in self._by_folder[picture.folders] if _is_of(picture, other)), None)

    def of(self, picture: Entry) -> Entry | None:
        """One beside it, or one of its name where a single folder of the path differs (`images/x`, `masks/x`)."""
        return self.beside(picture) or next(
            (other for other in self._by_stem.get(picture.stem, ()) if _is_one_folder_apart(picture, other)), None
        )


def _is_of(picture: Entry, other: Entry) -> bool:
    rest = other.stem.removeprefix(picture.stem)
    return other.stem.startswith(picture.stem) and (not rest or _ADDITION.fullmatch(rest) is not None)


def _is_one_folder_apart(picture: Entry, other: Entry) -> bool:
    if len(picture.folders) != len(other.folders):
        return False
    return sum(a != b for a, b in zip(picture.folders, other.folders, strict=True)) == 1
