"""How strange a picture is to a line: a number that needs no network, 1 at the limit beyond which people should look.

A picture is cut into cells; each cell is a dozen plain figures of brightness, contrast and grain. How far a cell lies
from those of the line's own pictures is its Mahalanobis distance; a picture's strangeness is the mean of its three
farthest cells, divided by what only a small share of the line's own pictures exceed. It notices another product, lamp
or surface, and defects that look like nothing before; a faint defect of a new type it does not notice (docs/adr/0015).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from blemish.core.arrays import Float32, Float64, Picture
from blemish.core.errors import BundleError, InputError
from blemish.picture.normalise import to_channels

CELL_PX = 32
KIND = "strangeness"
QUANTILE = 0.99  # Of the line's own pictures: so many are below the limit.
_FARTHEST = 3
_FIGURES = 10  # Of a cell.
_RIDGE = 1e-3  # Of the mean variance, so that figures that hardly vary do not decide alone.


@dataclass(frozen=True)
class Familiar:
    """What a line's own pictures look like; kept as JSON beside a bundle.

    Attributes:
        mean: float64 D, of the cells' figures.
        whiten: float64 D D, that makes them equally wide and unrelated.
        limit: the distance whose quotient is 1.
        pictures: so many it was made from.
    """

    mean: Float64
    whiten: Float64
    limit: float
    pictures: int

    @classmethod
    def of(cls, pictures: Callable[[], Iterable[Picture]], quantile: float = QUANTILE) -> Familiar:
        """From a line's own pictures, which are gone through twice and never held together.

        Args:
            pictures: gives them anew at every call, uint8 H W or H W C.
            quantile: the share of them that are below the limit, 0 to 1.

        Raises:
            InputError: no picture.
        """
        count, total, squares, seen = 0, np.zeros(_FIGURES), np.zeros((_FIGURES, _FIGURES)), 0
        for picture in pictures():
            cells = cell_figures(picture)
            count, total, squares, seen = count + len(cells), total + cells.sum(0), squares + cells.T @ cells, seen + 1
        if not seen:
            raise InputError("strangeness is learned from a line's own pictures: give at least one")
        mean = total / count
        covariance = squares / count - np.outer(mean, mean)
        values, vectors = np.linalg.eigh(covariance + np.eye(_FIGURES) * _RIDGE * np.trace(covariance) / _FIGURES)
        unscaled = cls(mean, vectors / np.sqrt(np.maximum(values, 1e-12)), 1.0, seen)
        limit = float(np.quantile([unscaled.strangeness(picture) for picture in pictures()], quantile))
        return cls(mean, unscaled.whiten, max(limit, 1e-9), seen)

    def strangeness(self, picture: Picture) -> float:
        """0 and more of one view or tile, uint8 H W or H W C of any size; above 1 a person should look."""
        distances = np.sqrt(np.square((cell_figures(picture) - self.mean) @ self.whiten).sum(axis=1))
        return float(np.sort(distances)[-_FARTHEST:].mean() / self.limit)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        arrays = {"mean": self.mean.tolist(), "whiten": self.whiten.tolist()}
        return {"kind": KIND, "cell_px": CELL_PX, **arrays, "limit": self.limit, "pictures": self.pictures}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], where: str = "strangeness") -> Familiar:
        """The inverse of `to_dict`.

        Raises:
            BundleError: not such a file, or one of another version.
        """
        try:
            mean, whiten = np.array(values["mean"], np.float64), np.array(values["whiten"], np.float64)
            known = values["kind"] == KIND and values["cell_px"] == CELL_PX
            limit, pictures = float(values["limit"]), int(values["pictures"])
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(f"{where} lacks or garbles {error}: make it with segment strangeness") from error
        if not known or mean.shape != (_FIGURES,) or whiten.shape != (_FIGURES, _FIGURES) or not limit > 0:
            raise BundleError(f"{where} is not of this version: make it with segment strangeness")
        return cls(mean, whiten, limit, pictures)


def cell_figures(picture: Picture) -> Float64:
    """float64 N D: of each whole cell (a smaller picture is one cell) mean, spread, extremes, and grain at two scales
    along x and y; logarithms but for the mean.
    """
    gray = np.ascontiguousarray(to_channels(picture, 1)[:, :, 0]).astype(np.float32)
    planes = [gray, np.square(gray)]
    for sigma in (1.0, 4.0):
        smooth = np.asarray(cv2.GaussianBlur(gray, (0, 0), sigma), np.float32)
        planes += [np.abs(cv2.Sobel(smooth, cv2.CV_32F, 1, 0)), np.abs(cv2.Sobel(smooth, cv2.CV_32F, 0, 1))]
        planes += [np.abs(gray - smooth)]
    cells = [_cells(plane) for plane in planes]
    mean = cells[0].mean(axis=1)
    spread = np.sqrt(np.maximum(cells[1].mean(axis=1) - np.square(mean), 0))
    extremes = [cells[0].max(axis=1) - mean, mean - cells[0].min(axis=1)]
    grain = [plane.mean(axis=1) for plane in cells[2:]]
    return np.stack([mean / 32, *(np.log1p(each) for each in (spread, *extremes, *grain))], axis=1).astype(np.float64)


def _cells(plane: Float32) -> Float32:
    """N P: the pixels of each cell."""
    side_y, side_x = (min(CELL_PX, length) for length in plane.shape)
    rows, columns = plane.shape[0] // side_y, plane.shape[1] // side_x
    whole = plane[: rows * side_y, : columns * side_x].reshape(rows, side_y, columns, side_x)
    return np.asarray(whole.transpose(0, 2, 1, 3).reshape(rows * columns, -1), np.float32)
