import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import binary_calibration_error

from blemish.core.errors import InputError
from blemish.metrics.calibration import Scaling, fit_scaling, fit_temperature, log_loss, reliability


def scored(count=4000, seed=0):
    """Scores that are probabilities by making, and whether each is right."""
    random = np.random.default_rng(seed)
    scores = random.uniform(0.02, 0.98, count)
    return scores, random.uniform(size=count) < scores


def test_hand_numbers():
    found = reliability([0.95, 0.95, 0.15, 0.15], [True, False, False, False], bins=2)
    assert found.share.tolist() == [0.5, 0.5]
    assert found.right.tolist() == [0.0, 0.5]
    assert found.error == pytest.approx(0.5 * 0.15 + 0.5 * 0.45)


def test_weights_are_as_good_as_repeats():
    once = reliability([0.9, 0.2], [True, False], weights=[3, 1])
    assert once.error == pytest.approx(reliability([0.9, 0.9, 0.9, 0.2], [True] * 3 + [False]).error)


def test_error_is_that_of_torchmetrics():
    scores, right = scored()
    right = right & (np.arange(len(right)) % 3 > 0)
    theirs = binary_calibration_error(torch.tensor(scores), torch.tensor(right).int(), n_bins=15)
    assert reliability(scores, right).error == pytest.approx(float(theirs), abs=1e-6)


def test_nothing_has_no_error_and_empty_bins_are_left_out():
    assert reliability([], []).to_dict() == {"error": None, "bins": []}
    assert np.isnan(log_loss([], []))
    assert len(reliability([0.5], [True]).to_dict()["bins"]) == 1


def test_a_known_temperature_and_offset_are_found_again():
    truth, right = scored(40_000)
    z = np.log(truth / (1 - truth))
    sharp = 1 / (1 + np.exp(-2.0 * z))  # Twice too sure.
    assert fit_temperature(sharp, right).temperature == pytest.approx(2.0, rel=0.05)
    eager = 1 / (1 + np.exp(-2.0 * (z + 1.5)))  # Too sure and too eager: logit(p) = logit(s) / 2 - 1.5.
    found = fit_scaling(eager, right)
    assert (found.temperature, found.offset) == pytest.approx((2.0, -1.5), rel=0.05)
    assert reliability(found(eager), right).error < 0.02 < reliability(eager, right).error


def test_the_fit_is_the_least_loss_of_a_grid():
    scores, right = scored(500)
    eager = Scaling(0.7, 0.8)(scores)
    best = min(log_loss(Scaling(t, b)(eager), right) for t in np.linspace(0.5, 3, 40) for b in np.linspace(-2.5, 1, 40))
    assert log_loss(fit_scaling(eager, right)(eager), right) <= best + 1e-4


def test_all_right_or_upside_down_stays_finite_and_keeps_the_order():
    all_right = fit_scaling([0.6, 0.7, 0.9], [True] * 3)
    upside_down = fit_scaling(np.linspace(0.1, 0.9, 200), np.linspace(0.1, 0.9, 200) < 0.5)
    for found in (all_right, upside_down):
        assert np.isfinite([found.temperature, found.offset]).all()
        assert (np.diff(found([0.1, 0.5, 0.9])) > 0).all()
    assert upside_down([0.5])[0] == pytest.approx(0.5, abs=0.02)  # Half of them are right.
    assert fit_temperature([], []) == Scaling()


def test_what_is_no_probability_is_refused():
    with pytest.raises(InputError, match=r"probabilities in \[0, 1\]"):
        reliability([1.2], [True])
    with pytest.raises(InputError, match="one length"):
        reliability([0.2, 0.3], [True])
