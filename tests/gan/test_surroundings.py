import math
from dataclasses import replace

import numpy as np
import pytest

from blemish.core.records import Box
from blemish.gan.bank import build_bank
from blemish.gan.labels import draw_tile
from blemish.gan.plan import PlanItem
from blemish.gan.surroundings import STEP_PX, reduced, surroundings, unlike

DOT = 2


def stepped(edge=80, size=160):
    """Dark to the left of an upright edge, light to the right."""
    picture = np.full((size, size), 40, np.uint8)
    picture[:, edge:] = 200
    return picture


def at_the_edge():
    defects = np.zeros((160, 160), bool)
    defects[60:90, 72:88] = True
    return surroundings(stepped(), defects, Box(72, 60, 16, 30))


def test_the_same_place_is_most_like_its_own_surroundings():
    around, small = at_the_edge(), reduced(stepped())
    off = {x: unlike(small, around, (x, 75)) for x in range(20, 150, STEP_PX)}
    assert min(off, key=off.get) == 80
    assert off[80] < 1 < 60 < off[120]
    assert off[20] == pytest.approx(off[140], abs=5)  # All dark is as unlike as all light.


def test_how_light_all_of_it_is_plays_no_part():
    around = at_the_edge()
    assert unlike(reduced(stepped() - 30), around, (80, 75)) < 1


def test_mirrored_surroundings_want_the_mirrored_edge():
    around, small = at_the_edge(), reduced(stepped()[:, ::-1])
    assert unlike(small, around, (80, 75)) > 60
    assert unlike(small, around.mirrored(flip_x=True, flip_y=False), (80, 75)) < 1
    assert unlike(small, around.mirrored(flip_x=False, flip_y=True), (80, 75)) > 60


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_turned_surroundings_want_the_turned_edge(quarters):
    turned = at_the_edge().changed((1.0, 1.0), quarters * math.pi / 2)
    right = reduced(np.rot90(stepped(), -quarters))  # Clockwise.
    wrong = reduced(np.rot90(stepped(), -quarters + 2))
    assert unlike(right, turned, (80, 80)) < 25 < 60 < unlike(wrong, turned, (80, 80))


def test_scaled_surroundings_keep_the_middle():
    large = at_the_edge().changed((1.5, 1.5), 0.0)
    height, width = at_the_edge().size_hw
    assert large.size_hw == (math.ceil(1.5 * height), math.ceil(1.5 * width))
    assert unlike(reduced(stepped()), large, (80, 75)) < 25


def test_where_hardly_any_surface_lies_round_nothing_is_said():
    assert surroundings(stepped(), np.ones((160, 160), bool), Box(0, 0, 160, 160)) is None
    assert unlike(reduced(stepped()), at_the_edge(), (4000, 75)) == 0.0


@pytest.mark.usefixtures("enough_clean")
def test_a_defect_comes_to_lie_where_it_looks_as_round_the_real_one(small_set):
    plain = build_bank(small_set, [DOT], real_backgrounds=True)
    bank = build_bank(small_set, [DOT], real_backgrounds=True, by_surroundings=True)
    assert bank.by_surroundings
    assert all(shape.around is not None for shape in bank.classes[DOT].shapes)
    like, other = np.full((12, 12), 128, np.uint8), np.zeros((12, 12), np.uint8)
    other[::2, :] = 255
    smalls = (other, like, other)
    striped = tuple(replace(b, small=small) for b, small in zip(bank.backgrounds, smalls, strict=True))

    def chosen(of):
        return [draw_tile(replace(of, backgrounds=striped), PlanItem(i, (DOT,)), 0).background.tile for i in range(30)]

    assert chosen(bank).count("clean/1") == 30
    assert chosen(plain).count("clean/1") < 25


def test_without_real_backgrounds_there_is_nothing_to_look_at(small_set):
    assert not build_bank(small_set, [DOT], by_surroundings=True).by_surroundings
