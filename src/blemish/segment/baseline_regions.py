"""Regions that stand out from their background, and the shape features by which a rule can tell them apart."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from blemish.core.arrays import Bool, Float32, Float64, Int64, UInt8

FEATURES = ("log_area", "log_elongation", "fill", "contrast", "unevenness", "span", "ground", "steepness")
_LEAST_DEVIATION = 1.0  # Gray levels: a picture without any texture would make every step a defect.


@dataclass(frozen=True)
class VisionParameters:
    """How regions are found; thresholds are multiples of the picture's own texture deviation (robust)."""

    background_px: int = 81  # Side of the median window, odd.
    smooth_px: float = 1.5  # Deviation of the blur before the thresholds.
    bright: float = 4.0
    dark: float = 4.0
    weak_frac: float = 0.6  # A region reaches as far as this share of its threshold (hysteresis); 1 = no farther,
    trim_frac: float = 0.4  # nor beyond this share of its own mean change where that is strong; 0 = off.
    close_px: int = 7  # Diameter: gaps up to this are closed; 1 = off.
    open_px: int = 1  # Diameter: regions thinner than this vanish; 1 = off.
    least_area_px: int = 30
    quorum_frac: float = 0.5  # A region is a defect when this share of the rule sets or more call it one.
    least_ground: int = 0  # Where the background is darker than this gray (beside the part) nothing is looked for.


@dataclass(frozen=True)
class Regions:
    """Candidate regions of a picture: their numbers (int64 H W, 0 none, 1..N), and their features, float64 N F."""

    plane: Int64
    features: Float64

    def paint(self, classes: UInt8) -> UInt8:
        """The class of each pixel, uint8 H W, where region i is of class `classes[i - 1]`."""
        return np.concatenate([np.zeros(1, np.uint8), classes])[self.plane]


def find_regions(gray: UInt8, parameters: VisionParameters) -> Regions:
    """Background subtraction, thresholds, morphology: regions of a gray picture, uint8 H W.

    Example:
        >>> picture = np.full((64, 64), 100, np.uint8)
        >>> picture[20:30, 20:30] = 200
        >>> find_regions(picture, VisionParameters()).features.shape
        (1, 8)
    """
    window = min(parameters.background_px, (min(gray.shape) - 1) // 2 * 2 + 1)
    ground = np.asarray(cv2.medianBlur(gray, window), np.uint8)
    difference = cv2.subtract(gray, ground, dtype=cv2.CV_32F)
    change = np.asarray(cv2.GaussianBlur(difference, (0, 0), parameters.smooth_px), np.float32)
    inside = ground >= parameters.least_ground
    change = np.where(inside, change / np.float32(_deviation(change, inside)), np.float32(0))
    bright, brights = _standing_out(change, parameters.bright, parameters)
    dark, darks = _standing_out(-change, parameters.dark, parameters)
    plane = np.where(bright > 0, bright, np.where(dark > 0, dark + brights, 0))
    return Regions(plane, _measure(plane, brights + darks, change, ground))


def _standing_out(change: Float32, threshold: float, parameters: VisionParameters) -> tuple[Int64, int]:
    """Where the change passes the threshold: cleaned-up regions without holes, numbered from 1, and their number."""
    weak = (change > parameters.weak_frac * threshold).astype(np.uint8)
    weak = np.asarray(cv2.morphologyEx(weak, cv2.MORPH_CLOSE, _disc(parameters.close_px)), np.uint8)
    weak = np.asarray(cv2.morphologyEx(weak, cv2.MORPH_OPEN, _disc(parameters.open_px)), np.uint8)
    count, plane, _, _ = cv2.connectedComponentsWithStats(_filled(weak), connectivity=8)
    numbers = np.asarray(plane)
    strong = change > threshold
    strong_px = np.bincount(numbers[strong], minlength=count)
    level = (
        parameters.trim_frac * np.bincount(numbers[strong], change[strong], minlength=count) / np.maximum(strong_px, 1)
    )
    numbers = np.where(_filled(((change > level[numbers]) & (numbers > 0)).astype(np.uint8)) > 0, numbers, 0)
    kept = (strong_px > 0) & (np.bincount(numbers.ravel(), minlength=count) >= parameters.least_area_px)
    kept[0] = False
    return np.where(kept, np.cumsum(kept), 0)[numbers], int(kept.sum())


def _filled(mask: UInt8) -> UInt8:
    """The mask without its holes, in place."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    cv2.drawContours(mask, outlines, -1, 1, cv2.FILLED)
    return mask


def _deviation(change: Float32, inside: Bool) -> float:
    """Robust deviation of what is looked at."""
    texture = change[inside] if inside.any() else change
    return max(1.4826 * float(np.median(np.abs(texture))), _LEAST_DEVIATION)


def _measure(plane: Int64, count: int, change: Float32, ground: UInt8) -> Float64:
    """float64 N F: the features of regions 1..N."""
    slope = np.hypot(cv2.Sobel(ground, cv2.CV_32F, 1, 0), cv2.Sobel(ground, cv2.CV_32F, 0, 1)) / 8
    y, x = np.nonzero(plane)
    region = plane[y, x] - 1
    area = np.maximum(np.bincount(region, minlength=count), 1).astype(np.float64)

    def mean(values: Float64) -> Float64:
        averaged: Float64 = np.bincount(region, values, minlength=count) / area
        return averaged

    dx, dy = x - mean(x.astype(np.float64))[region], y - mean(y.astype(np.float64))[region]
    xx, yy, xy = mean(dx * dx) + 1 / 12, mean(dy * dy) + 1 / 12, mean(dx * dy)
    root = np.sqrt(np.square(xx - yy) + 4 * np.square(xy))
    long, short = (xx + yy + root) / 2, np.maximum((xx + yy - root) / 2, 1 / 12)
    here = change[y, x].astype(np.float64)
    contrast = mean(here)
    features = [
        np.log10(area),
        np.log10(long / short) / 2,
        area / (4 * np.pi * np.sqrt(long * short)),  # 1 for a full ellipse, less for curls, rings and clusters.
        np.sign(contrast) * np.log1p(np.abs(contrast)),
        np.log1p(np.sqrt(np.maximum(mean(here * here) - np.square(contrast), 0))),
        np.sqrt(12 * np.maximum(xx, yy)) / max(plane.shape),  # Near 1 for what runs through the picture.
        mean(ground[y, x].astype(np.float64)) / 255,
        np.log1p(mean(slope[y, x].astype(np.float64))),
    ]
    return np.stack(features, axis=1)


def _disc(diameter_px: int) -> UInt8:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (diameter_px, diameter_px)), np.uint8)
