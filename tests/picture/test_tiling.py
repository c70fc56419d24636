"""Tiling: everything covered, offsets on the stride, reflection, and blending back."""

from itertools import chain, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blemish.core.errors import InputError
from blemish.core.records import Box
from blemish.picture.tiling import batches, blend, blend_rows, cut, padding_of, plan_large_tiles, plan_tiles

SIZES = st.integers(1, 150)


def reference_blend(height, width, boxes, scores):
    """The weighted mean, pixel by pixel in float64 over a canvas that holds all of every tile."""
    side = boxes[0].height
    ramp = np.minimum(np.arange(1, side + 1), np.arange(side, 0, -1)) / np.ceil(side / 2)
    window = np.maximum(np.outer(ramp, ramp), 1e-3)
    total, weight = np.zeros((len(scores[0]), height + side, width + side)), np.zeros((height + side, width + side))
    for box, score in zip(boxes, scores, strict=True):
        place = (slice(box.y, box.y + side), slice(box.x, box.x + side))
        total[:, *place] += score * window
        weight[place] += window
    return (total / np.maximum(weight, 1e-12))[:, :height, :width]


@settings(max_examples=40, deadline=None)
@given(SIZES, SIZES, st.integers(0, 24), st.sampled_from([1, 4, 8]))
def test_tiles_cover_the_scan_and_begin_on_the_stride(height, width, overlap, stride):
    covered = np.zeros((height, width), bool)
    for box in plan_tiles(height, width, tile_px=32, overlap_px=overlap, stride=stride):
        assert box.x % stride == 0
        assert box.y % stride == 0
        assert box.x + 32 < max(width, 32) + stride
        covered[box.y : box.y + 32, box.x : box.x + 32] = True
    assert covered.all()


@settings(max_examples=40, deadline=None)
@given(SIZES, SIZES, st.integers(0, 24), st.sampled_from([1, 4, 8]), st.sampled_from([32, 64, 96]), st.integers(1, 3))
def test_large_tiles_cover_the_scan_and_overlap_as_much_as_asked(height, width, overlap, stride, most, workers):
    options = {"overlap_px": overlap, "stride": stride, "workers": workers}
    boxes = plan_large_tiles(height, width, least_px=32, most_px=most, **options)
    covered = np.zeros((height + most, width + most), int)
    for box in boxes:
        assert 32 <= min(box.width, box.height) <= max(box.width, box.height) <= most
        assert (box.width, box.height) == (boxes[0].width, boxes[0].height)
        assert (box.x % stride, box.y % stride) == (0, 0)
        covered[box.y : box.y + box.height, box.x : box.x + box.width] += 1
    assert covered[:height, :width].all()
    xs = sorted({box.x for box in boxes})
    assert all(b - a <= boxes[0].width - overlap for a, b in pairwise(xs))


def test_large_tiles_of_a_whole_scan_are_fewer_pixels_and_fill_both_workers():
    small = plan_tiles(2000, 5400, tile_px=512, overlap_px=64, stride=64)
    large = plan_large_tiles(2000, 5400, least_px=512, most_px=1152, overlap_px=64, stride=64, workers=2)
    assert (len(small), len(large), len(large) % 2) == (60, 10, 0)
    assert sum(b.width * b.height for b in large) < 0.8 * sum(b.width * b.height for b in small)


def test_neighbours_overlap_at_least_as_much_as_asked():
    columns = sorted({box.x for box in plan_tiles(512, 5400, overlap_px=64, stride=64)})
    assert columns == [*range(0, 4481, 448), 4928]
    assert all(b - a <= 512 - 64 for a, b in pairwise(columns))


@pytest.mark.parametrize(("tile", "overlap", "stride"), [(100, 0, 8), (64, 64, 8), (64, -1, 8), (0, 0, 1)])
def test_a_tiling_that_cannot_work_is_refused(tile, overlap, stride):
    with pytest.raises(InputError, match="must be"):
        plan_tiles(100, 100, tile_px=tile, overlap_px=overlap, stride=stride)


def test_padding_is_the_reflection_that_numpy_makes():
    scan = np.arange(35, dtype=np.uint8).reshape(5, 7)
    expected = np.pad(scan, ((0, 11), (0, 9)), mode="reflect")
    assert np.array_equal(cut(scan, Box(0, 0, 16, 16)), expected)
    assert np.array_equal(cut(scan, Box(2, 1, 4, 3)), scan[1:4, 2:6])


def test_a_scan_of_one_pixel_fills_a_tile():
    assert cut(np.full((1, 1), 9, np.uint8), Box(0, 0, 4, 4)).tolist() == [[9] * 4] * 4


def test_padding_is_marked_where_a_tile_reaches_beyond():
    marked = padding_of(Box(6, 4, 4, 4), 6, 8)
    assert marked.tolist() == [[False, False, True, True]] * 2 + [[True] * 4] * 2


@settings(max_examples=25, deadline=None)
@given(SIZES, SIZES, st.integers(0, 24), st.integers(0, 9))
def test_blending_is_the_weighted_mean_of_all_tiles(height, width, overlap, seed):
    boxes = plan_tiles(height, width, tile_px=32, overlap_px=overlap, stride=4)
    scores = [np.random.default_rng([seed, i]).random((2, 32, 32), dtype=np.float32) for i in range(len(boxes))]
    blended = blend(height, width, 2, zip(boxes, scores, strict=True))
    assert np.abs(blended - reference_blend(height, width, boxes, scores)).max() < 1e-5


def test_agreeing_tiles_keep_their_value_at_every_edge():
    boxes = plan_tiles(90, 70, tile_px=32, overlap_px=8, stride=4)
    blended = blend(90, 70, 1, ((box, np.full((1, 32, 32), 0.7, np.float32)) for box in boxes))
    assert np.abs(blended - 0.7).max() < 1e-6


def test_bands_come_in_order_and_add_up_to_the_scan():
    boxes = plan_tiles(100, 40, tile_px=32, overlap_px=8, stride=4)
    bands = [(top, band.shape) for top, band in blend_rows(100, 40, 1, ((b, np.ones((1, 32, 32))) for b in boxes))]
    assert [top for top, _ in bands] == [0, 24, 48, 68]
    assert [shape for _, shape in bands] == [(1, 24, 40), (1, 24, 40), (1, 20, 40), (1, 32, 40)]


@pytest.mark.parametrize("missing", [0, 4, 8])
def test_a_hole_between_tiles_is_refused_with_its_place(missing):
    boxes = plan_tiles(96, 96, tile_px=32)
    kept = [box for i, box in enumerate(boxes) if i != missing]
    hole = boxes[missing]
    with pytest.raises(InputError, match=f"nothing at x={hole.x}, y={hole.y}"):
        blend(96, 96, 1, ((box, np.ones((1, 32, 32), np.float32)) for box in kept))


def test_a_whole_missing_row_of_tiles_is_refused():
    kept = [box for box in plan_tiles(128, 32, tile_px=32) if box.y != 32]
    with pytest.raises(InputError, match="nothing at x=0, y=32"):
        blend(128, 32, 1, ((box, np.ones((1, 32, 32), np.float32)) for box in kept))


def test_tiles_out_of_order_are_refused():
    boxes = plan_tiles(64, 32, tile_px=32)
    boxes = [*boxes, boxes[0]]
    with pytest.raises(InputError, match="row by row"):
        list(blend_rows(64, 32, 1, ((box, np.ones((1, 32, 32), np.float32)) for box in boxes)))


def test_batches_hold_every_box_once():
    boxes = plan_tiles(100, 100, tile_px=32)
    assert [len(some) for some in batches(boxes, 5)] == [5, 5, 5, 1]
    assert list(chain.from_iterable(batches(boxes, 5))) == boxes


@pytest.mark.parametrize("channels", [(), (1,), (3,), (6,)])
def test_what_lies_beyond_is_the_reflection_however_far_it_reaches(channels):
    draw = np.random.default_rng(2)
    for _ in range(300):
        height, width, h, w = (int(n) for n in draw.integers(1, 30, 4))
        plane = draw.integers(0, 256, (height, width, *channels), dtype=np.uint8)
        box = Box(int(draw.integers(-w - 5, width + 5)), int(draw.integers(-h - 5, height + 5)), w, h)
        far = max(h, w, height, width) + 40
        pad = [(far, far), (far, far), *[(0, 0)] * len(channels)]
        expected = np.pad(plane, pad, "reflect")[far + box.y :, far + box.x :][:h, :w]
        assert np.array_equal(cut(plane, box), expected)
        assert cut(plane, box).flags.c_contiguous
