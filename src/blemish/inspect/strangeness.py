"""How strange a picture is to a line: a number that needs no network, 1 at the limit beyond which people should look.

A picture is cut into cells; each cell is ten plain figures of brightness, contrast and grain. Their mean, spread and
extremes over the cells make the picture's figures; how far these lie from those of the line's own pictures is their
Mahalanobis distance, divided by what only a small share of own pictures that it was not made from exceed. It notices
another product, lamp or surface; a small defect of a new type it hardly notices (docs/adr/0015).

Extremes grow with the number of cells, so pictures are held only against ones of about their size; large ones are
looked at reduced to two million pixels, in a tenth of a second.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from blemish.core.arrays import Float32, Float64, Picture
from blemish.core.errors import BundleError, InputError, PictureError
from blemish.picture.normalise import to_channels

CELL_PX = 32
KIND = "strangeness"
QUANTILE = 0.99  # Of the line's own pictures: so many are below the limit.
FOLDS = 5  # So that the limit comes from pictures that the distance was not made from.
_FIGURES = 40  # Of a picture: mean, spread, highest and lowest of ten figures a cell.
MOST_PX = 2_000_000  # A larger picture is reduced by a whole factor to fewer pixels than these.
_SAME_SIZE = 2.0  # A picture of more, or less, than this many times the pixels of those learned from is another size.
_RIDGE = 1e-3  # Of the mean variance, so that figures that hardly vary do not decide alone.


@dataclass(frozen=True)
class Familiar:
    """What a line's own pictures look like; kept as JSON beside a bundle.

    Attributes:
        mean: float64 D, of the pictures' figures.
        whiten: float64 D D, that makes them equally wide and unrelated.
        limit: the distance whose quotient is 1.
        pictures: so many it was made from.
        size_hw: of their middle one.
    """

    mean: Float64
    whiten: Float64
    limit: float
    pictures: int
    size_hw: tuple[int, int]

    @classmethod
    def of(cls, pictures: Iterable[Picture], groups: Sequence[str], quantile: float = QUANTILE) -> Familiar:
        """From a line's own pictures, one in memory at a time.

        Args:
            pictures: uint8 H W or H W C.
            groups: of each; a group is never on both sides of a fold.
            quantile: the share of own pictures, each held against those of other folds, that is below the limit.

        Raises:
            InputError: fewer than two groups.
        """
        places = {group: place % FOLDS for place, group in enumerate(dict.fromkeys(groups))}
        if len(places) < 2:
            raise InputError(f"strangeness is learned from pictures of 2 groups or more, got {len(places)}")
        sizes, rows = [], []
        for picture in pictures:
            sizes.append(picture.shape[:2])
            rows.append(picture_figures(picture))
        figures = np.array(rows)
        folds = np.array([places[group] for group in groups])
        distances = np.empty(len(figures))
        for fold in range(FOLDS):
            held = folds == fold
            if held.any():
                distances[held] = _distances(figures[held], *_fitted(figures[~held]))
        height, width = sorted(sizes, key=lambda size: size[0] * size[1])[len(sizes) // 2]
        limit = max(float(np.quantile(distances, quantile)), 1e-9)
        return cls(*_fitted(figures), limit, len(figures), (height, width))

    def strangeness(self, picture: Picture) -> float:
        """0 and more of one view or tile, uint8 H W or H W C; above 1 a person should look.

        Raises:
            PictureError: far larger or smaller than the pictures that it was learned from.
        """
        height, width = picture.shape[:2]
        times = height * width / (self.size_hw[0] * self.size_hw[1])
        if not 1 / _SAME_SIZE <= times <= _SAME_SIZE:
            raise PictureError(
                f"its strangeness cannot be told: it has {width} x {height} px, learned were pictures of "
                f"{self.size_hw[1]} x {self.size_hw[0]} px: learn from pictures as the line takes them"
            )
        return float(_distances(picture_figures(picture)[None], self.mean, self.whiten)[0] / self.limit)

    @property
    def hash(self) -> str:
        """64 hex digits that stand for it: figures of two hashes are not held against one limit."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        arrays = {"mean": self.mean.tolist(), "whiten": self.whiten.tolist()}
        return {
            "kind": KIND,
            "cell_px": CELL_PX,
            **arrays,
            "limit": self.limit,
            "pictures": self.pictures,
            "size_hw": list(self.size_hw),
        }

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
            height, width = (int(length) for length in values["size_hw"])
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(f"{where} lacks or garbles {error}: make it with segment strangeness") from error
        if (
            not known
            or mean.shape != (_FIGURES,)
            or whiten.shape != (_FIGURES, _FIGURES)
            or not min(limit, height, width) > 0
        ):
            raise BundleError(f"{where} is not of this version: make it with segment strangeness")
        return cls(mean, whiten, limit, pictures, (height, width))


def picture_figures(picture: Picture) -> Float64:
    """float64 D: mean, spread (logarithm), highest and lowest of each figure over the cells."""
    cells = cell_figures(_reduced(picture))
    return np.concatenate([cells.mean(axis=0), np.log1p(cells.std(axis=0)), cells.max(axis=0), cells.min(axis=0)])


def cell_figures(picture: Picture) -> Float64:
    """float64 N 10: of each whole cell (a smaller picture is one cell) mean, spread, extremes, and grain at two scales
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


def _reduced(picture: Picture) -> Picture:
    factor = math.ceil(math.sqrt(picture.shape[0] * picture.shape[1] / MOST_PX))
    if factor <= 1:
        return picture
    size = (max(1, picture.shape[1] // factor), max(1, picture.shape[0] // factor))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), picture.dtype)


def _fitted(figures: Float64) -> tuple[Float64, Float64]:
    """Mean and whitening matrix, the covariance with a ridge."""
    mean = figures.mean(axis=0)
    centred = figures - mean
    covariance = centred.T @ centred / len(figures)
    ridge = max(_RIDGE * float(np.trace(covariance)) / _FIGURES, 1e-9)
    values, vectors = np.linalg.eigh(covariance + ridge * np.eye(_FIGURES))
    return mean, vectors / np.sqrt(np.maximum(values, ridge))


def _distances(figures: Float64, mean: Float64, whiten: Float64) -> Float64:
    return np.asarray(np.sqrt(np.square((figures - mean) @ whiten).sum(axis=1)))


def _cells(plane: Float32) -> Float32:
    """N P: the pixels of each cell."""
    side_y, side_x = (min(CELL_PX, length) for length in plane.shape)
    rows, columns = plane.shape[0] // side_y, plane.shape[1] // side_x
    whole = plane[: rows * side_y, : columns * side_x].reshape(rows, side_y, columns, side_x)
    return np.asarray(whole.transpose(0, 2, 1, 3).reshape(rows * columns, -1), np.float32)
