import json
from dataclasses import replace

import numpy as np
import pytest

from blemish.core.errors import InputError
from blemish.core.labels import LabelMap
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.core.taxonomy import Taxonomy
from blemish.data.cutouts import cut_outs_of
from blemish.data.dataset import Dataset, DatasetInfo, DatasetWriter, Sample
from blemish.gan.gate import Candidate, Gate
from blemish.gan.gate_page import _first_of
from blemish.gan.gate_reference import measure_real, measured
from blemish.gan.gate_rules import Patches
from blemish.metrics.tile_iou import ClassFound, GateThresholds

SIDE = 64
TWO = Taxonomy.of_names("two", ["blot", "scratch"])
RING_PX = 3


def surface(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(120, 6, (SIDE, SIDE)).clip(0, 255).astype(np.uint8)


def tile(seed: int, *, added: float = 50, index: int = 1) -> Sample:
    """A blot with a texture of its own on a surface of its own."""
    random = np.random.default_rng(1000 + seed)
    y, x = np.mgrid[:SIDE, :SIDE] - 32
    radius = 9 + 3 * random.random() + 2 * np.cos(3 * np.arctan2(y, x) + random.random() * 6)
    defect = np.where(np.hypot(x, y) < radius, index, 0).astype(np.uint8)
    texture = np.kron(random.normal(1, 0.5, (22, 22)), np.ones((3, 3)))[:SIDE, :SIDE]
    picture = np.where(defect > 0, surface(seed) + added * texture, surface(seed)).clip(0, 255).astype(np.uint8)
    record = TileRecord(f"t{seed}", "", "", "", Box(0, 0, SIDE, SIDE), f"g{seed}", Split.TRAIN, Origin.REAL, (), ())
    return Sample(picture, LabelMap(defect, np.zeros_like(defect)), record)


@pytest.fixture(scope="module")
def real_set(tmp_path_factory):
    folder = tmp_path_factory.mktemp("real") / "set"
    with DatasetWriter(folder, DatasetInfo(TWO, SIDE, 1)) as writer:
        for seed in range(12):
            writer.add(tile(seed))
    return Dataset(folder)


@pytest.fixture(scope="module")
def real(real_set):
    return measure_real(real_set, [1])


def candidate(seed: int, *, added: float = 50, beyond: int = 0) -> Candidate:
    sample, beneath = tile(seed, added=added), surface(seed)
    sample.picture[2, 2] += beyond
    return Candidate(sample, beneath)


class Sees:
    """A segmenter that finds a share of each blot's rows, told by how bright they are."""

    channels, taxonomy = 1, TWO

    def __init__(self, rows: int = SIDE):
        self.rows = rows
        self.asked = 0

    def probabilities(self, pictures):
        self.asked += len(pictures)
        seen = np.abs(pictures[..., 0].astype(float) - 120) > 25
        seen[:, self.rows :] = False
        return np.stack([~seen, seen, np.zeros_like(seen)], axis=1).astype(np.float32)


def limits(iou: float, quartile: float) -> GateThresholds:
    return GateThresholds({"blot": ClassFound(40, iou, quartile, iou >= 0.3)})


def test_a_tile_like_real_ones_is_admitted(real):
    gate = Gate(TWO, real, ring_px=RING_PX)
    assert gate.judge([candidate(seed) for seed in (100, 101, 102)]) == [None] * 3


def test_an_invisible_defect_is_rejected_with_its_change(real):
    (why,) = Gate(TWO, real, ring_px=RING_PX).judge([candidate(100, added=0)])
    assert (why.rule, why.defect, why.value) == ("visible", 1, 0)
    assert why.reason.startswith("blot changes the surface by 0.00 grey levels on average, under 1.")


def test_a_defect_fainter_than_real_ones_is_rejected_with_its_contrast(real):
    (why,) = Gate(TWO, real, ring_px=RING_PX).judge([candidate(100, added=9)])
    assert (why.rule, why.limit) == ("visible", pytest.approx(0.75 * np.median(real[1].contrasts)))  # All are alike.
    assert why.value < why.limit
    assert "95 % of the real ones" in why.reason


def test_without_the_picture_beneath_the_contrast_still_rejects(real):
    sample = candidate(100, added=0).sample
    (why,) = Gate(TWO, real).judge([Candidate(sample, None)])
    assert why.rule == "visible"
    assert "contrast" in why.reason


def test_a_change_beyond_the_ring_is_rejected(real):
    (why,) = Gate(TWO, real, ring_px=RING_PX).judge([candidate(100, beyond=1)])
    assert (why.rule, why.defect, why.value, why.limit) == ("beyond", 0, 1, 0)
    assert why.reason == "a pixel more than 3 px from the mask changed by 1 grey levels"


def test_a_generator_without_a_ring_is_not_held_to_it(real):
    gate = Gate(TWO, real)
    assert gate.judge([candidate(100, beyond=1)]) == [None]
    assert gate.off(beneath=True)["beyond"].startswith("this generator repaints the whole tile")


@pytest.mark.parametrize("turned", [lambda p: p, np.fliplr, np.rot90])
def test_a_training_defect_on_another_surface_is_a_near_copy(real, turned):
    source, beneath = tile(2), surface(300)
    defect = np.ascontiguousarray(turned(source.label_map.defect))
    picture = np.where(defect > 0, turned(source.picture), beneath)
    sample = Sample(picture, LabelMap(defect, defect * 0), source.record)
    (why,) = Gate(TWO, real, ring_px=RING_PX).judge([Candidate(sample, beneath)])
    assert (why.rule, why.defect) == ("copy", 1)
    assert why.value >= why.limit >= 0.9
    assert why.reason.endswith("with the defect on t2")


def test_a_training_shape_again_is_a_near_copy(real):
    asked = candidate(100)
    (why,) = Gate(TWO, real).judge([Candidate(asked.sample, asked.beneath, shape_iou=0.95)])
    assert (why.rule, why.value) == ("copy", 0.95)
    assert "a shape overlaps by 0.95" in why.reason


def test_what_a_network_does_not_find_is_rejected(real):
    good = Gate(TWO, real, segmenter=Sees(), thresholds=limits(0.8, 0.6))
    bad = Gate(TWO, real, segmenter=Sees(rows=30), thresholds=limits(0.8, 0.6))
    assert good.judge([candidate(100)]) == [None]
    (why,) = bad.judge([candidate(100)])
    assert (why.rule, why.defect, why.limit) == ("found", 1, 0.6)
    assert 0.1 < why.value < 0.6


def test_a_class_that_cannot_be_found_is_not_asked_for(real):
    gate = Gate(TWO, real, segmenter=Sees(rows=0), thresholds=limits(0.29, 0.2))
    assert gate.judge([candidate(100)]) == [None]
    assert gate.off(beneath=True)["found: blot"] == "out-of-fold IoU 0.290 is under 0.3: nothing is asked of its tiles"


def test_only_what_passed_the_other_rules_goes_to_the_network(real):
    sees = Sees()
    gate = Gate(TWO, real, ring_px=RING_PX, segmenter=sees, thresholds=limits(0.8, 0.5))
    verdicts = gate.judge([candidate(100, added=0), candidate(101), candidate(102, beyond=3)])
    assert [why and why.rule for why in verdicts] == ["visible", None, "beyond"]
    assert sees.asked == 1


def test_few_real_defects_set_no_limit_of_contrast(real_set):
    few = Dataset(real_set.folder)
    few.records = few.records[:4]
    gate = Gate(TWO, measure_real(few, [1]))
    assert gate.real[1].contrast_limit is None
    assert (
        gate.off(beneath=True)["visible: contrast of blot"]
        == "only 4 of 4 real defects lie on sound surface to learn by"
    )
    assert gate.judge([Candidate(tile(100, added=9), None)]) == [None]


def test_where_real_defects_are_all_alike_a_little_fainter_is_no_fault():
    alike = cut_outs_of(tile(7), 1)[0][0]
    learned = measured([alike] * 6, {"t7": "g7"})
    assert learned.contrast_limit == pytest.approx(0.75 * learned.contrasts[0])
    spread = [cut_outs_of(tile(seed, added=10 + 8 * seed), 1)[0][0] for seed in range(12)]
    found = measured(spread, {f"t{seed}": f"g{seed}" for seed in range(12)})
    assert found.contrast_limit == pytest.approx(np.quantile(found.contrasts, 0.05))


def test_of_real_defects_that_it_never_saw_about_one_in_twenty_is_too_faint():
    def varied(seed: int) -> Sample:
        return tile(seed, added=20 + 80 * np.random.default_rng(seed).random())

    def cut_out(seed: int):
        return cut_outs_of(varied(seed), 1)[0][0]

    learned = measured([cut_out(seed) for seed in range(120)], {f"t{seed}": f"g{seed}" for seed in range(120)})
    gate = Gate(TWO, {1: replace(learned, patches=Patches.of([]))})
    verdicts = gate.judge([Candidate(varied(seed), None) for seed in range(400, 600)])
    assert 2 <= sum(why is not None for why in verdicts) <= 24


def test_a_gate_that_does_not_fit_is_refused(real):
    with pytest.raises(InputError, match="give --segmenter RUN and --thresholds FILE"):
        Gate(TWO, real, segmenter=Sees())
    other = Sees()
    other.taxonomy = Taxonomy.of_names("two", ["blot", "pit"])
    with pytest.raises(InputError, match="knows blot, pit, the data set has blot, scratch"):
        Gate(TWO, real, segmenter=other, thresholds=limits(0.8, 0.5))


def test_its_limits_are_plain_values(real):
    gate = Gate(TWO, real, ring_px=2, segmenter=Sees(), thresholds=limits(0.8, 0.5), segmenter_hash="abc")
    assert json.loads(json.dumps(gate.limits()))["found"] == {"blot": 0.5}


@pytest.mark.parametrize(
    ("name", "first"),
    [("dent", 1), ("dent + chip", 2), ("dent + chip + dent", 2), ("dent + hole", 1), ("hole + dent", 3)],
)
def test_a_class_may_itself_be_called_one_and_another(name, first):
    assert _first_of(name, Taxonomy.of_names("t", ["dent", "dent + chip", "hole"])) == first
