"""One temperature over all log probabilities."""

import numpy as np

from blemish.core.taxonomy import Taxonomy
from blemish.inspect.tempered import Tempered


class Fixed:
    taxonomy = Taxonomy.of_names("two", ["a", "b"])
    channels = 1
    logits = np.random.default_rng(2).normal(0, 3, (1, 3, 4, 5))

    def probabilities(self, pictures):
        return softmax(self.logits).astype(np.float32)


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def test_it_is_the_softmax_of_logits_divided_by_the_temperature():
    for temperature in (0.5, 1.0, 2.5):
        found = Tempered(Fixed(), temperature).probabilities(np.zeros((1, 4, 5, 1), np.uint8))
        assert found.dtype == np.float32
        assert np.abs(found - softmax(Fixed.logits / temperature)).max() < 1e-5


class Halves:
    """Enlarging by repeating: linear, and easy to follow."""

    factor, workers = 2, 1

    def logits(self, pictures):
        yield from (Fixed.logits[0].astype(np.float32) for _ in pictures)

    def finish(self, logits):
        return softmax(logits.repeat(2, axis=2).repeat(2, axis=3))


class InTwo(Fixed):
    coarse = Halves()


def test_both_halves_of_a_network_are_tempered_too():
    halves = Tempered(InTwo(), 2.5).coarse
    assert (halves.factor, halves.workers) == (2, 1)
    (logits,) = halves.logits([np.zeros((8, 10, 1), np.uint8)])
    found = halves.finish(logits[None])
    assert np.abs(found[:, :, ::2, ::2] - softmax(Fixed.logits / 2.5)).max() < 1e-5


def test_a_network_that_is_not_in_two_stays_whole():
    assert Tempered(Fixed(), 2.0).coarse is None


def test_a_certain_answer_stays_finite():
    certain = Fixed()
    certain.logits = np.array([1000.0, 0.0, 0.0]).reshape(1, 3, 1, 1)
    found = Tempered(certain, 2.0).probabilities(np.zeros((1, 1, 1, 1), np.uint8))
    assert np.isfinite(found).all()
    assert found[0, 0, 0, 0] > 0.99
