"""Hand-made defects, recipes and pictures, and a bundle that sees dark and bright spots."""

from pathlib import Path

import numpy as np
import pytest

from blemish.bundle.bundle import Bundle
from blemish.core.records import Box, Defect
from blemish.inspect.recipe import parse_recipe
from blemish.picture.write import write_png

TINY = Path(__file__).parents[1] / "fixtures" / "tiny-bundle"
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


@pytest.fixture(scope="session")
def ground_of():
    return _ground


@pytest.fixture
def ground():
    return _ground(150, 200)


@pytest.fixture
def spotted(ground):
    """One dark bar over the border between tiles at x = 48..64, one bright square."""
    picture = ground.copy()
    picture[60:66, 30:90] = 0
    picture[100:110, 150:160] = 255
    return picture


@pytest.fixture
def pictures(tmp_path, ground, spotted):
    folder = tmp_path / "pictures"
    write_png(folder / "good.png", ground)
    write_png(folder / "bad.png", spotted)
    return folder


@pytest.fixture(scope="session")
def bundle():
    return Bundle.open(TINY)


def _ground(height, width):
    """An even surface with some grain, far from both thresholds."""
    return np.random.default_rng(6).integers(110, 141, (height, width), dtype=np.uint8)


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
