import numpy as np
import pytest
from scipy.linalg import sqrtm

from blemish.core.errors import InputError
from blemish.metrics.distribution import frechet_distance, frechet_infinity, kid, polynomial_mmd2, real_floor


def features(n: int, d: int = 8, seed: int = 0, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d)) @ np.diag(np.linspace(0.5, 2, d)) + shift


def test_mmd_is_the_sum_over_all_pairs_written_out():
    x, y = features(5, 3), features(4, 3, seed=1, shift=0.5)
    kernel = lambda a, b: (a @ b / 3 + 1) ** 3  # noqa: E731
    xx = np.mean([kernel(x[i], x[j]) for i in range(5) for j in range(5) if i != j])
    yy = np.mean([kernel(y[i], y[j]) for i in range(4) for j in range(4) if i != j])
    xy = np.mean([kernel(a, b) for a in x for b in y])
    assert polynomial_mmd2(x, y) == pytest.approx(xx + yy - 2 * xy, rel=1e-12)


def test_mmd_of_whole_sets_equals_torchmetrics():
    torch = pytest.importorskip("torch")
    from torchmetrics.image.kid import poly_mmd

    x, y = features(40), features(40, seed=1, shift=0.3)
    reference = float(poly_mmd(torch.from_numpy(x), torch.from_numpy(y), gamma=1 / 8))
    assert polynomial_mmd2(x, y) == pytest.approx(reference, rel=1e-9)


def test_kid_does_not_grow_when_pictures_are_few_but_frechet_does():
    few, many = (kid(features(n, seed=1), features(n, seed=2)) for n in (20, 800))
    assert abs(few.mean) < 4 * few.std
    assert abs(many.mean) < 4 * many.std
    assert frechet_distance(features(20, seed=1), features(20, seed=2)) > 10 * frechet_distance(
        features(800, seed=1), features(800, seed=2)
    )


def test_the_deviation_of_kid_is_about_its_standard_error():
    found = [kid(features(60, seed=2 * s), features(60, seed=2 * s + 1), seed=s) for s in range(60)]
    true = np.std([each.mean for each in found])
    assert 0.5 * true < np.mean([each.std for each in found]) < 2 * true


def test_kid_is_the_same_for_the_same_seed():
    x, y = features(30), features(30, seed=1)
    assert kid(x, y, seed=3) == kid(x, y, seed=3) != kid(x, y, seed=4)


@pytest.mark.parametrize(("n", "d"), [(200, 6), (6, 40), (60, 12)])
def test_frechet_equals_the_matrix_root_of_scipy(n, d):
    x, y = features(n, d), features(n + 3, d, seed=1, shift=0.4)
    s_x, s_y = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = sqrtm(s_x @ s_y + 1e-13 * np.eye(d)).real
    reference = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(s_x + s_y - 2 * root)
    assert frechet_distance(x, y) == pytest.approx(reference, rel=1e-4)


def test_frechet_of_a_set_with_itself_is_zero_and_of_a_moved_one_the_square_of_the_way():
    x = features(10, 50)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(x, x + 2) == pytest.approx(4 * 50, rel=1e-9)


def test_frechet_of_two_lines_by_hand():
    x = np.array([[-1.0], [1.0], [-1.0], [1.0]])  # Variance 4/3, deviation 2/sqrt(3).
    assert frechet_distance(x, 3 * x) == pytest.approx((3 - 1) ** 2 * 4 / 3)


def test_the_extrapolation_takes_most_of_the_bias_away():
    pairs = [(features(100, 4, seed=2 * s), features(100, 4, seed=2 * s + 1)) for s in range(30)]
    bias = np.mean([frechet_distance(x, y) for x, y in pairs])
    assert abs(np.mean([frechet_infinity(x, y) for x, y in pairs])) < 0.25 * bias
    assert np.mean([frechet_infinity(x, y + 1) for x, y in pairs]) == pytest.approx(4, rel=0.1)


def test_the_floor_never_puts_a_group_on_both_sides():
    x = np.repeat(np.arange(10.0), 4)[:, None]
    groups = [f"g{i // 4}" for i in range(40)]
    seen = []
    real_floor(x, groups, lambda a, b: seen.append(set(a.ravel()) & set(b.ravel())) or 0.0)
    assert seen == [set()] * 10


def test_the_floor_of_one_distribution_is_near_zero_for_kid():
    floor = real_floor(features(200), [str(i) for i in range(200)], polynomial_mmd2)
    assert abs(floor.mean) < floor.std < 0.2


@pytest.mark.parametrize("n", [0, 1, 3])
def test_too_few_pictures_give_nan(n):
    x, y = features(30), features(n) if n else np.zeros((0, 8))
    assert np.isnan(kid(x, y).mean)
    assert np.isnan(frechet_distance(x, y))
    assert np.isnan(frechet_infinity(x, features(15)))
    assert np.isnan(real_floor(features(30), ["one"] * 30, frechet_distance).mean)


def test_features_of_two_networks_and_not_finite_ones_are_refused():
    with pytest.raises(InputError, match=r"N D and M D of one network.*\(5, 8\) and \(5, 9\)"):
        kid(features(5, 8), features(5, 9))
    with pytest.raises(InputError, match="must be finite"):
        frechet_distance(features(5), features(5) * np.inf)
