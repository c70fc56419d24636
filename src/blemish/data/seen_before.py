"""Did a network learn from these tiles? The hashes of a few of its training tiles, evenly drawn, stand for all of them.

A data set's own hash does not tell: drawn into other splits, or merged with another, it is another data set with the
same tiles. Of hashes the smallest are as good as drawn by lot, the same few whatever the order (min-wise hashing,
Broder, 1997).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from blemish.core.records import TileRecord

KEPT = 64
LETTERS = 16  # Of each hash, hexadecimal.


def a_few_of(records: Iterable[TileRecord], before: Iterable[str] = ()) -> list[str]:
    """The beginnings of the smallest hashes of some tiles, at most 64; none of tiles that are not written yet.

    Args:
        before: the few of what the start weights learned from; the few of both together are those of both.

    Example:
        >>> a_few_of([])
        []
    """
    return sorted({record.sha256[:LETTERS] for record in records if record.sha256} | set(before))[:KEPT]


def seen_of(records: Iterable[TileRecord], few: Collection[str]) -> int:
    """How many of the few are among these tiles: of 64, about as many as the share of training tiles that is there."""
    return len(set(few) & {record.sha256[:LETTERS] for record in records})
