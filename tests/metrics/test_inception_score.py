import numpy as np
import pytest
from scipy.stats import entropy

from blemish.core.errors import InputError
from blemish.metrics.inception_score import inception_score


def test_it_is_the_divergence_that_scipy_computes():
    p = np.random.default_rng(0).dirichlet(np.ones(7), 50)
    reference = np.exp(np.mean([entropy(row, p.mean(0)) for row in p]))
    assert inception_score(p, splits=1).mean == pytest.approx(reference, rel=1e-9)


def test_the_same_answer_for_every_picture_scores_one():
    found = inception_score(np.full((20, 4), 0.25))
    assert (found.mean, found.std) == (pytest.approx(1), pytest.approx(0))


def test_fewer_pictures_than_splits_give_nan():
    assert np.isnan(inception_score(np.full((9, 4), 0.25)).mean)


def test_logits_are_refused():
    with pytest.raises(InputError, match="rows that sum to 1"):
        inception_score(np.full((20, 4), 3.0))
