import math
import zlib
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from blemish.core.errors import DatasetError, LabelError
from blemish.core.labels import LabelMap
from blemish.core.taxonomy import IGNORE
from blemish.gan import bank as bank_module
from blemish.gan.bank import background_picture, build_bank, has_surface, source_tiles
from blemish.gan.clean_areas import largest_clean_area
from blemish.gan.labels import NotDrawn, draw_label, draw_tile
from blemish.gan.plan import PlanItem
from blemish.gan.shapes import direction, find_shapes

GROOVE, DOT = 1, 2


@pytest.fixture(scope="module")
def bank(small_set):
    return build_bank(small_set, [GROOVE, DOT])


def many(bank, *classes, count=60):
    return [draw_label(bank, PlanItem(i, classes), 7) for i in range(count)]


def test_a_label_is_a_pure_function_of_seed_and_index(bank, small_set):
    again = build_bank(small_set, [GROOVE, DOT])
    first = draw_label(bank, PlanItem(3, (GROOVE,)), 1)
    assert (draw_label(again, PlanItem(3, (GROOVE,)), 1).defect == first.defect).all()
    assert (draw_label(bank, PlanItem(4, (GROOVE,)), 1).defect != first.defect).any()
    assert (draw_label(bank, PlanItem(3, (GROOVE,)), 2).defect != first.defect).any()


def test_only_the_planned_classes_are_drawn(bank):
    for classes in [(GROOVE,), (DOT,), (GROOVE, DOT)]:
        for label_map in many(bank, *classes, count=20):
            assert set(np.unique(label_map.defect)) == {0, *classes}


def test_a_defect_never_lies_where_its_class_never_occurs(bank):
    assert bank.classes[GROOVE].allowed == (True, False)
    for label_map in many(bank, GROOVE, DOT):
        assert (label_map.background[label_map.defect > 0] == 0).all()
        assert set(np.unique(label_map.background)) == {0, 1}


def test_places_directions_and_sizes_are_those_of_the_class(bank):
    assert bank.classes[GROOVE].is_oriented
    for label_map in many(bank, GROOVE):
        ys, xs = np.nonzero(label_map.defect == GROOVE)
        angle = math.degrees(direction(label_map.defect == GROOVE)[0])
        assert min(angle, 180 - angle) < 30
        assert ys.mean() < 24
        assert 14 * 0.5 < np.ptp(xs) + 1 < 22 * 1.5
    rows = [np.nonzero(label_map.defect == DOT)[0].mean() for label_map in many(bank, DOT)]
    assert min(rows) > 20
    assert np.std(rows) > 1


def test_a_defect_that_ended_at_the_edge_of_the_body_ends_there_again(small_set):
    bank = build_bank(small_set, [DOT])
    plane = bank.backgrounds[0].plane
    defect = np.zeros_like(plane)
    defect[30:38, 30:38] = DOT
    (at_edge,) = find_shapes(LabelMap(defect, plane), backgrounds=2)
    assert at_edge.foreign == (1,)
    assert at_edge.meets_frac == pytest.approx(3 * 14 / (14 * 14 - 8 * 8))
    moved = tuple(replace(b, packed=shifted(b.plane, 4)) for b in bank.backgrounds)
    only = replace(bank, classes={DOT: replace(bank.classes[DOT], shapes=(at_edge,))}, backgrounds=moved)
    for label_map in many(only, DOT, count=20):
        xs = np.nonzero(label_map.defect == DOT)[1]
        assert 32 <= xs.max() <= 33


def shifted(plane, px):
    """A background whose outside begins that many pixels further left."""
    return zlib.compress(np.roll(np.pad(plane, ((0, 0), (0, px)), "edge"), -px, axis=1)[:, : plane.shape[1]].tobytes())


def test_a_defect_stays_as_large_as_its_class_must_be(bank):
    defects = list(bank.taxonomy.defects)
    defects[0] = replace(defects[0], least_size_px=20)
    strict = replace(bank, taxonomy=replace(bank.taxonomy, defects=tuple(defects)))
    for label_map in many(strict, GROOVE, count=30):
        ys, xs = np.nonzero(label_map.defect)
        assert max(np.ptp(ys), np.ptp(xs)) + 1 >= 20


def test_padding_of_the_background_stays_ignored_and_undrawn(bank):
    padded = tuple(replace(b, window=replace(b.window, height=30)) for b in bank.backgrounds)
    for label_map in many(replace(bank, backgrounds=padded), GROOVE, count=20):
        assert (label_map.defect[30:] == IGNORE).all()
        assert (label_map.defect[:30] != IGNORE).all()


def test_where_no_background_suits_the_reason_is_told(bank):
    outside = tuple(replace(b, px=(0, 48 * 48)) for b in bank.backgrounds)
    item = PlanItem(0, (GROOVE,))
    drawn = draw_tile(replace(bank, backgrounds=outside), item, 0)
    assert drawn == NotDrawn("no place for groove: no background like that beneath the real defect")
    with pytest.raises(LabelError, match="no place for groove"):
        draw_label(replace(bank, backgrounds=outside), item, 0)


def test_shapes_come_from_training_tiles_only_and_never_from_synthetic_ones(small_set):
    assert len(build_bank(small_set, [DOT]).classes[DOT].shapes) == 3
    synthetic = [replace(r, origin="synthetic") if r.id == "dot/0" else r for r in small_set.records]
    assert "dot/0" not in [record.id for record in source_tiles(synthetic)]
    with pytest.raises(DatasetError, match="'ghost' has no real defect"):
        build_bank(small_set, [3])


def test_the_bank_is_bounded(small_set, monkeypatch):
    monkeypatch.setattr(bank_module, "TILES_PER_CLASS", 4)
    monkeypatch.setattr(bank_module, "SHAPES_PER_CLASS", 3)
    monkeypatch.setattr(bank_module, "BACKGROUNDS", 2)
    small = build_bank(small_set, [GROOVE])
    of_class = small.classes[GROOVE]
    assert (len(of_class.per_tile), len(of_class.shapes), len(small.backgrounds)) == (4, 3, 2)


def test_where_clean_tiles_are_few_defect_free_areas_lie_beneath_too(small_set):
    real = build_bank(small_set, [DOT], real_backgrounds=True)
    assert (real.clean_tiles, len(real.backgrounds)) == (3, 11)
    drawn = Counter(draw_tile(real, PlanItem(i, (DOT,)), 0).background.tile for i in range(60))
    assert sum(drawn[f"clean/{i}"] for i in range(3)) < 45


@pytest.mark.usefixtures("enough_clean")
def test_real_backgrounds_are_the_clean_tiles(small_set):
    real = build_bank(small_set, [DOT], real_backgrounds=True)
    assert real.clean_tiles == len(real.backgrounds)
    assert {b.tile for b in real.backgrounds} == {"clean/0", "clean/1", "clean/2"}
    tile = small_set.picture(next(r for r in small_set.records if r.id == "clean/1"))
    assert (background_picture(tile, real.backgrounds[1]) == tile).all()


@pytest.mark.usefixtures("enough_clean")
def test_a_real_background_is_as_light_as_the_surroundings_of_the_defect(small_set):
    bank = build_bank(small_set, [DOT], real_backgrounds=True)
    clean = small_set.picture(next(r for r in small_set.records if r.id == "clean/1"))
    assert bank.backgrounds[1].mean_gray == pytest.approx(clean.mean())
    assert all(120 <= shape.ring_gray <= 140 for shape in bank.classes[DOT].shapes)
    light = tuple(replace(b, mean_gray=gray) for b, gray in zip(bank.backgrounds, (60.0, 130.0, 220.0), strict=True))
    chosen = [draw_tile(replace(bank, backgrounds=light), PlanItem(i, (DOT,)), 0).background.tile for i in range(40)]
    assert chosen.count("clean/1") >= 36


@pytest.mark.usefixtures("enough_clean")
def test_a_real_background_is_as_rough_as_the_surroundings_of_the_defect(small_set):
    bank = build_bank(small_set, [DOT], real_backgrounds=True)
    grains = [shape.ring_grain for shape in bank.classes[DOT].shapes]
    assert all(grain > 0 for grain in grains)
    rough = tuple(replace(b, grain=np.mean(grains) * k) for b, k in zip(bank.backgrounds, (0.2, 1.0, 5.0), strict=True))
    chosen = [draw_tile(replace(bank, backgrounds=rough), PlanItem(i, (DOT,)), 0).background.tile for i in range(40)]
    assert chosen.count("clean/1") >= 30  # One in three by chance.


def test_without_real_backgrounds_no_picture_is_read(small_set):
    bank = build_bank(small_set, [DOT])
    assert math.isnan(bank.backgrounds[0].mean_gray)
    assert math.isnan(bank.classes[DOT].shapes[0].ring_gray)


def test_without_clean_tiles_real_backgrounds_are_defect_free_areas(set_without_clean):
    real = build_bank(set_without_clean, [DOT], real_backgrounds=True)
    assert real.clean_tiles == 0
    for background in real.backgrounds:
        record = next(r for r in set_without_clean.records if r.id == background.tile)
        sample = set_without_clean.sample(record)
        shown = background_picture(np.where(sample.label_map.defect > 0, 255, sample.picture), background)
        assert shown.shape == (48, 48)
        assert shown.max() < 255


def test_a_set_has_surface_if_tiles_are_clean_or_enough_of_them_have_clean_areas(
    small_set, set_without_clean, monkeypatch
):
    assert has_surface(small_set)
    areas = len(build_bank(set_without_clean, [DOT], real_backgrounds=True).backgrounds)
    monkeypatch.setattr(bank_module, "LEAST_AREAS", areas)
    assert has_surface(set_without_clean)
    monkeypatch.setattr(bank_module, "LEAST_AREAS", areas + 1)
    assert not has_surface(set_without_clean)


def test_the_largest_clean_area_avoids_defects_and_padding():
    defect = np.zeros((64, 64), np.uint8)
    defect[30:34, 10:20], defect[:, 48:] = 1, IGNORE
    area = largest_clean_area(LabelMap(defect, defect * 0))
    assert (defect[area.y : area.y + area.height, area.x : area.x + area.width] == 0).all()
    assert area.width * area.height >= 0.9 * 47 * 29
    defect[::4] = 1
    assert largest_clean_area(LabelMap(defect, defect * 0)) is None
