import numpy as np
import pytest
from scipy.optimize import minimize

from blemish.metrics.two_sample import fit_logistic, told_apart


def sides(n: int, shift: float, d: int = 20, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.standard_normal((n, d)), random.standard_normal((n, d)) + shift


def names(side: str, n: int, per_group: int = 1) -> list[str]:
    return [f"{side}{i // per_group}" for i in range(n)]


@pytest.mark.parametrize("d", [3, 60])
def test_the_weights_are_the_minimum_that_scipy_finds(d):
    x, y = sides(20, 0.8, d)
    features, truth = np.concatenate([x, y]), np.arange(40) >= 20
    sign = np.where(truth, 1, -1)

    def loss(w: np.ndarray) -> float:
        return float(np.logaddexp(0, -sign * (features @ w[:-1] + w[-1])).sum() + 0.35 * (w[:-1] ** 2).sum())

    reference = minimize(loss, np.zeros(d + 1), method="L-BFGS-B", options={"maxiter": 5000, "ftol": 1e-14})
    np.testing.assert_allclose(fit_logistic(features, truth, 0.7), reference.x, atol=2e-3)


def test_equal_sides_are_guessed_and_far_ones_are_told():
    equal = [told_apart(*sides(60, 0.0, seed=s), names("r", 60), names("s", 60)) for s in range(20)]
    far = told_apart(*sides(150, 2.0), names("r", 150), names("s", 150))
    assert np.mean([found.accuracy for found in equal]) == pytest.approx(0.5, abs=0.03)
    assert sum(found.low < 0.5 < found.high for found in equal) >= 15
    assert (far.accuracy, far.high) == (1.0, 1.0)
    assert 0.97 < far.low < 1


def test_pictures_of_one_group_cannot_give_each_other_away():
    """Each group has a mark of its own; between the sides there is no difference."""
    random = np.random.default_rng(1)
    pairs = [[np.repeat(random.standard_normal((12, 30)) * 3, 5, axis=0) for _ in range(2)] for _ in range(12)]
    by_group = [told_apart(*pair, names("r", 60, 5), names("s", 60, 5)).accuracy for pair in pairs]
    assert np.mean(by_group) == pytest.approx(0.5, abs=0.08)
    assert told_apart(*pairs[0], names("r", 60), names("s", 60)).accuracy > 0.85


def test_the_interval_counts_groups_and_not_pictures():
    alone = told_apart(*sides(60, 0.5), names("r", 60), names("s", 60))
    grouped = told_apart(*sides(60, 0.5), names("r", 60, 6), names("s", 60, 6))
    assert (alone.groups, grouped.groups) == (120, 20)
    assert grouped.high - grouped.low > alone.high - alone.low


def test_too_few_groups_give_nan_and_say_nothing():
    found = told_apart(*sides(20, 2.0), names("r", 20, 10), names("s", 20))
    assert np.isnan(found.accuracy)
    assert (found.low, found.high) == (0.0, 1.0)
