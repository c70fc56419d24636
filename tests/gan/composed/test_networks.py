"""The default generator's branches, by hand."""

import pytest
import torch

from blemish.gan.composed.networks import NOISE, WEAR_GAIN, DefectBranch, smooth


def test_a_class_can_take_the_texture_of_a_surface_away_and_leave_its_light():
    stripes = torch.where(torch.arange(64) % 6 < 3, 0.3, -0.3).expand(1, 1, 64, 64)
    light = torch.linspace(-0.5, 0.5, 64).view(1, 1, 64, 1)
    surface, condition = stripes + light, torch.zeros(1, 3, 64, 64)
    condition[:, 1, :, 32:] = 1  # A class on the right half.
    branch = DefectBranch(condition=3, width=4)
    torch.nn.init.zeros_(branch.last.weight)
    torch.nn.init.zeros_(branch.tint.bias)
    noise = torch.zeros(1, NOISE, 64, 64)
    assert torch.equal(branch(surface, condition, noise), surface)  # At first nothing is taken.
    with torch.no_grad():
        branch.wear.weight[0, 1] = 1 / WEAR_GAIN
        worn = branch(surface, condition, noise)
    assert torch.equal(worn[..., :32], surface[..., :32])
    inside = worn[0, 0, 8:-8, 40:56]
    assert (inside.std(1) < 0.05).all()  # Stripes of 0.3 are gone,
    assert inside.mean(1).tolist() == pytest.approx(light[0, 0, 8:-8, 0].tolist(), abs=0.05)  # the light is there.


def test_a_branch_without_wear_has_no_such_weights():
    assert not any("wear" in name for name in DefectBranch(condition=3, width=4, wear=False).state_dict())


def test_smoothing_keeps_a_plain_surface_to_its_edges():
    assert torch.allclose(smooth(torch.full((1, 1, 32, 32), 0.25)), torch.tensor(0.25))
