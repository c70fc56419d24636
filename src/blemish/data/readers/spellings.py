"""Labels that people typed, as classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np

from blemish.core.arrays import Bool
from blemish.core.errors import InputError, LabelError
from blemish.core.taxonomy import Taxonomy
from blemish.data.readers.base import Drawn


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

    def drawn(
        self,
        masks: Mapping[str, Bool],
        size_hw: tuple[int, int],
        where: str,
        *,
        ignored: Bool | None = None,
        clipped_shapes: int = 0,
    ) -> Drawn:
        """What the masks of labels say of a picture.

        Raises:
            LabelError: a label that is no class of the taxonomy.
        """
        defects: dict[str, Bool] = {}
        backgrounds: dict[str, Bool] = {}
        for label, mask in masks.items():
            found, is_background = self.place(label, where)
            planes = backgrounds if is_background else defects
            planes[found] = planes.get(found, np.zeros(size_hw, bool)) | mask
        return Drawn(size_hw, defects, backgrounds, ignored, clipped_shapes)
