"""The machine-vision baseline: the Segmenter contract, its rules, honest and repeatable tuning, JSON."""

import json
from dataclasses import replace

import numpy as np
import pytest

from blemish.core.errors import BundleError, DatasetError
from blemish.core.labels import LabelMap
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Sample
from blemish.metrics.pixel import Confusion
from blemish.segment.baseline import FixedParameters
from blemish.segment.baseline_regions import VisionParameters, find_regions
from blemish.segment.baseline_rules import count_votes, learn_committee, learn_rules, name_regions
from blemish.segment.baseline_tuning import folds_of, true_classes

TWO = Taxonomy.of_names("two", ["spot", "bar"])


def spots_and_bars(number, channels=1, size=96):
    """A noisy tile with one bright square (class 1) and one dark bar (class 2)."""
    generator = np.random.default_rng(number)
    picture = generator.normal(120, 3, (size, size))
    defect = np.zeros((size, size), np.uint8)
    y, x = generator.integers(8, size // 2 - 12, 2)
    defect[y : y + 10, x : x + 10] = 1
    y, x = generator.integers(size // 2, size - 8), generator.integers(4, size - 44)
    defect[y : y + 5, x : x + 40] = 2
    picture += 60 * (defect == 1) - 60 * (defect == 2)
    picture = picture.clip(0, 255).astype(np.uint8)
    picture = picture if channels == 1 else np.repeat(picture[:, :, None], 3, axis=2)
    record = TileRecord(
        f"t{number}", "p", "", "s", Box(0, 0, size, size), f"g{number}", Split.TRAIN, Origin.REAL, (), ()
    )
    return Sample(picture, LabelMap(defect, np.zeros_like(defect)), record)


@pytest.fixture(scope="module")
def baseline():
    return FixedParameters.tuned(map(spots_and_bars, range(18)), TWO, 1, seed=3, trials=3)


def test_it_answers_like_any_segmenter(baseline):
    pictures = np.stack([spots_and_bars(i).picture[:64, :70] for i in (40, 41)])[..., None]
    answer = baseline.probabilities(pictures)
    assert (answer.shape, answer.dtype) == ((2, 3, 64, 70), np.float32)
    assert np.array_equal(answer.sum(axis=1), np.ones((2, 64, 70)))
    assert answer.min() >= 0


def test_the_tuned_baseline_beats_nothing_on_unseen_tiles(baseline):
    table = Confusion(2)
    for number in range(50, 58):
        sample = spots_and_bars(number)
        table.add(sample.label_map.defect, baseline.classify(sample.picture))
    assert (table.iou() > 0.5).all()


def test_a_plain_picture_has_no_defect(baseline):
    assert not baseline.classify(np.full((64, 64), 90, np.uint8)).any()


def test_equal_seeds_give_an_equal_baseline_and_tile_order_does_not_matter():
    tiles = [spots_and_bars(i) for i in range(8)]
    first = FixedParameters.tuned(tiles, TWO, 1, seed=1, trials=2, tiles_per_class=4)
    again = FixedParameters.tuned(reversed(tiles), TWO, 1, seed=1, trials=2, tiles_per_class=4)
    assert first.to_dict() == again.to_dict()


@pytest.mark.parametrize("seed", range(8))
def test_three_groups_are_three_folds_and_a_group_is_in_one(seed):
    folds = folds_of(["a", "b", "c", "a", "b"], seed)
    assert sorted(folds[:3]) == [0, 1, 2]
    assert folds[3:].tolist() == folds[:2].tolist()


def test_rgb_tiles_are_read_as_gray():
    baseline = FixedParameters.tuned((spots_and_bars(i, channels=3) for i in range(9)), TWO, 3, trials=1)
    sample = spots_and_bars(60, channels=3)
    assert set(np.unique(baseline.probabilities(sample.picture[None]).argmax(axis=1))) == {0, 1, 2}


def test_json_brings_the_same_baseline_back(baseline):
    again = FixedParameters.from_dict(json.loads(json.dumps(baseline.to_dict(), allow_nan=False)))
    picture = spots_and_bars(70).picture
    assert np.array_equal(again.classify(picture), baseline.classify(picture))
    assert (again.taxonomy, again.channels) == (TWO, 1)


def test_another_kind_of_json_is_refused(baseline):
    with pytest.raises(BundleError, match="tune it again"):
        FixedParameters.from_dict({"kind": "recipe"})
    with pytest.raises(BundleError, match="committee"):
        FixedParameters.from_dict({k: v for k, v in baseline.to_dict().items() if k != "committee"})


def test_tuning_without_any_defect_is_refused():
    clean = spots_and_bars(0)
    empty = Sample(clean.picture, LabelMap.clean(96, 96), clean.record)
    with pytest.raises(DatasetError, match="show a defect"):
        FixedParameters.tuned([empty], TWO, 1, trials=1)


def test_features_of_a_rectangle_are_as_computed_by_hand():
    picture = np.full((80, 80), 100, np.uint8)
    picture[30:34, 20:60] = 220  # 4 x 40 px: the ratio of deviations is sqrt(40^2 / 4^2) = 10.
    parameters = VisionParameters(smooth_px=0.1, close_px=1, bright=10, dark=10)
    features = find_regions(picture, parameters).features
    assert features[0, 0] == pytest.approx(np.log10(160))
    assert features[0, 1] == pytest.approx(1.0, abs=0.01)
    assert features[0, 2] == pytest.approx(12 / (4 * np.pi), abs=0.01)
    assert features[0, 3] == pytest.approx(np.log1p(120), abs=0.01)
    assert features[0, 5:7] == pytest.approx([40 / 80, 100 / 255], abs=0.01)


def test_where_the_ground_is_dark_nothing_is_looked_for():
    picture = np.full((80, 160), 20, np.uint8)
    picture[:, 80:] = 120
    picture[30:40, 30:40] += 90
    picture[30:40, 120:130] += 90
    parameters = VisionParameters(background_px=41, least_ground=60)
    plane = find_regions(picture, parameters).plane
    assert plane[35, 125] > 0
    assert not plane[:, :70].any()


def test_a_region_reaches_to_its_weak_threshold_and_is_filled_where_it_has_a_hole():
    picture = np.full((90, 90), 100, np.uint8)
    picture[30:50, 30:50] = 112  # Weak all over, strong on a frame, nothing in the middle.
    picture[33:47, 33:47] = 130
    picture[38:42, 38:42] = 100
    picture[70:75, 10:30] = 112  # Weak and never strong: no region.
    parameters = VisionParameters(smooth_px=0.1, bright=20, dark=20, weak_frac=0.5, trim_frac=0.0, close_px=1)
    plane = find_regions(picture, parameters).plane
    assert np.array_equal(plane > 0, np.pad(np.ones((20, 20), bool), ((30, 40), (30, 40))))
    trimmed = find_regions(picture, replace(parameters, trim_frac=0.5)).plane
    assert np.array_equal(trimmed > 0, np.pad(np.ones((14, 14), bool), ((33, 43), (33, 43))))


def test_rules_leave_no_gap_and_do_not_overlap():
    features = np.random.default_rng(0).normal(size=(200, 3))
    classes = (features[:, 0] > 0).astype(int) + (features[:, 1] > 0.5)
    rules = learn_rules(features, classes, np.ones(200))
    assert np.array_equal(rules.holds(features).sum(axis=1), np.ones(200))
    assert np.array_equal(rules.name(features), classes)


def test_a_committee_names_unseen_regions_by_majority():
    features = np.random.default_rng(1).normal(size=(600, 6))
    classes = (features[:, 0] > 0) + 2 * (features[:, 1] > 0.8)
    committee = learn_committee(features[:500], classes[:500], np.ones(500), seed=4)
    named = name_regions(count_votes(features[500:], committee), 0.5)
    assert (named == classes[500:]).mean() > 0.85
    alone = [(rules.name(features[500:]) == classes[500:]).mean() for rules in committee]
    assert (named == classes[500:]).mean() > np.mean(alone)


def test_a_heavier_class_wins_a_mixed_part():
    features, classes = np.zeros((4, 1)), np.array([0, 0, 0, 1])
    assert learn_rules(features, classes, np.array([1.0, 1, 1, 4])).classes.tolist() == [1]
    assert learn_rules(features, classes, np.ones(4)).classes.tolist() == [0]


def test_a_region_is_what_fills_a_quarter_of_it_and_unknown_where_it_is_mostly_ignored():
    truth_px = np.array([[70, 10, 30], [90, 0, 10], [10, 0, 30]])
    assert true_classes(truth_px, np.array([110, 100, 100])).tolist() == [2, 0, 255]
