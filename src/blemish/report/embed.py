"""Pictures inside a page: as data, so that one HTML file is the whole report."""

from __future__ import annotations

import base64

import cv2
import numpy as np

from blemish.core.arrays import UInt8
from blemish.core.errors import PictureError
from blemish.core.labels import LabelMap
from blemish.core.taxonomy import IGNORE, Taxonomy, rgb
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


def label_picture(label_map: LabelMap, taxonomy: Taxonomy) -> UInt8:
    """A label map in its taxonomy's colours, uint8 H W 3: backgrounds, defects on top, 255 as white.

    Example:
        >>> cell = Taxonomy.preset("pouch-cell")
        >>> label_picture(LabelMap.clean(1, 1), cell)[0, 0].tolist()
        [128, 128, 128]
    """
    backgrounds = np.array([rgb(b.colour) for b in taxonomy.backgrounds], np.uint8)
    painted = backgrounds[label_map.background]
    for index, defect in enumerate(taxonomy.defects, start=1):
        painted[label_map.defect == index] = rgb(defect.colour)
    painted[label_map.defect == IGNORE] = 255
    return painted
