"""Pictures inside a page: as data, so that one HTML file is the whole report."""

from __future__ import annotations

import base64

import cv2
import numpy as np

from blemish.core.arrays import UInt8
from blemish.core.errors import PictureError
from blemish.picture.write import png_bytes


def png_uri(picture: UInt8) -> str:
    """A picture (uint8 H W or H W 3) as a `data:` address, every pixel kept."""
    return "data:image/png;base64," + base64.b64encode(png_bytes(picture)).decode()


def jpeg_uri(picture: UInt8, *, widest_px: int = 1600, quality: int = 82) -> str:
    """A picture as a JPEG `data:` address, made smaller where it is wider than `widest_px`."""
    height, width = picture.shape[:2]
    if width > widest_px:
        size = (widest_px, max(1, round(height * widest_px / width)))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    bgr = picture if picture.ndim == 2 else np.ascontiguousarray(picture[:, :, ::-1])
    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise PictureError(f"a picture of shape {picture.shape} could not be written as JPEG")
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()
