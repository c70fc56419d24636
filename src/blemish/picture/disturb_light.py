"""Disturbances of light and camera that leave every pixel in its place: pictures in, pictures out, uint8.

Each takes a strength in its own unit and a random generator for what the strength leaves open. Training draws from the
same functions (`data.augment`), so what is trained against is what is tested.
"""

from __future__ import annotations

import cv2
import numpy as np

from blemish.core.arrays import Float32, Float64, Picture
from blemish.core.errors import PictureError


def tone(picture: Picture, gamma: float, random: np.random.Generator) -> Picture:
    """The tone curve bent by an exponent: `gamma` or 1 / `gamma` on gray, on RGB another one in between for each
    channel, which is a tint.
    """
    channels = 1 if picture.ndim == 2 else picture.shape[2]
    bends = np.array([_sign(random)]) if channels == 1 else random.uniform(-1, 1, channels)
    if channels > 1:
        bends /= max(float(np.abs(bends).max()), 1e-9)  # One channel is bent by the whole strength.
    levels = np.arange(256.0)[:, None] / 255
    table = np.rint(255 * levels ** (gamma**bends)).astype(np.uint8)  # 256 C
    return table[picture, 0] if picture.ndim == 2 else table[picture, np.arange(channels)]


def brighten(picture: Picture, gray_levels: float, random: np.random.Generator) -> Picture:
    """Brighter or darker by so many of 255 gray levels."""
    return _rounded(picture.astype(np.float32) + np.float32(gray_levels * _sign(random)))


def blur(picture: Picture, sigma_px: float, random: np.random.Generator) -> Picture:
    """Gaussian blur of this deviation."""
    del random
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT_101), np.uint8)


def smear(picture: Picture, length_px: float, random: np.random.Generator) -> Picture:
    """Each line averaged with its neighbours over this length along y: a scan that moves on while it is exposed."""
    del random
    return _filtered(picture, np.ones((max(1, round(length_px)), 1), np.float32))


def defocus(picture: Picture, radius_px: float, random: np.random.Generator) -> Picture:
    """Each point becomes an even disc of this radius, which a lens out of focus makes (Gaussian blur fades out)."""
    del random
    reach = int(np.ceil(radius_px))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return _filtered(picture, np.clip(radius_px + 0.5 - np.hypot(x, y), 0, 1).astype(np.float32))


def add_noise(picture: Picture, std: float, random: np.random.Generator) -> Picture:
    """Gaussian noise of this deviation in gray levels, each pixel and channel on its own."""
    noise = random.standard_normal(picture.shape, dtype=np.float32) * np.float32(std)
    return _rounded(picture + noise)


def compress(picture: Picture, quality: float, random: np.random.Generator) -> Picture:
    """Written as JPEG of this quality (100 best) and read again."""
    del random
    bgr = picture if picture.ndim == 2 else np.ascontiguousarray(picture[:, :, ::-1])
    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, round(quality)])
    if not done:
        raise PictureError(f"a picture of shape {picture.shape} could not be written as JPEG")
    read = np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE if picture.ndim == 2 else cv2.IMREAD_COLOR), np.uint8)
    return read if picture.ndim == 2 else np.ascontiguousarray(read[:, :, ::-1])


def vignette(picture: Picture, loss_frac: float, random: np.random.Generator) -> Picture:
    """Darker from the middle, which keeps its light, to the corners, which lose this share of it."""
    del random
    height, width = picture.shape[:2]
    y, x = np.linspace(-1, 1, height), np.linspace(-1, 1, width)
    return _times(picture, 1 - loss_frac * (y[:, None] ** 2 + x[None, :] ** 2) / 2)


def drift_columns(picture: Picture, std_frac: float, random: np.random.Generator) -> Picture:
    """Gain of each sensor pixel of a line-scan camera off by this deviation: stripes along the scan (y)."""
    return _times(picture, _gains(picture.shape[1], 1.0, std_frac, random)[None, :])


def drift_rows(picture: Picture, std_frac: float, random: np.random.Generator) -> Picture:
    """Light that wavers from line to line by this deviation, over some ten lines: bands across the scan."""
    return _times(picture, _gains(picture.shape[0], 4.0, std_frac, random)[:, None])


def _gains(count: int, smooth_px: float, std_frac: float, random: np.random.Generator) -> Float64:
    drawn = cv2.GaussianBlur(random.standard_normal((1, count)), (0, 0), smooth_px, borderType=cv2.BORDER_REFLECT_101)
    row = np.asarray(drawn, np.float64)[0]
    row -= row.mean()
    gains: Float64 = np.maximum(1 + std_frac * row / max(float(row.std()), 1e-9), 0)
    return gains


def _filtered(picture: Picture, kernel: Float32) -> Picture:
    evened = kernel / kernel.sum()
    return np.asarray(cv2.filter2D(picture, -1, evened, borderType=cv2.BORDER_REFLECT_101), np.uint8)


def _times(picture: Picture, gains: Float64) -> Picture:
    return _rounded(picture * (gains if picture.ndim == 2 else gains[:, :, None]))


def _rounded(values: Float32 | Float64) -> Picture:
    return np.clip(np.floor(values + 0.5), 0, 255).astype(np.uint8)


def _sign(random: np.random.Generator) -> float:
    return 1.0 if random.random() < 0.5 else -1.0
