import math

import pytest
from scipy.stats import beta, binomtest

from blemish.core.errors import InputError
from blemish.metrics.limits import Proof, limits_of, parts_needed

CASES = [(0, 10), (3, 55), (10, 10), (1, 1), (0, 1), (700, 2000), (1999, 2000), (5, 100_000)]


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
@pytest.mark.parametrize(("count", "total"), CASES)
def test_limits_agree_with_scipy(count, total, confidence):
    ours, reference = limits_of(count, total, confidence=confidence), binomtest(count, total)
    exact = reference.proportion_ci(confidence, method="exact")
    score = reference.proportion_ci(confidence, method="wilson")
    assert ours.exact == pytest.approx((exact.low, exact.high), abs=1e-10)
    assert ours.wilson == pytest.approx((score.low, score.high), abs=1e-10)
    upper = beta.ppf(confidence, count + 1, total - count) if count < total else 1.0
    lower = beta.ppf(1 - confidence, count, total - count + 1) if count else 0.0
    assert (ours.exact_upper, ours.exact_lower) == pytest.approx((upper, lower), abs=1e-10)


def test_the_one_sided_wilson_limit_is_the_two_sided_of_twice_the_tail():
    assert limits_of(3, 55).wilson_upper == pytest.approx(limits_of(3, 55, confidence=0.9).wilson[1])


def test_the_rule_of_three_in_its_exact_form():
    # 0.98 ** 149 < 0.05 < 0.98 ** 148; 3 / 0.02 = 150.
    assert parts_needed(0.02) == 149
    assert math.isclose(limits_of(0, 149).exact_upper, 1 - 0.05 ** (1 / 149), abs_tol=1e-12)


@pytest.mark.parametrize(("failures", "target"), [(0, 0.02), (1, 0.02), (4, 0.1), (2, 0.001), (0, 0.9)])
def test_the_least_number_of_parts_proves_and_one_fewer_does_not(failures, target):
    parts = parts_needed(target, failures=failures)
    assert limits_of(failures, parts).proof(target) == Proof.PROVED
    assert parts - 1 == failures or limits_of(failures, parts - 1).proof(target) == Proof.NOT_PROVED


def test_proved_not_proved_and_failed():
    assert limits_of(0, 149).proof(0.02) == Proof.PROVED
    assert limits_of(0, 148).proof(0.02) == Proof.NOT_PROVED
    assert limits_of(4, 110).proof(0.02) == Proof.NOT_PROVED
    assert limits_of(10, 110).proof(0.02) == Proof.FAILED


def test_no_parts_prove_nothing():
    none = limits_of(0, 0)
    assert math.isnan(none.rate)
    assert (none.exact, none.wilson) == ((0.0, 1.0), (0.0, 1.0))
    assert none.proof(0.5) == Proof.NOT_PROVED


@pytest.mark.parametrize("target", [0.0, 1.0, -0.1])
def test_a_target_that_no_number_proves_is_refused(target):
    with pytest.raises(InputError, match="between 0 and 1"):
        parts_needed(target)
