"""The learning curve of a finished inspector."""

from __future__ import annotations

from pathlib import Path

from blemish.train.run_folder import RunFolder


def learning_curve(run: Path) -> list[dict[str, float]]:
    """Step, loss and validation IoU (where it was taken) of every tick of a run."""
    rows = RunFolder(run, {}).rows()
    return [{key: row[key] for key in ("step", "loss", "val_iou") if key in row} for row in rows]
