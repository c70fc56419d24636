from __future__ import annotations

import threading

import numpy as np
import pytest
import torch

from blemish.core.errors import InputError
from blemish.train.loader import BatchLoader


def numbered(step, index):
    return {"place": np.array([step, index]), "x": np.full((1, 3, 3), step, np.float32)}


def threads_alive():
    return [thread for thread in threading.enumerate() if thread.name.startswith("blemish-draw")]


@pytest.mark.parametrize("threads", [1, 4])
def test_batches_come_in_order_whatever_the_threads(threads):
    loader = BatchLoader(numbered, batch=3, threads=threads, ahead=2)
    batches = list(loader.batches(5, 9))
    assert [batch["place"].tolist() for batch in batches] == [[[s, 0], [s, 1], [s, 2]] for s in range(5, 9)]
    assert batches[0]["x"].shape == (3, 1, 3, 3)
    assert batches[0]["x"].dtype == torch.float32
    assert batches[0]["x"].is_contiguous()


def test_no_steps_left_gives_no_batch():
    assert list(BatchLoader(numbered, batch=1).batches(4, 4)) == []


def test_no_more_than_ahead_batches_wait():
    drawn, enough = [], threading.Semaphore(0)

    def draw(step, index):
        drawn.append(step)
        enough.release()
        return numbered(step, index)

    batches = BatchLoader(draw, batch=1, threads=2, ahead=3).batches(0, 100)
    next(batches)
    for _ in range(4):  # The one in use and three ahead.
        assert enough.acquire(timeout=5)
    batches.close()
    assert sorted(drawn) == [0, 1, 2, 3]


def test_leaving_stops_the_threads_in_the_middle_of_a_batch():
    began = threading.Event()

    def draw(step, index):
        if step == 0:
            began.wait(5)
            raise InputError("no use")
        began.set()
        return {}

    with pytest.raises(InputError, match="no use"):
        next(BatchLoader(draw, batch=10**9, threads=2, ahead=2).batches(0, 2))
    assert threads_alive() == []


def test_an_error_in_a_draw_surfaces_with_its_batch():
    def draw(step, index):
        if step == 2:
            raise InputError("labels/a.png is damaged")
        return numbered(step, index)

    batches = BatchLoader(draw, batch=2, threads=2).batches(0, 10)
    assert [int(next(batches)["place"][0, 0]) for _ in range(2)] == [0, 1]
    with pytest.raises(InputError, match=r"labels/a\.png is damaged"):
        next(batches)
    assert threads_alive() == []


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (
            {"x": np.zeros((2, 3))},
            r"step 0: 'x' of sample 1 is float64 \(2, 3\) but of sample 0 it is float64 \(2, 2\)",
        ),
        ({"x": np.zeros((2, 2), np.uint8)}, "uint8"),
        ({}, "'x' of sample 1 is nothing"),
    ],
)
def test_samples_that_differ_are_refused(second, message):
    samples = [{"x": np.zeros((2, 2))}, second]
    with pytest.raises(InputError, match=message):
        next(BatchLoader(lambda step, index: samples[index], batch=2).batches(0, 1))


@pytest.mark.parametrize("wrong", [{"batch": 0}, {"batch": 1, "threads": 0}, {"batch": 1, "ahead": 0}])
def test_numbers_below_one_are_refused(wrong):
    with pytest.raises(InputError, match="must be 1 or more"):
        BatchLoader(numbered, **wrong)
