"""Losses by hand numbers; 255 enters none of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from blemish.core.errors import TrainingError
from blemish.core.labels import LabelMap, to_latent
from blemish.core.taxonomy import Taxonomy
from blemish.gan.composed.losses import fine_difference
from blemish.gan.composed.trainer import lighting
from blemish.gan.health import FIRST_STEP, DivergedError, Health, response
from blemish.gan.losses import background_mse, cell_mean, defect_mse, fused_mse, painted_loss, real_loss
from blemish.gan.networks import Painted
from blemish.gan.planes import from_network, label_planes, stack_maps, to_network

CELL = Taxonomy.preset("pouch-cell")


def row(*values):
    return torch.tensor(values, dtype=torch.float32).view(1, 1, 1, -1)


# One row of four pixels: clean body, class 3, ignored, class 6.
PLANES = label_planes(torch.tensor([[[0, 3, 255, 6]]]), torch.tensor([[[0, 1, 1, 0]]]), CELL)
PICTURE = row(0.5, -0.5, 0.9, 1.0)
PAINTED = Painted(defect=row(0.1, -0.5, 7.0, 0.6), background=row(0.2, 8.0, 9.0, 9.0), fused=row(0.5, 0.5, 6.0, 1.0))


def test_inputs_are_index_over_k_and_index_over_m_minus_1_and_255_is_0():
    assert PLANES.defect_input.flatten().tolist() == pytest.approx([0, 3 / 6, 0, 1])
    assert PLANES.background_input.flatten().tolist() == [0, 1, 1, 0]


def test_one_background_enters_as_0():
    one = Taxonomy.of_names("plain", ["scratch"])
    planes = label_planes(torch.tensor([[[0, 1]]]), torch.zeros(1, 1, 2, dtype=torch.uint8), one)
    assert planes.background_input.flatten().tolist() == [0, 0]


def test_the_latent_planes_are_those_of_core():
    random = np.random.default_rng(1)
    maps = [
        LabelMap(
            random.choice([0, 1, 4, 6, 255], (8, 8)).astype(np.uint8), random.integers(2, size=(8, 8), dtype=np.uint8)
        )
        for _ in range(2)
    ]
    latent = label_planes(*stack_maps(maps), CELL).latent
    assert np.array_equal(latent.numpy(), np.stack([to_latent(label_map, CELL) for label_map in maps]))


def test_defect_mse_is_against_the_picture_on_defects_and_0_elsewhere():
    # ((0.1 - 0)^2 + 0 + (0.6 - 1)^2) / 3 valid pixels
    assert defect_mse(PAINTED, PICTURE, PLANES).item() == pytest.approx(0.17 / 3)


def test_background_mse_counts_only_pixels_without_a_defect():
    assert background_mse(PAINTED, PICTURE, PLANES).item() == pytest.approx(0.3**2)


def test_fused_mse_counts_all_valid_pixels():
    assert fused_mse(PAINTED, PICTURE, PLANES).item() == pytest.approx(1 / 3)


def test_mse_over_three_channels_is_a_mean_over_channels_too():
    painted = Painted(*(picture.repeat(1, 3, 1, 1) for picture in PAINTED))
    assert fused_mse(painted, PICTURE.repeat(1, 3, 1, 1), PLANES).item() == pytest.approx(1 / 3)


def test_nothing_valid_gives_0_and_no_gradient():
    nothing = label_planes(torch.full((1, 1, 4), 255), torch.zeros(1, 1, 4), CELL)
    fused = row(1, 2, 3, 4).requires_grad_()
    loss = fused_mse(replace_fused(fused), PICTURE, nothing)
    loss.backward()
    assert loss.item() == 0
    assert fused.grad.abs().sum() == 0


def replace_fused(fused):
    return PAINTED._replace(fused=fused)


def test_an_ignored_pixel_changes_no_loss_and_gets_no_gradient():
    other_picture, leaves = PICTURE.clone(), [p.clone().requires_grad_() for p in PAINTED]
    other_picture[..., 2] = -33.0
    for loss in (defect_mse, background_mse, fused_mse):
        painted = Painted(*leaves)
        assert loss(painted, PICTURE, PLANES).item() == loss(painted, other_picture, PLANES).item()
        loss(painted, PICTURE, PLANES).backward()
    assert [leaf.grad[..., 2].item() for leaf in leaves] == [0, 0, 0]


def test_adversarial_losses_are_the_logistic_ones():
    logits, all_of_it = row(0.0, 2.0), row(1.0, 1.0)
    softplus = [math.log1p(math.exp(x)) for x in (0, -2, 2)]
    assert real_loss(logits, all_of_it).item() == pytest.approx((softplus[0] + softplus[1]) / 2)
    assert painted_loss(logits, all_of_it).item() == pytest.approx((softplus[0] + softplus[2]) / 2)


def test_a_cell_counts_by_its_valid_share():
    assert cell_mean(row(1, 5), row(1.0, 0.25)).item() == pytest.approx((1 + 1.25) / 1.25)
    assert cell_mean(row(1, 5), row(0.0, 0.0)).item() == 0


def test_pictures_survive_the_way_in_and_out():
    levels = torch.arange(256, dtype=torch.uint8).view(1, 16, 16, 1)
    assert np.array_equal(from_network(to_network(levels)), levels.numpy())
    assert to_network(levels).aminmax() == (-1, 1)


def test_response_is_the_share_of_the_real_differences():
    real = torch.randn(4, 1, 8, 8)
    assert response(0.25 * real + 3, real).item() == pytest.approx(0.25, rel=1e-4)
    assert response(torch.ones_like(real), real).item() == 0
    assert response(0.5 * real[:1], real[:1]).item() == pytest.approx(0.5, rel=1e-4)


def losses(**changes):
    return {"d_main": 1.0, "g_fused": 0.1, "response": 0.3, **changes}


def test_a_non_finite_loss_diverges_at_once_naming_step_and_loss():
    with pytest.raises(DivergedError, match=r"step 7: loss 'd_main' is nan") as caught:
        Health().check(7, losses(d_main=float("nan")))
    assert caught.value.step == 7
    assert isinstance(caught.value, TrainingError)


@pytest.mark.parametrize(("change", "reason"), [({"g_fused": 50.0}, "exploded"), ({"response": 0.0}, "dead")])
def test_exploded_and_dead_are_called_from_step_100_on(change, reason):
    health = Health()
    for step in range(FIRST_STEP - 1):
        health.check(step, losses(**change))
    with pytest.raises(DivergedError, match=reason):
        health.check(FIRST_STEP - 1, losses(**change))


def test_without_a_lower_rate_left_a_death_is_noted_once_and_a_nan_still_stops():
    health = Health(strict=False)
    for step in range(FIRST_STEP + 20):
        health.check(step, losses(response=0.0))
    assert health.finding[0] == FIRST_STEP - 1
    assert "dead" in health.finding[1]
    with pytest.raises(DivergedError):
        health.check(200, losses(g_main=float("inf")))


def test_a_response_is_judged_only_where_it_is_measured():
    health = Health()
    for step in range(FIRST_STEP + 50):
        health.check(step, {"d_main": 1.0, "g_fused": 0.1})
    with pytest.raises(DivergedError, match="dead"):
        health.check(FIRST_STEP + 50, losses(response=1e-3))


def test_one_bad_step_is_no_explosion():
    health = Health()
    for step in range(200):
        health.check(step, losses(g_fused=20.0 if step == 150 else 0.1))
    assert health.finding is None


@pytest.mark.parametrize(("mean", "deviation"), [(0.8, 0.03), (0.5, 0.05), (-0.7, 0.03)])
def test_lighting_and_fine_detail_are_exact_under_bfloat16(mean, deviation):
    torch.manual_seed(0)
    picture = mean + deviation * torch.randn(2, 1, 64, 64)
    ground = torch.ones(2, 1, 64, 64)
    with torch.autocast("cpu", torch.bfloat16):
        found = lighting(picture, ground, ground)
        fine = fine_difference(picture, torch.zeros_like(picture))
    assert found[:, 0].mean().item() == pytest.approx(mean, abs=0.01)
    assert found[:, 1].mean().item() == pytest.approx(deviation, rel=0.05)
    torch.testing.assert_close(fine, fine_difference(picture, torch.zeros_like(picture)))
