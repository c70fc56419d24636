"""Composition: what changes, and what must not."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from blemish.core.labels import LabelMap
from blemish.picture.compose import composed, defect_mask, nearest_class, soft_edge, with_texture_of, without_defect


def noisy(seed: int, size: int = 64) -> np.ndarray:
    return np.random.default_rng(seed).integers(60, 180, (size, size, 1)).astype(np.uint8)


def dot(size: int = 64) -> np.ndarray:
    mask = np.zeros((size, size), bool)
    mask[30:34, 28:36] = True
    return mask


def test_the_edge_is_one_on_the_mask_and_falls_with_the_distance():
    edge = soft_edge(dot(), ring_px=4)
    distance = ndimage.distance_transform_edt(~dot())
    assert np.allclose(edge, np.clip(1 - distance / 5, 0, 1), atol=1e-5)


def test_beyond_the_ring_not_one_byte_of_the_surface_changes():
    surface, painted = noisy(1), np.full((64, 64, 1), 255, np.float32)
    result = composed(surface, painted, soft_edge(dot(), ring_px=5))
    beyond = ndimage.distance_transform_edt(~dot()) > 5.999
    assert (result == surface)[beyond].all()
    assert (result[dot()] == 255).all()


def test_painted_levels_beyond_the_range_are_clipped_not_wrapped():
    painted = np.where(np.arange(64)[None, :, None] < 32, -300, 900).astype(np.float32) * np.ones((64, 1, 1))
    result = composed(noisy(2), painted.astype(np.float32), np.ones((64, 64), np.float32))
    assert set(np.unique(result)) == {0, 255}


def test_nothing_is_painted_on_ignored_pixels():
    mask, closed = dot(), np.zeros((64, 64), bool)
    closed[:, 36:] = True
    assert soft_edge(mask, 6, closed=closed)[:, 36:].max() == 0


def test_a_pixel_of_the_ring_belongs_to_the_nearest_defect():
    defect = np.zeros((20, 40), np.uint8)
    defect[8:12, 5:9], defect[8:12, 25:29] = 1, 3
    region = nearest_class(defect, soft_edge(defect > 0, 7))
    assert (region[10, 12], region[10, 22], region[0, 39]) == (1, 3, 0)
    assert (region[defect > 0] == defect[defect > 0]).all()


def test_an_empty_label_changes_nothing():
    label = LabelMap.clean(32, 32)
    edge = soft_edge(defect_mask(label), 6)
    assert not edge.any()
    assert not nearest_class(label.defect, edge).any()


def test_a_closed_hole_keeps_the_lighting_round_it_and_takes_the_grain_of_another():
    ramp = np.broadcast_to(np.linspace(60, 180, 64)[None, :, None], (64, 64, 1))
    picture = np.rint(ramp + np.random.default_rng(0).normal(0, 4, (64, 64, 1))).astype(np.uint8)
    hole = ndimage.binary_dilation(dot(), iterations=6)
    dark = np.where(hole[:, :, None], 5, picture).astype(np.uint8)
    closed = without_defect(dark, hole, noisy(3))
    assert (closed == picture)[~hole].all()
    assert np.abs(closed.astype(float) - ramp)[hole].mean() < 12
    assert 2 < (closed - ramp)[hole].std() < 12


def test_a_hole_that_is_the_whole_picture_is_closed_too():
    closed = without_defect(noisy(4), np.ones((64, 64), bool), noisy(5))
    assert closed.shape == (64, 64, 1)
    assert abs(float(closed.mean()) - float(noisy(4).mean())) < 10


def test_another_texture_lies_under_the_pictures_own_light():
    ramp = np.broadcast_to(np.linspace(60, 180, 96)[None, :, None], (96, 96, 1)).astype(np.uint8)
    stripes = np.broadcast_to((100 + 20 * (np.arange(96) % 6 < 3))[None, :, None], (96, 96, 1)).astype(np.uint8)
    made = with_texture_of(ramp, stripes).astype(float)
    blocks = made[:, 24:72].reshape(96, 8, 6).mean((0, 2))
    assert np.abs(blocks - ramp[0, 24:72, 0].reshape(8, 6).mean(1)).max() < 6
    assert made[0, 24:72].std() > ramp[0, 24:72].std()
