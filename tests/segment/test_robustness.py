"""Robustness of a segmenter whose answers are known: it calls every bright pixel a square."""

import json
import math

import numpy as np
import pytest
from typer.testing import CliRunner

from blemish.cli.main import app
from blemish.core.errors import DatasetError, InputError
from blemish.core.records import Split
from blemish.metrics.pixel import Confusion
from blemish.segment.baseline import FixedParameters
from blemish.segment.robustness import Robustness, disturbed, measure_robustness, tiles_of_every_class, to_table


class Bright:
    channels = 1

    def __init__(self, taxonomy, above=155):
        self.taxonomy, self.above = taxonomy, above

    def probabilities(self, pictures):
        classes = (pictures[..., 0] > self.above).astype(int)
        return np.moveaxis(np.eye(3, dtype=np.float32)[classes], -1, 1)


@pytest.fixture(scope="module")
def found(shapes):
    records = shapes.select(Split.TRAIN)
    names = ("vignetting", "rotation", "brightening")
    return measure_robustness({"bright": Bright(shapes.taxonomy)}, shapes, records, names=names)[0]


def test_strength_nought_is_the_undisturbed_and_worse_light_is_worse(found):
    assert found.disturbances == ("vignetting", "rotation", "brightening")
    for name in found.disturbances:
        assert found.curve(name)[0] == found.mean_iou("", 0) > 0.4
    lit = found.curve("brightening")
    assert lit[5] < lit[3] < lit[1]


def test_turned_tiles_are_judged_by_turned_labels(found):
    assert found.kept("rotation") > 0.9  # A threshold does not care which way a tile lies.


def test_what_enters_a_turned_tile_counts_nowhere(found, shapes):
    assert found.tables["rotation", 5].ignored_px > 0.1 * 64 * 64 * len(shapes.select(Split.TRAIN))
    assert found.tables["vignetting", 5].ignored_px == 0


def test_the_table_and_json_hold_every_strength(found):
    values = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert values["disturbances"]["rotation"]["values"] == [3, 6, 10, 20, 45]
    assert len(values["disturbances"]["vignetting"]["mean_iou"]) == 5
    assert f"{found.kept('rotation'):.3f}" in to_table([found])


def test_a_segmenter_that_finds_nothing_keeps_nan_not_zero(shapes):
    blind = measure_robustness({"b": Bright(shapes.taxonomy, 255)}, shapes, shapes.records[:3], names=["blur"])[0]
    assert math.isnan(blind.kept("blur"))
    assert blind.to_dict()["disturbances"]["blur"]["kept"] is None


def test_tiles_are_chosen_from_every_class_in_turn(shapes):
    chosen = tiles_of_every_class(shapes.records, 2, 6)
    assert sorted(record.classes for record in chosen) == [(), (), (1,), (1,), (2,), (2,)]
    assert chosen == tiles_of_every_class(shapes.records, 2, 6)


def test_a_tile_is_disturbed_by_its_own_id(shapes):
    one, other = (disturbed(shapes.sample(place), "noise", 3) for place in (0, 3))
    assert not np.array_equal(one.picture, other.picture)
    assert np.array_equal(one.picture, disturbed(shapes.sample(0), "noise", 3).picture)


def test_unknown_names_and_empty_splits_are_refused(shapes):
    with pytest.raises(InputError, match="no disturbance 'fog': there are rotation, scaling"):
        measure_robustness({}, shapes, shapes.records, names=["fog"])
    with pytest.raises(DatasetError, match="no tiles to judge by"):
        measure_robustness({}, shapes, [])


def test_the_command_compares_inspectors_in_one_self_contained_page(shapes, tmp_path):
    tuned = FixedParameters.tuned(shapes.samples(), shapes.taxonomy, 1, trials=1, tiles_per_class=4)
    for name in ("one.json", "two.json"):
        (tmp_path / name).write_text(json.dumps(tuned.to_dict()))
    words = ["segment", "robustness", str(shapes.folder), str(tmp_path / "one.json"), str(tmp_path / "two.json")]
    words += ["--out", str(tmp_path / "out"), "--tiles", "4", "--only", "noise,rotation", "--json"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    values = json.loads((tmp_path / "out" / "robustness.json").read_text())
    assert [one["segmenter"] for one in values["inspectors"]] == ["one.json", "two.json"]
    page = (tmp_path / "out" / "index.html").read_text()
    assert page.count("data:image/jpeg") == 12
    assert page.count("<svg") == 2
    assert "http" not in page


def test_a_class_that_is_moved_out_of_sight_is_no_gain(shapes):
    whole, moved = Confusion(2), Confusion(2)
    whole.add(np.array([[1, 1, 2, 2]], np.uint8), np.array([[1, 1, 0, 0]], np.uint8))
    moved.add(np.array([[1, 1, 255, 255]], np.uint8), np.array([[1, 1, 0, 0]], np.uint8))
    found = Robustness("x", shapes.taxonomy, {("", 0): whole} | {("rotation", s): moved for s in range(1, 6)})
    assert found.kept("rotation") == pytest.approx(1)  # Class 2, missed in whole pictures, is not in the moved ones.
