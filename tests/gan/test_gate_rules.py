import numpy as np
import pytest

from blemish.gan.gate_rules import (
    PATCH_PX,
    Patches,
    content_patch,
    contrast,
    dilated,
    largest_change_beyond,
    own_change,
    picture_copy,
    surface_ring,
)

SQUARE = np.zeros((40, 40), bool)
SQUARE[14:26, 14:26] = True


def surface(seed: int, level: float = 120, deviation: float = 8, side: int = 40) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.normal(level, deviation, (side, side)).clip(0, 255).astype(np.uint8)


def defect(seed: int, *, long: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """A picture and its mask: a blot, or a long one, with a texture of its own."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:64, :64] - 32
    radius = 6 + 3 * random.random() + 2 * np.cos(3 * np.arctan2(y, x) + random.random() * 6)
    mask = (np.hypot(x / (3 if long else 1), y) < radius) if long else np.hypot(x, y) < 1.6 * radius
    texture = np.kron(random.normal(0, 30, (22, 22)), np.ones((3, 3)))[:64, :64]
    return (140 + texture).clip(0, 255).astype(np.uint8), mask


def test_the_ring_lies_off_the_defect_and_off_its_neighbours():
    foreign = np.zeros_like(SQUARE)
    foreign[:, 30:] = True
    ring = surface_ring(SQUARE, foreign)
    assert not (ring & dilated(SQUARE, 2)).any()
    assert not (ring & dilated(foreign, 2)).any()
    assert ring[20, 11]
    assert ring[20, 4]
    assert not ring[20, 3]


def test_contrast_of_nothing_is_about_one_and_grows_with_the_defect():
    ring = surface_ring(SQUARE, np.zeros_like(SQUARE))
    values = []
    for added in (0, 10, 40):
        picture = surface(1)
        picture[SQUARE] += added
        values.append(contrast(picture, SQUARE, ring))
    assert 0.7 < values[0] < 1.1
    assert values[0] < values[1] < values[2]


def test_contrast_by_hand():
    picture = np.full((40, 40), 100, np.uint8)
    picture[::2] = 104  # Half of the ring's pixels at 100, half at 104: median 100 or 104, mean deviation 2.
    picture[SQUARE] = 130
    ring = surface_ring(SQUARE, np.zeros_like(SQUARE))
    levels = picture[ring].astype(float)
    middle = np.median(levels)
    assert contrast(picture, SQUARE, ring) == pytest.approx((130 - middle) / (np.abs(levels - middle).mean() + 1))


def test_too_little_surface_says_nothing():
    assert np.isnan(contrast(surface(1), SQUARE, np.zeros_like(SQUARE)))


def test_a_change_is_measured_against_the_roughness_of_its_surface():
    ring = surface_ring(SQUARE, np.zeros_like(SQUARE))
    smooth, rough = surface(1, deviation=0), surface(1, deviation=20)
    assert own_change(smooth, smooth, SQUARE, ring) == (0, 1.0)
    changed = rough.copy()
    changed[SQUARE] -= 7
    change, least = own_change(changed, rough, SQUARE, ring)
    assert change == 7
    assert 3 < least < 5  # A quarter of a mean deviation of 16.


def test_what_a_repainted_surface_changed_too_is_no_defect():
    ring = surface_ring(SQUARE, np.zeros_like(SQUARE))
    beneath = surface(1, deviation=0)
    repainted = (beneath + np.random.default_rng(2).integers(20, 31, beneath.shape)).astype(np.uint8)
    change, least = own_change(repainted, beneath, SQUARE, ring)
    assert 2 < change < least < 5
    repainted[SQUARE] -= 25  # Back to about the old level: it stands out from what is now round it.
    change, least = own_change(repainted, beneath, SQUARE, ring)
    assert change == pytest.approx(25, abs=1)
    assert change > least


def test_a_change_beyond_the_ring_is_seen_to_the_pixel():
    beneath = surface(2)
    finished = beneath.copy()
    finished[dilated(SQUARE, 3)] += 9
    assert largest_change_beyond(finished, beneath, SQUARE, 3) == 0
    assert largest_change_beyond(finished, beneath, SQUARE, 2) == 9
    finished[0, 0] += 1
    assert largest_change_beyond(finished, beneath, SQUARE, 3) == 1
    assert largest_change_beyond(np.stack([finished] * 3, -1), np.stack([beneath] * 3, -1), SQUARE, 3) == 1


@pytest.mark.parametrize("long", [False, True])
@pytest.mark.parametrize("turned", [lambda p: p, lambda p: p[::-1], np.rot90, lambda p: np.roll(p, 5, axis=1).T])
def test_the_same_picture_is_found_turned_mirrored_and_moved(long, turned):
    training = Patches.of([content_patch(*defect(seed, long=long)) for seed in range(6)])
    picture, mask = defect(4, long=long)
    brighter = (picture * 0.8 + 30).astype(np.uint8)
    value, which = picture_copy(content_patch(turned(brighter), turned(mask)), training)
    assert which == 4
    assert value > 0.9


def test_another_picture_of_the_same_shape_is_no_copy():
    training = Patches.of([content_patch(*defect(seed)) for seed in range(6)])
    picture, _ = defect(70)
    value, _ = picture_copy(content_patch(picture, defect(4)[1]), training)
    assert value < 0.7


def test_likeness_agrees_with_numpys_correlation():
    one, other = (content_patch(*defect(seed)) for seed in (1, 2))
    both = (one[1] > 0) & (other[1] > 0)
    upright = np.corrcoef(one[0][both], other[0][both])[0, 1]
    expected = []
    for plane, mask in [(one[0], one[1]), (one[0][:, ::-1], one[1][:, ::-1])]:
        for quarter in range(4):
            turned, where = np.rot90(plane, quarter), np.rot90(mask, quarter)
            both = (where > 0) & (other[1] > 0)
            expected.append(np.corrcoef(turned[both], other[0][both])[0, 1])
    assert upright in expected
    assert picture_copy(one, Patches.of([other]))[0] == pytest.approx(max(expected), abs=2e-3)


def test_small_defects_and_an_empty_bank_say_nothing():
    assert content_patch(surface(1), dilated(SQUARE, 0) & (np.indices((40, 40)).sum(axis=0) < 30)) is None
    assert picture_copy(content_patch(*defect(1)), Patches.of([])) == (0.0, -1)


def test_a_long_defect_fits_into_its_patch():
    mask = np.zeros((300, 300), bool)
    mask[np.arange(10, 290), np.arange(10, 290)] = True
    mask = dilated(mask, 3)
    content, laid = content_patch(surface(3, side=300), mask)
    assert content.shape == laid.shape == (PATCH_PX, PATCH_PX)
    ys, xs = np.nonzero(laid)
    assert np.ptp(xs) > 40 > 6 > np.ptp(ys)
