"""Parts judged by the verdicts of their tiles: escape, overkill and the share of REVIEW, with Wilson intervals."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from blemish.core.records import TileRecord, Verdict
from blemish.inspect.verdict import join
from blemish.metrics.part import Proportion, escape_rate, overkill_rate, review_share


@dataclass(frozen=True)
class PartFigures:
    """What became of the parts; one of which nobody knows whether it is good is left out and counted."""

    escape: Proportion  # Of the defective ones: called OK.
    overkill: Proportion  # Of the good ones: called NG.
    review: Proportion  # Of both: a person must look.
    unknown: int

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; a share of nothing is None."""
        shares = {name: proportion_dict(getattr(self, name)) for name in ("escape", "overkill", "review")}
        return {**shares, "unknown_left_out": self.unknown}


def parts_of(records: Sequence[TileRecord], verdicts: Sequence[Verdict]) -> PartFigures:
    """Parts from their tiles: defective where one shows a defect, good where all are clean; verdicts as `join` says.

    Args:
        verdicts: of each tile. A tile without a part is a part of its own.
    """
    tiles: dict[str, list[tuple[TileRecord, Verdict]]] = defaultdict(list)
    for record, verdict in zip(records, verdicts, strict=True):
        tiles[record.part_id].append((record, verdict))
    called, defective, unknown = [], [], 0
    for own in tiles.values():
        is_defective = any(record.classes for record, _ in own)
        if not is_defective and not all(record.is_clean for record, _ in own):
            unknown += 1
            continue
        defective.append(is_defective)
        called.append(join(verdict for _, verdict in own))
    return PartFigures(escape_rate(called, defective), overkill_rate(called, defective), review_share(called), unknown)


def proportion_dict(share: Proportion) -> dict[str, Any]:
    """Plain JSON values: `value`, `interval`, `count`, `total`."""
    known = not math.isnan(share.value)
    return {
        "value": round(share.value, 6) if known else None,
        "interval": [round(share.low, 6), round(share.high, 6)] if known else None,
        "count": share.count,
        "total": share.total,
    }


def proportion_text(share: Proportion) -> str:
    """For people: per cent, interval and counts.

    Example:
        >>> from blemish.metrics.part import wilson
        >>> proportion_text(wilson(1, 10))
        '10.0 % (1.8 to 40.4; 1 of 10)'
    """
    if math.isnan(share.value):
        return "none (no such part)"
    percent = f"{100 * share.low:.1f} to {100 * share.high:.1f}"
    return f"{100 * share.value:.1f} % ({percent}; {share.count} of {share.total})"
