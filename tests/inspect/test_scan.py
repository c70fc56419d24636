"""A scan through tiles gives what the network would give on the whole scan."""

import numpy as np
import pytest

from blemish.core.errors import InputError
from blemish.core.taxonomy import Taxonomy
from blemish.inspect.scan import Tiling, scan_scores
from blemish.inspect.score_map import likeliest
from blemish.inspect.stopwatch import Stopwatch


class Pointwise:
    """A segmenter that looks at single pixels: p(none), p(a), p(b) from the gray value alone."""

    taxonomy = Taxonomy.of_names("two", ["a", "b"])
    channels = 1

    def __init__(self):
        self.calls = []

    def probabilities(self, pictures):
        self.calls.append(pictures.shape)
        value = pictures[:, :, :, 0].astype(np.float32) / 255
        return np.stack([(1 - value) / 2, value / 2, np.full_like(value, 0.5)], axis=1)


@pytest.mark.parametrize("size_hw", [(100, 150), (64, 64), (20, 30), (333, 64)])
def test_tiles_give_the_answer_of_the_whole(size_hw):
    scan = np.random.default_rng(5).integers(0, 256, (*size_hw, 1), dtype=np.uint8)
    found = scan_scores(scan, Pointwise(), Tiling(64, 16, 8))
    value = scan[:, :, 0].astype(np.float32) / 255
    assert found.best.dtype == np.uint8
    assert np.abs(found.score - np.maximum(value / 2, 0.5)).max() < 1e-6
    assert (found.best[value < 0.99] == 2).all()


def test_the_likeliest_class_is_taken_even_where_no_defect_is_likelier():
    found = scan_scores(np.zeros((64, 64, 1), np.uint8), Pointwise(), Tiling(64, 0, 8))
    assert (found.best == 2).all()


@pytest.mark.parametrize("floors", [[0.5, 0.6, 0.4], [0.9, 0.1, 0.2], [0.3, 0.3, 0.3], None])
def test_a_class_below_its_floor_stands_behind_one_that_reaches_its_own(floors):
    band = np.random.default_rng(4).random((4, 60, 50), np.float32)
    best, score = likeliest(band, floors)
    for y, x in np.ndindex(60, 50):
        values = band[1:, y, x]
        called = [k for k in range(3) if floors is not None and values[k] >= np.float32(floors[k])]
        expected = max(called or range(3), key=lambda k: values[k])
        assert (best[y, x], score[y, x]) == (expected + 1, values[expected])


def test_the_network_sees_few_tiles_at_a_time():
    segmenter = Pointwise()
    scan_scores(np.zeros((300, 300, 1), np.uint8), segmenter, Tiling(64, 0, 8))
    assert max(shape[0] for shape in segmenter.calls) == 8
    assert sum(shape[0] for shape in segmenter.calls) == 25


def test_stages_are_charged_apart():
    watch = Stopwatch()
    scan_scores(np.zeros((64, 64, 1), np.uint8), Pointwise(), Tiling(64, 0, 8), watch)
    assert set(watch.seconds) == {"tiles", "network", "blend"}
    assert all(seconds > 0 for seconds in watch.seconds.values())


def test_a_picture_of_other_channels_is_refused():
    with pytest.raises(InputError, match="takes 1 channels, the picture has 3"):
        scan_scores(np.zeros((64, 64, 3), np.uint8), Pointwise(), Tiling(64, 0, 8))


def test_inner_stages_stop_the_outer_clock(monkeypatch):
    times = iter([0.0, 1.0, 3.0, 10.0])
    monkeypatch.setattr("blemish.inspect.stopwatch.perf_counter", lambda: next(times))
    watch = Stopwatch()
    with watch.stage("outer"), watch.stage("inner"):
        pass
    assert watch.seconds == {"outer": 1.0 + 7.0, "inner": 2.0}
