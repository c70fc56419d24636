import math
from dataclasses import replace

import numpy as np

from blemish.core.taxonomy import Taxonomy
from blemish.metrics.tile_class import large_enough, tile_accuracy, tile_class

CELL = Taxonomy.preset("pouch-cell")  # least size 20 px


def test_the_class_with_the_largest_area_wins():
    plane = np.zeros((64, 64), np.uint8)
    plane[0:30, 0:10] = 1
    plane[40:60, 0:30] = 4
    assert tile_class(plane, CELL) == 4


def test_regions_under_the_least_size_do_not_count():
    plane = np.zeros((64, 64), np.uint8)
    plane[0:19, 0:19] = 5
    assert tile_class(plane, CELL) == 0
    plane[0:1, 0:20] = 5
    assert tile_class(plane, CELL) == 5


def test_tiles_with_several_classes_and_unknown_tiles_are_left_out_and_counted():
    result = tile_accuracy([(1,), (2,), (), (1, 2), ()], [False, False, False, False, True], [1, 0, 0, 2, 1], 2)
    assert (result.right, result.judged, result.several, result.unknown) == (2, 3, 1, 1)
    assert result.table.tolist() == [[1, 0, 0], [0, 1, 0], [1, 0, 0]]


def test_accuracy_of_nothing_is_nan():
    assert math.isnan(tile_accuracy([], [], [], 2).value)


def test_each_class_has_its_own_least_size():
    two = Taxonomy.of_names("two", ["pit", "scratch"])
    pit, scratch = two.defects
    taxonomy = replace(two, defects=(replace(pit, least_size_px=3), replace(scratch, least_size_px=2)))
    called = np.array([[1, 1, 0, 0, 2, 2], [0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 2], [0, 1, 1, 0, 0, 0]], np.uint8)
    assert large_enough(called, taxonomy).tolist() == [[0, 0, 0, 0, 2, 2], [0] * 6, [1] + [0] * 5, [0, 1, 1, 0, 0, 0]]
    assert tile_class(called, taxonomy) == 1
