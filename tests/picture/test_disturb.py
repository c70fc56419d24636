import cv2
import numpy as np
import pytest

from blemish.core.labels import LabelMap
from blemish.picture.disturb import DISTURBANCES, STRENGTHS

MOVING = ("rotation", "scaling", "shearing")


def scene(colour=False):
    random = np.random.default_rng(0)
    picture = cv2.GaussianBlur(random.normal(120, 40, (64, 96)), (0, 0), 2).clip(0, 255).astype(np.uint8)
    label = LabelMap.clean(64, 96)
    label.defect[28:36, 40:56] = 1
    picture[label.defect == 1] = 230
    return (np.repeat(picture[:, :, None], 3, axis=2) if colour else picture), label


def apply(name, strength, colour=False, seed=0, key="tile"):
    return DISTURBANCES[name].apply(*scene(colour), strength, seed=seed, key=key)


@pytest.mark.parametrize("colour", [False, True], ids=["gray", "rgb"])
@pytest.mark.parametrize("name", DISTURBANCES)
def test_each_keeps_size_and_kind_and_is_pure(name, colour):
    picture, label = scene(colour)
    given = picture.copy()
    changed, moved = DISTURBANCES[name].apply(picture, label, 3, seed=1, key="a")
    assert (changed.dtype, changed.shape, moved.size_hw) == (np.uint8, picture.shape, label.size_hw)
    assert np.array_equal(picture, given)
    again, _ = DISTURBANCES[name].apply(picture, label, 3, seed=1, key="a")
    assert np.array_equal(changed, again)
    assert not np.array_equal(changed, picture)


@pytest.mark.parametrize("name", DISTURBANCES)
def test_a_higher_strength_changes_more_and_none_changes_nothing(name):
    picture, _ = scene()
    assert np.array_equal(apply(name, 0)[0], picture)
    change = [np.abs(apply(name, s)[0].astype(int) - picture).mean() for s in range(1, STRENGTHS + 1)]
    assert change == sorted(change)
    assert change[0] < change[-1]


@pytest.mark.parametrize("name", sorted(set(DISTURBANCES) - set(MOVING)))
def test_light_leaves_every_label_in_its_place(name):
    _, label = scene()
    assert np.array_equal(apply(name, 5)[1].defect, label.defect)


@pytest.mark.parametrize("name", MOVING)
def test_the_label_moves_with_the_picture_and_what_enters_is_ignored(name):
    changed, label = apply(name, 4)
    inside = cv2.erode((label.defect == 1).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    assert inside.sum() > 20
    assert (changed[inside] > 200).all()
    shrunk = apply("scaling", 4, key="small")[1] if name == "scaling" else label
    corners = [apply(name, 4, key=str(k))[1].defect[0, 0] for k in range(8)]
    assert 255 in [*corners, shrunk.defect[0, 0]]


def test_tiles_are_disturbed_in_both_ways():
    means = {float(apply("brightening", 4, key=str(k))[0].mean() > scene()[0].mean()) for k in range(10)}
    assert means == {0.0, 1.0}


def test_figures_by_hand():
    flat, label = np.full((64, 64), 100, np.uint8), LabelMap.clean(64, 64)

    def of(name, strength):
        return DISTURBANCES[name].apply(flat, label, strength, seed=0, key="x")[0].astype(float)

    assert of("vignetting", 4)[[0, 0, -1, -1], [0, -1, 0, -1]].tolist() == [50] * 4
    assert of("noise", 3).std() == pytest.approx(12, rel=0.05)
    assert of("brightening", 3).mean() in (68, 132)
    columns, rows = of("gain_columns", 4), of("gain_rows", 4)
    assert (columns == columns[0]).all()
    assert columns[0].std() == pytest.approx(8, rel=0.05)
    assert (rows == rows[:, :1]).all()
    assert not (rows == rows[0]).all()


def test_motion_smears_along_the_scan_only_and_defocus_both_ways():
    point, label = np.zeros((41, 41), np.uint8), LabelMap.clean(41, 41)
    point[20, 20] = 255
    smeared = DISTURBANCES["motion"].apply(point, label, 3, seed=0, key="x")[0]
    assert (int((smeared > 0).any(axis=1).sum()), int((smeared > 0).any(axis=0).sum())) == (7, 1)
    disc = DISTURBANCES["defocus"].apply(point, label, 3, seed=0, key="x")[0]
    assert (disc > 0).any(axis=0).sum() == (disc > 0).any(axis=1).sum() == 5


def test_colouring_is_a_tint_on_colour():
    changed = apply("colouring", 4, colour=True)[0]
    assert not np.array_equal(changed[:, :, 0], changed[:, :, 2])
