import math

import pytest
from scipy.stats import binomtest

from blemish.core.records import Verdict
from blemish.metrics.part import escape_rate, overkill_rate, review_share, wilson

OK, NG, REVIEW = Verdict.OK, Verdict.NG, Verdict.REVIEW


@pytest.mark.parametrize(("count", "total"), [(0, 5), (3, 9), (28, 100), (7, 7)])
def test_the_interval_agrees_with_scipy(count, total):
    reference = binomtest(count, total).proportion_ci(method="wilson")
    ours = wilson(count, total)
    assert (ours.low, ours.high) == pytest.approx((reference.low, reference.high), abs=1e-9)


def test_escape_counts_only_defective_parts_called_ok():
    assert escape_rate([OK, NG, REVIEW, OK], [True, True, True, False]).value == pytest.approx(1 / 3)


def test_overkill_counts_only_good_parts_called_ng():
    assert overkill_rate([NG, OK, REVIEW, NG], [False, False, False, True]).value == pytest.approx(1 / 3)


def test_review_is_shown_beside_them():
    assert review_share([OK, REVIEW]).value == 0.5


def test_no_defective_part_gives_nan_with_the_whole_interval():
    result = escape_rate([OK], [False])
    assert math.isnan(result.value)
    assert (result.low, result.high) == (0.0, 1.0)
