"""JSON files that hold labels, read with the same care whatever their format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from blemish.core.arrays import Bool
from blemish.core.errors import LabelError
from blemish.picture.read import BUDGET_PX

FARTHEST_PX = 100_000  # A place beyond is a slip, not a shape that reaches out of its picture.


def read_json_label(path: Path) -> Any:
    """The values of a file.

    Raises:
        LabelError: not JSON, or a number that is none (NaN, infinite).
    """

    def refuse_constant(text: str) -> float:
        raise LabelError(f"{path}: {text} is not a number that a point or size can have: draw the shape again")

    try:
        return json.loads(path.read_bytes(), parse_constant=refuse_constant)
    except (OSError, ValueError, RecursionError) as error:
        raise LabelError(f"{path} is not readable JSON ({error}): save it again or leave it out") from error


def size_in(values: Any, height_key: str, width_key: str, where: str) -> tuple[int, int] | None:
    """The size H, W that a table gives; None where it gives none.

    Raises:
        LabelError: a size that no picture has.
    """
    height, width = values.get(height_key), values.get(width_key)
    if height is None or width is None:
        return None
    if not (isinstance(height, int) and isinstance(width, int)) or min(height, width) < 1 or height * width > BUDGET_PX:
        raise LabelError(f"{where}: {height_key} and {width_key} must be its picture's size, got {height} and {width}")
    return height, width


def is_place(value: Any) -> bool:
    """Whether a coordinate in pixels is a number that a shape can have."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= FARTHEST_PX  # No NaN.


def refuse_nothing(mask: Bool, where: str) -> None:
    """Refuse an outline that shows no pixel of its picture: without it the picture could pass for clean.

    Raises:
        LabelError: it lies beyond the picture, or covers nothing.
    """
    if not mask.any():
        raise LabelError(
            f"{where} covers no pixel of its picture of {mask.shape[1]} x {mask.shape[0]} px: draw it again"
        )
