"""The paper's networks: exact counts, sizes, gradients, and refusals that name the remedy."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from blemish.core.errors import InputError
from blemish.gan.discriminator import PatchDiscriminator, valid_share
from blemish.gan.networks import EncoderBranch, Fusion, PaperGenerator


def count(module):
    return sum(p.numel() for p in module.parameters())


def convolutions(module):
    return sum(isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) for layer in module.modules())


@pytest.fixture(scope="module")
def paper():
    with torch.device("meta"):
        return PaperGenerator()


@pytest.fixture
def small():
    torch.manual_seed(1)
    return PaperGenerator(width=4)


def test_the_paper_has_47_convolutions_and_30815043_parameters(paper):
    assert (convolutions(paper), count(paper)) == (47, 30_815_043)
    assert (convolutions(paper.defect_branch), count(paper.defect_branch)) == (17, 7_081_473)
    assert count(paper.background_branch) == 7_081_473
    assert (convolutions(paper.fusion), count(paper.fusion)) == (13, 16_652_097)


def test_branch_sizes_after_each_group_are_those_of_table_1(paper):
    features = torch.empty(1, 1, 512, 512, device="meta")
    sizes = []
    for group in [*paper.defect_branch.down, *paper.defect_branch.up]:
        features = group(features)
        sizes.append((features.shape[2], features.shape[1]))
    assert sizes[:4] == [(256, 64), (256, 128), (128, 256), (128, 512)]
    assert sizes[4:] == [(128, 256), (256, 128), (256, 64), (512, 64)]
    assert paper.defect_branch.picture(features).shape == (1, 1, 512, 512)


def test_fusion_sizes_after_each_group_are_those_of_table_2(paper):
    picture = torch.empty(1, 1, 512, 512, device="meta")
    sizes, handles = [], []
    for layer in [*paper.fusion.defect_tower, paper.fusion.join, *paper.fusion.up]:
        if not isinstance(layer, nn.ReLU):
            handles.append(layer.register_forward_hook(lambda _m, _i, out: sizes.append((out.shape[2], out.shape[1]))))
    out = paper.fusion(picture, picture)
    for handle in handles:
        handle.remove()
    down = [(256, 64), (128, 128), (64, 256), (32, 512)]
    assert sizes == [*down, (32, 1024), (64, 512), (128, 256), (256, 128), (512, 64)]
    assert out.shape == (1, 1, 512, 512)


def test_the_last_filter_reaches_one_pixel_back_and_two_ahead():
    fusion = Fusion(width=2)
    nn.init.zeros_(fusion.picture.weight)
    fusion.picture.weight.data[:, :, 0, 3] = 1  # The filter's top right corner.
    features = torch.zeros(1, 2, 8, 8)
    features[0, 0, 4, 4] = 1
    out = fusion.picture(fusion.pad(features)) - fusion.picture.bias
    assert out[0, 0].nonzero().tolist() == [[5, 2]]  # It looks one row up and two columns right.


@pytest.mark.parametrize("channels", [1, 3])
def test_any_multiple_of_16_gives_pictures_of_its_own_size(channels):
    painted = PaperGenerator(width=2, channels=channels)(torch.rand(2, 1, 48, 80), torch.rand(2, 1, 48, 80))
    assert {tuple(picture.shape) for picture in painted} == {(2, channels, 48, 80)}


@pytest.mark.parametrize("size_hw", [(40, 48), (48, 40), (512, 511)])
def test_other_sizes_are_refused_with_the_remedy(small, size_hw):
    with pytest.raises(InputError, match=r"multiples of 16 px.*cut or pad"):
        small(torch.zeros(1, 1, *size_hw), torch.zeros(1, 1, *size_hw))


def test_a_branch_refuses_more_than_one_label_plane(small):
    with pytest.raises(InputError, match="expects N 1 H W"):
        EncoderBranch(width=2)(torch.zeros(1, 3, 32, 32))


def test_the_output_is_linear_and_may_leave_the_range(small):
    small.fusion.picture.bias.data.fill_(-7)
    plane = torch.zeros(1, 1, 32, 32)
    assert small(plane, plane).fused.max() < -1


def test_gradients_of_the_fused_picture_reach_every_weight_of_both_branches(small):
    small(torch.rand(1, 1, 32, 32), torch.zeros(1, 1, 32, 32)).fused.square().mean().backward()
    for name, parameter in small.named_parameters():
        if name != "background_branch.down.0.0.weight":  # Its input is 0 where there is one background.
            assert parameter.grad.abs().sum() > 0, name


def test_a_clean_picture_takes_the_place_of_the_background_branch(small):
    label, clean = torch.rand(1, 1, 32, 32), torch.rand(1, 1, 32, 32)
    painted = small(label, torch.zeros_like(label), clean)
    assert torch.equal(painted.background, clean)
    assert torch.equal(painted.fused, small.fusion(small.defect_branch(label), clean))


def test_the_start_keeps_the_signal_alive():
    torch.manual_seed(2)
    label = torch.zeros(4, 1, 64, 64)
    label[:, :, 16:48, 16:48] = torch.tensor([0.2, 0.5, 0.8, 1.0]).view(4, 1, 1, 1)
    fused = PaperGenerator(width=16)(label, torch.zeros_like(label)).fused
    assert fused.std(dim=0).mean() > 0.005  # With PyTorch's own start: 4e-10.


def test_discriminator_gives_a_logit_for_each_16_px_cell_and_depends_on_the_latent_matrix():
    torch.manual_seed(3)
    judge, picture = PatchDiscriminator(latent_planes=8, width=4).eval(), torch.rand(2, 1, 32, 64)
    latent = torch.zeros(2, 8, 32, 64)
    first = judge(picture, latent)
    latent[:, 3] = 1
    assert first.shape == (2, 1, 2, 4)
    assert not torch.allclose(first, judge(picture, latent))


def test_discriminator_weights_have_spectral_norm_one():
    torch.manual_seed(4)
    judge = PatchDiscriminator(latent_planes=2, width=4)
    for _ in range(20):  # Power iteration settles in training mode.
        judge(torch.rand(1, 1, 32, 32), torch.zeros(1, 2, 32, 32))
    for layer in judge.cells:
        if isinstance(layer, nn.Conv2d):
            assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.02)


def test_valid_share_is_counted_for_each_cell():
    valid = torch.ones(1, 1, 16, 32)
    valid[..., :4, :16] = 0
    assert valid_share(valid).flatten().tolist() == [0.75, 1.0]
