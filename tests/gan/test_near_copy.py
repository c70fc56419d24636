import cv2
import numpy as np
import pytest

from blemish.core.labels import LabelMap
from blemish.gan.near_copy import LEAST_TOLD_PX, NEAR_COPY_IOU, CopyIndex, near_copy_iou, physical_defects
from blemish.gan.shapes import Change, Ends, changed_mask, find_shapes


def hook(side=60, arm=20, width=7):
    mask = np.zeros((side, side), bool)
    mask[5 : 5 + width, 5 : 5 + arm] = mask[5 : 5 + arm + 8, 5 : 5 + width] = True
    return mask


def disc(radius):
    side = 2 * radius + 1
    return cv2.circle(np.zeros((side, side), np.uint8), (radius, radius), radius, 1, -1).astype(bool)


def shapes_of(*masks, group="g"):
    found = []
    for mask in masks:
        defect = np.pad(mask, 4).astype(np.uint8)
        found += find_shapes(LabelMap(defect, defect * 0), backgrounds=1, group=group)
    return found


def plain_iou(mask, other):
    """Reference: every mirror and turn, every move by whole pixels."""
    best = 0.0
    for flipped in (mask, mask[:, ::-1]):
        for turns in range(4):
            view = np.pad(np.rot90(flipped, turns), max(other.shape)).astype(np.float32)
            shared = cv2.matchTemplate(view, other.astype(np.float32), cv2.TM_CCORR).max()
            best = max(best, shared / (mask.sum() + other.sum() - shared))
    return best


@pytest.mark.parametrize("view", [lambda m: m[::-1], lambda m: np.rot90(m), lambda m: np.roll(m, (9, 21), (0, 1)).T])
def test_a_mirrored_turned_or_moved_defect_is_the_same_one(view):
    assert near_copy_iou(view(hook()), shapes_of(hook())) == pytest.approx(1.0)


def test_small_masks_overlap_as_the_plain_search_says():
    one, random = hook(32, 14, 6), np.random.default_rng(0)
    for turn in range(12):
        bent = changed_mask(one, Change(turn_rad=turn / 40, bend_frac=0.05), Ends(), random)
        found, plain = CopyIndex.of([one]).iou(bent), plain_iou(bent, one)
        assert plain - 0.06 <= found <= plain + 1e-6


def test_size_counts():
    assert near_copy_iou(disc(9), shapes_of(disc(12))) == pytest.approx(disc(9).sum() / disc(12).sum(), abs=0.02)


def test_the_most_alike_of_many_is_found():
    others = [disc(radius) for radius in range(3, 40)]
    assert near_copy_iou(hook(), shapes_of(*others)) < NEAR_COPY_IOU
    assert near_copy_iou(hook(), shapes_of(*others[:20], hook(), *others[20:])) == pytest.approx(1.0)


def test_a_long_line_that_was_bent_a_little_still_overlaps_with_itself():
    straight, bent = np.zeros((30, 200), bool), np.zeros((30, 200), bool)
    for x in range(200):
        sag = round(6 * (x / 100 - 1) ** 2)
        straight[12:15, x] = bent[12 + sag : 15 + sag, x] = True
    assert near_copy_iou(bent, shapes_of(straight)) > plain_iou(bent, straight) + 0.1


def test_of_tiny_dots_the_shape_tells_nothing():
    dot = np.ones((4, 6), bool)
    assert dot.sum() < LEAST_TOLD_PX
    assert near_copy_iou(dot, shapes_of(dot)) == 0.0
    assert near_copy_iou(hook(), []) == 0.0


def test_one_defect_photographed_three_times_is_one_defect():
    again = hook(arm=21), hook(arm=20), np.roll(hook(), 3, axis=0)
    shapes = [*shapes_of(*again, disc(12)), *shapes_of(hook(), group="other part")]
    assert physical_defects(shapes) == ((0, 1, 2), (3,), (4,))


def test_alike_dots_of_one_part_are_defects_of_their_own():
    dot = np.ones((4, 4), bool)
    assert physical_defects(shapes_of(dot, dot)) == ((0,), (1,))
