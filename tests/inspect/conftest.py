"""Hand-made defects and recipes for the tests of this folder."""

import pytest

from blemish.core.records import Box, Defect
from blemish.inspect.recipe import parse_recipe

NAMES = {"A": "groove", "B": "spore", "E": "white dot"}
BARE = """
format = 1
name = "cell"
version = 1
"""
SCORES = """
[scores.A]
pixel = 0.3
review = 0.4
ng = 0.6
[scores.B]
pixel = 0.3
review = 0.4
ng = 0.6
[scores.E]
pixel = 0.3
review = 0.4
ng = 0.6
"""


@pytest.fixture(scope="session")
def recipe_of():
    return _recipe


@pytest.fixture(scope="session")
def defect_of():
    return _defect


def _recipe(*tables, head=""):
    """A recipe of three classes with these tables besides."""
    return parse_recipe("\n".join([BARE, head, SCORES, *tables]))


def _defect(code="A", *, score=0.9, length_mm=14.2, width_mm=1.0, area_mm2=None, place=(50.0, 50.0), view="", px=30):
    """A defect of these millimetres, at this place; its pixels are two a millimetre."""
    area = length_mm * width_mm if area_mm2 is None and length_mm else area_mm2
    return Defect(
        code=code,
        name=NAMES[code],
        score=score,
        box=Box(int(place[0] * 2) if place else 0, int(place[1] * 2) if place else 0, px, 2),
        outline_xy=((0, 0), (1, 0), (1, 1)),
        area_px=2 * px,
        length_px=float(px),
        width_px=2.0,
        centre_xy_px=(0.0, 0.0),
        area_mm2=area,
        length_mm=length_mm,
        width_mm=width_mm,
        place_mm_xy=place,
        view=view,
    )
