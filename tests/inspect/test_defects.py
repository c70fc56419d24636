"""From scores to defects, by hand: regions, thresholds, least sizes, millimetres."""

import math

import cv2
import numpy as np
import pytest

from blemish.core.records import Box
from blemish.core.taxonomy import Taxonomy
from blemish.inspect import defects as room
from blemish.inspect.defects import Limits, find_defects
from blemish.inspect.recipe_fit import Sought, search_limits
from blemish.inspect.registration import find_part
from blemish.inspect.scan import ScoreMap

TWO = Taxonomy.from_dict({"name": "two", "pixel_mm_xy": [0.5, 0.25], "defects": [{"name": "a"}, {"name": "b"}]})
PLAIN = Taxonomy.of_names("plain", ["a", "b"])


def limits(threshold=0.5, least=0):
    return Limits({"A": threshold, "B": threshold}, {"A": least, "B": least})


def scores(classes, score=0.9):
    """What a network would give that is sure of these classes (0 = none)."""
    best = np.maximum(classes, 1).astype(np.uint8)
    return ScoreMap(best, np.where(classes > 0, score, 0.01).astype(np.float32))


def blank(height=60, width=80):
    return np.zeros((height, width), np.uint8)


def test_a_rectangle_is_measured_to_the_pixel_with_pixels_that_are_not_square():
    classes = blank()
    classes[10:14, 20:40] = 2
    (found,) = find_defects(scores(classes), TWO, limits(), "top").defects
    assert (found.code, found.name, found.view, found.box) == ("B", "b", "top", Box(20, 10, 20, 4))
    assert (found.area_px, found.area_mm2) == (80, 10.0)
    assert (found.length_px, found.width_px) == pytest.approx((20, 4))
    assert (found.length_mm, found.width_mm) == pytest.approx((10, 1))
    assert found.centre_xy_px == (29.5, 11.5)
    assert found.place_mm_xy == (15.0, 3.0)
    assert set(found.outline_xy) == {(20, 10), (39, 10), (39, 13), (20, 13)}


def test_without_a_pixel_size_millimetres_are_not_made_up():
    classes = blank()
    classes[5, 5:15] = 1
    (found,) = find_defects(scores(classes), PLAIN, limits()).defects
    assert (found.length_px, found.width_px) == pytest.approx((10, 1))
    assert (found.area_mm2, found.length_mm, found.width_mm, found.place_mm_xy) == (None, None, None, None)


def test_a_line_at_45_degrees_has_its_own_length_in_millimetres():
    classes = blank(200, 200)
    cv2.line(classes, (20, 20), (120, 120), 1, 3)
    (found,) = find_defects(scores(classes), TWO, limits()).defects
    assert found.length_px == pytest.approx(100 * math.sqrt(2) + 3, abs=2)  # The line is 3 px wide, at its ends too.
    assert found.length_mm == pytest.approx(math.hypot(103 * 0.5, 103 * 0.25), abs=1)
    assert found.width_px < 6


def test_a_bent_scratch_is_longer_than_its_rectangle():
    classes = blank(300, 300)
    cv2.ellipse(classes, (150, 150), (80, 80), 0, 0, 180, 1, 3)
    (found,) = find_defects(scores(classes), PLAIN, limits()).defects
    assert found.length_px == pytest.approx(80 * math.pi + 3, rel=0.02)
    assert found.length_px > 1.3 * max(found.box.width, found.box.height)


def test_orientation_is_from_x_towards_y_at_true_scale():
    classes = blank(200, 200)
    cv2.line(classes, (20, 20), (120, 120), 1, 3)
    (plain,) = find_defects(scores(classes), PLAIN, limits()).defects
    assert plain.orientation_deg == pytest.approx(45, abs=0.5)
    (scaled,) = find_defects(scores(classes), TWO, limits()).defects
    assert scaled.orientation_deg == pytest.approx(math.degrees(math.atan2(0.25, 0.5)), abs=0.5)
    assert scaled.datum == "scan"


def a_part(turn_deg):
    """A plate of 300 x 150 px turned about its scan's middle, and the matrix that turned it."""
    matrix = cv2.getRotationMatrix2D((250, 150), -turn_deg, 1)
    corners = np.array([(100, 75), (400, 75), (400, 225), (100, 225)]) @ matrix[:, :2].T + matrix[:, 2]
    picture = np.full((300, 500), 30, np.uint8)
    cv2.fillPoly(picture, [np.rint(corners * 16).astype(np.int32)], 150, cv2.LINE_AA, 4)
    return picture, matrix


@pytest.mark.parametrize("turn", [-4, 0, 3])
def test_places_and_orientations_are_the_parts_where_it_is_registered(turn):
    picture, matrix = a_part(turn)
    classes = blank(300, 500)
    cv2.rectangle(classes, (150, 100), (189, 103), 1, -1)
    classes = cv2.warpAffine(classes, matrix, (500, 300), flags=cv2.INTER_NEAREST)
    square = Taxonomy.from_dict({"name": "sq", "pixel_mm_xy": [0.1, 0.1], "defects": [{"name": "a"}, {"name": "b"}]})
    (found,) = find_defects(scores(classes), square, limits(), "", find_part(picture, (0.1, 0.1))).defects
    assert found.place_mm_xy == pytest.approx((6.95, 2.65), abs=0.12)
    assert abs((found.orientation_deg + 90) % 180 - 90) < 0.8
    assert found.datum == "part"


def test_regions_off_the_part_are_kept_out_and_counted():
    picture, _ = a_part(0)
    classes = blank(300, 500)
    classes[20:26, 20:30] = classes[150:156, 450:460] = 2
    classes[100:104, 100:120] = 1
    classes[72:76, 300:320] = 2  # Over the part's edge.
    part = find_part(picture)
    found = find_defects(scores(classes), PLAIN, limits(), "", part)
    assert [(d.code, d.box.y) for d in found.defects] == [("B", 72), ("A", 100)]
    assert found.kept_out == 2
    assert find_defects(scores(classes), PLAIN, limits()).kept_out == 0


def test_the_score_is_the_mean_probability():
    classes = blank()
    classes[0, :4] = 1
    given = scores(classes)
    given.score[0, :4] = (0.5, 0.6, 0.7, 1.0)
    assert find_defects(given, TWO, limits()).defects[0].score == pytest.approx(0.7)


def test_pixels_below_the_threshold_of_their_class_do_not_count():
    classes = blank()
    classes[0, :5], classes[9, :5] = 1, 2
    given = scores(classes, score=0.6)
    picky = Limits({"A": 0.7, "B": 0.6}, {"A": 0, "B": 0})
    assert [d.code for d in find_defects(given, TWO, picky).defects] == ["B"]
    assert [d.code for d in find_defects(given, TWO, limits(0.61)).defects] == []


def test_a_threshold_below_one_half_finds_faint_defects():
    classes = blank()
    classes[0, :5] = 1
    assert len(find_defects(scores(classes, 0.2), TWO, limits(0.15)).defects) == 1


def test_the_least_size_is_the_longest_side_of_its_own_class():
    classes = blank()
    classes[0, :10], classes[20, :9], classes[40, :9] = 1, 1, 2
    picky = Limits({"A": 0.5, "B": 0.5}, {"A": 10, "B": 9})
    found = find_defects(scores(classes), TWO, picky).defects
    assert [(d.code, d.box.y) for d in found] == [("A", 0), ("B", 40)]


def test_touching_corners_join_and_touching_classes_do_not():
    classes = blank()
    classes[0, 0] = classes[1, 1] = classes[2, 2] = 1
    classes[3, 3] = classes[3, 4] = 2
    found = find_defects(scores(classes), TWO, limits()).defects
    assert [(d.code, d.area_px) for d in found] == [("A", 3), ("B", 2)]


def test_one_class_parted_by_another_makes_two_defects():
    classes = blank()
    classes[10, 10:30] = 1
    classes[10, 18:20] = 2
    found = find_defects(scores(classes), TWO, limits()).defects
    assert [(d.code, d.box.x, d.area_px) for d in found] == [("A", 10, 8), ("B", 18, 2), ("A", 20, 10)]


def test_a_hole_is_no_part_of_the_area_but_the_outline_goes_round_it():
    classes = blank()
    classes[10:20, 10:20] = 1
    classes[12:18, 12:18] = 0
    (found,) = find_defects(scores(classes), TWO, limits()).defects
    assert found.area_px == 64
    assert cv2.contourArea(np.array(found.outline_xy)) == 81


@pytest.mark.parametrize("place", [(0, 0), (59, 79), (0, 79)])
def test_a_single_pixel_at_a_corner_is_one_pixel_long(place):
    classes = blank()
    classes[place] = 1
    (found,) = find_defects(scores(classes), TWO, limits()).defects
    assert (found.box, found.area_px) == (Box(place[1], place[0], 1, 1), 1)
    assert (found.length_px, found.width_px) == pytest.approx((1, 1))


def test_nothing_likely_gives_no_defects():
    assert find_defects(scores(blank()), TWO, limits()).defects == ()


def test_everything_defective_is_one_defect():
    (found,) = find_defects(scores(blank() + 1), TWO, limits()).defects
    assert found.area_px == 60 * 80


def test_beyond_the_limit_the_largest_are_kept_and_the_others_counted(monkeypatch):
    monkeypatch.setattr(room, "MOST_DEFECTS", 2)
    classes = blank()
    for i, length in enumerate((3, 9, 5, 7)):
        classes[i * 4, :length] = 1
    found = find_defects(scores(classes), TWO, limits())
    assert [d.area_px for d in found.defects] == [9, 7]
    assert found.left_out == 2


def test_faint_and_small_regions_fall_out_before_the_largest_are_taken(monkeypatch):
    monkeypatch.setattr(room, "MOST_DEFECTS", 2)
    classes = blank()
    classes[::8, :9] = 1  # Faint ones, larger than the sure one,
    classes[4, 20:23] = 1
    given = scores(classes, 0.2)
    given.score[4, 20:23] = 0.95
    classes[30, 40] = 1  # and one that is sure but too small.
    given.score[30, 40] = 0.95
    asked = Sought(pixel=0.1, score=0.6, least_area_px=2)
    found = find_defects(given, TWO, search_limits({"A": asked, "B": asked}))
    assert [(d.area_px, d.score) for d in found.defects] == [(3, pytest.approx(0.95))]
    assert found.left_out == 0


def test_regions_agree_with_scipy_on_random_pixels():
    from scipy import ndimage

    classes = np.random.default_rng(4).choice([0, 0, 0, 1, 2], (60, 80)).astype(np.uint8)
    expected = []
    for index in (1, 2):
        labels, count = ndimage.label(classes == index, np.ones((3, 3)))
        expected += [("AB"[index - 1], int((labels == i).sum())) for i in range(1, count + 1)]
    found = find_defects(scores(classes), TWO, limits()).defects
    assert sorted((d.code, d.area_px) for d in found) == sorted(expected)


@pytest.mark.parametrize(("size_hw", "share"), [((64 * 7, 64 * 9), 3e-4), ((500, 777), 3e-3), ((300, 1000), 0.3)])
def test_regions_of_large_planes_agree_with_scipy_wherever_blocks_begin(size_hw, share):
    from scipy import ndimage

    draw = np.random.default_rng(11)
    classes = (draw.random(size_hw) < share).astype(np.uint8)
    classes[60:70, 100:400], classes[64, :] = 1, 1  # One lies over many blocks, and others beside it in the same ones.
    labels, count = ndimage.label(classes, np.ones((3, 3)))
    found = sorted((box.y, box.x, int(mask.sum())) for box, mask in room._blobs(classes, 0))
    expected = [
        (box[0].start, box[1].start, int((labels[box] == number).sum()))
        for number, box in enumerate(ndimage.find_objects(labels), start=1)
    ]
    assert len(found) == count
    assert found == sorted(expected)


def test_regions_below_the_first_score_are_listed_where_there_is_room_and_cost_no_other_its_place(monkeypatch):
    monkeypatch.setattr(room, "MOST_DEFECTS", 2)
    classes, score = blank(), np.full((60, 80), 0.01, np.float32)
    for x, side, value in ((5, 9, 0.6), (20, 8, 0.6), (40, 2, 0.9), (60, 3, 0.6)):
        classes[5 : 5 + side, x : x + side], score[5 : 5 + side, x : x + side] = 1, value
    asked = Limits({"A": 0.5, "B": 0.5}, {"A": 0, "B": 0}, first_scores={"A": 0.8, "B": 0.8})
    found = find_defects(ScoreMap(np.maximum(classes, 1), score), PLAIN, asked)
    assert [(d.box.x, d.score > 0.8) for d in found.defects] == [(5, False), (40, True)]
    assert (found.left_out, found.unlisted) == (0, 2)


def test_a_threshold_of_one_is_reached_by_no_score():
    classes = blank()
    classes[10:14, 20:40] = 1
    (found,) = find_defects(scores(classes, 1.0), PLAIN, limits()).defects
    assert 0.999999 < found.score < 1.0
    assert np.float32(found.score) < 1.0  # As it is kept among candidates too.
