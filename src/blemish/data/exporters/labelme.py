"""Export for Labelme: a JSON beside each picture, `imageData` null.

Every connected region is one shape. Where a polygon through its border pixels, filled as Labelme fills it (Pillow,
outline included), gives back exactly the region, the shape is that polygon; a region with a hole, or one too thin for a
polygon, is a `mask` shape (a small PNG in its box). So the export loses nothing. Ignored pixels are shapes called
`__ignore__`; background classes other than the first are shapes of their name.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw

from blemish.core.arrays import Bool, UInt8
from blemish.core.labels import LabelMap
from blemish.core.taxonomy import IGNORE, Taxonomy
from blemish.data.dataset import Dataset
from blemish.data.exporters.folder import export_folder, tiles_of, write_lists
from blemish.picture.write import png_bytes, write_bytes

IGNORE_LABEL = "__ignore__"
_VERSION = "5.5.0"  # Of the JSON's layout.


def export_labelme(dataset: Dataset, out: Path) -> int:
    """`<id>.png` and `<id>.json` side by side.

    Returns:
        The number of tiles.
    """
    with export_folder(out) as work:
        for record, label_map in tiles_of(dataset, work):
            values = labelme_json(label_map, dataset.taxonomy, f"{PurePosixPath(record.id).name}.png")
            write_bytes(work / f"{record.id}.json", json.dumps(values, indent=1).encode())
        write_lists(dataset, work, "")
    return len(dataset)


def labelme_json(label_map: LabelMap, taxonomy: Taxonomy, image_path: str) -> dict[str, Any]:
    """What Labelme saves for one picture."""
    shapes: list[dict[str, Any]] = []
    for index, background in enumerate(taxonomy.backgrounds):
        if index > 0:
            shapes += _shapes(label_map.background == index, background.name)
    for index, defect in enumerate(taxonomy.defects, start=1):
        shapes += _shapes(label_map.defect == index, defect.name)
    shapes += _shapes(label_map.defect == IGNORE, IGNORE_LABEL)
    return {
        "version": _VERSION,
        "flags": {},
        "shapes": shapes,
        "imagePath": image_path,
        "imageData": None,
        "imageHeight": label_map.size_hw[0],
        "imageWidth": label_map.size_hw[1],
    }


def _shapes(mask: Bool, label: str) -> Iterator[dict[str, Any]]:
    if not mask.any():
        return
    count, regions, boxes, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    for region in range(1, count):
        x, y, width, height = (int(value) for value in boxes[region, :4])
        plane = (regions[y : y + height, x : x + width] == region).astype(np.uint8)
        points = _polygon(plane)
        if points is not None:
            yield _shape(label, "polygon", [[px + x, py + y] for px, py in points], None)
        else:
            yield _shape(label, "mask", [[x, y], [x + width - 1, y + height - 1]], plane)


def _polygon(plane: UInt8) -> list[tuple[int, int]] | None:
    """The border of a region as points, if filling it gives the region back."""
    contours, _ = cv2.findContours(plane, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    points = [(int(x), int(y)) for x, y in contours[0][:, 0]]
    if len(points) < 3:
        return None
    image = Image.new("L", plane.shape[::-1])
    ImageDraw.Draw(image).polygon(points, outline=1, fill=1)
    return points if np.array_equal(np.asarray(image), plane) else None


def _shape(label: str, kind: str, points: list[list[int]], plane: UInt8 | None) -> dict[str, Any]:
    encoded = None if plane is None else base64.b64encode(png_bytes(plane * np.uint8(255))).decode()
    return {
        "label": label,
        "points": points,
        "group_id": None,
        "description": "",
        "shape_type": kind,
        "flags": {},
        "mask": encoded,
    }
