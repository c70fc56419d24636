"""Supervisely's projects: bitmaps and polygons in a JSON file a picture."""

from __future__ import annotations

import base64
import json
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from blemish.core.errors import InputError
from blemish.data.dataset import Dataset
from blemish.data.importing import ImportOptions, import_folder, prepare
from blemish.picture.write import write_png

SMALL = ImportOptions(tile_px=32, split="none")
HOLED = {
    "geometryType": "polygon",
    "classTitle": "dent",
    "points": {"exterior": [[2, 20], [11, 20], [11, 29], [2, 29]], "interior": [[[5, 23], [8, 23], [8, 26], [5, 26]]]},
}


def bitmap(shape: np.ndarray, x: int, y: int, title: str = "crack") -> dict[str, Any]:
    stored = BytesIO()
    image = Image.fromarray(shape.astype(np.uint8))
    image.putpalette([0, 0, 0, 255, 255, 255])
    image.save(stored, "PNG", transparency=0)
    data = base64.b64encode(zlib.compress(stored.getvalue())).decode()
    return {"geometryType": "bitmap", "classTitle": title, "bitmap": {"data": data, "origin": [x, y]}}


def project(src: Path, **objects: list[dict[str, Any]]) -> Path:
    (src / "ds0/ann").mkdir(parents=True)
    (src / "meta.json").write_text(json.dumps({"classes": [], "tags": []}))
    for i, (name, own) in enumerate(objects.items()):
        picture = np.random.default_rng(i).integers(60, 200, (32, 32), dtype=np.uint8)
        write_png(src / f"ds0/img/{name}.png", picture)
        values = {"size": {"height": 32, "width": 32}, "objects": own}
        (src / f"ds0/ann/{name}.png.json").write_text(json.dumps(values))
    return src


def test_bitmaps_lie_at_their_origin_and_polygons_keep_their_holes(tmp_path: Path) -> None:
    shape = np.array([[1, 0, 1], [1, 1, 1]])
    src = project(tmp_path / "src", a=[bitmap(shape, 4, 6)], b=[HOLED], c=[], d=[])
    report = import_folder(src, tmp_path / "out", SMALL)
    data = Dataset(tmp_path / "out")
    planes = {r.source[-5]: data.label_map(r).defect for r in data.records}
    by_name = {name: index for index, name in enumerate(data.taxonomy.defect_names, start=1)}
    expected = np.zeros((32, 32), np.uint8)
    expected[6:8, 4:7] = shape * by_name["crack"]
    assert (report.format, report.clean) == ("supervisely", 2)
    np.testing.assert_array_equal(planes["a"], expected)
    assert (planes["b"] == by_name["dent"]).sum() == 100 - 16


def test_a_lone_file_without_objects_may_be_of_a_picture_that_nobody_looked_at(tmp_path: Path) -> None:
    shape = np.ones((3, 3))
    src = project(tmp_path / "src", **{f"p{i}": [bitmap(shape, 4, 6)] for i in range(5)}, empty=[])
    report = prepare(src, SMALL).report
    assert (report.clean, report.lone_empty_masks) == (0, 1)


@pytest.mark.parametrize(
    ("thing", "says"),
    [
        ({"geometryType": "rectangle", "classTitle": "crack", "points": {"exterior": [[1, 1], [5, 5]]}}, "is a box"),
        ({"geometryType": "point", "classTitle": "crack"}, "must be a bitmap or a polygon, got a 'point'"),
        ({"geometryType": "polygon", "classTitle": "crack", "points": {"exterior": [[1, 1]]}}, "three or more corners"),
        ({"geometryType": "bitmap", "classTitle": "crack", "bitmap": {"data": "AAAA", "origin": [0, 0]}}, "cannot be"),
        (bitmap(np.ones((3, 3)), 30, 6), "leads out of the picture of 32 x 32 px"),
        ({"geometryType": "bitmap"}, "classTitle must be a text"),
    ],
)
def test_what_is_wrong_is_named_with_its_object(thing: dict[str, Any], says: str, tmp_path: Path) -> None:
    src = project(tmp_path / "src", a=[bitmap(np.ones((3, 3)), 4, 6), thing], b=[bitmap(np.ones((3, 3)), 4, 6)])
    (_, reason), *_ = prepare(src, SMALL).report.left_out
    assert says in reason
    assert "object 2" in reason


def test_pictures_without_a_file_and_files_without_a_picture_are_refused(tmp_path: Path) -> None:
    src = project(tmp_path / "src", a=[HOLED], b=[HOLED], c=[HOLED], d=[HOLED])
    (src / "ds0/ann/b.png.json").unlink()
    (src / "ds0/ann/c.png.json").write_text("{")
    (src / "ds0/ann/d.png.json").write_text('{"size": {"height": 32, "width": 32}}')
    left_out = dict(prepare(src, SMALL).report.left_out)
    assert "has no Supervisely JSON" in left_out["ds0/img/b.png"]
    assert "not readable JSON" in left_out["ds0/img/c.png"]
    assert "not a Supervisely file" in left_out["ds0/img/d.png"]
    with pytest.raises(InputError, match="more bad file"):
        import_folder(src, tmp_path / "out", SMALL)
