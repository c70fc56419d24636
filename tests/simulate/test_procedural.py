"""Procedural tiles: pure functions of their seed, every class visible, clean tiles too, harmless things unlabelled."""

import cv2
import numpy as np
import pytest

from blemish.core.seeds import rng
from blemish.simulate.procedural import TAXONOMY, contact_sheet, procedural_tile
from blemish.simulate.procedural_defects import KINDS, SHOWN
from blemish.simulate.procedural_surface import LAYERS, border, light, sensor, surface

SIZE_PX = 96


@pytest.fixture(scope="module")
def tiles():
    return [procedural_tile(4, index, SIZE_PX) for index in range(300)]


def test_one_seed_gives_the_same_bytes_and_another_other_ones():
    first, again = (procedural_tile(1, 2, SIZE_PX) for _ in range(2))
    assert first[0].tobytes() == again[0].tobytes()
    assert first[1].tobytes() == again[1].tobytes()
    assert first[0].tobytes() != procedural_tile(1, 3, SIZE_PX)[0].tobytes()
    assert first[0].tobytes() != procedural_tile(2, 2, SIZE_PX)[0].tobytes()


def test_a_tile_does_not_depend_on_numpys_or_opencvs_hidden_state():
    first = procedural_tile(1, 5, SIZE_PX)[0]
    np.random.seed(99)  # noqa: NPY002
    cv2.setRNGSeed(99)
    assert procedural_tile(1, 5, SIZE_PX)[0].tobytes() == first.tobytes()


def test_every_class_comes_and_about_a_fifth_of_the_tiles_is_clean(tiles):
    shown = np.array([[(plane == value).any() for value in range(1, 7)] for _, plane in tiles])
    assert (shown.mean(axis=0) > 0.1).all()
    assert 0.13 < (~shown.any(axis=1)).mean() < 0.27
    assert max(int(plane.max()) for _, plane in tiles) == len(TAXONOMY.defects)


def test_tiles_are_of_any_gray_and_any_contrast(tiles):
    means, deviations = (np.array([f(picture) for picture, _ in tiles]) for f in (np.mean, np.std))
    assert means.min() < 60
    assert means.max() > 195
    assert np.percentile(deviations, 90) > 3 * np.percentile(deviations, 10)


def test_a_large_defect_reaches_the_edge_and_a_dot_stays_small(tiles):
    rim = np.ones((SIZE_PX, SIZE_PX), bool)
    rim[1:-1, 1:-1] = False
    bands = [plane == TAXONOMY.defect_index("band") for _, plane in tiles]
    assert all((band & rim).any() for band in bands if band.sum() > 400)
    dots = [(plane == TAXONOMY.defect_index("dot")).mean() for _, plane in tiles]
    assert np.median([share for share in dots if share]) < 0.03


@pytest.mark.parametrize("name", list(KINDS))
def test_a_mark_changes_what_it_covers_and_nothing_far_from_it(name):
    for index in range(12):
        mark = KINDS[name].paint(rng(3, name, index), SIZE_PX)
        near = cv2.dilate((mark.cover > 0.02).astype(np.uint8), np.ones((41, 41), np.uint8)) > 0
        assert mark.cover.min() >= 0
        assert mark.cover.max() <= 1
        assert np.abs(mark.change[~near]).max(initial=0) < 0.1
        if (mark.cover > SHOWN).any():
            assert np.abs(mark.change[mark.cover > SHOWN]).max() > 0.3


def test_labelled_pixels_differ_from_the_same_tile_without_its_defects_and_others_do_not(monkeypatch):
    monkeypatch.setattr("blemish.simulate.procedural._sign", lambda *_: -1.0)  # Else it draws as the gray allows.
    whole = [procedural_tile(8, index, SIZE_PX, ease=1.0) for index in range(40)]
    monkeypatch.setattr("blemish.simulate.procedural._add", lambda gray, *_: gray)
    clean = [procedural_tile(8, index, SIZE_PX, ease=1.0)[0] for index in range(40)]
    seen = []
    for (picture, plane), bare in zip(whole, clean, strict=True):
        change = np.abs(picture.astype(int) - bare.astype(int))
        assert change[cv2.dilate(plane, np.ones((41, 41), np.uint8)) == 0].max(initial=0) <= 3
        seen += [change[plane > 0].max() > 5] if plane.any() else []
    assert len(seen) > 20
    assert np.mean(seen) > 0.9


def test_easy_tiles_have_no_fainter_defects_than_hard_ones():
    def changes(ease):
        found = []
        for index in range(60):
            picture, plane = procedural_tile(9, index, SIZE_PX, ease=ease)
            inside, outside = picture[plane > 0], picture[plane == 0]
            if len(inside) and len(outside):
                found.append(abs(float(inside.mean()) - float(outside.mean())))
        return np.median(found)

    assert changes(1.0) > changes(0.0)


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.__name__)
def test_every_texture_fills_any_size_with_numbers(layer):
    for size_px in (32, 97):
        field = layer(rng(0, size_px), size_px)
        assert field.shape == (size_px, size_px)
        assert field.dtype == np.float32
        assert np.isfinite(field).all()
        assert field.std() > 0


def test_light_border_and_sensor_keep_the_size_and_the_type():
    gray = surface(rng(0), 48)
    for made in (border(rng(1), gray), gray * light(rng(2), 48), sensor(rng(3), gray, 2.0)):
        assert made.shape == (48, 48)
        assert made.dtype == np.float32


def test_the_contact_sheet_shows_each_tile_twice():
    assert contact_sheet(0, rows=1, columns=2, size_px=32).shape == (36, 2 * 68, 3)
