"""The folds that the ladder is climbed on: those of `data.folds`."""

from __future__ import annotations

from blemish.data.folds import fold_view

__all__ = ["fold_view"]
