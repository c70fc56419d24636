"""Outlines that overlap, as labelling tools write them."""

import json

import numpy as np
import pytest

from blemish.core.errors import InputError
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Dataset
from blemish.data.importing import ImportOptions, import_folder
from blemish.data.priorities import with_priorities
from blemish.picture.write import write_png


@pytest.fixture
def overlapping(tmp_path):
    """One picture on which a dent lies over a scratch, and one with a stain alone."""
    shapes = {"a": [("scratch", 4, 20), ("dent", 10, 30)], "b": [("stain", 4, 20)]}
    for name, outlines in shapes.items():
        write_png(tmp_path / "src" / f"{name}.png", np.random.default_rng(3).integers(60, 200, (40, 40), np.uint8))
        corners = [(label, [[low, low], [high, low], [high, high], [low, high]]) for label, low, high in outlines]
        values = {
            "imagePath": f"{name}.png",
            "shapes": [{"label": label, "points": points, "shape_type": "polygon"} for label, points in corners],
        }
        (tmp_path / "src" / f"{name}.json").write_text(json.dumps(values))
    return tmp_path / "src"


def options(*names):
    return ImportOptions(tile_px=40, split="none", priority=names)


@pytest.mark.parametrize(("first", "other"), [("scratch", "dent"), ("dent", "scratch")])
def test_the_class_named_first_wins(first, other, overlapping, tmp_path):
    report = import_folder(overlapping, tmp_path / "out", options(first))
    found = Dataset(tmp_path / "out")
    whole = {"scratch": 17 * 17, "dent": 21 * 21}
    shown = dict(zip(found.taxonomy.defect_names, found.records[0].defect_px, strict=True))
    assert report.settled_px == 11 * 11
    assert shown[first] == whole[first]
    assert shown[other] == whole[other] - 11 * 11


def test_without_it_the_way_out_is_named(overlapping, tmp_path):
    with pytest.raises(InputError, match=r"lie on one pixel at x=10, y=10: .*--priority"):
        import_folder(overlapping, tmp_path / "out", options())
    with pytest.raises(InputError, match="lie on one pixel"):
        import_folder(overlapping, tmp_path / "out", options("stain"))


def test_a_class_that_is_not_there_or_there_twice_is_refused(overlapping, tmp_path):
    with pytest.raises(InputError, match="has no defect 'hole'"):
        import_folder(overlapping, tmp_path / "out", options("dent", "hole"))
    with pytest.raises(InputError, match="names a class twice"):
        with_priorities(Taxonomy.of_names("t", ["a1", "b1"]), ["a1", "A1"])


def test_a_taxonomy_with_priorities_says_it_itself():
    with pytest.raises(InputError, match="has priorities"):
        with_priorities(Taxonomy.preset("pouch-cell"), ["groove"])
