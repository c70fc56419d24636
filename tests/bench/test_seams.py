"""Defects over tile borders come out whole, and what does not is counted as such."""

from dataclasses import replace

import numpy as np
import pytest

from blemish.bench.seams import Flips, Oracle, compare, lay_over_seams, model_joins, oracle_joins, whole_scores
from blemish.core.records import Box, Defect
from blemish.core.taxonomy import Taxonomy
from blemish.inspect.defects import Limits
from blemish.inspect.scan import Tiling
from blemish.picture.tiling import plan_tiles

POUCH = Taxonomy.preset("pouch-cell")
LIMITS = Limits(dict.fromkeys(POUCH.codes, 0.5), dict.fromkeys(POUCH.codes, 20))
OVERLAPPING, BARE = Tiling(256, 64, 32), Tiling(256, 0, 32)


def planes(size_hw=(900, 1300), tiling=OVERLAPPING, count=12):
    return list(lay_over_seams(3, count, [size_hw], tiling, POUCH))


def a_defect(x, y, width, height, code="A"):
    outline = ((x, y), (x + width - 1, y), (x + width - 1, y + height - 1), (x, y + height - 1))
    sizes = {"area_px": width * height, "length_px": max(width, height), "width_px": min(width, height)}
    return Defect(code, "", 1.0, Box(x, y, width, height), outline, centre_xy_px=(0, 0), **sizes)


@pytest.mark.parametrize("size_hw", [(900, 1300), (1300, 900), (701, 977), (256, 1100)])
@pytest.mark.parametrize("blind_px", [0, 16])
def test_defects_over_tile_borders_are_whole_at_any_size_of_scan(size_hw, blind_px):
    count = 12 if min(size_hw) > 600 else 2
    tiling = OVERLAPPING if min(size_hw) > 600 else Tiling(128, 64, 32)
    (plane,) = planes(size_hw, tiling, count)
    joined = oracle_joins(plane, POUCH, tiling, blind_px, LIMITS)
    assert (joined.defects, joined.split, joined.lost, joined.extra) == (count, 0, 0, 0)
    assert joined.on_2_tiles + joined.on_4_tiles == count
    assert max(joined.area_errors_frac) < 0.02
    assert max(joined.length_errors_frac) < 0.02


def test_without_overlap_what_a_network_does_not_see_at_borders_tears_defects():
    (plane,) = planes(tiling=BARE)
    torn = oracle_joins(plane, POUCH, BARE, 8, LIMITS)
    assert torn.split + torn.lost > 0
    seen = oracle_joins(plane, POUCH, BARE, 0, LIMITS)
    assert (seen.split, seen.lost) == (0, 0)


def test_all_classes_are_laid_and_every_defect_is_on_a_border():
    (plane,) = planes()
    assert set(np.unique(plane)) == set(range(7))
    boxes = plan_tiles(900, 1300, tile_px=256, overlap_px=64, stride=32)
    assert oracle_joins(plane, POUCH, OVERLAPPING, 0, LIMITS).on_4_tiles >= 4
    assert len(boxes) > 9


def test_a_split_a_lost_an_extra_and_a_shrunken_defect_are_counted():
    whole = [a_defect(90, 10, 20, 10), a_defect(90, 40, 20, 10), a_defect(90, 70, 20, 10), a_defect(10, 10, 5, 5)]
    tiled = [
        a_defect(90, 10, 8, 10), a_defect(102, 10, 8, 10), a_defect(90, 70, 18, 10), a_defect(150, 10, 5, 5),
        a_defect(90, 40, 20, 10, code="B"),
    ]  # fmt: skip
    joined = compare(whole, tiled, [Box(0, 0, 100, 100), Box(100, 0, 100, 100)])
    assert (joined.defects, joined.on_2_tiles, joined.split, joined.lost, joined.extra) == (3, 3, 1, 1, 1)
    assert joined.area_errors_frac == pytest.approx((0.1,))
    assert joined.length_errors_frac == pytest.approx((0.1,))
    assert (joined + joined).to_dict()["area_error_frac"] == {"median": 0.1, "largest": 0.1}


def test_a_segmenter_of_single_pixels_flips_none_and_one_that_sees_borders_flips_some():
    (plane,) = planes(count=6)
    picture, oracle = plane[:, :, None], Oracle(POUCH)
    whole = whole_scores(picture, oracle)
    joined, flips = model_joins(picture, whole, oracle, OVERLAPPING, LIMITS)
    assert flips == Flips(plane.size, 0, int(np.count_nonzero(plane)))
    assert (joined.split, joined.lost) == (0, 0)
    _, flips = model_joins(picture, whole, replace(oracle, blind_px=16), BARE, LIMITS)
    assert flips.flipped > 100
    assert flips.to_dict()["flipped_frac"] == pytest.approx(flips.flipped / plane.size, abs=1e-6)
