import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist

from blemish.metrics.neighbours import distances, mean_pairwise_distance, memorisation, precision_recall


def points(n: int, seed: int = 0, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, 5)) + shift


def brute_force(real: np.ndarray, made: np.ndarray, k: int) -> float:
    """Share of `made` within any real picture's distance to its k-th neighbour, written out."""
    hits = 0
    for y in made:
        hits += any(
            np.linalg.norm(y - x) <= sorted(np.linalg.norm(x - other) for j, other in enumerate(real) if j != i)[k - 1]
            for i, x in enumerate(real)
        )
    return hits / len(made)


def test_distances_equal_scipy_over_more_rows_than_are_held_at_a_time():
    x, y = points(1500), points(7, seed=1)
    np.testing.assert_allclose(distances(x, y), cdist(x, y), atol=1e-6)
    assert mean_pairwise_distance(y) == pytest.approx(pdist(y).mean())


def test_precision_and_recall_equal_brute_force():
    real, made = points(40), points(30, seed=1, shift=0.7)
    found = precision_recall(real, made)
    assert found.precision == brute_force(real, made, 3)
    assert found.recall == brute_force(made, real, 3)
    assert 0 < found.precision < 1


def test_a_generator_that_repeats_one_good_picture_has_precision_but_no_recall():
    real = points(40)
    found = precision_recall(real, np.repeat(real[:1], 40, axis=0))
    assert (found.precision, found.recall) == (1.0, 1 / 40)


def test_a_copy_is_found_and_an_honest_set_is_not():
    training, held_out, honest = points(200), points(200, seed=1), points(200, seed=2)
    copies = np.concatenate([training[:50] + 1e-3, honest[:150]])
    assert memorisation(copies, training, held_out).share == pytest.approx(0.25, abs=0.02)
    assert memorisation(honest, training, held_out).share < 0.04
    assert memorisation(copies, training, held_out).nearest[:50].tolist() == list(range(50))


def test_nothing_to_compare_with_gives_nan():
    none = np.zeros((0, 5))
    assert np.isnan(memorisation(points(5), points(5), none).share)
    assert np.isnan(memorisation(none, points(5), points(5)).share)
    assert np.isnan(precision_recall(points(3), points(9)).precision)
    assert np.isnan(mean_pairwise_distance(points(1)))
    assert mean_pairwise_distance(np.ones((4, 5))) == 0


@pytest.mark.parametrize("held_out", [3, 13, 100])
def test_pictures_as_far_as_real_ones_are_no_copies_however_few_are_held_out(held_out):
    found = []
    for seed in range(60):
        random = np.random.default_rng(seed)
        sides = [random.standard_normal((count, 4)) for count in (80, 60, held_out)]
        found.append(memorisation(*sides))
    shares = np.array([each.share for each in found])
    assert shares.mean() == pytest.approx(found[0].expected, abs=0.05)
    assert (shares <= found[0].most).mean() > 0.85
    assert found[0].expected == pytest.approx((1 + 0.01 * (held_out - 1)) / (held_out + 1))


def test_each_class_is_held_against_its_own_real_ones():
    """Class 2 is tight: its real ones lie near one another, and so do its synthetic ones."""
    random = np.random.default_rng(0)
    wide, tight = (lambda n: random.normal(0, 1, (n, 3))), (lambda n: random.normal(9, 0.01, (n, 3)))
    training, held_out = np.concatenate([wide(50), tight(50)]), np.concatenate([wide(90), tight(10)])
    made = np.concatenate([wide(50), tight(50)])
    classes = np.repeat([1, 2], [50, 50]), np.repeat([1, 2], [90, 10])
    pooled = memorisation(made, training, held_out)
    assert pooled.share > 2 * pooled.most
    found = memorisation(made, training, held_out, classes)
    assert found.share <= found.most
    assert set(found.shares) == {1, 2}
