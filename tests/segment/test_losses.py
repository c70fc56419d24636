"""Losses by hand, against an independent implementation, and at their edges."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from monai.losses import DiceLoss, FocalLoss

from blemish.core.errors import InputError
from blemish.segment.losses import (
    LossSettings,
    cross_entropy,
    dice,
    focal,
    loss_named,
    loss_terms,
    lovasz,
    pixel_balance,
)


@pytest.fixture
def logits() -> torch.Tensor:
    return torch.randn(3, 4, 8, 9, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def truth() -> torch.Tensor:
    return torch.randint(0, 4, (3, 8, 9), generator=torch.Generator().manual_seed(2))


def ignoring(truth: torch.Tensor) -> torch.Tensor:
    partly = truth.clone()
    partly[:, :3] = 255
    return partly


def test_cross_entropy_by_hand():
    two = torch.tensor([[[[0.0, math.log(3.0)]], [[0.0, 0.0]]]])  # p(class 0) = 1/2 and 3/4.
    truth = torch.tensor([[[0, 0]]])
    assert float(cross_entropy(two, truth)) == pytest.approx((math.log(2) + math.log(4 / 3)) / 2)


def test_cross_entropy_is_torchs_with_weights_and_ignored_pixels(logits, truth):
    weights = torch.tensor([0.5, 2.0, 1.0, 3.0])
    expected = F.cross_entropy(logits, ignoring(truth), weights, ignore_index=255)
    torch.testing.assert_close(cross_entropy(logits, ignoring(truth), weights), expected)


def test_focal_by_hand():
    two = torch.tensor([[[[0.0]], [[0.0]]]])
    assert float(focal(two, torch.tensor([[[1]]]), gamma=2.0)) == pytest.approx(0.25 * math.log(2))


def test_focal_is_monais(logits, truth):
    other = FocalLoss(include_background=True, to_onehot_y=True, gamma=2.0, use_softmax=True)
    # MONAI takes the mean over the classes too.
    torch.testing.assert_close(focal(logits, truth), other(logits, truth[:, None]) * 4)


def test_dice_by_hand():
    certain = torch.full((1, 2, 1, 4), -50.0)
    for x, value in enumerate([1, 1, 0, 0]):
        certain[0, value, 0, x] = 50.0
    truth = torch.tensor([[[1, 0, 1, 0]]])  # One of two hit, one of two predicted is right: Dice 1/2.
    assert float(dice(certain, truth, smooth=0.0)) == pytest.approx(0.5)
    assert float(dice(certain, truth, smooth=1.0)) == pytest.approx(1 - 3 / 5)


def test_dice_is_monais_where_every_class_is_shown(logits, truth):
    other = DiceLoss(include_background=False, to_onehot_y=True, softmax=True, batch=True, smooth_nr=1.0, smooth_dr=1.0)
    torch.testing.assert_close(dice(logits, truth), other(logits, truth[:, None]))


def certain(labels: list[int]) -> torch.Tensor:
    """Logits 1 4 1 N of a network that is sure of these labels."""
    return 100 * F.one_hot(torch.tensor([[labels]]), 4).permute(0, 3, 1, 2).float() - 50


def test_lovasz_is_one_less_the_iou_where_the_network_is_sure():
    truth = torch.tensor([[[1, 1, 1, 0, 2, 2, 0, 0]]])
    said = certain([1, 1, 0, 1, 2, 0, 0, 3])  # Class 1: two of four; class 2: one of two; class 3 is not shown.
    assert float(lovasz(said, truth)) == pytest.approx(1 - (2 / 4 + 1 / 2) / 2)
    assert float(lovasz(certain(truth.flatten().tolist()), truth)) == pytest.approx(0)


def test_lovasz_between_two_answers_by_hand():
    # Two pixels of the class, one other; errors 0.5 (of the class), 0.25 (the other), 0 (of the class).
    p = torch.tensor([0.5, 0.25, 1 - 1e-7])
    logits = torch.stack([(1 - p).log(), p.log()])[None, :, None]
    # Jaccard lost by the first 1/2, by the first two 2/3, by all 1: 0.5 * 1/2 + 0.25 * (2/3 - 1/2).
    assert float(lovasz(logits, torch.tensor([[[1, 0, 1]]]))) == pytest.approx(0.25 + 0.25 / 6)


def test_lovasz_without_a_defect_is_nothing_and_teaches_nothing(logits):
    logits.requires_grad_()
    loss = lovasz(logits, torch.zeros(3, 8, 9, dtype=torch.int64))
    loss.backward()
    assert float(loss.detach()) == 0
    assert not logits.grad.any()


def test_descending_lovasz_raises_the_iou():
    truth = torch.tensor([[[0, 0, 1, 1, 0, 2, 2, 2]]])
    logits = torch.randn(1, 3, 1, 8, generator=torch.Generator().manual_seed(4)).requires_grad_()
    for _ in range(200):
        (gradient,) = torch.autograd.grad(lovasz(logits, truth), logits)
        logits = (logits - 20 * gradient).detach().requires_grad_()
    assert torch.equal(logits.argmax(1), truth)


@pytest.mark.parametrize("loss", [cross_entropy, focal, dice, lovasz])
def test_what_is_predicted_on_ignored_pixels_changes_nothing(loss, logits, truth):
    changed = logits.clone()
    changed[:, :, :3] += torch.arange(4.0)[None, :, None, None]
    torch.testing.assert_close(loss(logits, ignoring(truth)), loss(changed, ignoring(truth)))


@pytest.mark.parametrize("loss", [cross_entropy, focal, dice])
def test_a_batch_of_only_ignored_pixels_costs_nothing_and_has_finite_gradients(loss, logits, truth):
    logits.requires_grad_(True)
    value = loss(logits, torch.full_like(truth, 255))
    value.backward()
    assert float(value.detach()) == 0.0
    assert float(logits.grad.abs().sum()) == 0.0


def test_extreme_logits_give_finite_gradients(truth):
    logits = (torch.randn(3, 4, 8, 9, generator=torch.Generator().manual_seed(3)) * 300).requires_grad_(True)
    loss_terms(logits, truth, LossSettings(cross_entropy=1.0, focal=1.0, dice=1.0))["loss"].backward()
    assert bool(torch.isfinite(logits.grad).all())


def test_gradients_are_right():
    generator = torch.Generator().manual_seed(4)
    logits = torch.randn(1, 3, 2, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    truth = torch.tensor([[[0, 1, 2], [255, 2, 1]]])
    for loss in (cross_entropy, focal, dice):
        assert torch.autograd.gradcheck(lambda x, loss=loss: loss(x, truth), logits)


def test_the_loss_is_the_weighted_sum_of_its_terms(logits, truth):
    terms = loss_terms(logits, truth, LossSettings(cross_entropy=0.5, focal=2.0, dice=3.0))
    expected = 0.5 * terms["cross_entropy"] + 2 * terms["focal"] + 3 * terms["dice"]
    torch.testing.assert_close(terms["loss"], expected)
    assert set(loss_terms(logits, truth, loss_named("ce"))) == {"loss", "cross_entropy"}


def test_bad_weights_are_refused(logits, truth):
    with pytest.raises(InputError, match="one above 0"):
        LossSettings(cross_entropy=0.0)
    with pytest.raises(InputError, match="must be 4"):
        loss_terms(logits, truth, loss_named("ce", [1.0, 2.0]))
    with pytest.raises(InputError, match=r"there are ce, focal\+dice"):
        loss_named("mse")


def test_pixel_balance_makes_every_class_weigh_alike_then_every_pixel():
    truth = torch.tensor([[[0, 0, 0, 0, 0, 0, 1, 1, 255]]])
    alike = pixel_balance(truth, 3, 1.0)
    assert (alike[0] * 6).item() == pytest.approx((alike[1] * 2).item())
    assert alike[2] == 0
    assert pixel_balance(truth, 3, 0.0)[:2].tolist() == [1.0, 1.0]


def test_balanced_cross_entropy_is_the_mean_over_classes_and_ends_as_the_plain_one():
    torch.manual_seed(0)
    logits, truth = torch.randn(2, 3, 4, 4), torch.randint(0, 3, (2, 4, 4))
    truth[0, 0] = 255
    settings = LossSettings(balanced_until=0.5)
    each = torch.nn.functional.cross_entropy(logits, truth, ignore_index=255, reduction="none")
    by_class = torch.stack([each[truth == c].mean() for c in range(3)]).mean()
    assert loss_terms(logits, truth, settings, progress=0.0)["loss"].item() == pytest.approx(by_class.item(), rel=1e-5)
    plain = torch.nn.functional.cross_entropy(logits, truth, ignore_index=255)
    assert loss_terms(logits, truth, settings, progress=0.5)["loss"].item() == pytest.approx(plain.item(), rel=1e-5)


def test_pixel_balance_beside_class_weights_is_refused():
    with pytest.raises(InputError, match="use one of both"):
        LossSettings(class_weights=(1.0, 2.0), balanced_until=0.5)
