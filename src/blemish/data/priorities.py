"""Which of two defects on one pixel the label shows, said by their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from blemish.core.errors import InputError
from blemish.core.taxonomy import Taxonomy


def with_priorities(taxonomy: Taxonomy, names: Sequence[str], *, of_a_picture: bool = False) -> Taxonomy:
    """The taxonomy in which each class wins over those named after it, and all of them over the others.

    Args:
        names: of classes, or their aliases or codes; empty = the taxonomy as it is.
        of_a_picture: it holds only the classes of one picture: names of others are passed over.

    Raises:
        InputError: no such class, one named twice, or a taxonomy that has priorities.

    Example:
        >>> three = Taxonomy.of_names("t", ["scratch", "dent", "stain"])
        >>> [defect.priority for defect in with_priorities(three, ["dent", "scratch"]).defects]
        [1, 2, 0]
    """
    if not names:
        return taxonomy
    if any(defect.priority is not None for defect in taxonomy.defects):
        raise InputError(f"taxonomy '{taxonomy.name}' has priorities: change them there, or leave --priority out")
    known = {name for defect in taxonomy.defects for name in (*defect.names, defect.code.lower())}
    wanted = [name for name in names if not of_a_picture or name.strip().lower() in known]
    order = [taxonomy.defect_index(name) for name in wanted]
    if len(set(order)) != len(order):
        raise InputError(f"--priority names a class twice: {', '.join(names)}")
    rank = {index: len(order) - place for place, index in enumerate(order)}
    defects = (replace(defect, priority=rank.get(i, 0)) for i, defect in enumerate(taxonomy.defects, start=1))
    return replace(taxonomy, defects=tuple(defects))
