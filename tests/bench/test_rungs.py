from dataclasses import replace

import pytest

from blemish.bench.ladder import default_rungs
from blemish.bench.rungs import TRIALS, training_of
from blemish.bench.scale import Scale
from blemish.data.augment import Augmentation


def test_each_rung_adds_one_thing_at_equal_steps(tiny_scale):
    real, augment, balance, loss = (training_of(n, "", tiny_scale, 0) for n in ("real", "augment", "balance", "loss"))
    assert replace(augment, augmentation=Augmentation.none()) == real
    assert replace(balance, sampling="uniform", crop_on_defect_frac=0.0) == augment
    assert replace(loss, loss=balance.loss) == balance


def test_a_synthetic_rung_is_base_with_a_share(tiny_scale):
    base = training_of("balance", "", tiny_scale, 3)
    scale = replace(tiny_scale, synthetic_until=0.75)
    mixed = replace(base, synthetic_share=0.25, synthetic_until=0.75)
    assert training_of("copy_paste", "balance", scale, 3) == mixed
    assert training_of("more_real", "balance", tiny_scale, 3) == base


@pytest.mark.parametrize("trial", TRIALS)
def test_a_trial_is_base_with_one_thing_changed(trial):
    base, tried = training_of("balance", "", Scale(), 3), training_of(trial, "balance", Scale(), 3)
    before, after = base.to_dict(), tried.to_dict()
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    own = {name for name, value in TRIALS[trial].changes.items() if before.get(name) != value}
    assert changed == ({"loss"} if TRIALS[trial].loss else own) != set()
    assert tried.steps == base.steps


@pytest.mark.parametrize("trial", ["clean_half", "even_end"])
def test_a_trial_of_how_classes_are_drawn_draws_them_evenly_on_any_base(trial):
    assert training_of("real", "", Scale(), 3).sampling == "uniform"
    assert training_of(trial, "real", Scale(), 3).sampling == "balanced"


def test_a_trial_is_run_only_where_it_is_asked_for():
    assert not set(TRIALS) & set(default_rungs("more"))


def test_a_scale_is_read_back():
    scale = Scale(steps=7, crop_px=None)
    assert Scale.from_dict(scale.to_dict()) == scale
