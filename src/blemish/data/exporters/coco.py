"""Export as COCO: `images/<id>.png` and one `annotations.json`, written as a stream.

Every connected region (8 neighbours) of a class is one annotation with an uncompressed run-length mask, so holes and
single pixels come back exactly. A picture's ignored pixels are in its key `ignore`, as a run-length mask (COCO has no
word for them, and tools that do not know the key pass over it). Backgrounds have no place in COCO and are left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from blemish.core.arrays import Bool
from blemish.core.labels import LabelMap
from blemish.core.records import TileRecord
from blemish.core.taxonomy import IGNORE
from blemish.data.dataset import Dataset
from blemish.data.exporters.folder import export_folder, tiles_of, write_lists


def export_coco(dataset: Dataset, out: Path) -> int:
    """Write the folder; category ids are the label values 1..K.

    Returns:
        The number of tiles.
    """
    categories = [
        {"id": index, "name": defect.name, "supercategory": "defect", "code": defect.code}
        for index, defect in enumerate(dataset.taxonomy.defects, start=1)
    ]
    info = {"description": dataset.taxonomy.name, "version": dataset.hash}
    images: list[dict[str, Any]] = []
    with export_folder(out) as work:
        with (work / "annotations.json").open("w", encoding="utf-8") as file:
            file.write(f'{{"info": {json.dumps(info)},\n"licenses": [],\n"categories": {json.dumps(categories)},\n')
            file.write('"annotations": [')
            annotation = 0
            for record, label_map in tiles_of(dataset, work / "images"):
                images.append(_image(record, label_map, len(images) + 1))
                for values in _annotations(label_map, len(images), len(categories)):
                    annotation += 1
                    file.write(f"{',' if annotation > 1 else ''}\n{json.dumps({'id': annotation, **values})}")
            file.write(f'\n],\n"images": {json.dumps(images)}}}\n')
        write_lists(dataset, work, "images")
    return len(dataset)


def run_length(mask: Bool) -> dict[str, Any]:
    """COCO's uncompressed run lengths: column by column, first the zeros.

    Example:
        >>> run_length(np.array([[False, True], [True, True]]))
        {'size': [2, 2], 'counts': [1, 3]}
        >>> run_length(np.array([[True, False]]))
        {'size': [1, 2], 'counts': [0, 1, 1]}
    """
    flat = mask.ravel(order="F")
    ends = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    counts = np.diff(np.concatenate([[0], ends, [flat.size]])).tolist()
    return {"size": list(mask.shape), "counts": [0, *counts] if flat[0] else counts}


def _image(record: TileRecord, label_map: LabelMap, number: int) -> dict[str, Any]:
    height, width = label_map.size_hw
    values: dict[str, Any] = {"id": number, "file_name": f"images/{record.id}.png", "height": height, "width": width}
    values |= {"group": record.group, "split": str(record.split), "origin": str(record.origin)}
    ignored = label_map.defect == IGNORE
    return {**values, "ignore": run_length(ignored)} if ignored.any() else values


def _annotations(label_map: LabelMap, image: int, classes: int) -> Iterator[dict[str, Any]]:
    for index in range(1, classes + 1):
        plane = (label_map.defect == index).astype(np.uint8)
        if not plane.any():
            continue
        count, regions, boxes, _ = cv2.connectedComponentsWithStats(plane, connectivity=8)
        for region in range(1, count):
            *box, area = (int(value) for value in boxes[region])
            yield {
                "image_id": image,
                "category_id": index,
                "bbox": box,
                "area": area,
                "iscrowd": 0,
                "segmentation": run_length(regions == region),
            }
