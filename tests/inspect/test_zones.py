"""Where a place lies."""

import numpy as np
import pytest

from blemish.inspect.zones import in_box, in_polygon, polygon_fault

ARROW = [(0, 0), (10, 0), (10, 10), (5, 4), (0, 10)]  # Not convex.


def test_a_box_holds_its_left_and_upper_edge_and_not_the_others():
    assert [in_box(place, (2, 3, 4, 5)) for place in [(2, 3), (5.9, 7.9), (6, 4), (3, 8), (1.9, 4)]] == [
        True, True, False, False, False,
    ]  # fmt: skip


def test_a_polygon_that_is_not_convex_leaves_its_notch_out():
    assert [in_polygon(place, ARROW) for place in [(5, 2), (1, 7), (9, 7), (5, 7), (-1, 5), (11, 5)]] == [
        True, True, True, False, False, False,
    ]  # fmt: skip


def test_a_polygon_agrees_with_an_independent_reference_at_random_places():
    path = pytest.importorskip("matplotlib.path").Path(ARROW)
    places = np.random.default_rng(3).uniform(-2, 12, (500, 2))
    assert [in_polygon(place, ARROW) for place in places] == list(path.contains_points(places))


def test_neighbours_that_share_an_edge_never_both_hold_a_place():
    left, right = [(0, 0), (5, 0), (5, 9), (0, 9)], [(5, 0), (9, 0), (9, 9), (5, 9)]
    for y in (0, 1, 4.5, 8.9):
        assert in_polygon((5, y), left) + in_polygon((5, y), right) == 1


@pytest.mark.parametrize(
    ("polygon", "says"),
    [
        ([(0, 0), (1, 1)], "3 points or more, got 2"),
        ([(0, 0), (4, 4), (4, 0), (0, 4)], "sides 1 and 3 cross"),
        ([(0, 0), (0, 0), (4, 0), (0, 4)], "points 1 and 2 are the same"),
        ([(0, 0), (4, 0), (0, 4), (0, 0)], "points 4 and 1 are the same"),
        ([(0, 0), (1, 1), (2, 2)], "on one line"),
    ],
)
def test_a_polygon_that_is_not_sound_is_told(polygon, says):
    assert says in polygon_fault(polygon)


def test_sound_polygons_have_no_fault():
    assert polygon_fault(ARROW) is None
    assert polygon_fault([(0, 0), (4, 0), (0, 4)]) is None
