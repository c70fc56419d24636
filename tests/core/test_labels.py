import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blemish.core.errors import LabelError
from blemish.core.labels import LabelMap, combine, from_latent, to_latent
from blemish.core.taxonomy import Taxonomy

CELL = Taxonomy.preset("pouch-cell")
PLAIN = Taxonomy.of_names("plain", ["pit", "scratch"])  # no priorities


def pixel(defect: int, background: int = 0) -> LabelMap:
    return LabelMap(np.array([[defect]], np.uint8), np.array([[background]], np.uint8))


def test_a_body_pixel_with_class_c_has_the_papers_latent_vector():
    assert to_latent(pixel(3), CELL)[:, 0, 0].tolist() == [1, 0, 0, 0, 1, 0, 0, 0]


def test_a_clean_body_pixel_has_the_papers_latent_vector():
    assert to_latent(pixel(0), CELL)[:, 0, 0].tolist() == [1, 0, 0, 0, 0, 0, 0, 0]


def test_ignore_has_no_latent_form():
    assert to_latent(pixel(255, 1), CELL)[:, 0, 0].tolist() == [0, 1, 0, 0, 0, 0, 0, 0]


@settings(deadline=None)
@given(st.integers(0, 2**32))
def test_latent_and_label_map_are_inverses(seed):
    random = np.random.default_rng(seed)
    label_map = LabelMap(random.integers(0, 7, (5, 7)).astype(np.uint8), random.integers(0, 2, (5, 7)).astype(np.uint8))
    back = from_latent(to_latent(label_map, CELL), CELL)
    assert (back.defect == label_map.defect).all()
    assert (back.background == label_map.background).all()


def test_an_unknown_index_is_refused_naming_where():
    plane = np.zeros((3, 4), np.uint8)
    plane[2, 1] = 7
    with pytest.raises(LabelError, match=r"tile-9: defect value 7 at x=1, y=2"):
        to_latent(LabelMap(plane, np.zeros_like(plane)), CELL, "tile-9")


def test_an_unknown_background_is_refused_naming_where():
    with pytest.raises(LabelError, match=r"background value 2 at x=0, y=0"):
        pixel(0, 2).check(CELL)


def test_two_backgrounds_on_a_pixel_are_refused_naming_where():
    latent = to_latent(pixel(0), CELL)
    latent[1] = 1
    with pytest.raises(LabelError, match="exactly one background, got body and outside at x=0, y=0"):
        from_latent(latent, CELL)


def test_no_background_on_a_pixel_is_refused():
    with pytest.raises(LabelError, match="got none"):
        from_latent(np.zeros((8, 1, 1), np.float32), CELL)


def test_two_defects_are_settled_by_priority_and_counted():
    groove, leakage = np.array([[True, True, False]]), np.array([[False, True, True]])
    nothing = np.zeros((1, 3), bool)
    masks = [groove, nothing, nothing, leakage, nothing, nothing]
    result = combine([~nothing, nothing], masks, CELL)
    assert result.label_map.defect.tolist() == [[1, 1, 4]]
    assert result.settled_px == 1


def test_two_defects_without_priority_are_refused_naming_where():
    mask = np.array([[False, True]])
    with pytest.raises(LabelError, match="pit and scratch lie on one pixel at x=1, y=0"):
        combine([np.ones((1, 2), bool)], [mask, mask], PLAIN)


def test_a_latent_matrix_with_other_values_is_refused():
    with pytest.raises(LabelError, match="only 0 and 1"):
        from_latent(np.full((8, 1, 1), 0.5, np.float32), CELL)


def test_planes_of_different_sizes_are_refused():
    with pytest.raises(LabelError, match="of one size"):
        LabelMap(np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8))
