"""No part is parted: groups that share one are one group."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping


def with_whole_parts(places: Mapping[str, tuple[str, str]]) -> tuple[dict[str, tuple[str, str]], int]:
    """Groups that share a part under the name of the first of them, and how many parts had several.

    A network that has seen one view of a part must not be judged by another.
    """
    of_part: dict[str, dict[str, None]] = defaultdict(dict)
    for group, part in places.values():
        of_part[part][group] = None
    named: dict[str, str] = {}

    def name_of(group: str) -> str:
        while group in named:
            group = named[group]
        return group

    for first, *others in of_part.values():
        for other in others:
            if name_of(other) != name_of(first):
                named[name_of(other)] = name_of(first)
    joined = sum(len(groups) > 1 for groups in of_part.values())
    return {tile: (name_of(group), part) for tile, (group, part) in places.items()}, joined
