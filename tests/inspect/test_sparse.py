"""Scores computed only where they can matter are the whole network's, and elsewhere they never reach the floor."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blemish.core.taxonomy import Taxonomy
from blemish.inspect.scan import Tiling, scan_scores
from blemish.inspect.stopwatch import Stopwatch

FACTOR, STRIDE = 4, 16


class Blocky:
    """Logits from the mean gray of 4 x 4 px; they differ at a tile's corner, so that blending is seen."""

    taxonomy = Taxonomy.of_names("two", ["a", "b"])
    channels, factor, workers = 1, FACTOR, 2

    def __init__(self, *, halves=True):
        self.halves, self.finished = halves, 0

    @property
    def coarse(self):
        return self if self.halves else None

    def logits(self, pictures):
        for picture in pictures:
            height, width = picture.shape[:2]
            gray = picture[:, :, 0].reshape(height // 4, 4, width // 4, 4).mean((1, 3)).astype(np.float32) / 16
            gray[0, 0] += 1
            yield np.stack([np.full_like(gray, 6), gray, 11 - gray])

    def finish(self, logits):
        self.finished += len(logits)
        larger = [
            [cv2.resize(plane, None, fx=4, fy=4, interpolation=cv2.INTER_LINEAR) for plane in one] for one in logits
        ]
        powers = np.exp(np.array(larger, np.float32))
        return powers / powers.sum(axis=1, keepdims=True)

    def probabilities(self, pictures):
        return self.finish(np.stack(list(self.logits(pictures))))


def scan(height, width, seed, spread=40):
    noise = np.random.default_rng(seed).normal(88, spread, (height // 8 + 1, width // 8 + 1)).astype(np.float32)
    return cv2.resize(noise, (width, height)).clip(0, 255).astype(np.uint8)[:, :, None]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 200), st.integers(1, 200), st.sampled_from([0, 16, 32]), st.floats(0.02, 1.0), st.integers(0, 9))
def test_the_same_tiles_give_the_same_scores_wherever_they_reach_the_floor(height, width, overlap, floor, seed):
    picture, tiling = scan(height, width, seed), Tiling(64, overlap, STRIDE, most_px=64)
    whole = scan_scores(picture, Blocky(), tiling)
    found = scan_scores(picture, Blocky(), tiling, floors=[floor, floor])
    reached = whole.score >= floor
    assert np.array_equal(found.best[reached], whole.best[reached])
    assert np.abs(found.score[reached] - whole.score[reached]).max(initial=0) < 1e-5
    assert (found.score[~reached] < floor + 1e-5).all()


def test_each_class_has_its_own_floor():
    picture, tiling = scan(150, 150, 6), Tiling(64, 16, STRIDE, most_px=64)
    whole = scan_scores(picture, Blocky(), tiling)
    found = scan_scores(picture, Blocky(), tiling, floors=[0.99, 0.6])
    reached = whole.score >= np.array([0.99, 0.6])[whole.best - 1]
    assert 0 < reached.mean() < 1
    assert np.abs(found.score - whole.score)[reached].max() < 1e-5


def test_only_cells_that_can_reach_the_floor_are_finished():
    picture = np.full((400, 400, 1), 88, np.uint8)
    picture[200:206, 100:104] = 255
    segmenter = Blocky()
    found = scan_scores(picture, segmenter, Tiling(64, 16, STRIDE, most_px=64), floors=[0.9, 0.9])
    assert found.score.max() > 0.9
    assert 1 <= segmenter.finished <= 40
    assert found.score[0:64, 300:].max() == 0


def test_larger_tiles_name_the_same_classes():
    picture = scan(300, 500, 3)
    small, large = (
        scan_scores(picture, Blocky(), Tiling(64, 16, STRIDE, most), floors=[0.5, 0.5]) for most in (64, 256)
    )
    named = [np.where(found.score >= 0.5, found.best, 0) for found in (small, large)]
    assert (named[0] > 0).mean() > 0.5
    assert (named[0] != named[1]).mean() < 0.01


def test_without_halves_or_without_a_floor_every_pixel_is_scored():
    picture, tiling = scan(100, 150, 4), Tiling(64, 16, STRIDE)
    assert (scan_scores(picture, Blocky(halves=False), tiling, floors=[0.9, 0.9]).score > 0).all()
    assert (scan_scores(picture, Blocky(), tiling).score > 0).all()


def test_stages_are_charged_as_for_whole_tiles():
    watch = Stopwatch()
    scan_scores(scan(100, 150, 4), Blocky(), Tiling(64, 16, STRIDE), watch, floors=[0.5, 0.5])
    assert set(watch.seconds) == {"tiles", "network", "blend"}


@pytest.mark.parametrize("floor", [1.0, 1e-6])
def test_the_ends_of_the_range_of_floors_work(floor):
    found = scan_scores(scan(64, 64, 5), Blocky(), Tiling(64, 0, STRIDE), floors=[floor, floor])
    assert np.isfinite(found.score).all()


def test_an_answer_that_is_no_number_is_refused_and_not_passed_over():
    class Broken(Blocky):
        def logits(self, pictures):
            for logits in super().logits(pictures):
                logits[:, 2, 2] = np.nan
                yield logits

    with pytest.raises(ArithmeticError, match="no number"):
        scan_scores(scan(64, 64, 0), Broken(), Tiling(64, 0, STRIDE), floors=[0.5, 0.5])


def test_what_is_found_does_not_depend_on_the_cores_of_the_machine():
    """Where tiles begin decides scores a little; with tiles chosen by cores two machines found different defects."""
    picture, tiling = scan(600, 700, seed=2), Tiling(64, 16, STRIDE, most_px=256)
    found = []
    for workers in (1, 2, 3, 8):
        network = Blocky()
        network.workers = workers
        found.append(scan_scores(picture, network, tiling, floors=[0.5, 0.5]))
    assert all(np.array_equal(one.score, found[0].score) for one in found[1:])
