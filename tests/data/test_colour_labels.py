import numpy as np
import pytest

from blemish.core.errors import LabelError
from blemish.core.taxonomy import Taxonomy, rgb
from blemish.data.colour_labels import index_from_colours

CELL = Taxonomy.preset("pouch-cell")
BODY, OUTSIDE, GROOVE = rgb("#808080"), rgb("#101010"), rgb("#e6194b")


def canvas(colour, height=6, width=8):
    return np.full((height, width, 3), colour, np.uint8)


def test_defects_backgrounds_black_and_white_are_told_apart():
    picture = canvas(BODY)
    picture[:, 4:] = OUTSIDE
    picture[1, 1], picture[2, 2], picture[3, 3] = GROOVE, (0, 0, 0), (255, 255, 255)
    label = index_from_colours(picture, CELL, "a.png")
    assert (label.defect[1, 1], label.defect[2, 2], label.defect[3, 3]) == (1, 0, 255)
    assert np.count_nonzero(label.defect) == 2
    assert (label.background == np.repeat([[0] * 4 + [1] * 4], 6, axis=0)).all()


def test_beneath_a_defect_lies_the_nearest_background():
    picture = canvas(BODY, width=9)
    picture[:, 6:] = OUTSIDE
    picture[2:4, 4:8] = GROOVE
    background = index_from_colours(picture, CELL, "a.png").background
    assert background[0].tolist() == [0] * 6 + [1] * 3
    assert set(background[2:4, 7].tolist()) == {1}
    assert set(background[2:4, 4].tolist()) == {0}


def test_a_label_without_backgrounds_lies_on_background_0():
    picture = canvas((0, 0, 0))
    picture[2] = GROOVE
    assert not index_from_colours(picture, CELL, "a.png").background.any()


def test_an_unknown_colour_is_named_with_its_place():
    picture = canvas(BODY)
    picture[4, 7] = (1, 2, 3)
    with pytest.raises(LabelError, match=r"b\.png: colour #010203 at x=7, y=4 belongs to no class"):
        index_from_colours(picture, CELL, "b.png")
