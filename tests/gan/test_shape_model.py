from dataclasses import replace

import cv2
import numpy as np
import pytest

from blemish.core.errors import InputError
from blemish.core.labels import LabelMap
from blemish.core.records import Box, Origin, Split, TileRecord
from blemish.core.taxonomy import Taxonomy
from blemish.data.dataset import Dataset, DatasetInfo, DatasetWriter, Sample
from blemish.gan.bank import build_bank
from blemish.gan.labels import draw_tile
from blemish.gan.near_copy import NEAR_COPY_IOU
from blemish.gan.plan import PlanItem
from blemish.gan.shape_class import ClassShapes
from blemish.gan.shape_model import DEFAULT_MIX, ShapeMix, ShapeModel
from blemish.gan.shapes import Shape, find_shapes

DEFORM, RECOMBINE, GROW = ShapeMix(1, 0, 0), ShapeMix(0, 1, 0), ShapeMix(0, 0, 1)


def shapes_of(*strokes, side=160):
    """One tile each with a polyline of some width, or with a filled ellipse where there is one point."""
    found = []
    for i, (points, width) in enumerate(strokes):
        defect = np.zeros((side, side), np.uint8)
        if len(points) > 1:
            cv2.polylines(defect, [np.array(points)], False, (1,), width)
        else:
            cv2.ellipse(defect, points[0], (width, 2 * width // 3), 20, 0, 360, (1,), -1)
        found += find_shapes(LabelMap(defect, defect * 0), backgrounds=1, group=f"part {i}")
    return tuple(found)


CRACKS = shapes_of(([(30, 30), (60, 45), (120, 40)], 3), ([(40, 120), (70, 90), (110, 60)], 4))
BLOBS = shapes_of(([(80, 80)], 18), ([(60, 60)], 11))


def of_class(shapes, per_tile=(1,)):
    return ClassShapes(tuple(shapes), per_tile, (True,))


def drawn(shapes, mix, count=20):
    many = of_class(shapes)
    random = np.random.default_rng(1)
    return [many.fresh(shapes[i % len(shapes)], mix, 0, random) for i in range(count)]


def thinness(mask):
    return mask.sum() / cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5).max() ** 2


@pytest.mark.parametrize("mix", [RECOMBINE, GROW])
def test_lines_stay_lines_and_blobs_stay_blobs(mix):
    for shapes, low, high in ((CRACKS, 15, 200), (BLOBS, 2, 10)):
        for shape, fresh in drawn(shapes, mix):
            assert fresh
            assert shape.defect == 1
            assert low < thinness(shape.mask) < high


def test_what_is_drawn_is_new_and_of_an_observed_size():
    many = of_class(CRACKS)
    lengths = [shape.longest_px for shape in CRACKS]
    for shape, _ in drawn(CRACKS, GROW, 30):
        assert 0.6 * min(lengths) < shape.longest_px < 1.3 * max(lengths)
    assert np.median([many.copies.iou(shape.mask) for shape, _ in drawn(CRACKS, GROW, 30)]) < NEAR_COPY_IOU


def test_recombination_of_a_single_defect_gives_way_to_growth_and_that_to_deformation():
    one = BLOBS[:1]
    assert ShapeModel.of([one]).recombined(one[0], 30, np.random.default_rng(0)) is None
    assert all(fresh for _, fresh in drawn(one, replace(DEFAULT_MIX, deform=0)))
    assert drawn(one, RECOMBINE, 5) == [(one[0], False)] * 5
    assert drawn(one, DEFORM, 5) == [(one[0], False)] * 5


def test_a_cut_shape_and_one_across_backgrounds_are_only_deformed():
    cut = shapes_of(([(0, 30), (60, 45)], 4))
    across = [replace(BLOBS[0], background_frac=(0.5, 0.5), ring_frac=(0.5, 0.5))]
    for shapes in (cut, across):
        assert not shapes[0].is_free
        assert drawn(shapes, GROW, 3) == [(shapes[0], False)] * 3


def test_a_cluster_keeps_its_pieces():
    defect = np.zeros((128, 128), np.uint8)
    for x in (40, 52, 64):
        cv2.circle(defect, (x, 60 + x % 7), 4, (1,), -1)
    (cluster,) = find_shapes(LabelMap(defect, defect * 0), backgrounds=1)
    grown = ShapeModel.of([[cluster]]).grown(cluster, cluster.longest_px, np.random.default_rng(0))
    assert cv2.connectedComponents(grown.mask.astype(np.uint8))[0] == 4
    assert grown.mask.sum() == pytest.approx(cluster.mask.sum(), rel=0.15)


def test_a_defect_photographed_often_is_drawn_as_often_as_another():
    often = [replace(CRACKS[0], group="a")] * 9
    many = of_class([*often, BLOBS[0]])
    assert [len(shapes) for shapes in many.defects] == [9, 1]
    random = np.random.default_rng(0)
    share = np.mean([many.any_shape(random) is BLOBS[0] for _ in range(400)])
    assert share == pytest.approx(0.5, abs=0.08)


def test_sizes_reach_only_slightly_beyond_the_observed_ones():
    many = of_class(BLOBS)
    sizes = [many.any_size_px(np.random.default_rng(seed)) for seed in range(300)]
    low, high = (side(shape.longest_px for shape in BLOBS) for side in (min, max))
    assert low / 1.1 <= min(sizes) < low < high < max(sizes) <= high * 1.1


def test_straight_lines_are_bent_less_than_blobs():
    random = np.random.default_rng(0)
    straight = shapes_of(([(20, 30), (140, 60)], 3), ([(20, 100), (140, 90)], 3))
    assert max(of_class(straight).bend_frac(straight[0], random) for _ in range(50)) < 0.01
    assert np.mean([of_class(BLOBS).bend_frac(BLOBS[0], random) for _ in range(50)]) > 0.03


def test_a_bank_carries_its_mix_and_equal_arguments_draw_equal_tiles(small_set):
    bank = build_bank(small_set, [1, 2], mix=GROW)
    assert bank.mix == GROW
    again = draw_tile(build_bank(small_set, [1, 2], mix=GROW), PlanItem(4, (1, 2)), 3)
    first, other = draw_tile(bank, PlanItem(4, (1, 2)), 3), draw_tile(replace(bank, mix=DEFORM), PlanItem(4, (1, 2)), 3)
    assert np.array_equal(first.label_map.defect, again.label_map.defect)
    assert not np.array_equal(first.label_map.defect, other.label_map.defect)


def test_near_copies_are_drawn_again_and_what_stays_is_told(small_set):
    bank = build_bank(small_set, [1], mix=DEFORM)
    tiles = [draw_tile(bank, PlanItem(i, (1,)), 0) for i in range(60)]
    assert sum(tile.near_copies for tile in tiles) > 0
    for tile in tiles:
        shown = tile.label_map.defect == 1
        assert tile.copy_iou == pytest.approx(bank.classes[1].copies.iou(shown)) or shown.sum() > 80


def test_a_defect_of_the_whole_tile_is_a_copy_of_nothing(tmp_path):
    with DatasetWriter(tmp_path / "set", DatasetInfo(Taxonomy.of_names("one", ["stained"]), 48, 1)) as writer:
        for i in range(4):
            record = TileRecord(f"{i}", "", "", "s", Box(0, 0, 48, 48), f"{i}", Split.TRAIN, Origin.REAL, (), ())
            plane = np.zeros((48, 48), np.uint8)
            writer.add(Sample(plane, LabelMap(plane + (i < 3), plane), record))
    tiles = [draw_tile(build_bank(Dataset(tmp_path / "set"), [1]), PlanItem(i, (1,)), 0) for i in range(8)]
    whole = [tile for tile in tiles if (tile.label_map.defect == 1).all()]
    assert len(whole) > 4
    assert {(tile.copy_iou, tile.near_copies) for tile in whole} == {(0.0, 0)}


def test_a_mix_without_shares_is_refused():
    with pytest.raises(InputError, match="above 0"):
        ShapeMix(0, 0, 0)
    with pytest.raises(InputError, match="0 or more"):
        ShapeMix(1, -1, 0)


def with_pieces(draw) -> Shape:
    """A shape of 200 x 200 px, drawn by a function on its plane."""
    plane = np.zeros((200, 200), np.uint8)
    draw(plane)
    label_map = LabelMap(np.pad(plane, 30), np.zeros((260, 260), np.uint8))
    (shape,) = find_shapes(label_map, backgrounds=1)
    return shape


@pytest.mark.parametrize("thick", [3, 7, 24])
def test_rings_and_nets_are_deformed_only(thick):
    def ring(plane):
        cv2.circle(plane, (100, 100), 70, 1, thick)

    def net(plane):
        for place in range(10, 200, 45):
            plane[place : place + thick // 3, 5:195] = plane[5:195, place : place + thick // 3] = 1

    def disc(plane):
        cv2.circle(plane, (100, 100), 50, 1, -1)

    model = ShapeModel.of([[with_pieces(draw)] for draw in (ring, net, disc)])
    assert [len(template.pieces) for template in sorted(model.templates, key=lambda t: t.defect)] == [0, 0, 1]
    for template in model.templates:
        made = model.grown(template.shape, 150, np.random.default_rng(0))
        assert (made is None) == (template.defect < 2)
