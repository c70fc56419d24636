"""One contract for every network, and the figures of the published one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from blemish.core.errors import InputError
from blemish.segment.describe import describe
from blemish.segment.hardnet import FC_HARDNET_70, FCHarDNet, harmonic_links
from blemish.segment.networks import ARCHITECTURES, build
from blemish.segment.pixel_network import pad_to_stride


def random_pictures(channels: int, height: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).random((2, channels, height, width), np.float32))


@pytest.fixture(params=sorted(ARCHITECTURES), scope="class")
def name(request: pytest.FixtureRequest) -> str:
    return request.param


class TestEveryNetwork:
    @pytest.mark.parametrize(("height", "width"), [(1, 1), (37, 53), (64, 64), (65, 130)])
    def test_any_size_comes_back_at_its_size(self, name, height, width):
        network = build(name, 1, 3).eval()
        with torch.inference_mode():
            assert network(random_pictures(1, height, width)).shape == (2, 3, height, width)

    @pytest.mark.parametrize(("channels", "outputs"), [(1, 2), (3, 7)])
    def test_gray_and_rgb_and_any_number_of_classes(self, name, channels, outputs):
        network = build(name, channels, outputs).eval()
        with torch.inference_mode():
            assert network(random_pictures(channels, 64, 64)).shape == (2, outputs, 64, 64)

    def test_reloaded_weights_give_the_same_output(self, name):
        network, other = build(name, 1, 4, mean=[0.3], std=[0.1]).eval(), build(name, 1, 4).eval()
        other.load_state_dict(load(save(network.state_dict())))
        pictures = random_pictures(1, 64, 96)
        with torch.inference_mode():
            assert torch.equal(network(pictures), other(pictures))

    def test_a_wrong_number_of_channels_is_refused_with_the_remedy(self, name):
        with pytest.raises(InputError, match=r"takes pictures as N 1 H W, got 2 3 64 64: convert the pictures to gray"):
            build(name, 1, 2)(random_pictures(3, 64, 64))

    def test_the_same_seed_gives_the_same_weights(self, name):
        twins = []
        for _ in range(2):
            torch.manual_seed(7)
            twins.append(torch.cat([p.flatten() for p in build(name, 1, 2).parameters()]))
        assert torch.equal(*twins)

    def test_a_gradient_reaches_every_weight(self, name):
        network = build(name, 1, 3).train()
        network(random_pictures(1, 128, 128)).square().mean().backward()
        assert all(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in network.parameters())


def test_fc_hardnet_70_weighs_what_its_authors_say():
    # The authors' table: 4.12 M parameters, 4.4 GMAC a megapixel quarter (35.4 GMAC at 1024 x 2048), 19 classes, RGB.
    found = describe(build("fc-hardnet-70", 3, 19), "fc-hardnet-70", 512)
    assert found.parameters == 4_119_257
    assert found.gmac == pytest.approx(35.4 * 512 * 512 / (1024 * 2048), rel=0.01)
    assert found.convolutions == 70


def test_hardnet_small_stays_under_a_gmac_and_a_million_parameters():
    found = describe(build("hardnet-small", 1, 7), "hardnet-small", 512)
    assert 0.5e6 < found.parameters < 1.0e6
    assert found.gmac < 1.0
    assert found.stride == 32


def test_macs_are_counted_as_by_hand():
    layers = describe(build("fc-hardnet-70", 1, 2), "x", 64).layers
    stem = layers[0]
    assert (stem.size_hw, stem.mac) == ((32, 32), 32 * 32 * 16 * 1 * 3 * 3)
    assert layers[-1].mac == 16 * 16 * layers[-1].channels_in * 2


def test_describing_leaves_the_network_as_it_was():
    network = build("hardnet-small", 1, 2).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    describe(network, "x", 64)
    assert network.training
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())


def test_links_are_those_of_the_paper():
    # ICCV 2019, Fig. 1: layer 8 reads 7, 6, 4 and the input; layer 6 reads 5 and 4; odd layers only the one before.
    links = harmonic_links(64, 18, 8, 1.7)
    assert links[7].sources == (7, 6, 4, 0)
    assert links[5].sources == (5, 4)
    assert [link.sources for link in links[::2]] == [(0,), (2,), (4,), (6,)]
    assert [link.channels_out for link in links] == [18, 30, 18, 52, 18, 30, 18, 88]


def test_padding_mirrors_where_it_can_and_repeats_where_it_cannot():
    row = torch.arange(6.0).reshape(1, 1, 1, 6)
    assert pad_to_stride(row, 4)[0, 0, 0].tolist() == [0, 1, 2, 3, 4, 5, 5, 5]  # One row high: nothing to mirror.
    square = torch.arange(36.0).reshape(1, 1, 6, 6)
    assert pad_to_stride(square, 4)[0, 0, 0].tolist() == [0, 1, 2, 3, 4, 5, 4, 3]
    assert pad_to_stride(square, 4)[0, 0, :, 0].tolist() == [0, 6, 12, 18, 24, 30, 24, 18]


def test_normalisation_travels_with_the_weights():
    network = FCHarDNet(FC_HARDNET_70, 3, 2, mean=[0.1, 0.2, 0.3], std=[0.5])
    assert network.state_dict()["mean"].flatten().tolist() == pytest.approx([0.1, 0.2, 0.3])
    with pytest.raises(InputError, match="mean must be 1 or 3 values"):
        FCHarDNet(FC_HARDNET_70, 3, 2, mean=[0.1, 0.2])


def test_an_unknown_network_is_refused_with_those_there_are():
    with pytest.raises(InputError, match="there are fc-hardnet-70, hardnet-small"):
        build("unet", 1, 2)
