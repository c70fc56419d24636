"""Exports are read back by other code (Pillow, pycocotools, Labelme's rules) to the same pixels."""

from __future__ import annotations

import base64
import contextlib
import csv
import io
import json
import tomllib
from dataclasses import replace

import cv2
import numpy as np
import pytest
import typer
from PIL import Image, ImageDraw
from pycocotools.coco import COCO
from typer.testing import CliRunner

from blemish.cli import data_check, data_export
from blemish.core.errors import LabelError, PictureError, TaxonomyError
from blemish.core.labels import LabelMap
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.core.taxonomy import Taxonomy
from blemish.data.colour_labels import index_from_colours
from blemish.data.dataset import Dataset, DatasetInfo, DatasetWriter, Sample
from blemish.data.exporters.coco import export_coco
from blemish.data.exporters.labelme import export_labelme
from blemish.data.exporters.planes import export_colour, export_index

TILE = 72


def awkward_plane(seed: int) -> np.ndarray:
    """All that is hard for outlines: a ring, one pixel, a line, a diagonal, touching classes, the border, speckle."""
    plane = np.zeros((TILE, TILE), np.uint8)
    cv2.circle(plane, (20, 20), 10, 1, 3)
    plane[50, 50] = plane[5, 40:60] = 2
    cv2.line(plane, (30, 60), (45, 45), 3, 1)
    plane[60:, 60:], plane[60:, 52:60] = 4, 5
    plane[40:48, :6] = 255
    plane[50:58, 2:20] = np.random.default_rng(seed).integers(0, 7, (8, 18))
    return plane


@pytest.fixture
def dataset(tmp_path) -> Dataset:
    with DatasetWriter(tmp_path / "set", DatasetInfo(Taxonomy.preset("pouch-cell"), TILE, 1)) as writer:
        for seed, name in enumerate(["a/one", "b/one", "clean"]):
            plane = awkward_plane(seed) if seed < 2 else np.zeros((TILE, TILE), np.uint8)
            background = np.zeros((TILE, TILE), np.uint8)
            background[:, 30:36], background[20, 10] = 1, 1
            split = Split.TEST if seed else Split.TRAIN
            record = TileRecord(
                name, f"p{seed}", "top", "s", Box(0, 0, TILE, TILE), f"g{seed}", split, Origin.REAL, (), ()
            )
            picture = np.random.default_rng(seed).integers(0, 256, (TILE, TILE), np.uint8)
            writer.add(Sample(picture, LabelMap(plane, background), record))
    return Dataset(tmp_path / "set")


def test_index_planes_hold_the_values_and_pictures_the_same_bytes(dataset, tmp_path):
    assert export_index(dataset, tmp_path / "out") == 3
    for record in dataset.records:
        label = Image.open(tmp_path / "out" / "labels" / f"{record.id}.png")
        assert label.mode == "P"
        assert np.array_equal(np.array(label), dataset.label_map(record).defect)
        background = np.array(Image.open(tmp_path / "out" / "backgrounds" / f"{record.id}.png"))
        assert np.array_equal(background, dataset.label_map(record).background)
        picture = (tmp_path / "out" / "images" / f"{record.id}.png").read_bytes()
        assert picture == (dataset.folder / "images" / f"{record.id}.png").read_bytes()


def test_colours_read_back_to_the_same_defects(dataset, tmp_path):
    export_colour(dataset, tmp_path / "out")
    for record in dataset.records:
        painted = np.array(Image.open(tmp_path / "out" / "labels" / f"{record.id}.png"))
        label = dataset.label_map(record)
        again = index_from_colours(painted, dataset.taxonomy, record.id)
        assert np.array_equal(again.defect, label.defect)
        assert np.array_equal(again.background[label.defect == 0], label.background[label.defect == 0])
    assert painted[0, 0].tolist() == [0x80, 0x80, 0x80]


def test_a_class_painted_black_or_white_is_refused(tmp_path):
    taxonomy = Taxonomy.from_dict({"name": "t", "defects": [{"name": "dot", "colour": "#ffffff"}]})
    record = TileRecord("x", "x", "top", "s", Box(0, 0, TILE, TILE), "g", Split.NONE, Origin.REAL, (), ())
    with DatasetWriter(tmp_path / "set", DatasetInfo(taxonomy, TILE, 1)) as writer:
        writer.add(Sample(np.zeros((TILE, TILE), np.uint8), LabelMap.clean(TILE, TILE), record))
    with pytest.raises(TaxonomyError, match="'dot' has the colour #ffffff"):
        export_colour(Dataset(tmp_path / "set"), tmp_path / "out")


def drawn_by_labelme_rules(values: dict, names: list[str]) -> np.ndarray:
    """Later shapes over earlier ones, polygons by Pillow with their outline, masks into their box."""
    plane = np.zeros((values["imageHeight"], values["imageWidth"]), np.uint8)
    for shape in values["shapes"]:
        if shape["label"] not in names:
            continue
        mask = Image.new("L", plane.shape[::-1])
        if shape["shape_type"] == "polygon":
            assert len(shape["points"]) >= 3
            ImageDraw.Draw(mask).polygon([tuple(p) for p in shape["points"]], outline=1, fill=1)
        else:
            (x1, y1), (x2, y2) = shape["points"]
            part = Image.open(io.BytesIO(base64.b64decode(shape["mask"])))
            assert part.size == (x2 - x1 + 1, y2 - y1 + 1)
            mask.paste(part.point(bool), (x1, y1))
        plane[np.array(mask) > 0] = names.index(shape["label"])
    return plane


def test_labelme_shapes_draw_the_same_pixels_holes_included(dataset, tmp_path):
    export_labelme(dataset, tmp_path / "out")
    kinds = set()
    for record in dataset.records:
        values = json.loads((tmp_path / "out" / f"{record.id}.json").read_text())
        assert (values["imageData"], values["imagePath"]) == (None, record.id.split("/")[-1] + ".png")
        label = dataset.label_map(record)
        names = ["", *dataset.taxonomy.defect_names, "__ignore__"]
        drawn = drawn_by_labelme_rules(values, names)
        assert np.array_equal(np.where(drawn == len(names) - 1, 255, drawn), label.defect)
        assert np.array_equal(drawn_by_labelme_rules(values, ["body", "outside"]), label.background)
        kinds |= {shape["shape_type"] for shape in values["shapes"]}
    assert kinds == {"polygon", "mask"}


def test_coco_is_read_by_pycocotools_to_the_same_pixels(dataset, tmp_path):
    export_coco(dataset, tmp_path / "out")
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(tmp_path / "out" / "annotations.json"))
    assert [c["name"] for c in coco.loadCats(coco.getCatIds())] == list(dataset.taxonomy.defect_names)
    for image, record in zip(coco.loadImgs(coco.getImgIds()), dataset.records, strict=True):
        assert (image["file_name"], image["split"]) == (f"images/{record.id}.png", str(record.split))
        plane = np.zeros((image["height"], image["width"]), np.uint8)
        for annotation in coco.loadAnns(coco.getAnnIds(imgIds=image["id"])):
            mask = coco.annToMask(annotation)
            assert annotation["area"] == mask.sum()
            assert annotation["bbox"] == list(cv2.boundingRect(mask))
            plane[mask > 0] = annotation["category_id"]
        if "ignore" in image:
            plane[coco.annToMask({"image_id": image["id"], "segmentation": image["ignore"]}) > 0] = 255
        assert np.array_equal(plane, dataset.label_map(record).defect)


@pytest.mark.parametrize("write", [export_index, export_colour, export_labelme, export_coco])
def test_groups_splits_and_taxonomy_go_along(dataset, tmp_path, write):
    write(dataset, tmp_path / "out")
    rows = list(csv.DictReader((tmp_path / "out" / "groups.csv").open()))
    assert [(r["group"], r["split"], r["part"]) for r in rows] == [
        ("g0", "train", "p0"), ("g1", "test", "p1"), ("g2", "test", "p2"),
    ]  # fmt: skip
    assert all((tmp_path / "out" / r["file"]).is_file() for r in rows)
    values = tomllib.loads((tmp_path / "out" / "taxonomy.toml").read_text())
    assert Taxonomy.from_dict(values) == dataset.taxonomy


@pytest.mark.parametrize("write", [export_index, export_colour, export_labelme, export_coco])
def test_a_damaged_tile_leaves_nothing_half_written(dataset, tmp_path, write):
    (dataset.folder / "labels" / "clean.png").write_bytes(b"not a picture")
    with pytest.raises(PictureError, match=r"clean\.png"):
        write(dataset, tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["set"]


app = typer.Typer()
app.command("check")(data_check.check)
app.command("stats")(data_check.stats)
app.command("merge")(data_export.merge)
app.command("export")(data_export.export)


def run(*words: object):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_the_export_command_writes_says_how_many_and_refuses_a_folder_that_is_there(dataset, tmp_path):
    told = run("export", dataset.folder, "--format", "coco", "--out", tmp_path / "out", "--json")
    assert json.loads(told.stdout) == {
        "out": str(tmp_path / "out"), "format": "coco", "tiles": 3, "written": True,
    }  # fmt: skip
    again = run("export", dataset.folder, "--format", "index", "--out", tmp_path / "out")
    assert again.exit_code == 2
    assert "choose another --out" in again.stderr
    dry = run("export", dataset.folder, "--format", "index", "--out", tmp_path / "dry", "--dry-run")
    assert (dry.exit_code, (tmp_path / "dry").exists()) == (0, False)


def test_the_check_command_ends_with_2_and_one_line_when_something_is_wrong(dataset):
    assert run("check", dataset.folder).exit_code == 0
    (dataset.folder / "images" / "clean.png").unlink()
    told = run("check", dataset.folder, "--json")
    assert told.exit_code == 2
    assert json.loads(told.stdout)["wrong_counts"] == {"unreadable": 1}
    last = [line for line in told.stderr.splitlines() if line.startswith("error")]
    assert len(last) == 1
    assert "3 tiles, wrong: 1 unreadable" in last[0]


def test_the_stats_command_prints_json_and_draws(dataset, tmp_path):
    told = run("stats", dataset.folder, "--json", "--picture", tmp_path / "stats.png")
    assert json.loads(told.stdout)["tiles"] == 3
    assert Image.open(tmp_path / "stats.png").width == 1200
    assert run("stats", dataset.folder, "--picture", tmp_path / "stats.jpg").exit_code == 2


def test_the_merge_command_counts_and_refuses_one_set(dataset, tmp_path):
    with DatasetWriter(tmp_path / "more", dataset.info) as writer:
        for sample in dataset.samples():
            group = f"more-{sample.record.group}"
            writer.add(replace(sample, record=replace(sample.record, group=group)))
    told = run("merge", dataset.folder, tmp_path / "more", "--out", tmp_path / "both", "--json")
    values = json.loads(told.stdout)
    assert (values["read"], values["written"], values["renamed"]) == ([3, 3], 6, 6)
    alone = run("merge", dataset.folder, "--out", tmp_path / "alone")
    assert alone.exit_code == 2
    assert "two data sets or more" in alone.stderr


def test_exports_name_a_value_outside_the_taxonomy(dataset, tmp_path):
    Image.fromarray(np.full((TILE, TILE), 99, np.uint8)).save(dataset.folder / "labels" / "clean.png")
    with pytest.raises(LabelError, match=r": clean: defect value 99 at x=0, y=0"):
        export_index(dataset, tmp_path / "out")
