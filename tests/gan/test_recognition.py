from dataclasses import replace

import numpy as np
import pytest

from blemish.core.labels import LabelMap
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Dataset, DatasetInfo, DatasetWriter, Sample
from blemish.gan.gate import Candidate, Gate
from blemish.gan.gate_reference import measure_real
from blemish.gan.gate_rules import contrast, surface_ring
from blemish.gan.recognition import Recognition, learn_recognition, moved, probe_of
from blemish.gan.recognition_features import described_by, lite0_features, packaged_features
from blemish.segment.start_features import start_features
from blemish.train.lite0 import load_lite0

SIDE = 96
ONE = Taxonomy.of_names("one", ["flat"])


def striped(seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    columns = 120 + 14 * np.sign(np.sin(np.arange(SIDE) / 1.5 + 6 * random.random()))
    return np.clip(columns[None, :] + random.normal(0, 3, (SIDE, SIDE)), 0, 255).astype(np.uint8)


def tile(seed: int, *, shows: bool = True, clean: bool = False) -> Sample:
    """A patch without the surface's stripes: of its mean gray, so that only its texture tells it."""
    random = np.random.default_rng(500 + seed)
    y, x = (int(v) for v in random.integers(26, SIDE - 26, 2))
    rows, columns = np.mgrid[:SIDE, :SIDE]
    mask = np.hypot(rows - y, columns - x) < 18
    picture = striped(seed)
    flat = np.clip(120 + random.normal(0, 3, picture.shape), 0, 255)
    if shows and not clean:
        picture = np.where(mask, flat, picture).astype(np.uint8)
    defect = np.where(mask & (not clean), 1, 0).astype(np.uint8)
    record = TileRecord(f"t{seed}", "", "", "", Box(0, 0, SIDE, SIDE), f"g{seed}", Split.TRAIN, Origin.REAL, (), ())
    return Sample(picture, LabelMap(defect, np.zeros_like(defect)), record)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recognition") / "set"
    with DatasetWriter(folder, DatasetInfo(ONE, SIDE, 1)) as writer:
        for seed in range(12):
            writer.add(tile(seed))
        for seed in range(12, 20):
            writer.add(tile(seed, clean=True))
    return Dataset(folder)


@pytest.fixture(scope="module")
def recognition(dataset):
    return learn_recognition(dataset, [1], packaged_features())


def test_a_flaw_of_texture_is_told_from_bare_surface(recognition):
    probe = recognition.probes[1]
    assert probe.limit is not None
    assert probe.told_apart > 0.95
    assert probe.bare > 80
    unseen = [recognition.score(tile(seed), 1) for seed in range(50, 58)]
    nothing = [recognition.score(tile(seed, shows=False), 1) for seed in range(50, 58)]
    assert min(unseen) > probe.limit > max(nothing)


def test_contrast_of_gray_levels_does_not_tell_it():
    """Why the rule is there: the flat patch stands out no more than its surface does."""
    for seed in range(50, 54):
        mask = tile(seed).label_map.defect > 0
        ring = surface_ring(mask, np.zeros_like(mask))
        assert contrast(tile(seed).picture, mask, ring) < contrast(tile(seed, shows=False).picture, mask, ring)


def test_gate_rejects_a_label_that_shows_nothing(dataset, recognition):
    gate = Gate(ONE, {1: measure_real(dataset, [1])[1]}, recognition=recognition)
    shown, bare = gate.judge([Candidate(tile(60), None), Candidate(tile(61, shows=False), None)])
    assert shown is None
    assert bare is not None
    assert (bare.rule, bare.defect) == ("recognised", 1)
    assert bare.value < bare.limit


def test_gate_says_where_the_rule_is_off(dataset, recognition):
    real = measure_real(dataset, [1])
    assert "recognised" in Gate(ONE, real).off(beneath=True)
    assert not [rule for rule in Gate(ONE, real, recognition=recognition).off(beneath=True) if "recognised" in rule]


def test_too_few_real_ones_set_no_limit():
    probe = probe_of(np.zeros((4, 3)), list("abcd"), np.zeros((40, 3)))
    assert probe.limit is None
    assert "only 4 tiles" in probe.why_off


def test_bare_surface_is_not_looked_at_for_a_class_of_too_few(tmp_path):
    with DatasetWriter(tmp_path / "set", DatasetInfo(ONE, SIDE, 1)) as writer:
        for seed in range(6):
            writer.add(tile(seed, clean=seed >= 3))
    asked = []
    probe = learn_recognition(Dataset(tmp_path / "set"), [1], lambda *seen: asked.append(seen) or np.zeros(3)).probes[1]
    assert (len(asked), probe.limit) == (3, None)
    assert probe.why_off == "only 3 tiles with real defects to learn by"


def test_real_ones_like_bare_surface_turn_the_rule_off():
    random = np.random.default_rng(0)
    probe = probe_of(random.normal(size=(60, 8)), [f"g{i}" for i in range(60)], random.normal(size=(200, 8)))
    assert probe.limit is None
    assert "look like bare surface" in probe.why_off


def test_limit_is_out_of_fold_by_group():
    """Each group shows a mark of its own: a probe that had seen the group would know it, one that had not does not."""
    random = np.random.default_rng(0)
    marks = 20 * np.eye(10)
    real = np.repeat(marks, 6, axis=0) + random.normal(size=(60, 10))
    probe = probe_of(real, [f"g{i // 6}" for i in range(60)], random.normal(size=(200, 10)))
    assert np.median(real @ probe.weights + probe.offset) > 0.5
    assert probe.limit is None


def test_moved_mask_is_whole():
    mask = np.zeros((20, 30), bool)
    mask[2:5, 3:20] = True
    for seed in range(5):
        assert moved(mask, np.random.default_rng(seed)).sum() == mask.sum()


def test_a_mask_without_ring_has_no_features():
    describe = lite0_features(load_lite0())
    everywhere = np.ones((64, 64), bool)
    assert describe(np.zeros((64, 64), np.uint8), everywhere, ~everywhere) is None


def test_a_second_look_rejects_what_the_first_lets_pass(dataset, recognition):
    second = learn_recognition(dataset, [1], described_by(start_features()))
    assert second.probes[1].told_apart > 0.9
    blind = Recognition({1: replace(recognition.probes[1], limit=-1e9)}, recognition.describe)
    real = {1: measure_real(dataset, [1])[1]}
    bare = [Candidate(tile(seed, shows=False), None) for seed in range(60, 66)]
    shown = [Candidate(tile(seed), None) for seed in range(60, 66)]
    once, twice = Gate(ONE, real, recognition=blind), Gate(ONE, real, recognition=blind, second_look=second)
    assert once.judge(bare) == [None] * 6
    assert [verdict.rule for verdict in twice.judge(bare)] == ["recognised"] * 6
    assert twice.judge(shown).count(None) >= 5
    assert "second_look" in twice.limits()
    assert "second_look" not in once.limits()


def test_features_of_the_start_are_as_large_as_their_share_of_the_picture():
    maps = start_features()(tile(1).picture[:90, :50])
    assert [one.shape[1:] for one in maps] == [(23, 13), (12, 7), (6, 4)]
    colour = np.repeat(tile(1).picture[:90, :50, None], 3, axis=2)
    for gray, rgb in zip(maps, start_features()(colour), strict=True):
        assert np.allclose(gray, rgb, atol=1e-4)
