from dataclasses import replace

from blemish.bench.rungs import training_of
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


def test_a_scale_is_read_back():
    scale = Scale(steps=7, crop_px=None)
    assert Scale.from_dict(scale.to_dict()) == scale
